//! Checked reads from a byte slice in host byte order, as netlink uses it.

use std::fmt;

/// Bytes that do not make sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// What was being read.
    pub what: &'static str,
    /// Where it should have been.
    pub offset: usize,
    /// How many bytes it needs.
    pub need: usize,
    /// How many there were.
    pub have: usize,
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} at byte {} needs {} bytes, there are {}",
            self.what, self.offset, self.need, self.have
        )
    }
}

impl std::error::Error for DecodeError {}

/// The length of a message or attribute with its padding: netlink aligns both to four bytes. It must be one that fits a slice.
#[inline]
pub(super) const fn padded(length: usize) -> usize {
    (length + 3) & !3
}

/// The `N` bytes at `offset`, if they are there.
pub(super) fn array<const N: usize>(bytes: &[u8], offset: usize) -> Option<[u8; N]> {
    bytes.get(offset..)?.first_chunk().copied()
}

/// One byte.
pub(super) fn u8_at(bytes: &[u8], offset: usize) -> Option<u8> {
    bytes.get(offset).copied()
}

/// Two bytes in host order.
pub(super) fn u16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_ne_bytes)
}

/// Two bytes in network order.
pub(super) fn be16_at(bytes: &[u8], offset: usize) -> Option<u16> {
    array(bytes, offset).map(u16::from_be_bytes)
}

/// Four bytes in host order.
pub(super) fn u32_at(bytes: &[u8], offset: usize) -> Option<u32> {
    array(bytes, offset).map(u32::from_ne_bytes)
}

/// Four bytes in host order, signed.
pub(super) fn i32_at(bytes: &[u8], offset: usize) -> Option<i32> {
    array(bytes, offset).map(i32::from_ne_bytes)
}

/// Eight bytes in host order.
pub(super) fn u64_at(bytes: &[u8], offset: usize) -> Option<u64> {
    array(bytes, offset).map(u64::from_ne_bytes)
}
