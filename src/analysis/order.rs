//! The order of a list.

use crate::model::{
    Context, DetailSet, Field, FieldId, ORDER_WINDOW, Row, Socket, default_order, field_by_name,
    order_window,
};
use std::cmp::Ordering;

/// One key of `--sort`.
#[derive(Clone, Copy, Debug)]
pub struct SortKey {
    /// The field.
    pub field: &'static Field,
    /// Whether the largest comes first.
    pub descending: bool,
}

/// What is wrong with `--sort`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OrderError {
    /// Nothing that can be sorted by has this name.
    Unknown(String),
    /// The word behind the colon says no direction.
    Direction {
        /// What stands before the colon.
        key: String,
        /// The word.
        word: String,
    },
    /// What has this name is known after two looks only.
    OneLook(String),
    /// `none` among other keys.
    NoneAmongKeys,
}

/// The keys, and behind each of queued bytes, of which listeners have none, what they have in that column of a table: connections.
/// Who names that, too, has said where it counts and in which direction.
fn with_listeners(keys: &[SortKey]) -> Vec<SortKey> {
    let of_listeners = |key: &SortKey| {
        let field = match key.field.id {
            FieldId::RecvQueue => FieldId::AcceptQueue,
            FieldId::SendQueue => FieldId::AcceptLimit,
            _ => return None,
        };
        let is_named = keys.iter().any(|key| key.field.id == field);
        (!is_named).then(|| SortKey {
            field: field.field(),
            ..*key
        })
    };
    let with_its_own = |key: &SortKey| std::iter::once(*key).chain(of_listeners(key));
    keys.iter().flat_map(with_its_own).collect()
}

/// The name in a key, and what stands behind its colon if it has one.
pub(super) fn name_and_direction(key: &str) -> (&str, Option<&str>) {
    match key.split_once(':') {
        Some((name, word)) => (name.trim(), Some(word.trim())),
        None => (key.trim(), None),
    }
}

