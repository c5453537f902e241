//! Rows where nothing is measured or cut: each cell is formatted where it stays, but for those that have blanks before them.
//!
//! Rows of one host are alike: most begin as the one before, and have its addresses. What is the same is copied.

use super::layout::GAP;
use super::pieces::{blanks, start_of};
use super::table::TableOptions;
use super::text;
use crate::model::{Ends, Family, FieldId, Protocol, Queues, Row, Side, Socket, State};
use std::net::IpAddr;

/// Writes rows, and remembers the last one.
#[derive(Debug, Default)]
pub(super) struct Direct {
    beginning: Option<Beginning>,
    hosts: [Host; 4],
    /// The cell that is being written, where blanks come before it.
    aside: Vec<u8>,
}

impl Direct {
    /// Appends a row as if every byte took one column of the screen.
    pub(super) fn row(
        &mut self,
        out: &mut Vec<u8>,
        options: &TableOptions,
        widths: &[Option<usize>],
        row: Row<'_>,
    ) {
        let start = out.len();
        let kind = Kind::of(row.socket);
        // The blanks between a cell and the one before it.
        let mut gap = 0;
        let mut done = 0;
        if let (Some(kind), Some(beginning)) = (kind, &self.beginning)
            && beginning.kind == kind
        {
            start_of(out, &beginning.text, beginning.length);
            (done, gap) = (beginning.columns, beginning.gap);
        }
        let mut depends_on_kind = done == 0;
        let columns = options.columns.get(done..).unwrap_or_default();
        let widths = widths.get(done..).unwrap_or_default();
        for (n, (column, width)) in columns.iter().zip(widths).enumerate() {
            if depends_on_kind && !Kind::decides(column.field) {
                depends_on_kind = false;
                let kind = kind.filter(|_| n > 0);
                let text = out.get(start..).unwrap_or_default();
                self.beginning = kind.and_then(|kind| Beginning::new(kind, n, text, gap));
            }
            let target = if column.right {
                self.aside.clear();
                &mut self.aside
            } else {
                blanks(out, gap);
                &mut *out
            };
            let start = target.len();
            match (column.field, &row.socket.ends) {
                (FieldId::Local, Ends::Inet(ends)) if !options.text.resolve => {
                    text::inet_end(target, row, ends, Side::Local, options.text, |out, ip| {
                        host(&mut self.hosts, out, ip, row.socket.family, Side::Local);
                    });
                }
                (FieldId::Peer, Ends::Inet(ends)) if !options.text.resolve => {
                    text::inet_end(target, row, ends, Side::Peer, options.text, |out, ip| {
                        host(&mut self.hosts, out, ip, row.socket.family, Side::Peer);
                    });
                }
                (field, _) => text::cell(target, field, row, options.text),
            }
            let padding = width.unwrap_or(0).saturating_sub(target.len() - start);
            if column.right {
                blanks(out, gap + padding);
                match *self.aside {
                    // Most queues are empty.
                    [digit] => out.push(digit),
                    _ => out.extend_from_slice(&self.aside),
                }
                gap = GAP;
            } else {
                gap = GAP + padding;
            }
        }
        out.push(b'\n');
    }
}

/// What the first cells of an IP socket depend on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    protocol: Protocol,
    state: State,
    queues: Queues,
}

impl Kind {
    /// That of a socket; of other families more decides.
    #[inline]
    fn of(socket: &Socket) -> Option<Self> {
        socket.inet()?;
        Some(Self {
            protocol: socket.protocol,
            state: socket.state,
            queues: socket.queues,
        })
    }

    /// Whether a cell depends on nothing else.
    #[inline]
    const fn decides(field: FieldId) -> bool {
        matches!(
            field,
            FieldId::Protocol | FieldId::State | FieldId::RecvQueue | FieldId::SendQueue
        )
    }
}

/// Room for the first four cells; longer ones are not remembered.
const BEGINNING: usize = 64;

/// The first cells of a row.
#[derive(Debug)]
struct Beginning {
    kind: Kind,
    columns: usize,
    text: [u8; BEGINNING],
    length: usize,
    /// The blanks behind them.
    gap: usize,
}

impl Beginning {
    fn new(kind: Kind, columns: usize, text: &[u8], gap: usize) -> Option<Self> {
        let mut room = [b' '; BEGINNING];
        room.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self {
            kind,
            columns,
            text: room,
            length: text.len(),
            gap,
        })
    }
}

/// Room for an IPv6 address in brackets.
const HOST: usize = 48;

/// The text of an address.
#[derive(Clone, Copy, Debug)]
struct Host {
    of: Option<IpAddr>,
    text: [u8; HOST],
    length: usize,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            of: None,
            text: [b' '; HOST],
            length: 0,
        }
    }
}

