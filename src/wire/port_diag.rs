//! A dump of TCP sockets with what tells how each came to its local port: `linux/inet_diag.h`, filter of
//! `net/ipv4/inet_diag.c:inet_diag_bc_run`.
//!
//! ```text
//!  struct inet_diag_req, 60 bytes: family, two lengths, extensions, socket id (48), states, table
//!  attribute INET_DIAG_REQ_BYTECODE: struct inet_diag_bc_op, 4 bytes each
//!   0 code  1 yes (bytes to go on to if it holds)  2 no (if not; more than is left says "not this one")
//! ```

use super::attr::Attributes;
use super::bytes::{u8_at, u32_at, u64_at};
use super::inet_diag::{self, TCPDIAG_GETSOCK};
use super::nlmsg;
use std::ops::RangeInclusive;

/// Length of `struct inet_diag_msg`, before the attributes of an answer.
const BASE_LEN: usize = 72;
const ATTR_BYTECODE: u16 = 1;
const ATTR_INFO: u16 = 2;
const ATTR_SOCKOPT: u16 = 22;

const OP_JUMP: u8 = 1;
const OP_SOURCE_GE: u8 = 2;
const OP_SOURCE_LE: u8 = 3;
const OP_AUTO: u8 = 6;

/// `TCPI_OPT_TIMESTAMPS` of `linux/tcp.h`.
const OPTION_TIMESTAMPS: u8 = 1;
/// `TCPI_OPT_SYN_DATA`: data went with the SYN, RFC 7413.
const OPTION_SYN_DATA: u8 = 32;

/// Which sockets, by their local ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ports {
    /// In this range, and the kernel says that it chose the port itself.
    Chosen(RangeInclusive<u16>),
    /// In this range, and bind() named the port.
    Named(RangeInclusive<u16>),
    /// Outside of this range, however they came to them.
    Outside(RangeInclusive<u16>),
    /// All but those that the first would choose: outside of this range, or in it and named by bind().
    Rest(RangeInclusive<u16>),
}

impl Ports {
    /// Whether `port` is one of them.
    #[must_use]
    pub fn contain(&self, port: u16) -> bool {
        match self {
            Self::Chosen(range) | Self::Named(range) => range.contains(&port),
            Self::Outside(range) => !range.contains(&port),
            Self::Rest(_) => true,
        }
    }
}

/// A request for the TCP sockets of both families in `states` on `ports`. `extensions` are bits of `idiag_ext`; that of
/// `INET_DIAG_INFO` brings [`PortFacts`], and costs the kernel as much as all the rest.
#[must_use]
pub fn request(states: u32, ports: &Ports, extensions: u8, sequence: u32) -> Vec<u8> {
    let code = bytecode(ports);
    let attribute = 4 + code.len();
    let mut body = inet_diag::request_body(states, extensions);
    body.extend(u16::try_from(attribute).unwrap_or_default().to_ne_bytes());
    body.extend(ATTR_BYTECODE.to_ne_bytes());
    body.extend(code);
    nlmsg::message(TCPDIAG_GETSOCK, nlmsg::DUMP, sequence, &body)
}

/// `sport >= low and sport <= high and` either `auto` or not; or `not` of the first two, or of all three.
fn bytecode(ports: &Ports) -> Vec<u8> {
    let mut code = Vec::with_capacity(24);
    let mut op = |kind: u8, yes: u8, no: u16| {
        code.extend([kind, yes]);
        code.extend(no.to_ne_bytes());
    };
    let (Ports::Chosen(range) | Ports::Named(range) | Ports::Outside(range) | Ports::Rest(range)) =
        ports;
    let (below, above) = match ports {
        Ports::Chosen(_) => (24, 16),
        Ports::Named(_) => (28, 20),
        Ports::Outside(_) => (20, 12),
        Ports::Rest(_) => (24, 16),
    };
    op(OP_SOURCE_GE, 8, below);
    op(0, 0, *range.start());
    op(OP_SOURCE_LE, 8, above);
    op(0, 0, *range.end());
    // The kernel jumps forward only and checks the way of "yes", so "not" is: if it holds, go on to a jump that leads out.
    if !matches!(ports, Ports::Outside(_)) {
        op(OP_AUTO, 4, 8);
    }
    if !matches!(ports, Ports::Chosen(_)) {
        op(OP_JUMP, 4, 8);
    }
    code
}

