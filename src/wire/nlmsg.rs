//! Netlink framing: messages in a datagram, `struct nlmsghdr` of `linux/netlink.h`, RFC 3549 §2.
//!
//! ```text
//!  0       4       6       8       12      16          len  aligned to 4
//!  | len   | type  | flags | seq   | port  | payload   | padding |
//! ```

use super::DecodeError;
use super::attr::Attributes;
use super::bytes::{i32_at, padded, u16_at, u32_at};
use netlink_packet_core::{NLM_F_DUMP, NLM_F_REQUEST};

/// Bytes of a header.
pub const HEADER_LEN: usize = 16;
/// A message that says nothing.
pub const NOOP: u16 = 1;
/// An error, or an acknowledgement.
pub const ERROR: u16 = 2;
/// The end of a dump.
pub const DONE: u16 = 3;
/// Messages were lost.
pub const OVERRUN: u16 = 4;

const FLAG_DUMP_INTERRUPTED: u16 = 0x10;
const FLAG_CAPPED: u16 = 0x100;
const FLAG_ACK_TLVS: u16 = 0x200;
const ACK_ATTRIBUTE_MESSAGE: u16 = 1;

/// `NLM_F_REQUEST | NLM_F_DUMP`: a request for everything of a kind.
pub const DUMP: u16 = NLM_F_REQUEST | NLM_F_DUMP;

/// A message to the kernel. `flags` are `NLM_F_*`; the kernel knows the port that it comes from.
#[must_use]
pub fn message(kind: u16, flags: u16, sequence: u32, payload: &[u8]) -> Vec<u8> {
    let length = HEADER_LEN + payload.len();
    let mut bytes = Vec::with_capacity(length);
    // No request is longer than a few hundred bytes.
    bytes.extend((length as u32).to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend(flags.to_ne_bytes());
    bytes.extend(sequence.to_ne_bytes());
    bytes.extend([0; 4]);
    bytes.extend(payload);
    bytes
}

/// A message's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Length of header and payload.
    pub length: usize,
    /// What the payload is.
    pub kind: u16,
    /// Flags.
    pub flags: u16,
    /// The number of the request it answers.
    pub sequence: u32,
    /// The netlink port it was sent to.
    pub port: u32,
}

impl Header {
    /// Reads a header.
    ///
    /// # Errors
    /// If it is cut short, or gives a length shorter than itself.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let short = DecodeError {
            what: "netlink header",
            offset: 0,
            need: HEADER_LEN,
            have: bytes.len(),
        };
        let read = || {
            Some(Self {
                length: u32_at(bytes, 0)?.try_into().ok()?,
                kind: u16_at(bytes, 4)?,
                flags: u16_at(bytes, 6)?,
                sequence: u32_at(bytes, 8)?,
                port: u32_at(bytes, 12)?,
            })
        };
        let header = read().ok_or(short)?;
        if header.length < HEADER_LEN {
            return Err(DecodeError {
                what: "netlink message",
                have: header.length,
                ..short
            });
        }
        Ok(header)
    }

    /// Whether the kernel says that the table changed while it was dumped.
    #[must_use]
    pub const fn is_interrupted(&self) -> bool {
        self.flags & FLAG_DUMP_INTERRUPTED != 0
    }
}

/// The messages of one datagram. Broken framing ends it with an error.
#[derive(Clone, Debug)]
pub struct Messages<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Messages<'a> {
    /// The messages of `datagram`.
    #[must_use]
    pub const fn new(datagram: &'a [u8]) -> Self {
        Self {
            bytes: datagram,
            offset: 0,
        }
    }
}

impl<'a> Iterator for Messages<'a> {
    type Item = Result<(Header, &'a [u8]), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.offset..).filter(|r| !r.is_empty())?;
        let at = self.offset;
        let result = Header::decode(rest).and_then(|header| {
            rest.get(HEADER_LEN..header.length)
                .map(|payload| (header, payload))
                .ok_or(DecodeError {
                    what: "netlink message",
                    offset: 0,
                    need: header.length,
                    have: rest.len(),
                })
        });
        match &result {
            Ok((header, _)) => self.offset = at + padded(header.length),
            Err(_) => self.offset = self.bytes.len(),
        }
        Some(result.map_err(|e| DecodeError { offset: at, ..e }))
    }
}

/// The status in a [`DONE`] payload: 0, or a negative error number when the dump failed.
///
/// A dump for which the kernel has no handler ends this way, not with an [`ERROR`] message.
#[must_use]
pub fn done_status(payload: &[u8]) -> i32 {
    i32_at(payload, 0).unwrap_or(0)
}

/// The error number (negative; 0 is an acknowledgement) and the kernel's own words in an [`ERROR`] payload.
#[must_use]
pub fn error_status<'a>(header: &Header, payload: &'a [u8]) -> (i32, Option<&'a [u8]>) {
    let status = i32_at(payload, 0).unwrap_or(0);
    if header.flags & FLAG_ACK_TLVS == 0 {
        return (status, None);
    }
    // The request is echoed, whole unless capped, then come attributes.
    let echoed = if header.flags & FLAG_CAPPED != 0 {
        HEADER_LEN
    } else {
        u32_at(payload, 4).map_or(HEADER_LEN, |n| n as usize)
    };
    let text = Attributes::new(payload, 4 + echoed.next_multiple_of(4))
        .map_while(Result::ok)
        .find(|(kind, _)| *kind == ACK_ATTRIBUTE_MESSAGE)
        .map(|(_, text)| text.strip_suffix(&[0]).unwrap_or(text));
    (status, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u16, flags: u16, payload: &[u8]) -> Vec<u8> {
        let length = HEADER_LEN + payload.len();
        let mut bytes = Vec::new();
        bytes.extend((length as u32).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend(9u32.to_ne_bytes());
        bytes.extend(payload);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        bytes
    }

    #[test]
    fn messages_come_out_in_order() {
        let mut bytes = message(20, 2, &[1, 2, 3]);
        bytes.extend(message(
            DONE,
            2 | FLAG_DUMP_INTERRUPTED,
            &(-2i32).to_ne_bytes(),
        ));
        let all: Vec<_> = Messages::new(&bytes).collect::<Result<_, _>>().unwrap();
        assert_eq!(all[0].1, [1, 2, 3]);
        assert_eq!(
            (all[0].0.kind, all[0].0.sequence, all[0].0.port),
            (20, 7, 9)
        );
        assert!(all[1].0.is_interrupted());
        assert_eq!(done_status(all[1].1), -2);
    }

    #[test]
    fn broken_framing_is_an_error_and_the_end() {
        for length in [0u32, 15, 17, u32::MAX] {
            let mut bytes = message(20, 0, &[]);
            bytes[..4].copy_from_slice(&length.to_ne_bytes());
            let all: Vec<_> = Messages::new(&bytes).collect();
            assert_eq!(all.len(), 1);
            assert!(all[0].is_err(), "{length}");
        }
    }

    #[test]
    fn the_kernels_words_are_found() {
        let mut payload = (-22i32).to_ne_bytes().to_vec();
        payload.extend(message(20, 0, &[0; 8]));
        payload.extend([9, 0, 1, 0, b'n', b'o', b'p', b'e', 0, 0, 0, 0]);
        let bytes = message(ERROR, FLAG_ACK_TLVS, &payload);
        let (header, payload) = Messages::new(&bytes).next().unwrap().unwrap();
        assert_eq!(error_status(&header, payload), (-22, Some(&b"nope"[..])));
    }
}
