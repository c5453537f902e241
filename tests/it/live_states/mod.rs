//! Every kind of socket in every state that can be made, each field of its row compared with what
//! the test knows about the socket.

mod tcp;
mod tcp_closing;
mod udp_raw;
mod unix;
