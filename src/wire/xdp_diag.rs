//! Dumps of XDP sockets: `linux/xdp_diag.h`, answered by `net/xdp/xsk_diag.c`.
//!
//! ```text
//!  struct xdp_diag_msg, 16 bytes, then attributes
//!   0 family  1 type  2 padding   4 inode   8 cookie, two words, low first
//!  XDP_DIAG_INFO, 8 bytes
//!   0 interface, 0 when it is gone   4 queue
//!  XDP_DIAG_RX_RING, _TX_RING, _UMEM_FILL_RING, _UMEM_COMPLETION_RING, 4 bytes: entries
//!  XDP_DIAG_UMEM, 40 bytes
//!   0 size (8)  8 id  12 pages  16 chunk size  20 headroom  24 interface  28 queue  32 flags  36 references
//!  XDP_DIAG_STATS, 48 bytes, 8 each
//!   0 rx dropped  8 rx invalid  16 rx ring full  24 fill ring empty  32 tx invalid  40 tx ring empty
//! ```

use super::attr::Attributes;
use super::bytes::{u32_at, u64_at};
use super::{DecodeError, cookie, dump_of_family, meminfo, words};

/// `AF_XDP`.
pub const FAMILY_XDP: u8 = 44;

const BASE_LEN: usize = 16;
const ATTR_INFO: u16 = 1;
const ATTR_UID: u16 = 2;
const ATTR_RX_RING: u16 = 3;
const ATTR_TX_RING: u16 = 4;
const ATTR_UMEM: u16 = 5;
const ATTR_FILL_RING: u16 = 6;
const ATTR_COMPLETION_RING: u16 = 7;
const ATTR_MEMINFO: u16 = 8;
const ATTR_STATS: u16 = 9;

/// `XDP_SHOW_INFO | _MEMINFO`; the first brings the user, too.
const SHOW: u32 = 0x01 | 0x08;

/// `XDP_SHOW_RING_CFG | _UMEM | _STATS`.
const SHOW_MORE: u32 = 0x02 | 0x04 | 0x10;

/// A request for every XDP socket, with rings, memory and statistics if they are wanted.
#[must_use]
pub fn dump_request(extended: bool, sequence: u32) -> Vec<u8> {
    let show = if extended { SHOW | SHOW_MORE } else { SHOW };
    dump_of_family(FAMILY_XDP, 0, show, sequence)
}

/// What comes on demand. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct XdpExtras<'a> {
    /// Entries of the rings: receive, transmit, fill, completion.
    pub rings: [Option<u32>; 4],
    /// Size of the memory, then the eight words behind it.
    pub umem: Option<(u64, [u32; 8])>,
    /// The six counters of `XDP_DIAG_STATS`.
    pub stats: Option<[u64; 6]>,
    /// The words of `SK_MEMINFO_*`.
    pub memory: Option<&'a [u8]>,
}

impl<'a> XdpExtras<'a> {
    /// Finds them in the payload of an answer; stops where it makes no sense.
    #[must_use]
    pub fn find(payload: &'a [u8]) -> Self {
        let mut found = Self::default();
        let [rx, tx, fill, completion] = &mut found.rings;
        for (kind, data) in Attributes::new(payload, BASE_LEN).map_while(Result::ok) {
            match kind {
                ATTR_RX_RING => *rx = u32_at(data, 0),
                ATTR_TX_RING => *tx = u32_at(data, 0),
                ATTR_FILL_RING => *fill = u32_at(data, 0),
                ATTR_COMPLETION_RING => *completion = u32_at(data, 0),
                ATTR_UMEM => found.umem = u64_at(data, 0).zip(words(data, 8)),
                ATTR_MEMINFO => found.memory = Some(data),
                ATTR_STATS => {
                    let at = |n: usize| u64_at(data, 8 * n);
                    found.stats = at(5).map(|last| {
                        let first = [0, 1, 2, 3, 4].map(|n| at(n).unwrap_or_default());
                        let [a, b, c, d, e] = first;
                        [a, b, c, d, e, last]
                    });
                }
                _ => {}
            }
        }
        found
    }
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
