//! Programs that choose sockets inside the kernel: `INET_DIAG_REQ_BYTECODE` of `linux/inet_diag.h`, checked by
//! `inet_diag_bc_audit` and run by `inet_diag_bc_run` of `net/ipv4/inet_diag.c`.
//!
//! ```text
//!  struct inet_diag_bc_op, 4 bytes        what may follow it
//!   0 code                                 ports: another op, whose `no` is the port
//!   1 yes: bytes to go on if it holds      hosts: family, prefix length, 2 bytes of padding, port (-1: any), address
//!   2 no:  bytes to go on if not           interface: 4 bytes; mark: mark and mask; control group: 8 bytes
//! ```
//!
//! A program that ends exactly at its end accepts the socket; one that jumps four bytes beyond it does not. All jumps go
//! forward. Everything is in the host's byte order but addresses.

/// The attribute of a request that holds a program.
const INET_DIAG_REQ_BYTECODE: u16 = 1;

const JMP: u8 = 1;
const S_GE: u8 = 2;
const S_LE: u8 = 3;
const D_GE: u8 = 4;
const D_LE: u8 = 5;
const S_COND: u8 = 7;
const D_COND: u8 = 8;
const DEV_COND: u8 = 9;
const MARK_COND: u8 = 10;
const CGROUP_COND: u8 = 13;

/// Bytes of an op without what follows it.
const OP: usize = 4;

/// Longer programs are not sent: the kernel's check takes time that grows with the square of the length, and every socket is run
/// through it. Below this, no jump is too far.
const LONGEST: usize = 4096;

/// Which end of a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The local one.
    Source,
    /// The other one.
    Destination,
}

/// A program, or a part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    shape: Shape,
    /// Bytes of it.
    length: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Shape {
    /// A code and what follows its op.
    Single(u8, Vec<u8>),
    And(Vec<Code>),
    Or(Vec<Code>),
    Not(Box<Code>),
}

impl Code {
    fn single(code: u8, operand: Vec<u8>) -> Self {
        Self {
            length: OP + operand.len(),
            shape: Shape::Single(code, operand),
        }
    }

    fn end(end: End, source: u8, destination: u8) -> u8 {
        match end {
            End::Source => source,
            End::Destination => destination,
        }
    }

    /// The port is this one or a higher one.
    #[must_use]
    pub fn port_from(end: End, port: u16) -> Self {
        Self::single(Self::end(end, S_GE, D_GE), port_operand(port))
    }

    /// The port is this one or a lower one.
    #[must_use]
    pub fn port_to(end: End, port: u16) -> Self {
        Self::single(Self::end(end, S_LE, D_LE), port_operand(port))
    }

    /// The port is this one.
    #[must_use]
    pub fn port(end: End, port: u16) -> Self {
        // Four bytes of address that nobody reads, as `ss` sends it.
        Self::host(end, 0, 0, port.into(), &[0; 4])
    }

    /// The address of `family` (`AF_INET` also means v4-mapped ones) begins with the first `length` bits of these bytes.
    #[must_use]
    pub fn address(end: End, family: u8, address: &[u8], length: u8) -> Self {
        Self::host(end, family, length, -1, address)
    }

    fn host(end: End, family: u8, length: u8, port: i32, address: &[u8]) -> Self {
        let mut operand = vec![family, length, 0, 0];
        operand.extend(port.to_ne_bytes());
        operand.extend(address);
        Self::single(Self::end(end, S_COND, D_COND), operand)
    }

    /// The socket is bound to the interface; 0 is none. Older kernels refuse it.
    #[must_use]
    pub fn interface(index: u32) -> Self {
        Self::single(DEV_COND, index.to_ne_bytes().to_vec())
    }

    /// The mark is this one under the mask. Needs `CAP_NET_ADMIN`.
    #[must_use]
    pub fn mark(mark: u32, mask: u32) -> Self {
        let words = [mark.to_ne_bytes(), mask.to_ne_bytes()];
        Self::single(MARK_COND, words.concat())
    }

    /// The control group has this number; mini-sockets have 0. Older kernels refuse it.
    #[must_use]
    pub fn cgroup(id: u64) -> Self {
        Self::single(CGROUP_COND, id.to_ne_bytes().to_vec())
    }

    /// Every one of `parts`, of which there is at least one.
    #[must_use]
    pub fn and(parts: Vec<Self>) -> Self {
        Self {
            length: parts.iter().map(|p| p.length).sum(),
            shape: Shape::And(parts),
        }
    }

    /// Any of `parts`, of which there is at least one.
    #[must_use]
    pub fn or(parts: Vec<Self>) -> Self {
        let jumps = parts.len().saturating_sub(1) * OP;
        Self {
            length: parts.iter().map(|p| p.length).sum::<usize>() + jumps,
            shape: Shape::Or(parts),
        }
    }

    /// The opposite.
    #[must_use]
    pub fn negated(part: Self) -> Self {
        Self {
            length: part.length + OP,
            shape: Shape::Not(Box::new(part)),
        }
    }

