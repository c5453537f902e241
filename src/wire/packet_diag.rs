//! Dumps of packet sockets: `linux/packet_diag.h`, answered by `net/packet/diag.c`.
//!
//! ```text
//!  struct packet_diag_msg, 16 bytes, then attributes
//!   0 family  1 type  2 protocol (host order, 2)  4 inode  8 cookie, two words, low first
//!  PACKET_DIAG_INFO, 24 bytes
//!   0 interface  4 version  8 reserve  12 copy threshold  16 time stamp  20 flags
//!  PACKET_DIAG_RX_RING, _TX_RING, 28 bytes
//!   0 block size  4 blocks  8 frame size  12 frames  16 retire timeout, ms  20 private size  24 features
//!  PACKET_DIAG_FANOUT, 4 bytes: the id, and 16 bits higher the type
//!  PACKET_DIAG_MCLIST, 44 bytes each
//!   0 interface  4 count  8 type (2)  10 length (2)  12 address (32)
//!  PACKET_DIAG_FILTER, 8 bytes each, struct sock_filter of linux/filter.h
//!   0 code (2)  2 jt (1)  3 jf (1)  4 k
//! ```
//!
//! Whoever has no `CAP_NET_ADMIN` gets an empty filter of every socket; with it, sockets without one have no such attribute.

use super::attr::Attributes;
use super::bytes::{u8_at, u16_at, u32_at};
use super::{DecodeError, cookie, dump_of_family, meminfo, words};

/// `AF_PACKET`.
pub const FAMILY_PACKET: u8 = 17;

const BASE_LEN: usize = 16;
const ATTR_INFO: u16 = 0;
const ATTR_MCLIST: u16 = 1;
const ATTR_RX_RING: u16 = 2;
const ATTR_TX_RING: u16 = 3;
const ATTR_FANOUT: u16 = 4;
const ATTR_UID: u16 = 5;
const ATTR_MEMINFO: u16 = 6;
const ATTR_FILTER: u16 = 7;

/// `PACKET_SHOW_INFO | _MEMINFO`; the first brings the user, too.
const SHOW: u32 = 0x01 | 0x10;

/// `PACKET_SHOW_MCLIST | _RING_CFG | _FANOUT`.
const SHOW_MORE: u32 = 0x02 | 0x04 | 0x08;
/// `PACKET_SHOW_FILTER`.
const SHOW_FILTER: u32 = 0x20;

/// A request for every packet socket, with rings, memberships and fanout, and with its filter, if those are wanted.
#[must_use]
pub fn dump_request(extended: bool, filter: bool, sequence: u32) -> Vec<u8> {
    let more = if extended { SHOW_MORE } else { 0 };
    let filter = if filter { SHOW_FILTER } else { 0 };
    dump_of_family(FAMILY_PACKET, 0, SHOW | more | filter, sequence)
}

/// A membership, `struct packet_diag_mclist`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Membership<'a> {
    /// Interface.
    pub interface: u32,
    /// How often it was added.
    pub count: u32,
    /// `PACKET_MR_*`.
    pub kind: u16,
    /// The hardware address.
    pub address: &'a [u8],
}

/// An instruction of a filter, `struct sock_filter`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterOp {
    /// What to do.
    pub code: u16,
    /// Instructions to skip if it is true.
    pub jt: u8,
    /// Instructions to skip if not.
    pub jf: u8,
    /// The operand.
    pub k: u32,
}

/// What comes on demand. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketExtras<'a> {
    /// The words of `PACKET_DIAG_INFO` behind the interface.
    pub info: Option<[u32; 5]>,
    /// `PACKET_DIAG_RX_RING`.
    pub rx_ring: Option<[u32; 7]>,
    /// `PACKET_DIAG_TX_RING`.
    pub tx_ring: Option<[u32; 7]>,
    /// `PACKET_DIAG_FANOUT`: id and type.
    pub fanout: Option<(u16, u16)>,
    /// `PACKET_DIAG_MCLIST`, not yet decoded.
    pub memberships: &'a [u8],
    /// `PACKET_DIAG_FILTER`, not yet decoded; empty for whoever may not see it.
    pub filter: Option<&'a [u8]>,
    /// The words of `SK_MEMINFO_*`.
    pub memory: Option<&'a [u8]>,
}

impl<'a> PacketExtras<'a> {
    /// Finds them in the payload of an answer; stops where it makes no sense.
    #[must_use]
    pub fn find(payload: &'a [u8]) -> Self {
        let mut found = Self::default();
        for (kind, data) in Attributes::new(payload, BASE_LEN).map_while(Result::ok) {
            match kind {
                ATTR_INFO => found.info = words(data, 4),
                ATTR_MCLIST => found.memberships = data,
                ATTR_RX_RING => found.rx_ring = words(data, 0),
                ATTR_TX_RING => found.tx_ring = words(data, 0),
                ATTR_FANOUT => {
                    found.fanout = u32_at(data, 0).map(|both| (both as u16, (both >> 16) as u16));
                }
                ATTR_MEMINFO => found.memory = Some(data),
                ATTR_FILTER => found.filter = Some(data),
                _ => {}
            }
        }
        found
    }

    /// The memberships.
    pub fn memberships(&self) -> impl Iterator<Item = Membership<'a>> {
        self.memberships.chunks_exact(44).filter_map(|one| {
            Some(Membership {
                interface: u32_at(one, 0)?,
                count: u32_at(one, 4)?,
                kind: u16_at(one, 8)?,
                address: one.get(12..)?.get(..u16_at(one, 10)?.into())?,
            })
        })
    }
}

/// The instructions of a filter.
pub fn filter_ops(data: &[u8]) -> impl Iterator<Item = FilterOp> {
    data.chunks_exact(8).filter_map(|op| {
        Some(FilterOp {
            code: u16_at(op, 0)?,
            jt: u8_at(op, 2)?,
            jf: u8_at(op, 3)?,
            k: u32_at(op, 4)?,
        })
    })
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