/// What a connected socket's attributes tell of its port.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PortFacts {
    /// `IP_BIND_ADDRESS_NO_PORT`, from `INET_DIAG_SOCKOPT`.
    pub late_port: Option<bool>,
    /// Whether the connection uses timestamps, from `struct tcp_info`.
    pub timestamps: Option<bool>,
    /// Milliseconds since the peer's last segment, `tcpi_last_ack_recv`.
    pub quiet_ms: Option<u32>,
    /// How many sequence numbers were used beside data: 1 for the SYN of an active open, 0 for a passive one, whose counters
    /// begin after it. Only means that while no FIN was sent; `None` if data went with the SYN.
    pub beside_data: Option<i64>,
}

impl PortFacts {
    /// Reads the attributes of one answer, of which `send_queue` is `idiag_wqueue`.
    #[must_use]
    pub fn decode(payload: &[u8], send_queue: u32) -> Self {
        let mut facts = Self::default();
        for attribute in Attributes::new(payload, BASE_LEN) {
            let Ok((kind, data)) = attribute else { break };
            match kind {
                ATTR_INFO => facts.read_info(data, send_queue),
                ATTR_SOCKOPT => {
                    // The second byte of struct inet_diag_sockopt holds bit fields, the first of which is this flag.
                    let first = if cfg!(target_endian = "big") { 0x80 } else { 1 };
                    facts.late_port = u8_at(data, 1).map(|flags| flags & first != 0);
                }
                _ => {}
            }
        }
        facts
    }