    /// The bytes of the program; `None` if it is longer than is good.
    #[must_use]
    pub fn program(&self) -> Option<Vec<u8>> {
        if self.length > LONGEST {
            return None;
        }
        let mut out = Vec::with_capacity(self.length);
        self.write(&mut out, OP)?;
        Some(out)
    }

    /// Appends it. If it holds it goes on at its end, else `otherwise` bytes behind that.
    fn write(&self, out: &mut Vec<u8>, otherwise: usize) -> Option<()> {
        match &self.shape {
            Shape::Single(code, operand) => {
                op(out, *code, self.length, self.length + otherwise)?;
                out.extend(operand);
            }
            Shape::And(parts) => {
                let mut rest = self.length;
                for part in parts {
                    rest -= part.length;
                    part.write(out, rest + otherwise)?;
                }
            }
            Shape::Or(parts) => {
                let mut rest = self.length;
                for (n, part) in parts.iter().enumerate() {
                    rest -= part.length;
                    if n + 1 == parts.len() {
                        part.write(out, otherwise)?;
                    } else {
                        // Over the jump to the next part.
                        part.write(out, OP)?;
                        op(out, JMP, OP, rest)?;
                        rest -= OP;
                    }
                }
            }
            Shape::Not(part) => {
                part.write(out, OP)?;
                op(out, JMP, OP, OP + otherwise)?;
            }
        }
        Some(())
    }
}

fn op(out: &mut Vec<u8>, code: u8, yes: usize, no: usize) -> Option<()> {
    out.extend([code, u8::try_from(yes).ok()?]);
    out.extend(u16::try_from(no).ok()?.to_ne_bytes());
    Some(())
}

fn port_operand(port: u16) -> Vec<u8> {
    let [low, high] = port.to_ne_bytes();
    vec![0, 0, low, high]
}

/// Appends a program to a request, whose length grows by it.
pub(super) fn append(request: &mut Vec<u8>, program: &[u8]) {
    // Programs are at most `LONGEST` long.
    let length = u16::try_from(OP + program.len()).unwrap_or_default();
    request.extend(length.to_ne_bytes());
    request.extend(INET_DIAG_REQ_BYTECODE.to_ne_bytes());
    request.extend(program);
    let total = u32::try_from(request.len()).unwrap_or_default();
    if let Some(place) = request.first_chunk_mut() {
        *place = total.to_ne_bytes();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Groups of four bytes in hexadecimal.
    fn shown(code: &Code) -> String {
        let bytes = code.program().unwrap();
        let group = |g: &[u8]| g.iter().map(|b| format!("{b:02x}")).collect::<String>();
        bytes.chunks(4).map(group).collect::<Vec<_>>().join(" ")
    }

    /// What `ss` 6.15 sends for the same expressions.
    #[test]
    #[cfg(target_endian = "little")]
    fn as_ss_writes_it() {
        use End::{Destination, Source};
        let dport = || Code::port(Destination, 22);
        assert_eq!(shown(&dport()), "08101400 00000000 16000000 00000000");
        assert_eq!(
            shown(&Code::address(Destination, 2, &[10, 0, 0, 0], 8)),
            "08101400 02080000 ffffffff 0a000000"
        );
        assert_eq!(shown(&Code::port_from(Source, 1024)), "02080c00 00000004");
        assert_eq!(
            shown(&Code::negated(Code::port_to(Source, 1024))),
            "03080c00 00000004 01040800"
        );
        assert_eq!(
            shown(&Code::or(vec![dport(), Code::port(Source, 22)])),
            "08101400 00000000 16000000 00000000 01041400 07101400 00000000 16000000 00000000"
        );
        let host = Code::address(Destination, 2, &[10, 0, 0, 1], 32);
        assert_eq!(
            shown(&Code::and(vec![dport(), Code::negated(host)])),
            "08102800 00000000 16000000 00000000 08101400 02200000 ffffffff 0a000001 01040800"
        );
        assert_eq!(shown(&Code::mark(1, 3)), "0a0c1000 01000000 03000000");
        assert_eq!(shown(&Code::cgroup(0x0102)), "0d0c1000 02010000 00000000");
        assert_eq!(shown(&Code::interface(7)), "09080c00 07000000");
    }

    #[test]
    fn a_long_program_is_not_written() {
        let many = |n| Code::or((0..n).map(|p| Code::port(End::Source, p)).collect());
        assert!(many(200).program().is_some());
        assert!(many(300).program().is_none());
        let mut deep = many(3);
        for _ in 0..400 {
            deep = Code::negated(deep);
        }
        assert!(deep.program().is_some());
    }

    #[test]
    fn a_request_with_a_program_says_how_long_it_is() {
        let mut request = crate::wire::inet_diag::tcp_dump_request(1, 0, 1);
        append(&mut request, &[1, 2, 3, 4]);
        assert_eq!(request.len(), 84);
        assert_eq!(request[..4], 84u32.to_ne_bytes());
        assert_eq!(request[76..80], [8, 0, 1, 0]);
    }
}
