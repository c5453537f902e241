//! Dumps of TIPC sockets: `linux/tipc_sockets_diag.h` and `linux/tipc_netlink.h`, answered by `net/tipc/diag.c`.
//!
//! ```text
//!  struct tipc_sock_diag_req, 8 bytes
//!   0 family  1 protocol  2 padding   4 states
//!  an answer has no fixed part: TIPC_NLA_SOCK, which holds
//!   ADDR (node) REF TYPE INO UID TIPC_STATE COOKIE (8 bytes)  CON { NODE SOCK }
//! ```
//!
//! Its queues are counted in messages, not bytes, and are not read.
//!
//! A socket whose state was not asked for comes as an empty message.

use super::attr::Attributes;
use super::bytes::{u32_at, u64_at};
use super::{DecodeError, dump_of};

/// `AF_TIPC`.
pub const FAMILY_TIPC: u8 = 30;

const NEST_SOCKET: u16 = 2;
const ATTR_NODE: u16 = 1;
const ATTR_REFERENCE: u16 = 2;
const NEST_CONNECTION: u16 = 3;
const ATTR_TYPE: u16 = 6;
const ATTR_INODE: u16 = 7;
const ATTR_UID: u16 = 8;
const ATTR_STATE: u16 = 9;
const ATTR_COOKIE: u16 = 10;
const CONNECTION_NODE: u16 = 2;
const CONNECTION_SOCKET: u16 = 3;

/// A request for every TIPC socket whose state is in `states`.
#[must_use]
pub fn dump_request(states: u32, sequence: u32) -> Vec<u8> {
    let mut payload = vec![FAMILY_TIPC, 0, 0, 0];
    payload.extend(states.to_ne_bytes());
    dump_of(&payload, sequence)
}

/// One TIPC socket as the kernel reports it. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TipcRecord {
    /// Socket type, socket(2).
    pub kind: Option<u32>,
    /// State: the numbers of `include/net/tcp_states.h`.
    pub state: Option<u32>,
    /// Own node.
    pub node: u32,
    /// Own reference.
    pub reference: Option<u32>,
    /// Node of the peer, if it is connected.
    pub peer_node: Option<u32>,
    /// Reference of the peer.
    pub peer_reference: Option<u32>,
    /// Inode, 0 for none.
    pub inode: u32,
    /// Owner.
    pub uid: Option<u32>,
    /// Identity.
    pub cookie: Option<u64>,
}

impl TipcRecord {
    /// Reads the payload of one answer; `Ok(None)` for an empty one.
    ///
    /// # Errors
    /// If an attribute's length is impossible.
    pub fn decode(payload: &[u8]) -> Result<Option<Self>, DecodeError> {
        let mut record = None;
        for attribute in Attributes::new(payload, 0) {
            if let (NEST_SOCKET, nest) = attribute? {
                record = Some(Self::socket(nest)?);
            }
        }
        Ok(record)
    }

    fn socket(nest: &[u8]) -> Result<Self, DecodeError> {
        let mut record = Self::default();
        for attribute in Attributes::new(nest, 0) {
            let (kind, data) = attribute?;
            let word = u32_at(data, 0);
            match kind {
                ATTR_NODE => record.node = word.unwrap_or_default(),
                ATTR_REFERENCE => record.reference = word,
                ATTR_TYPE => record.kind = word,
                ATTR_INODE => record.inode = word.unwrap_or_default(),
                ATTR_UID => record.uid = word,
                ATTR_STATE => record.state = word,
                ATTR_COOKIE => record.cookie = u64_at(data, 0).filter(|&c| c != 0),
                NEST_CONNECTION => {
                    record.peer_node = find(data, CONNECTION_NODE)?;
                    record.peer_reference = find(data, CONNECTION_SOCKET)?;
                }
                _ => {}
            }
        }
        Ok(record)
    }
}

/// The word in the attribute `wanted` of a nest.
fn find(nest: &[u8], wanted: u16) -> Result<Option<u32>, DecodeError> {
    let mut found = None;
    for attribute in Attributes::new(nest, 0) {
        let (kind, data) = attribute?;
        if kind == wanted {
            found = u32_at(data, 0);
        }
    }
    Ok(found)
}
