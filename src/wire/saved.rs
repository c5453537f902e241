//! Saved dumps: netlink messages one after the other, in host byte order, as `ss -D` writes and `TCPDIAG_FILE` reads them.
//!
//! ```text
//!  [TCP row]...  DONE                          all that ss reads, both families
//!  [mark: TCP over IPv4 is held]  [mark: over IPv6]
//!  [mark: another table begins]  [row]...  DONE
//!  ...
//! ```
//!
//! Rows do not say of which protocol they are, and `ss` takes every row for TCP's up to the first DONE, where it stops. So TCP comes
//! first, in one dump, and the other tables behind it, each after a mark: a NOOP message (type 1) with
//!
//! ```text
//!   0 "portctl" and NUL   8 version (2)  10 protocol (2)  12 address family  13 what it says  14 padding (2)
//! ```
//!
//! The protocol is that of `linux/in.h`, 0 outside of IP. In a file of `ss` there are no marks, and every dump is TCP's.

use super::SOCK_DIAG_BY_FAMILY;
use super::bytes::{u8_at, u16_at};
use super::nlmsg::{DONE, HEADER_LEN, NOOP};

const MAGIC: [u8; 8] = *b"portctl\0";
const VERSION: u16 = 1;
const MARK_LEN: u32 = 16;
const SAYS_HELD: u8 = 0;
const SAYS_BEGINS: u8 = 1;
/// `NLM_F_MULTI`.
const FLAG_MULTI: u16 = 2;

/// A mark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// Protocol number of `linux/in.h`; 0 outside of IP.
    pub protocol: u16,
    /// Address family number.
    pub family: u8,
    /// Whether the rows of this table follow; otherwise they came before, or there are none.
    pub begins: bool,
}

impl Mark {
    /// Reads the payload of a NOOP message; `None` if it is no mark, or one of a later version.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let payload = payload.strip_prefix(&MAGIC)?;
        let says = u8_at(payload, 5)?;
        (u16_at(payload, 0)? == VERSION && says <= SAYS_BEGINS).then_some(Self {
            protocol: u16_at(payload, 2)?,
            family: u8_at(payload, 4)?,
            begins: says == SAYS_BEGINS,
        })
    }

    /// Appends it as a message.
    pub fn write(self, out: &mut Vec<u8>) {
        header(out, MARK_LEN, NOOP);
        out.extend(MAGIC);
        out.extend(VERSION.to_ne_bytes());
        out.extend(self.protocol.to_ne_bytes());
        out.push(self.family);
        out.push(if self.begins { SAYS_BEGINS } else { SAYS_HELD });
        out.extend([0; 2]);
    }
}

/// Appends one row, as it came from the kernel.
pub fn write_row(out: &mut Vec<u8>, payload: &[u8]) {
    // What came in a message fits into one.
    header(out, payload.len() as u32, SOCK_DIAG_BY_FAMILY);
    out.extend_from_slice(payload);
    out.resize(out.len().next_multiple_of(4), 0);
}

/// Appends the end of a dump.
pub fn write_end(out: &mut Vec<u8>) {
    header(out, 4, DONE);
    out.extend(0i32.to_ne_bytes());
}

fn header(out: &mut Vec<u8>, payload: u32, kind: u16) {
    out.extend((HEADER_LEN as u32 + payload).to_ne_bytes());
    out.extend(kind.to_ne_bytes());
    out.extend(FLAG_MULTI.to_ne_bytes());
    // No request is answered, and nobody is addressed.
    out.extend([0; 8]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::nlmsg::Messages;

    const MARK: Mark = Mark {
        protocol: 262,
        family: 10,
        begins: true,
    };

    #[test]
    fn what_is_written_is_read() {
        let mut file = Vec::new();
        write_row(&mut file, &[1, 2, 3, 4, 5]);
        write_end(&mut file);
        MARK.write(&mut file);
        let all: Vec<_> = Messages::new(&file).map(Result::unwrap).collect();
        let kinds: Vec<_> = all.iter().map(|(header, _)| header.kind).collect();
        assert_eq!(kinds, [SOCK_DIAG_BY_FAMILY, DONE, NOOP]);
        assert_eq!(all[0].1, [1, 2, 3, 4, 5]);
        assert_eq!(Mark::decode(all[2].1), Some(MARK));
        assert_eq!(file.len() % 4, 0);
    }

    #[test]
    fn what_is_no_mark_is_none() {
        let mut file = Vec::new();
        MARK.write(&mut file);
        let mark = &file[HEADER_LEN..];
        for length in 0..mark.len() - 2 {
            assert_eq!(Mark::decode(&mark[..length]), None);
        }
        for position in 0..10 {
            let mut other = mark.to_vec();
            other[position] ^= 0x40;
            assert_eq!(Mark::decode(&other), None, "{position}");
        }
    }
}
