//! Bytes ⇄ raw records: what the kernel's interfaces look like, and nothing else.
//!
//! Nothing here opens a file or a socket, and nothing here knows the model: it returns records
//! with the kernel's own numbers. Every read is checked; no input can make it panic. One file per
//! format, headed by the uapi header or kernel file that defines it.

mod attr;
pub mod bpf_storage;
pub mod bytecode;
mod bytes;
pub mod cgroup;
pub mod counters;
pub mod ifaddr;
pub mod inet_details;
pub mod inet_diag;
mod layout;
pub mod link;
pub mod mountinfo;
pub mod mptcp_info;
pub mod netlink_diag;
pub mod nfsd;
pub mod nftables;
pub mod nlmsg;
pub mod packet_diag;
pub mod pid;
pub mod pid_stat;
pub mod port_diag;
pub mod proc_net;
pub mod proc_protocols;
pub mod proc_sctp;
pub mod proc_sockets;
pub mod route;
pub mod saved;
pub mod sctp_info;
pub mod services;
pub mod sock_destroy;
pub mod sysctl;
pub mod tcp_info;
pub mod tipc_diag;
pub mod unix_diag;
pub mod unix_vfs;
pub mod vsock_diag;
pub mod xdp_diag;

pub use bytes::DecodeError;

use netlink_packet_core::NetlinkMessage;
use netlink_packet_sock_diag::SockDiagMessage;

/// Message type of requests and answers of sock_diag(7).
const SOCK_DIAG_BY_FAMILY: u16 = 20;

/// A request to dump whose payload is built by hand: the crate that builds the others knows only inet and unix.
fn dump_of(payload: &[u8], sequence: u32) -> Vec<u8> {
    nlmsg::message(SOCK_DIAG_BY_FAMILY, nlmsg::DUMP, sequence, payload)
}

/// The requests of the packet, netlink and xdp families have one shape, 20 bytes: family, protocol, padding (2), inode, what to
/// show, cookie (8).
fn dump_of_family(family: u8, protocol: u8, show: u32, sequence: u32) -> Vec<u8> {
    let mut payload = vec![family, protocol, 0, 0];
    payload.extend(0u32.to_ne_bytes());
    payload.extend(show.to_ne_bytes());
    payload.extend([0; 8]);
    dump_of(&payload, sequence)
}

/// A cookie, two words with the low one first; the kernel's "none" is absent.
fn cookie(low: u32, high: u32) -> Option<u64> {
    let cookie = u64::from(low) | u64::from(high) << 32;
    (cookie != u64::MAX && cookie != 0).then_some(cookie)
}

/// The first words of `SK_MEMINFO_*` attributes, `linux/sock_diag.h`: bytes in the receive buffer, its limit, bytes in the send buffer.
fn meminfo(data: &[u8]) -> Option<(u32, u32)> {
    bytes::u32_at(data, 0).zip(bytes::u32_at(data, 8))
}

/// The data of the attribute `wanted` of an answer whose fixed part takes `base` bytes.
fn attribute(payload: &[u8], base: usize, wanted: u16) -> Option<&[u8]> {
    attr::Attributes::new(payload, base)
        .map_while(Result::ok)
        .find_map(|(kind, data)| (kind == wanted).then_some(data))
}

/// The words of a structure that begin at `offset`; `None` if it is shorter.
fn words<const N: usize>(data: &[u8], offset: usize) -> Option<[u32; N]> {
    let mut words = [0; N];
    for (n, slot) in words.iter_mut().enumerate() {
        *slot = bytes::u32_at(data, offset + 4 * n)?;
    }
    Some(words)
}

/// A request to dump, as bytes.
fn dump_message(request: SockDiagMessage, sequence: u32) -> Vec<u8> {
    let mut message = NetlinkMessage::from(request);
    message.header.flags = nlmsg::DUMP;
    message.header.sequence_number = sequence;
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Byte fixtures of the families.
#[cfg(test)]
mod fixtures;