/// Whether the largest is to come first, by the word behind the colon of the key `name`.
///
/// # Errors
/// If the word is neither `asc` nor `desc`.
pub(super) fn is_descending(name: &str, word: &str) -> Result<bool, OrderError> {
    match word.to_ascii_lowercase().as_str() {
        "asc" => Ok(false),
        "desc" => Ok(true),
        _ => Err(OrderError::Direction {
            key: name.to_owned(),
            word: word.to_owned(),
        }),
    }
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
    /// If a name is that of no field, or a direction is none, or `none` is not alone.
    pub fn parse(text: &str) -> Result<Self, OrderError> {
        if text.trim() == "none" {
            return Ok(Self::None);
        }
        if text
            .split(',')
            .any(|part| name_and_direction(part).0 == "none")
        {
            return Err(OrderError::NoneAmongKeys);
        }
        let keys = text
            .split(',')
            .map(|part| {
                let (name, word) = name_and_direction(part);
                let field =
                    field_by_name(name).ok_or_else(|| OrderError::Unknown(name.to_owned()))?;
                let descending = word.map_or(Ok(false), |word| is_descending(name, word))?;
                Ok(SortKey { field, descending })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self::By(with_listeners(&keys)))
    }

    /// Whether sorting looks at who holds a socket.
    #[must_use]
    pub fn needs_owners(&self) -> bool {
        match self {
            Self::By(keys) => keys.iter().any(|key| key.field.needs_owners),
            Self::Default | Self::None => false,
        }
    }

    /// Which of two comes first. Equal ones, and all of them in the order of the kernel, stay as they come.
    #[must_use]
    pub fn compare(&self, a: Row<'_>, b: Row<'_>) -> Ordering {
        match self {
            Self::None => Ordering::Equal,
            Self::Default => default_order(a.socket, b.socket),
            Self::By(keys) => compare(keys, a, b).then_with(|| default_order(a.socket, b.socket)),
        }
    }

    /// Which details sorting looks at.
    #[must_use]
    pub fn needs_details(&self) -> DetailSet {
        match self {
            Self::By(keys) => keys
                .iter()
                .map(|key| key.field.needs_details)
                .fold(DetailSet::NONE, DetailSet::or),
            Self::Default | Self::None => DetailSet::NONE,
        }
    }

    /// The positions of `sockets` in this order.
    #[must_use]
    pub fn positions(&self, sockets: &[Socket], context: Context<'_>) -> Vec<u32> {
        // More sockets than a u32 counts do not fit any memory.
        let count = u32::try_from(sockets.len()).unwrap_or(u32::MAX);
        match self {
            Self::None => (0..count).collect(),
            Self::Default => in_default_order(sockets, count),
            Self::By(keys) => {
                let mut positions = in_default_order(sockets, count);
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

/// The positions of `sockets` in the default order.
///
/// A position is sorted as one number with a window of what its socket is sorted by above it; few comparisons then look at the
/// sockets themselves.
fn in_default_order(sockets: &[Socket], count: u32) -> Vec<u32> {
    let mut keys: Vec<u128> = (0..count).map(u128::from).collect();
    sort_keys(sockets, &mut keys, 0);
    keys.into_iter().map(position).collect()
}

/// So few sockets are compared as a whole: a further window would not pay.
const FEW: usize = 24;
/// What sockets have in common before a window is worth moving it.
const WORTH_SKIPPING: usize = 4;
/// Where the last window begins that is looked at: no IP socket and no path has more.
const LAST_WINDOW: usize = 120;

/// Sorts keys whose sockets are alike before `at`.
fn sort_keys(sockets: &[Socket], keys: &mut [u128], mut at: usize) {
    loop {
        // What all begin with tells nothing, and names often have a long beginning in common.
        let alike = set_windows(sockets, keys, at);
        if alike < ORDER_WINDOW {
            if alike >= WORTH_SKIPPING {
                at += alike;
                set_windows(sockets, keys, at);
            }
            break;
        }
        at += ORDER_WINDOW;
        if at > LAST_WINDOW {
            return sort_wholes(sockets, keys);
        }
    }
    keys.sort_unstable();
    for run in keys.chunk_by_mut(|a, b| window(*a) == window(*b)) {
        match run.len() {
            0 | 1 => {}
            2..=FEW => sort_wholes(sockets, run),
            _ => sort_keys(sockets, run, at + ORDER_WINDOW),
        }
    }
}

/// Puts the windows that begin at `at` into `keys`; returns how many bytes of them are the same in all.
fn set_windows(sockets: &[Socket], keys: &mut [u128], at: usize) -> usize {
    let (mut first, mut differing) = (None, 0);
    for key in keys {
        let place = position(*key);
        let socket = sockets.get(place as usize);
        let window = socket.map_or(0, |socket| order_window(socket, at));
        differing |= window ^ *first.get_or_insert(window);
        *key = window << u32::BITS | u128::from(place);
    }
    let above = u128::BITS as usize / 8 - ORDER_WINDOW;
    differing.leading_zeros() as usize / 8 - above
}

fn sort_wholes(sockets: &[Socket], keys: &mut [u128]) {
    keys.sort_unstable_by(|&a, &b| {
        pair(sockets, position(a), position(b))
            .map_or(Ordering::Equal, |(x, y)| default_order(x, y))
            .then(position(a).cmp(&position(b)))
    });
}

const fn window(key: u128) -> u128 {
    key >> u32::BITS
}

const fn position(key: u128) -> u32 {
    key as u32
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
        Ends, Family, InetEnds, NoNames, Port, Protocol, Queues, SocketKind, State, UnixEnds,
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
            kind: SocketKind::Stream,
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
            details: None,
        }
    }

    fn named(kind: u8, name: &str, inode: u64) -> Socket {
        let mut socket = socket(Protocol::Unix, IpAddr::from([0; 4]), 0, 0);
        if let Ends::Unix(ends) = &mut socket.ends {
            ends.name = match kind {
                0 => UnixName::Unnamed,
                1 => UnixName::Path(name.as_bytes().into()),
                _ => UnixName::Abstract(name.as_bytes().into()),
            };
        }
        socket.inode = crate::model::Inode::new(inode);
        socket
    }

    const CONTEXT: Context<'static> = Context {
        owners: None,
        names: &NoNames,
    };

    #[test]
    fn keys_that_make_no_sense_are_told_apart() {
        let told = |text: &str| Sort::parse(text).unwrap_err();
        assert_eq!(told("pid,nope:desc"), OrderError::Unknown("nope".into()));
        assert_eq!(told("nope:dwon"), OrderError::Unknown("nope".into()));
        assert_eq!(told(""), OrderError::Unknown(String::new()));
        for text in ["none,rtt", "pid,none", "none:desc"] {
            assert_eq!(told(text), OrderError::NoneAmongKeys, "{text}");
        }
        let direction = |key: &str, word: &str| OrderError::Direction {
            key: key.into(),
            word: word.into(),
        };
        assert_eq!(told("pid:down"), direction("pid", "down"));
        assert_eq!(told("local, pid :"), direction("pid", ""));
        assert!(Sort::parse(" pid : DESC ").is_ok());
    }

    #[test]
    fn unknown_values_come_last_either_way() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let sockets = [7, 0, 9].map(|recv| socket(Protocol::Tcp, local, 1, recv));
        let sorted = |text: &str| Sort::parse(text).unwrap().positions(&sockets, CONTEXT);
        assert_eq!(sorted("recv_queue"), [0, 2, 1]);
        assert_eq!(sorted("recv_queue:desc"), [2, 0, 1]);
    }

    /// They have no bytes, and come behind what has, in the order of what stands in that column instead.
    #[test]
    fn listeners_are_sorted_by_their_own_queues() {
        let local = IpAddr::from([127, 0, 0, 1]);
        let mut sockets = [7, 5, 1, 9, 2].map(|recv| socket(Protocol::Tcp, local, 1, recv));
        for (place, length) in [(1, 5), (3, 9), (4, 2)] {
            sockets[place].queues = Queues::Accept {
                length,
                limit: Some(100 - length),
            };
        }
        let sorted = |text: &str| Sort::parse(text).unwrap().positions(&sockets, CONTEXT);
        assert_eq!(sorted("recv_queue"), [2, 0, 4, 1, 3]);
        assert_eq!(sorted("recv_queue:desc"), [0, 2, 3, 1, 4]);
        assert_eq!(sorted("send_queue:desc")[2..], [4, 1, 3]);
        // Who names what listeners have decides about it.
        assert_eq!(sorted("recv_queue,accept_queue:desc"), [2, 0, 3, 1, 4]);
        assert_eq!(sorted("send_queue,accept_limit:desc")[2..], [4, 1, 3]);
        assert_eq!(
            sorted("recv_queue,local,accept_queue:desc"),
            [2, 0, 3, 1, 4]
        );
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

    /// The windows of a socket, one byte after the other, too.
    fn windows(socket: &Socket) -> impl Iterator<Item = u128> {
        (0..LAST_WINDOW).map(|at| order_window(socket, at))
    }

    #[test]
    fn windows_leave_nothing_out() {
        let path = |name: &str| named(1, name, 7);
        let one = path("0123456789A0123456789ab");
        for other in [
            "0123456789B0123456789ab",
            "0123456789A0123456789ac",
            "1123456789A0123456789ab",
        ] {
            let other = path(other);
            for from in 0..2 {
                let differ = (from..LAST_WINDOW)
                    .step_by(ORDER_WINDOW)
                    .any(|at| order_window(&one, at) != order_window(&other, at));
                assert!(differ, "from {from}: {other:?}");
            }
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
        fn windows_agree_with_the_full_order(
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
                    let texts = windows(a).cmp(windows(b));
                    prop_assert!(texts.is_eq() || texts == default_order(a, b));
                }
            }
            let positions = Sort::Default.positions(&sockets, CONTEXT);
            for pair in positions.windows(2) {
                prop_assert_ne!(default_order(&sockets[pair[0] as usize], &sockets[pair[1] as usize]), Ordering::Greater);
            }
        }

        #[test]
        fn many_sockets_are_sorted_as_by_comparing_them(
            inet in proptest::collection::vec((any::<bool>(), 0u128..3, 0u16..2, 0u32..40), 0..150),
            unix in proptest::collection::vec((0u8..3, prop_oneof!["/run/[ab]?", "/run/user/1000/services/[ab]{0,20}"], 0u64..3), 0..150),
        ) {
            let mut sockets: Vec<_> = inet.iter().map(|&(v6, address, port, recv)| {
                let local = if v6 { IpAddr::from(address.to_be_bytes()) } else { IpAddr::from((address as u32).to_be_bytes()) };
                socket(Protocol::Tcp, local, port, recv)
            }).collect();
            sockets.extend(unix.iter().map(|(kind, name, inode)| named(*kind, name, *inode)));
            let mut expected: Vec<u32> = (0..sockets.len() as u32).collect();
            expected.sort_by(|&a, &b| default_order(&sockets[a as usize], &sockets[b as usize]));
            prop_assert_eq!(Sort::Default.positions(&sockets, CONTEXT), expected);
        }

        #[test]
        fn names_keep_their_order_in_windows(names in proptest::collection::vec((0u8..3, "[ab/]{0,20}", 0u64..3), 0..30)) {
            let sockets: Vec<_> = names.iter().map(|(kind, name, inode)| named(*kind, name, *inode)).collect();
            for a in &sockets {
                for b in &sockets {
                    let texts = windows(a).cmp(windows(b));
                    prop_assert!(texts.is_eq() || texts == default_order(a, b));
                }
            }
        }
    }
}
