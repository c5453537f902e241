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
        let keys = text
            .split(',')
            .map(|part| {
                let (name, direction) = part.split_once(':').unwrap_or((part, "asc"));
                let descending = match direction.to_ascii_lowercase().as_str() {
                    "asc" => false,
                    "desc" => true,
                    _ => return Err(part.to_owned()),
                };
                let field = field_by_name(name.trim()).ok_or_else(|| name.to_owned())?;
                Ok(SortKey { field, descending })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self::By(keys))
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
    let mut keyed: Vec<(u64, u64, u32)> = sockets
        .iter()
        .zip(0..count)
        .map(|(socket, position)| {
            let (high, low) = default_order_key(socket);
            (high, low, position)
        })
        .collect();
    keyed.sort_unstable_by(|a, b| {
        (a.0, a.1).cmp(&(b.0, b.1)).then_with(|| {
            pair(sockets, a.2, b.2)
                .map_or(Ordering::Equal, |(x, y)| default_order(x, y))
                .then(a.2.cmp(&b.2))
        })
    });
    keyed.into_iter().map(|(_, _, position)| position).collect()
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

    #[test]
    fn sockets_without_a_peer_come_last_either_way() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let mut sockets = [7, 0, 9].map(|port| socket(Protocol::Tcp, local, 1, port));
        if let Ends::Inet(ends) = &mut sockets[1].ends {
            ends.peer = IpAddr::from([0, 0, 0, 0]);
        }
        let sorted = |text: &str| Sort::parse(text).unwrap().positions(&sockets, CONTEXT);
        assert_eq!(sorted("peer"), [0, 2, 1]);
        assert_eq!(sorted("peer:desc"), [2, 0, 1]);
    }

    /// Only even numbers have a name.
    struct SomeNames;

    impl crate::model::Names for SomeNames {
        fn user(&self, uid: crate::model::Uid) -> Option<std::rc::Rc<[u8]>> {
            uid.0
                .is_multiple_of(2)
                .then(|| format!("u{}", 99 - uid.0).into_bytes().into())
        }
        fn interface(&self, _: crate::model::IfIndex) -> Option<std::rc::Rc<[u8]>> {
            None
        }
        fn service(&self, _: Protocol, _: Port) -> Option<std::rc::Rc<[u8]>> {
            None
        }
        fn host(&self, _: IpAddr) -> Option<std::rc::Rc<[u8]>> {
            None
        }
    }

    proptest! {
        #[test]
        fn users_with_and_without_names_have_one_order(uids in proptest::collection::vec(proptest::option::of(0u32..90), 0..200)) {
            let sockets: Vec<_> = uids.iter().map(|uid| {
                let mut socket = socket(Protocol::Tcp, IpAddr::from([127, 0, 0, 1]), 1, 1);
                socket.uid = uid.map(crate::model::Uid);
                socket
            }).collect();
            let context = Context { owners: None, names: &SomeNames };
            for text in ["user", "user:desc"] {
                let sort = Sort::parse(text).unwrap();
                let Sort::By(keys) = &sort else { panic!("by fields") };
                let positions = sort.positions(&sockets, context);
                let row = |p: u32| Row { socket: &sockets[p as usize], context };
                for (n, &a) in positions.iter().enumerate() {
                    for &b in &positions[n..] {
                        prop_assert_ne!(compare(keys, row(a), row(b)), Ordering::Greater);
                    }
                }
            }
        }

        #[test]
        fn the_compact_key_agrees_with_the_full_order(
            rows in proptest::collection::vec((0usize..4, any::<bool>(), any::<u128>(), 0u16..4, 0u32..3, 0u128..3), 0..40)
        ) {
            let sockets: Vec<_> = rows.iter().map(|&(p, v6, address, port, recv, near)| {
                // Some addresses differ only in their last bits.
                let address = if near < 2 { near } else { address };
                let local = if v6 { IpAddr::from(address.to_be_bytes()) } else { IpAddr::from((address as u32).to_be_bytes()) };
                socket(Protocol::ALL[p], local, port, recv)
            }).collect();
            for a in &sockets {
                for b in &sockets {
                    let keys = default_order_key(a).cmp(&default_order_key(b));
                    prop_assert!(keys.is_eq() || keys == default_order(a, b));
                }
            }
            let positions = Sort::Default.positions(&sockets, CONTEXT);
            for pair in positions.windows(2) {
                prop_assert_ne!(default_order(&sockets[pair[0] as usize], &sockets[pair[1] as usize]), Ordering::Greater);
            }
        }

        #[test]
        fn names_keep_their_order_in_the_key(names in proptest::collection::vec((0u8..3, "[ab/]{0,20}", 0u64..3), 0..30)) {
            let sockets: Vec<_> = names.iter().map(|(kind, name, inode)| {
                let mut socket = socket(Protocol::Unix, IpAddr::from([0; 4]), 0, 0);
                if let Ends::Unix(ends) = &mut socket.ends {
                    ends.name = match kind {
                        0 => UnixName::Unnamed,
                        1 => UnixName::Path(name.as_bytes().into()),
                        _ => UnixName::Abstract(name.as_bytes().into()),
                    };
                }
                socket.inode = crate::model::Inode::new(*inode);
                socket
            }).collect();
            for a in &sockets {
                for b in &sockets {
                    let keys = default_order_key(a).cmp(&default_order_key(b));
                    prop_assert!(keys.is_eq() || keys == default_order(a, b));
                }
            }
        }
    }
}
