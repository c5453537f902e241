//! Dumps of XDP sockets: `linux/xdp_diag.h`, answered by `net/xdp/xsk_diag.c`.
//!
//! ```text
//!  struct xdp_diag_msg, 16 bytes, then attributes
//!   0 family  1 type  2 padding   4 inode   8 cookie, two words, low first
//!  XDP_DIAG_INFO, 8 bytes
//!   0 interface, 0 when it is gone   4 queue
//! ```

use super::attr::Attributes;
use super::bytes::u32_at;
use super::{DecodeError, cookie, dump_of_family, meminfo};

/// `AF_XDP`.
pub const FAMILY_XDP: u8 = 44;

const BASE_LEN: usize = 16;
const ATTR_INFO: u16 = 1;
const ATTR_UID: u16 = 2;
const ATTR_MEMINFO: u16 = 8;

/// `XDP_SHOW_INFO | _MEMINFO`; the first brings the user, too.
const SHOW: u32 = 0x01 | 0x08;

/// A request for every XDP socket.
#[must_use]
pub fn dump_request(sequence: u32) -> Vec<u8> {
    dump_of_family(FAMILY_XDP, 0, SHOW, sequence)
}

/// One XDP socket as the kernel reports it. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct XdpRecord {
    /// Inode, 0 for none.
    pub inode: u32,
    /// Identity.
    pub cookie: Option<u64>,
    /// Interface, 0 when it is gone, and its queue.
    pub place: Option<(u32, u32)>,
    /// Owner.
    pub uid: Option<u32>,
    /// Bytes in the receive and the send buffer.
    pub queues: Option<(u32, u32)>,
}

impl XdpRecord {
    /// Reads the payload of one answer.
    ///
    /// # Errors
    /// If it is shorter than the fixed part, or an attribute's length is impossible.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let base: &[u8; BASE_LEN] = payload.first_chunk().ok_or(DecodeError {
            what: "xdp_diag_msg",
            offset: 0,
            need: BASE_LEN,
            have: payload.len(),
        })?;
        let word = |offset| u32_at(base, offset).unwrap_or_default();
        let mut record = Self {
            inode: word(4),
            cookie: cookie(word(8), word(12)),
            place: None,
            uid: None,
            queues: None,
        };
        for attribute in Attributes::new(payload, BASE_LEN) {
            let (kind, data) = attribute?;
            match kind {
                ATTR_INFO => record.place = u32_at(data, 0).zip(u32_at(data, 4)),
                ATTR_UID => record.uid = u32_at(data, 0),
                ATTR_MEMINFO => record.queues = meminfo(data),
                _ => {}
            }
        }
        Ok(record)
    }
}
