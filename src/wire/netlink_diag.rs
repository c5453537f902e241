//! Dumps of netlink sockets: `linux/netlink_diag.h`, answered by `net/netlink/diag.c`.
//!
//! ```text
//!  struct netlink_diag_msg, 28 bytes, then attributes
//!   0 family  1 type  2 protocol  3 state   4 port id   8 peer's port id  12 peer's group
//!  16 inode  20 cookie, two words, low first
//! ```
//!
//! The state is 1 for a connected socket; for others it is 7 or 0.

use super::attr::Attributes;
use super::bytes::{u8_at, u32_at};
use super::{DecodeError, attribute, cookie, dump_of_family, meminfo};

/// `AF_NETLINK`.
pub const FAMILY_NETLINK: u8 = 16;

const BASE_LEN: usize = 28;
const ATTR_MEMINFO: u16 = 0;
const ATTR_GROUPS: u16 = 1;
const ATTR_FLAGS: u16 = 4;
/// `NDIAG_PROTO_ALL`.
const EVERY_PROTOCOL: u8 = 255;
/// `NDIAG_SHOW_MEMINFO`.
const SHOW: u32 = 0x01;
/// `NDIAG_SHOW_GROUPS | _FLAGS`.
const SHOW_MORE: u32 = 0x02 | 0x08;

/// A request for every netlink socket, with its groups and flags if they are wanted.
#[must_use]
pub fn dump_request(extended: bool, sequence: u32) -> Vec<u8> {
    let show = if extended { SHOW | SHOW_MORE } else { SHOW };
    dump_of_family(FAMILY_NETLINK, EVERY_PROTOCOL, show, sequence)
}

/// The words of `SK_MEMINFO_*` in an answer.
#[must_use]
pub fn memory(payload: &[u8]) -> Option<&[u8]> {
    attribute(payload, BASE_LEN, ATTR_MEMINFO)
}

/// The multicast groups in an answer, from 1: the bits of the kernel's `unsigned long`s.
#[must_use]
pub fn groups(payload: &[u8]) -> Option<Vec<u32>> {
    let bits = attribute(payload, BASE_LEN, ATTR_GROUPS)?;
    let is_set = |group: &u32| {
        let bit = group - 1;
        // Of a word whose first byte is its highest, the bytes stand the other way round.
        let byte = if cfg!(target_endian = "big") {
            (bit as usize / 8) ^ (size_of::<usize>() - 1)
        } else {
            bit as usize / 8
        };
        u8_at(bits, byte).is_some_and(|byte| byte >> (bit % 8) & 1 == 1)
    };
    // No attribute has more than 64 KiB.
    Some((1..=bits.len() as u32 * 8).filter(is_set).collect())
}

/// The bits of `NDIAG_FLAG_*` in an answer.
#[must_use]
pub fn flags(payload: &[u8]) -> Option<u32> {
    u32_at(attribute(payload, BASE_LEN, ATTR_FLAGS)?, 0)
}

/// One netlink socket as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetlinkRecord {
    /// Socket type, socket(2).
    pub kind: u8,
    /// Netlink protocol, `linux/netlink.h`.
    pub protocol: u8,
    /// Port id, 0 for the kernel's own.
    pub port_id: u32,
    /// Port id and group of the peer, if it is connected.
    pub peer: Option<(u32, u32)>,
    /// Inode, 0 for none.
    pub inode: u32,
    /// Identity.
    pub cookie: Option<u64>,
    /// Bytes in the receive and the send buffer.
    pub queues: Option<(u32, u32)>,
}

impl NetlinkRecord {
    /// Reads the payload of one answer.
    ///
    /// # Errors
    /// If it is shorter than the fixed part, or an attribute's length is impossible.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        const CONNECTED: u8 = 1;
        let base: &[u8; BASE_LEN] = payload.first_chunk().ok_or(DecodeError {
            what: "netlink_diag_msg",
            offset: 0,
            need: BASE_LEN,
            have: payload.len(),
        })?;
        let word = |offset| u32_at(base, offset).unwrap_or_default();
        let state = u8_at(base, 3).unwrap_or_default();
        let mut record = Self {
            kind: u8_at(base, 1).unwrap_or_default(),
            protocol: u8_at(base, 2).unwrap_or_default(),
            port_id: word(4),
            peer: (state == CONNECTED).then(|| (word(8), word(12))),
            inode: word(16),
            cookie: cookie(word(20), word(24)),
            queues: None,
        };
        for attribute in Attributes::new(payload, BASE_LEN) {
            let (kind, data) = attribute?;
            if kind == ATTR_MEMINFO {
                record.queues = meminfo(data);
            }
        }
        Ok(record)
    }
}
