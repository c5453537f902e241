//! The order of a list.

use crate::model::{Context, Field, Row, Socket, default_order, default_order_key, field_by_name};
use std::cmp::Ordering;

/// One key of `--sort`.
#[derive(Clone, Copy, Debug)]
pub struct SortKey {
    /// The field.
    pub field: &'static Field,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What `--sort` says.
#[derive(Clone, Debug, Default)]
pub enum Sort {
    /// Protocol, local port, local address, peer.
    #[default]
    Default,
    /// As the kernel gives them.
    None,
    /// By fields; equal ones in the default order.
    By(Vec<SortKey>),
}

impl Sort {
    /// Reads `none`, or field names with an optional `:asc` or `:desc`, separated by commas.
    ///
    /// # Errors
    /// The part that is no field or no direction.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let keys: Vec<_> = text
            .split(',')
            .filter(|part| !part.is_empty())
            .map(|part| {
                let (name, direction) = part.split_once(':').unwrap_or((part, "asc"));
                let descending = match direction {
                    "asc" => false,
                    "desc" => true,
                    _ => return Err(part.to_owned()),
                };
                let field = field_by_name(name.trim()).ok_or_else(|| name.to_owned())?;
                Ok(SortKey { field, descending })
            })
            .collect::<Result<_, _>>()?;
        Ok(if keys.is_empty() {
            Self::Default
        } else {
            Self::By(keys)
        })
    }

    /// Whether sorting looks at who holds a socket.
    #[must_use]
    pub fn needs_owners(&self) -> bool {
        match self {
            Self::By(keys) => keys.iter().any(|key| key.field.needs_owners),
            Self::Default | Self::None => false,
        }
    }

    /// The positions of `sockets` in this order.
    #[must_use]
    pub fn positions(&self, sockets: &[Socket], context: Context<'_>) -> Vec<u32> {
        // More sockets than a u32 counts do not fit any memory.
        let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
        match self {
            Self::None => (0..count).collect(),
            Self::Default => by_key(sockets, count),
            Self::By(keys) => {
                let mut positions = by_key(sockets, count);
                positions.sort_by(|&a, &b| {
                    pair(sockets, a, b).map_or(Ordering::Equal, |(a, b)| {
                        compare(keys, Row { socket: a, context }, Row { socket: b, context })
                    })
                });
                positions
            }
        }
    }
}

/// Sorts by compact keys first: few comparisons then have to look at the sockets themselves.
fn by_key(sockets: &[Socket], count: u32) -> Vec<u32> {
    let mut keyed: Vec<(u64, u32)> = sockets
        .iter()
        .map(default_order_key)
        .zip(0..count)
        .collect();
    keyed.sort_unstable_by(|a, b| {
        a.0.cmp(&b.0).then_with(|| {
            pair(sockets, a.1, b.1)
                .map_or(Ordering::Equal, |(x, y)| default_order(x, y))
                .then(a.1.cmp(&b.1))
        })
    });
    keyed.into_iter().map(|(_, position)| position).collect()
}

fn pair(sockets: &[Socket], a: u32, b: u32) -> Option<(&Socket, &Socket)> {
    sockets.get(a as usize).zip(sockets.get(b as usize))
}

fn compare(keys: &[SortKey], a: Row<'_>, b: Row<'_>) -> Ordering {
    keys.iter()
        .map(|key| {
            let (x, y) = ((key.field.extract)(a), (key.field.extract)(b));
            x.order(&y, key.descending)
        })
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Ends, Family, InetEnds, NoNames, Port, Protocol, Queues, State, UnixEnds, UnixKind,
        UnixName, UnixPeer,
    };
    use proptest::prelude::*;
    use std::net::IpAddr;

    fn socket(protocol: Protocol, local: IpAddr, port: u16, recv: u32) -> Socket {
        let inet = Ends::Inet(InetEnds {
            local,
            peer: local,
            local_port: Port(port),
            peer_port: Port(recv as u16),
            interface: None,
        });
        let unix = Ends::Unix(UnixEnds {
            kind: UnixKind::Stream,
            name: UnixName::Path(port.to_be_bytes().into()),
            peer: UnixPeer::None,
        });
        Socket {
            protocol,
            family: if local.is_ipv4() {
                Family::Inet
            } else {
                Family::Inet6
            },
            state: State::Established,
            v6only: None,
            shutdown: None,
            ends: if protocol == Protocol::Unix {
                unix
            } else {
                inet
            },
            queues: if recv == 0 {
                Queues::Unknown
            } else {
                Queues::Bytes { recv, send: 0 }
            },
            timer: None,
            uid: None,
            inode: None,
            cookie: None,
            mark: None,
            cgroup: None,
        }
    }

    const CONTEXT: Context<'static> = Context {
        owners: None,
        names: &NoNames,
    };

    #[test]
    fn unknown_values_come_last_either_way() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let sockets = [7, 0, 9].map(|recv| socket(Protocol::Tcp, local, 1, recv));
        let sorted = |text: &str| Sort::parse(text).unwrap().positions(&sockets, CONTEXT);
        assert_eq!(sorted("recv_queue"), [0, 2, 1]);
        assert_eq!(sorted("recv_queue:desc"), [2, 0, 1]);
        assert!(Sort::parse("nope").is_err());
        assert!(Sort::parse("pid:down").is_err());
    }

    proptest! {
        #[test]
        fn the_compact_key_agrees_with_the_full_order(
            rows in proptest::collection::vec((0usize..4, any::<bool>(), any::<u128>(), 0u16..4, 0u32..3), 0..40)
        ) {
            let sockets: Vec<_> = rows.iter().map(|&(p, v6, address, port, recv)| {
                let local = if v6 { IpAddr::from(address.to_be_bytes()) } else { IpAddr::from((address as u32).to_be_bytes()) };
                socket(Protocol::ALL[p], local, port, recv)
            }).collect();
            let positions = Sort::Default.positions(&sockets, CONTEXT);
            for pair in positions.windows(2) {
                prop_assert_ne!(default_order(&sockets[pair[0] as usize], &sockets[pair[1] as usize]), Ordering::Greater);
            }
        }
    }
}
