//! Bytes ⇄ raw records: what the kernel's interfaces look like, and nothing else.
//!
//! Nothing here opens a file or a socket, and nothing here knows the model: it returns records
//! with the kernel's own numbers. Every read is checked; no input can make it panic. One file per
//! format, headed by the uapi header or kernel file that defines it.

mod attr;
pub mod bytecode;
mod bytes;
pub mod cgroup;
pub mod counters;
pub mod ifaddr;
pub mod inet_diag;
pub mod link;
pub mod nlmsg;
pub mod pid;
pub mod pid_stat;
pub mod port_diag;
pub mod proc_net;
pub mod route;
pub mod services;
pub mod sysctl;
pub mod unix_diag;
pub mod unix_vfs;

pub use bytes::DecodeError;

use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST, NetlinkMessage};
use netlink_packet_sock_diag::SockDiagMessage;

/// A request to dump, as bytes.
fn dump_message(request: SockDiagMessage, sequence: u32) -> Vec<u8> {
    let mut message = NetlinkMessage::from(request);
    message.header.flags = NLM_F_REQUEST | NLM_F_DUMP;
    message.header.sequence_number = sequence;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}
