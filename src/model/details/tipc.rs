//! What tipc_diag tells beside ends and user.

use super::OwnMetric;
use crate::model::{Value, Why};

/// How far a group reaches.
pub(super) const SCOPES: &[&str] = &["node", "cluster"];

/// Of a TIPC socket, `TIPC_NLA_SOCK` of `linux/tipc_netlink.h`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TipcDetails {
    /// Queues, drops, and what it waits for; `None` if that was not sent.
    pub stats: Option<TipcStats>,
    /// Whether it has published the name of a service; `None` while it is in a connection, of which the kernel does not tell it.
    pub published: Option<bool>,
    /// Type and instance of the service name by which its connection was made, if it was made by one.
    pub via: Option<(u32, u32)>,
    /// The group that it is a member of, if it is.
    pub group: Option<TipcGroup>,
}

/// `TIPC_NLA_SOCK_STAT`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TipcStats {
    /// Messages that wait to be read.
    pub received: Option<u32>,
    /// Messages that wait to leave.
    pub sent: Option<u32>,
    /// Messages that were dropped, as the receive queue was full.
    pub dropped: Option<u32>,
    /// Whether it waits for a link that is congested.
    pub link_congested: bool,
    /// Whether it waits for the other end of its connection.
    pub connection_congested: bool,
}

/// `TIPC_NLA_SOCK_GROUP`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TipcGroup {
    /// Its number: the type of the service name that its members share.
    pub id: Option<u32>,
    /// The number of this member.
    pub instance: Option<u32>,
    /// Number of the next message to all members.
    pub next_broadcast: Option<u32>,
    /// Whether messages can be sent.
    pub open: bool,
    /// How far it reaches, `node` or `cluster`; `None` if neither was sent.
    pub scope: Option<&'static str>,
}

impl TipcDetails {
    /// The value of one of TIPC's fields.
    pub(super) fn value(&self, metric: OwnMetric) -> Value<'static> {
        use OwnMetric as M;
        match metric {
            M::TipcRcvq | M::TipcSendq | M::TipcDrop | M::TipcLinkCong | M::TipcConnCong => self
                .stats
                .map_or(Value::Unknown(Why::Source), |stats| stats.value(metric)),
            M::TipcHasPubl => self
                .published
                .map_or(Value::Unknown(Why::Source), Value::Flag),
            M::TipcViaType => number(self.via.map(|(kind, _)| Some(kind))),
            M::TipcViaInst => number(self.via.map(|(_, instance)| Some(instance))),
            M::TipcGroupId => number(self.group.map(|group| group.id)),
            M::TipcGroupInstance => number(self.group.map(|group| group.instance)),
            M::TipcGroupBcSendNext => number(self.group.map(|group| group.next_broadcast)),
            M::TipcGroupOpen => self
                .group
                .map_or(Value::None, |group| Value::Flag(group.open)),
            _ => self.group.map_or(Value::None, |group| {
                group.scope.map_or(Value::Unknown(Why::Source), Value::Word)
            }),
        }
    }
}

impl TipcStats {
    fn value(self, metric: OwnMetric) -> Value<'static> {
        match metric {
            OwnMetric::TipcRcvq => number(Some(self.received)),
            OwnMetric::TipcSendq => number(Some(self.sent)),
            OwnMetric::TipcDrop => number(Some(self.dropped)),
            OwnMetric::TipcLinkCong => Value::Flag(self.link_congested),
            _ => Value::Flag(self.connection_congested),
        }
    }
}

/// A number of a nest: nothing where there is no such nest, unknown where it lacks the number.
fn number(sent: Option<Option<u32>>) -> Value<'static> {
    match sent {
        None => Value::None,
        Some(None) => Value::Unknown(Why::Source),
        Some(Some(n)) => Value::Number(n.into()),
    }
}
