//! What a kernel does with a program, after `inet_diag_bc_audit` and `inet_diag_bc_run` of Linux 6.18.

use ::portctl::model::{Ends, Family, Protocol, Socket, State};
use std::net::IpAddr;

/// A socket as programs see it.
pub(super) struct Entry {
    family: u8,
    addresses: [[u8; 16]; 2],
    ports: [u16; 2],
    interface: u32,
    mark: u32,
    cgroup: u64,
}

impl Entry {
    pub(super) fn of(socket: &Socket) -> Self {
        let Ends::Inet(ends) = &socket.ends else {
            panic!("the kernel runs no programs on unix sockets")
        };
        assert_ne!(socket.protocol, Protocol::Unix);
        let bytes = |address: IpAddr| match address {
            IpAddr::V4(v4) => {
                // What is behind an IPv4 address is some other memory.
                let mut bytes = [0xaa; 16];
                bytes[..4].copy_from_slice(&v4.octets());
                bytes
            }
            IpAddr::V6(v6) => v6.octets(),
        };
        let is_mini = matches!(socket.state, State::TimeWait | State::SynRecv);
        Self {
            family: if socket.family == Family::Inet6 {
                10
            } else {
                2
            },
            addresses: [bytes(ends.local), bytes(ends.peer)],
            ports: [ends.local_port.0, ends.peer_port.0],
            interface: ends.interface.map_or(0, |i| i.0.get()),
            mark: socket.mark.map_or(0, |m| m.0),
            cgroup: socket.cgroup.filter(|_| !is_mini).map_or(0, |c| c.0.get()),
        }
    }
}

struct Op<'a> {
    code: u8,
    yes: usize,
    no: usize,
    operand: &'a [u8],
}

fn op(program: &[u8], at: usize) -> Op<'_> {
    let bytes = &program[at..];
    Op {
        code: bytes[0],
        yes: bytes[1].into(),
        no: u16::from_ne_bytes([bytes[2], bytes[3]]).into(),
        operand: &bytes[4..],
    }
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes(bytes[at..at + 4].try_into().unwrap())
}

/// Fails if the kernel would refuse the program.
pub(super) fn audit(program: &[u8]) {
    let mut starts = vec![];
    let mut at = 0;
    while at < program.len() {
        starts.push(at);
        at += op(program, at).yes;
    }
    assert_eq!(at, program.len(), "it ends at its end");
    for &at in &starts {
        let op = op(program, at);
        let rest = program.len() - at;
        let least = match op.code {
            1 => 4,
            2..=5 | 9 => 8,
            7 | 8 => {
                let bytes = match op.operand[0] {
                    0 => 0,
                    2 => 4,
                    10 => 16,
                    family => panic!("family {family}"),
                };
                assert!(usize::from(op.operand[1]) <= 8 * bytes);
                12 + bytes
            }
            10 | 13 => 12,
            code => panic!("code {code}"),
        };
        assert!(op.no >= least && op.no <= rest + 4 && op.no.is_multiple_of(4));
        assert!(op.yes >= least && op.yes <= rest + 4 && op.yes.is_multiple_of(4));
        if op.no < rest {
            assert!(starts.contains(&(at + op.no)), "a jump into an op");
        }
    }
}

/// Whether the kernel accepts the socket.
pub(super) fn run(program: &[u8], entry: &Entry) -> bool {
    let mut at = 0;
    while at < program.len() {
        let op = op(program, at);
        let port = |side: usize| entry.ports[side];
        let operand_port = || u16::from_ne_bytes([op.operand[2], op.operand[3]]);
        let holds = match op.code {
            1 => false,
            2 => port(0) >= operand_port(),
            3 => port(0) <= operand_port(),
            4 => port(1) >= operand_port(),
            5 => port(1) <= operand_port(),
            7 | 8 => host(op.operand, entry, usize::from(op.code == 8)),
            9 => word(op.operand, 0) == entry.interface,
            10 => entry.mark & word(op.operand, 4) == word(op.operand, 0),
            13 => entry.cgroup == u64::from_ne_bytes(op.operand[..8].try_into().unwrap()),
            code => panic!("code {code}"),
        };
        at += if holds { op.yes } else { op.no };
    }
    at == program.len()
}

fn host(condition: &[u8], entry: &Entry, side: usize) -> bool {
    let (family, length) = (condition[0], condition[1].into());
    let port = word(condition, 4).cast_signed();
    if port != -1 && port != i32::from(entry.ports[side]) {
        return false;
    }
    let wanted = &condition[8..];
    let address = &entry.addresses[side];
    if family != 0 && family != entry.family {
        let mapped = address[..12] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
        return family == 2
            && entry.family == 10
            && mapped
            && begins(&address[12..], wanted, length);
    }
    begins(address, wanted, length)
}

fn begins(address: &[u8], wanted: &[u8], bits: usize) -> bool {
    (0..bits).all(|n| (address[n / 8] ^ wanted[n / 8]) & (0x80 >> (n % 8)) == 0)
}
