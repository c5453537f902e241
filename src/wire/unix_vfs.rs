//! Which file each unix socket is bound to: `UNIX_DIAG_VFS` of `linux/unix_diag.h`, sock_diag(7).
//!
//! A path says little: a socket's file can be moved, removed and replaced while the socket keeps the path that it was bound to.

use super::attr::Attributes;
use super::bytes::u32_at;
use netlink_packet_sock_diag::SockDiagMessage;
use netlink_packet_sock_diag::unix::{ShowFlags, StateFlags, UnixRequest};

const BASE_LEN: usize = 16;
const ATTR_VFS: u16 = 1;
/// `UDIAG_SHOW_VFS`.
const SHOW: u32 = 0x02;

/// A request for every unix socket with its file.
#[must_use]
pub fn dump_request(sequence: u32) -> Vec<u8> {
    let request = UnixRequest {
        state_flags: StateFlags::from_bits_retain(u32::MAX),
        inode: 0,
        show_flags: ShowFlags::from_bits_retain(SHOW),
        cookie: [0; 8],
    };
    super::dump_message(SockDiagMessage::UnixRequest(request), sequence)
}

/// A socket that is bound to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoundFile {
    /// The inode of the socket itself.
    pub socket: u32,
    /// The inode of the file, of which the kernel tells 32 bits.
    pub file: u32,
    /// The device of the file, major and minor: `struct unix_diag_vfs` has `major << 20 | minor`.
    pub device: (u32, u32),
}

impl BoundFile {
    /// Reads the payload of one answer; `None` for a socket without a file, or if it makes no sense.
    #[must_use]
    pub fn decode(payload: &[u8]) -> Option<Self> {
        let socket = u32_at(payload, 4)?;
        let (_, data) = Attributes::new(payload, BASE_LEN)
            .map_while(Result::ok)
            .find(|(kind, _)| *kind == ATTR_VFS)?;
        let device = u32_at(data, 4)?;
        Some(Self {
            socket,
            file: u32_at(data, 0)?,
            device: (device >> 20, device & 0xf_ffff),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read() {
        let mut bytes = vec![1, 1, 10, 0];
        bytes.extend(900u32.to_ne_bytes());
        bytes.extend([0; 8]);
        assert_eq!(BoundFile::decode(&bytes), None);
        bytes.extend([12, 0, 1, 0]);
        bytes.extend(77u32.to_ne_bytes());
        bytes.extend((8u32 << 20 | 17).to_ne_bytes());
        let file = BoundFile::decode(&bytes).unwrap();
        assert_eq!((file.socket, file.file, file.device), (900, 77, (8, 17)));
        for length in 0..bytes.len() {
            assert_eq!(BoundFile::decode(&bytes[..length]), None);
        }
    }
}
