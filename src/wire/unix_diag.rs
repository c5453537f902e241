//! Dumps of unix sockets: `linux/unix_diag.h`, answered by `net/unix/diag.c`, sock_diag(7).
//!
//! ```text
//!  struct unix_diag_msg, 16 bytes, then attributes
//!   0 family  1 type  2 state  3 padding   4 inode   8 cookie, two words, low first
//! ```

use super::DecodeError;
use super::attr::Attributes;
use super::bytes::{u8_at, u32_at};
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest};

/// `AF_UNIX`.
pub const FAMILY_UNIX: u8 = 1;

const BASE_LEN: usize = 16;
const ATTR_NAME: u16 = 0;
const ATTR_PEER: u16 = 2;
const ATTR_ICONS: u16 = 3;
const ATTR_RQLEN: u16 = 4;
const ATTR_MEMINFO: u16 = 5;
const ATTR_SHUTDOWN: u16 = 6;
const ATTR_UID: u16 = 7;

/// `UDIAG_SHOW_NAME | _PEER | _ICONS | _RQLEN | _UID`; kernels before 4.20 ignore the last.
const SHOW: u32 = 0x01 | 0x04 | 0x08 | 0x10 | 0x40;

/// `UDIAG_SHOW_MEMINFO`.
const SHOW_MEMINFO: u32 = 0x20;

/// `UDIAG_SHOW_VFS`.
const SHOW_VFS: u32 = 0x02;

/// A request for every unix socket whose state is in `states`, with its memory and with its file if those are wanted.
#[must_use]
pub fn dump_request(states: u32, memory: bool, file: bool, sequence: u32) -> Vec<u8> {
    let memory = if memory { SHOW_MEMINFO } else { 0 };
    let file = if file { SHOW_VFS } else { 0 };
    let request = UnixRequest {
        state_flags: StateFlags::from_bits_retain(states),
        inode: 0,
        show_flags: ShowFlags::from_bits_retain(SHOW | memory | file),
        cookie: [0; 8],
    };
    super::dump_message(SockDiagMessage::UnixRequest(request), sequence)
}

/// One unix socket as the kernel reports it. Attributes that were not sent are `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixRecord<'a> {
    /// Socket type, socket(2).
    pub kind: u8,
    /// Kernel state number.
    pub state: u8,
    /// Inode. The kernel leaves sockets without one out.
    pub inode: u32,
    /// Identity.
    pub cookie: Option<u64>,
    /// Its name as bound: a path with or without its NUL, or a NUL and an abstract name.
    pub name: Option<&'a [u8]>,
    /// Inode of the peer, 0 if that has none.
    pub peer: Option<u32>,
    /// Of a listener: the inodes of the clients that wait to be accepted, four bytes each in host order.
    pub waiting: &'a [u8],
    /// Receive and send queue, or accept queue length and limit.
    pub queues: Option<(u32, u32)>,
    /// Closed directions.
    pub shutdown: Option<u8>,
    /// Owner.
    pub uid: Option<u32>,
    /// The words of `SK_MEMINFO_*`, `linux/sock_diag.h`.
    pub memory: Option<&'a [u8]>,
}

impl<'a> UnixRecord<'a> {
    /// Reads the payload of one answer.
    ///
    /// # Errors
    /// If it is shorter than the fixed part, or an attribute's length is impossible.
    pub fn decode(payload: &'a [u8]) -> Result<Self, DecodeError> {
        let base: &[u8; BASE_LEN] = payload.first_chunk().ok_or(DecodeError {
            what: "unix_diag_msg",
            offset: 0,
            need: BASE_LEN,
            have: payload.len(),
        })?;
        let word = |offset| u32_at(base, offset).unwrap_or_default();
        let cookie = u64::from(word(8)) | u64::from(word(12)) << 32;
        let mut record = Self {
            kind: u8_at(base, 1).unwrap_or_default(),
            state: u8_at(base, 2).unwrap_or_default(),
            inode: word(4),
            cookie: (cookie != u64::MAX && cookie != 0).then_some(cookie),
            name: None,
            peer: None,
            waiting: &[],
            queues: None,
            shutdown: None,
            uid: None,
            memory: None,
        };
        for attribute in Attributes::new(payload, BASE_LEN) {
            let (kind, data) = attribute?;
            match kind {
                ATTR_NAME => record.name = Some(data),
                ATTR_PEER => record.peer = u32_at(data, 0),
                ATTR_ICONS => record.waiting = data,
                ATTR_RQLEN => record.queues = u32_at(data, 0).zip(u32_at(data, 4)),
                ATTR_MEMINFO => record.memory = Some(data),
                ATTR_SHUTDOWN => record.shutdown = u8_at(data, 0),
                ATTR_UID => record.uid = u32_at(data, 0),
                _ => {}
            }
        }
        Ok(record)
    }

    /// The inodes of the clients that wait to be accepted, without those that closed meanwhile.
    pub fn waiting_clients(&self) -> impl Iterator<Item = u32> {
        let words = self.waiting.chunks_exact(4);
        words.filter_map(|word| u32_at(word, 0).filter(|&inode| inode != 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn connected() -> Vec<u8> {
        let mut bytes = vec![FAMILY_UNIX, 1, 1, 0];
        bytes.extend(900u32.to_ne_bytes());
        bytes.extend(5u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend([9, 0, 0, 0, 0, b'a', 0, b'b', b'c', 0, 0, 0]);
        bytes.extend([8, 0, 2, 0]);
        bytes.extend(901u32.to_ne_bytes());
        bytes.extend([12, 0, 4, 0]);
        bytes.extend(6u32.to_ne_bytes());
        bytes.extend(7u32.to_ne_bytes());
        bytes.extend([8, 0, 7, 0]);
        bytes.extend(1000u32.to_ne_bytes());
        bytes.extend([5, 0, 6, 0, 2, 0, 0, 0]);
        bytes.extend([12, 0, 3, 0]);
        bytes.extend(902u32.to_ne_bytes());
        bytes.extend(0u32.to_ne_bytes());
        bytes
    }

    #[test]
    fn every_field_is_read() {
        let bytes = connected();
        let record = UnixRecord::decode(&bytes).unwrap();
        assert_eq!(record.name, Some(&b"\0a\0bc"[..]));
        assert_eq!((record.kind, record.state, record.inode), (1, 1, 900));
        assert_eq!((record.peer, record.queues), (Some(901), Some((6, 7))));
        assert_eq!((record.uid, record.shutdown), (Some(1000), Some(2)));
        assert_eq!(record.cookie, Some(5));
        assert_eq!(record.waiting_clients().collect::<Vec<_>>(), [902]);
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        let bytes = connected();
        for length in 0..bytes.len() {
            let _ = UnixRecord::decode(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                let _ = UnixRecord::decode(&flipped);
            }
        }
    }

    #[test]
    fn the_request_asks_for_every_state_bit() {
        let bytes = dump_request(0x3fff, false, false, 1);
        assert_eq!(bytes.len(), 16 + 24);
        assert_eq!(bytes[20..24], 0x3fffu32.to_ne_bytes());
        assert_eq!(bytes[28..32], SHOW.to_ne_bytes());
        let with_memory = dump_request(0x3fff, true, false, 1);
        assert_eq!(with_memory[28..32], (SHOW | 0x20).to_ne_bytes());
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..120)) {
            let _ = UnixRecord::decode(&bytes);
        }
    }
}
