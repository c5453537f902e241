//! Dumps of packet sockets: `linux/packet_diag.h`, answered by `net/packet/diag.c`.
//!
//! ```text
//!  struct packet_diag_msg, 16 bytes, then attributes
//!   0 family  1 type  2 protocol (host order, 2)  4 inode  8 cookie, two words, low first
//!  PACKET_DIAG_INFO, 24 bytes
//!   0 interface  4 version  8 reserve  12 copy threshold  16 time stamp  20 flags
//! ```

use super::attr::Attributes;
use super::bytes::{u8_at, u16_at, u32_at};
use super::{DecodeError, cookie, dump_of_family, meminfo};

/// `AF_PACKET`.
pub const FAMILY_PACKET: u8 = 17;

const BASE_LEN: usize = 16;
const ATTR_INFO: u16 = 0;
const ATTR_UID: u16 = 5;
const ATTR_MEMINFO: u16 = 6;

/// `PACKET_SHOW_INFO | _MEMINFO`; the first brings the user, too.
const SHOW: u32 = 0x01 | 0x10;

/// A request for every packet socket.
#[must_use]
pub fn dump_request(sequence: u32) -> Vec<u8> {
    dump_of_family(FAMILY_PACKET, 0, SHOW, sequence)
}

/// One packet socket as the kernel reports it. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketRecord {
    /// Socket type, socket(2).
    pub kind: u8,
    /// Ethertype of `linux/if_ether.h`, 0 for none yet.
    pub protocol: u16,
    /// Inode, 0 for none.
    pub inode: u32,
    /// Identity.
    pub cookie: Option<u64>,
    /// Bound interface, 0 for all.
    pub interface: Option<u32>,
    /// Owner.
    pub uid: Option<u32>,
    /// Bytes in the receive and the send buffer.
    pub queues: Option<(u32, u32)>,
}

impl PacketRecord {
    /// Reads the payload of one answer.
    ///
    /// # Errors
    /// If it is shorter than the fixed part, or an attribute's length is impossible.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let base: &[u8; BASE_LEN] = payload.first_chunk().ok_or(DecodeError {
            what: "packet_diag_msg",
            offset: 0,
            need: BASE_LEN,
            have: payload.len(),
        })?;
        let word = |offset| u32_at(base, offset).unwrap_or_default();
        let mut record = Self {
            kind: u8_at(base, 1).unwrap_or_default(),
            protocol: u16_at(base, 2).unwrap_or_default(),
            inode: word(4),
            cookie: cookie(word(8), word(12)),
            interface: None,
            uid: None,
            queues: None,
        };
        for attribute in Attributes::new(payload, BASE_LEN) {
            let (kind, data) = attribute?;
            match kind {
                ATTR_INFO => record.interface = u32_at(data, 0),
                ATTR_UID => record.uid = u32_at(data, 0),
                ATTR_MEMINFO => record.queues = meminfo(data),
                _ => {}
            }
        }
        Ok(record)
    }
}
