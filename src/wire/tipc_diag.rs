//! Dumps of TIPC sockets: `linux/tipc_sockets_diag.h` and `linux/tipc_netlink.h`, answered by `net/tipc/diag.c`.
//!
//! ```text
//!  struct tipc_sock_diag_req, 8 bytes
//!   0 family  1 protocol  2 padding   4 states
//!  an answer has no fixed part: TIPC_NLA_SOCK, which holds
//!   ADDR (node) REF TYPE INO UID TIPC_STATE COOKIE (8 bytes)
//!   CON { NODE SOCK, and if it was made by a service's name: FLAG TYPE INST }, or
//!   HAS_PUBL (a flag), if it is in no connection and has published a name
//!   STAT { RCVQ SENDQ DROP LINK_CONG CONN_CONG }, the last two flags
//!   GROUP { ID INSTANCE BC_SEND_NEXT NODE_SCOPE CLUSTER_SCOPE OPEN }, the last three flags; of members only
//! ```
//!
//! A flag is an attribute without data: it is set if it is there. The numbers of STAT and GROUP begin with 0. Queues are counted in
//! messages, not bytes.
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
const ATTR_HAS_PUBL: u16 = 4;
const NEST_STATISTICS: u16 = 5;
const ATTR_TYPE: u16 = 6;
const ATTR_INODE: u16 = 7;
const ATTR_UID: u16 = 8;
const ATTR_STATE: u16 = 9;
const ATTR_COOKIE: u16 = 10;
const NEST_GROUP: u16 = 12;

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
    /// Its connection, if it has one.
    pub connection: Option<Connection>,
    /// Whether it has published a name; told of sockets without a connection.
    pub has_published: bool,
    /// Queues, drops and what it waits for.
    pub statistics: Option<Statistics>,
    /// The group that it is a member of.
    pub group: Option<Group>,
    /// Inode, 0 for none.
    pub inode: u32,
    /// Owner.
    pub uid: Option<u32>,
    /// Identity.
    pub cookie: Option<u64>,
}

/// `TIPC_NLA_SOCK_CON`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connection {
    /// Node of the peer.
    pub node: Option<u32>,
    /// Reference of the peer.
    pub reference: Option<u32>,
    /// Whether it was made by the name of a service.
    pub by_name: bool,
    /// Type of that name.
    pub kind: Option<u32>,
    /// Instance of that name.
    pub instance: Option<u32>,
}

/// `TIPC_NLA_SOCK_STAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Statistics {
    /// Messages that wait to be read.
    pub received: Option<u32>,
    /// Messages that wait to leave.
    pub sent: Option<u32>,
    /// Whether it waits for a link that is congested.
    pub link_congested: bool,
    /// Whether it waits for the other end of its connection.
    pub connection_congested: bool,
    /// Messages dropped because the receive queue was full.
    pub dropped: Option<u32>,
}

/// `TIPC_NLA_SOCK_GROUP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// Its number: the type of the service name that members share.
    pub id: Option<u32>,
    /// The member's number in it.
    pub instance: Option<u32>,
    /// Number of the next broadcast message.
    pub next_broadcast: Option<u32>,
    /// Whether it is open, so that messages can be sent.
    pub open: bool,
    /// Whether it is limited to this node.
    pub node_scope: bool,
    /// Whether it spans the cluster.
    pub cluster_scope: bool,
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
                ATTR_HAS_PUBL => record.has_published = true,
                NEST_CONNECTION => record.connection = Some(Connection::decode(data)?),
                NEST_STATISTICS => record.statistics = Some(Statistics::decode(data)?),
                NEST_GROUP => record.group = Some(Group::decode(data)?),
                _ => {}
            }
        }
        Ok(record)
    }
}

impl Connection {
    fn decode(nest: &[u8]) -> Result<Self, DecodeError> {
        let mut connection = Self::default();
        for attribute in Attributes::new(nest, 0) {
            let (kind, data) = attribute?;
            let word = u32_at(data, 0);
            match kind {
                1 => connection.by_name = true,
                2 => connection.node = word,
                3 => connection.reference = word,
                4 => connection.kind = word,
                5 => connection.instance = word,
                _ => {}
            }
        }
        Ok(connection)
    }
}

impl Statistics {
    fn decode(nest: &[u8]) -> Result<Self, DecodeError> {
        let mut statistics = Self::default();
        for attribute in Attributes::new(nest, 0) {
            let (kind, data) = attribute?;
            let word = u32_at(data, 0);
            match kind {
                0 => statistics.received = word,
                1 => statistics.sent = word,
                2 => statistics.link_congested = true,
                3 => statistics.connection_congested = true,
                4 => statistics.dropped = word,
                _ => {}
            }
        }
        Ok(statistics)
    }
}

impl Group {
    fn decode(nest: &[u8]) -> Result<Self, DecodeError> {
        let mut group = Self::default();
        for attribute in Attributes::new(nest, 0) {
            let (kind, data) = attribute?;
            let word = u32_at(data, 0);
            match kind {
                0 => group.id = word,
                1 => group.open = true,
                2 => group.node_scope = true,
                3 => group.cluster_scope = true,
                4 => group.instance = word,
                5 => group.next_broadcast = word,
                _ => {}
            }
        }
        Ok(group)
    }
}
