//! The first rows of an order, without keeping all the others until it is known.

use super::order::Sort;
use crate::model::{Context, Row, Socket};

/// So many rows at least are sorted at once: fewer are not worth it.
const BATCH: usize = 512;

/// Takes sockets in any order and keeps those that come first in another: what comes later than enough of them is left out at once,
/// and the rest is thinned out from time to time.
///
/// ```text
///  0 .. mark        the first `rows` of all tables that ended; they stay
///  mark ..          those of the table that is being read, never more than a few times `rows`; they may be taken back
/// ```
#[derive(Debug)]
pub struct Best<'a> {
    sort: &'a Sort,
    context: Context<'a>,
    rows: usize,
    sockets: Vec<Socket>,
    /// Where the table begins that may be taken back.
    mark: usize,
    /// The position of the last socket that is known to be among enough: nothing behind it is wanted.
    last: Option<usize>,
    /// What `last` was at the mark.
    marked_last: Option<usize>,
    left_out: usize,
    marked_left_out: usize,
}

impl<'a> Best<'a> {
    /// Keeps the first `rows` in the order of `sort`; all of them if it is `usize::MAX`.
    #[must_use]
    pub fn new(sort: &'a Sort, context: Context<'a>, rows: usize) -> Self {
        Self {
            sort,
            context,
            rows,
            sockets: Vec::new(),
            mark: 0,
            last: None,
            marked_last: None,
            left_out: 0,
            marked_left_out: 0,
        }
    }

    /// Takes a socket.
    #[inline]
    pub fn push(&mut self, socket: Socket) {
        if let Some(last) = self.last.and_then(|last| self.sockets.get(last))
            // Of two that are equal the first comes first.
            && !self.sort.compare(self.row(&socket), self.row(last)).is_lt()
        {
            self.left_out += 1;
            return;
        }
        self.sockets.push(socket);
        let pending = self.sockets.len() - self.mark;
        if pending / 2 >= self.rows.max(BATCH) {
            self.thin_out(self.mark);
        }
    }

    /// A mark for [`Best::take_back`]: all sockets so far stay.
    pub fn mark(&mut self) -> usize {
        if self.sockets.len() > self.rows {
            self.thin_out(0);
        }
        self.mark = self.sockets.len();
        self.marked_last = self.last;
        self.marked_left_out = self.left_out;
        self.mark
    }

    /// Forgets the sockets since the mark.
    pub fn take_back(&mut self) {
        self.sockets.truncate(self.mark);
        self.last = self.marked_last;
        self.left_out = self.marked_left_out;
    }

    /// The sockets that were kept, in the order in which they came, and how many were not. The first `rows` in the order of `sort` are
    /// among them.
    #[must_use]
    pub fn finish(self) -> (Vec<Socket>, usize) {
        (self.sockets, self.left_out)
    }

    const fn row<'b>(&'b self, socket: &'b Socket) -> Row<'b> {
        Row {
            socket,
            context: self.context,
        }
    }

    /// Keeps the first `rows` of the sockets from a position on.
    fn thin_out(&mut self, from: usize) {
        let pending = self.sockets.get(from..).unwrap_or_default();
        let mut kept = self.sort.positions(pending, self.context);
        kept.truncate(self.rows);
        let Some(&last) = kept.last() else { return };
        kept.sort_unstable();
        let last = from + kept.binary_search(&last).unwrap_or_default();
        let mut wanted = kept
            .into_iter()
            .map(|position| from + position as usize)
            .peekable();
        let before = self.sockets.len();
        let mut position = 0;
        self.sockets.retain(|_| {
            let keep = position < from || wanted.next_if_eq(&position).is_some();
            position += 1;
            keep
        });
        self.left_out += before - self.sockets.len();
        // One among those that were thinned out is further back than the last of them now.
        self.last = match self.last.filter(|&other| other < from) {
            Some(other) if self.is_before(other, last) => Some(other),
            _ => Some(last),
        };
    }

    fn is_before(&self, a: usize, b: usize) -> bool {
        let both = self.sockets.get(a).zip(self.sockets.get(b));
        both.is_some_and(|(a, b)| self.sort.compare(self.row(a), self.row(b)).is_lt())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Ends, Family, InetEnds, NoNames, Port, Protocol, Queues, State, Uid};
    use proptest::prelude::*;
    use std::net::IpAddr;

    const CONTEXT: Context<'static> = Context {
        owners: None,
        names: &NoNames,
    };

    /// Many are alike in all that is sorted by; the user is no key of the tests and tells them apart.
    fn socket(port: u16, recv: u32, n: usize) -> Socket {
        let address = IpAddr::from([127, 0, 0, 1]);
        Socket {
            protocol: Protocol::Tcp,
            family: Family::Inet,
            state: State::Established,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local: address,
                peer: address,
                local_port: Port(port),
                peer_port: Port(1),
                interface: None,
            }),
            queues: Queues::Bytes { recv, send: 0 },
            timer: None,
            uid: Some(Uid(n as u32)),
            inode: None,
            cookie: None,
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    /// The users of the first sockets.
    fn first(sort: &Sort, sockets: &[Socket], rows: usize) -> Vec<Option<Uid>> {
        let positions = sort.positions(sockets, CONTEXT);
        positions
            .iter()
            .take(rows)
            .map(|p| sockets[*p as usize].uid)
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_first_are_those_of_the_whole(
            tables in proptest::collection::vec(
                (proptest::collection::vec((0u16..50, 0u32..50), 0..2500), any::<bool>()), 1..4),
            rows in prop_oneof![1usize..20, 500usize..1500, Just(usize::MAX)],
            sort in prop_oneof![Just(""), Just("recv_queue:desc"), Just("sport,recv_queue"), Just("state")],
        ) {
            let sort = match sort {
                "" => Sort::Default,
                text => Sort::parse(text).unwrap(),
            };
            let mut best = Best::new(&sort, CONTEXT, rows);
            let mut all = Vec::new();
            let mut most = 0;
            for (table, fails) in tables {
                let mark = best.mark();
                prop_assert!(mark <= rows);
                for (port, recv) in table {
                    let socket = socket(port, recv, all.len());
                    if !fails {
                        all.push(socket.clone());
                    }
                    best.push(socket);
                    most = most.max(best.sockets.len());
                }
                if fails {
                    best.take_back();
                }
            }
            let (kept, left_out) = best.finish();
            prop_assert_eq!(kept.len() + left_out, all.len());
            prop_assert!(most <= rows.max(BATCH).saturating_mul(3), "{} rows in memory for {}", most, rows);
            prop_assert_eq!(first(&sort, &kept, rows), first(&sort, &all, rows));
        }
    }
}