    /// `struct tcp_info`: options at 5, time since the last segment at 56, bytes acknowledged at 120, not sent at 144, sent at 200, retransmitted at 208 (4.19).
    fn read_info(&mut self, info: &[u8], send_queue: u32) {
        let Some(options) = u8_at(info, 5) else {
            return;
        };
        self.quiet_ms = u32_at(info, 56);
        self.timestamps = Some(options & OPTION_TIMESTAMPS != 0);
        let counters = || {
            let acknowledged = u64_at(info, 120)?;
            let not_sent = u32_at(info, 144)?;
            let sent = u64_at(info, 200)?;
            let again = u64_at(info, 208)?;
            // acknowledged + in flight - sent once
            Some(
                acknowledged
                    .wrapping_add(u64::from(send_queue.wrapping_sub(not_sent)))
                    .wrapping_sub(sent.wrapping_sub(again))
                    .cast_signed(),
            )
        };
        if options & OPTION_SYN_DATA == 0 {
            self.beside_data = counters();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the kernel's interpreter says of a port, `inet_diag_bc_run`.
    fn accepts(code: &[u8], port: u16, is_automatic: bool) -> bool {
        let (mut at, mut left) = (0, code.len() as i64);
        while left > 0 {
            let no = |n: usize| u16::from_ne_bytes([code[n + 2], code[n + 3]]);
            let yes = match code[at] {
                OP_SOURCE_GE => port >= no(at + 4),
                OP_SOURCE_LE => port <= no(at + 4),
                OP_AUTO => is_automatic,
                OP_JUMP => false,
                other => panic!("{other}"),
            };
            let step = if yes { code[at + 1].into() } else { no(at) };
            at += usize::from(step);
            left -= i64::from(step);
        }
        left == 0
    }

    #[test]
    fn the_filter_is_of_ports_and_of_how_they_were_chosen() {
        let range = 100..=199;
        for port in [1, 99, 100, 150, 199, 200, u16::MAX] {
            let inside = range.contains(&port);
            for is_automatic in [false, true] {
                let kinds = [
                    (Ports::Chosen(range.clone()), inside && is_automatic),
                    (Ports::Named(range.clone()), inside && !is_automatic),
                    (Ports::Outside(range.clone()), !inside),
                    (Ports::Rest(range.clone()), !inside || !is_automatic),
                ];
                for (ports, wanted) in kinds {
                    let code = bytecode(&ports);
                    assert_eq!(
                        accepts(&code, port, is_automatic),
                        wanted,
                        "{port} {ports:?}"
                    );
                    assert!(is_sound(&code), "{ports:?}");
                    let may_be = match ports {
                        Ports::Rest(_) => true,
                        Ports::Outside(_) => !inside,
                        Ports::Chosen(_) | Ports::Named(_) => inside,
                    };
                    assert_eq!(ports.contain(port), may_be);
                    let request = request(u32::MAX, &ports, u8::MAX, 1);
                    assert_eq!(request[..4], (request.len() as u32).to_ne_bytes());
                }
            }
        }
    }

    /// What the kernel demands of a filter, `inet_diag_bc_audit`.
    fn is_sound(code: &[u8]) -> bool {
        let no = |at: usize| usize::from(u16::from_ne_bytes([code[at + 2], code[at + 3]]));
        let mut steps = vec![0];
        while let Some(&at) = steps.last().filter(|at| **at < code.len()) {
            steps.push(at + usize::from(code[at + 1]));
        }
        let stops = steps.iter().copied();
        stops.clone().take(steps.len() - 1).all(|at| {
            let to = at + no(at);
            to >= code.len() && to <= code.len() + 4 || steps.contains(&to)
        }) && steps.last() == Some(&code.len())
    }

    fn info(options: u8, numbers: [u64; 4]) -> Vec<u8> {
        let [acknowledged, not_sent, sent, again] = numbers;
        let mut info = vec![0; 216];
        info[5] = options;
        info[120..128].copy_from_slice(&acknowledged.to_ne_bytes());
        info[144..148].copy_from_slice(&(not_sent as u32).to_ne_bytes());
        info[200..208].copy_from_slice(&sent.to_ne_bytes());
        info[208..216].copy_from_slice(&again.to_ne_bytes());
        info
    }

    fn facts(info: &[u8], send_queue: u32) -> PortFacts {
        let mut payload = vec![0; BASE_LEN];
        payload.extend((4 + info.len() as u16).to_ne_bytes());
        payload.extend(ATTR_INFO.to_ne_bytes());
        payload.extend(info);
        payload.extend([6, 0, 22, 0, 0, 1, 0, 0]);
        PortFacts::decode(&payload, send_queue)
    }

    #[test]
    fn the_syn_counts_for_the_end_that_sent_it() {
        let active = facts(&info(1, [1001, 0, 1000, 0]), 0);
        assert_eq!(
            (active.beside_data, active.timestamps),
            (Some(1), Some(true))
        );
        let passive = facts(&info(0, [1000, 0, 1000, 0]), 0);
        assert_eq!(
            (passive.beside_data, passive.timestamps),
            (Some(0), Some(false))
        );
        // 300 of 500 queued bytes are in flight, 100 went twice.
        let busy = facts(&info(1, [1001, 200, 1400, 100]), 500);
        assert_eq!(busy.beside_data, Some(1));
        assert_eq!(facts(&info(33, [1, 0, 0, 0]), 0).beside_data, None);
        assert_eq!(facts(&info(1, [1, 0, 0, 0])[..200], 0).beside_data, None);
        if cfg!(target_endian = "little") {
            assert_eq!(active.late_port, Some(true));
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_ignored(bytes in proptest::collection::vec(any::<u8>(), 0..400), queue in any::<u32>()) {
            let _ = PortFacts::decode(&bytes, queue);
        }
    }
}
