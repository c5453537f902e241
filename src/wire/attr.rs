//! Netlink attributes: `struct nlattr` of `linux/netlink.h`.
//!
//! ```text
//!  0       2       4            4+n       aligned to 4
//!  | len   | type  | n bytes    | padding |
//! ```

use super::DecodeError;
use super::bytes::{padded, u16_at};

/// Flags in the two high bits of an attribute's type.
pub(super) const TYPE_MASK: u16 = 0x3fff;

/// The attributes in a run of bytes. Ends after the first one that does not fit.
pub(super) struct Attributes<'a> {
    bytes: &'a [u8],
    offset: usize,
}

impl<'a> Attributes<'a> {
    /// The attributes that follow the first `offset` bytes of a message.
    pub(super) const fn new(bytes: &'a [u8], offset: usize) -> Self {
        Self { bytes, offset }
    }
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Result<(u16, &'a [u8]), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let rest = self.bytes.get(self.offset..)?;
        // Up to three bytes of padding may follow the last one.
        if rest.len() < 4 {
            return None;
        }
        let length = usize::from(u16_at(rest, 0)?);
        let kind = u16_at(rest, 2)? & TYPE_MASK;
        let Some(data) = rest.get(4..length) else {
            let error = DecodeError {
                what: "netlink attribute",
                offset: self.offset,
                need: length.max(4),
                have: rest.len(),
            };
            self.offset = self.bytes.len();
            return Some(Err(error));
        };
        self.offset += padded(length);
        Some(Ok((kind, data)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_is_skipped_and_damage_ends_the_walk() {
        let bytes = [5u8, 0, 8, 0, 3, 0, 0, 0, 9, 0, 1, 0, 1];
        let mut walk = Attributes::new(&bytes, 0);
        assert_eq!(walk.next(), Some(Ok((8, &[3u8][..]))));
        assert!(matches!(walk.next(), Some(Err(_))));
        assert_eq!(walk.next(), None);
    }

    #[test]
    fn a_length_of_zero_does_not_loop() {
        let bytes = [0u8; 64];
        assert!(Attributes::new(&bytes, 0).count() < 2);
    }
}