/// Appends the address of an end as a number; one that the last row of its family had there is copied.
#[inline]
fn host(hosts: &mut [Host; 4], out: &mut Vec<u8>, ip: IpAddr, family: Family, side: Side) {
    let [local4, local6, peer4, peer6] = hosts;
    let last = match (side, ip, family) {
        (Side::Local, IpAddr::V6(_), Family::Inet6) => local6,
        (Side::Local, ..) => local4,
        (Side::Peer, IpAddr::V6(_), Family::Inet6) => peer6,
        (Side::Peer, ..) => peer4,
    };
    if last.of == Some(ip) {
        return start_of(out, &last.text, last.length);
    }
    let start = out.len();
    text::number_of_host(out, ip, family);
    let text = out.get(start..).unwrap_or_default();
    if let Some(room) = last.text.get_mut(..text.len()) {
        room.copy_from_slice(text);
        (last.of, last.length) = (Some(ip), text.len());
    }
}

#[cfg(test)]
mod tests {
    use super::super::columns;
    use super::super::tests::{FixedNames, inet};
    use super::*;
    use crate::model::{Context, SocketKind, UnixEnds, UnixName, UnixPeer};
    use crate::render::DetailOptions;
    use proptest::prelude::*;
    use proptest::sample::select;

    /// Sockets with few addresses, ports, states and queues, so that many have some of them in common.
    fn socket() -> impl Strategy<Value = Socket> {
        let ends = select(vec![
            ("10.0.0.5", "10.0.0.7"),
            ("10.0.0.5", "10.0.0.5"),
            ("0.0.0.0", "0.0.0.0"),
            ("::1", "::1"),
            ("2001:db8::7", "fe80::1"),
            ("::ffff:10.0.0.5", "::ffff:10.0.0.7"),
            ("::", "::"),
        ]);
        let protocol = select(vec![Protocol::Tcp, Protocol::Udp, Protocol::Raw]);
        let state = select(vec![State::Established, State::Listen, State::Close]);
        let queues = (0..12u32, 0..3u32, 0..4).prop_map(|(n, m, kind)| match kind {
            0 => Queues::Accept {
                length: n,
                limit: Some(m),
            },
            1 => Queues::Accept {
                length: n,
                limit: None,
            },
            2 => Queues::Received(n),
            _ => Queues::Bytes { recv: n, send: m },
        });
        let ports = (0..3u16, 0..3u16);
        (
            ends,
            protocol,
            state,
            queues,
            ports,
            0..8,
            any::<Option<bool>>(),
        )
            .prop_map(
                |((local, peer), protocol, state, queues, ports, kind, v6only)| {
                    let mut socket =
                        inet(protocol, state, (local, ports.0), (peer, ports.1 * 9000));
                    socket.queues = queues;
                    socket.v6only = v6only;
                    if kind == 0 {
                        socket.protocol = Protocol::Unix;
                        socket.family = Family::Unix;
                        socket.ends = Ends::Unix(UnixEnds {
                            kind: SocketKind::Stream,
                            name: UnixName::Path(b"/run/a".as_slice().into()),
                            peer: UnixPeer::None,
                        });
                    }
                    socket
                },
            )
    }

    proptest! {
        #[test]
        fn no_row_depends_on_the_one_before(
            sockets in proptest::collection::vec(socket(), 1..40),
            columns in select(vec![
                "protocol,state,recv_queue,send_queue,local,peer",
                "recv_queue,protocol,peer,local,state",
                "local,peer,state",
                "state,send_queue,uid,peer,protocol,recv_queue",
                "protocol,state",
                "lport,state,protocol,local",
            ]),
            resolve: bool,
        ) {
            let options = TableOptions {
                columns: columns::parse(columns).unwrap(),
                columns_named: false,
                header: true,
                width: None,
                streaming: true,
                colour: false,
                text: text::TextOptions { numeric: false, resolve },
                details: DetailOptions::default(),
                record: false,
            };
            let widths = vec![Some(6); options.columns.len()];
            let context = Context { owners: None, names: &FixedNames };
            let mut direct = Direct::default();
            for socket in &sockets {
                let row = Row { socket, context };
                let (mut after_others, mut alone) = (b"before\n".to_vec(), b"before\n".to_vec());
                direct.row(&mut after_others, &options, &widths, row);
                Direct::default().row(&mut alone, &options, &widths, row);
                prop_assert_eq!(
                    String::from_utf8_lossy(&after_others),
                    String::from_utf8_lossy(&alone)
                );
            }
        }
    }
}
