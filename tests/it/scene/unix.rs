//! Unix sockets with names of every kind.

use super::Expected;
use crate::portctl::{End, Owners, UnixEnd};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, SocketAddrUnix, SocketFlags, SocketType,
};
use std::ffi::OsStr;
use std::fmt::Write;
use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;

/// The word of the JSON contract.
pub(crate) fn kind_word(kind: SocketType) -> &'static str {
    match kind {
        SocketType::STREAM => "stream",
        SocketType::DGRAM => "dgram",
        SocketType::SEQPACKET => "seqpacket",
        _ => panic!("{kind:?}"),
    }
}

/// An unbound socket.
pub(crate) fn socket(kind: SocketType) -> OwnedFd {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socket_with(AddressFamily::UNIX, kind, flags, None).unwrap()
}

/// A path as an address: up to all 108 bytes, whatever they are.
pub(crate) fn path(bytes: &[u8]) -> SocketAddrUnix {
    SocketAddrUnix::new(OsStr::from_bytes(bytes)).unwrap()
}

/// An abstract name as an address.
pub(crate) fn abstract_name(bytes: &[u8]) -> SocketAddrUnix {
    SocketAddrUnix::new_abstract_name(bytes).unwrap()
}

/// A socket bound to a name.
pub(crate) fn bound(kind: SocketType, name: &SocketAddrUnix) -> OwnedFd {
    let fd = socket(kind);
    rustix::net::bind(&fd, name).unwrap();
    fd
}

/// A listener.
pub(crate) fn listener(kind: SocketType, name: &SocketAddrUnix, backlog: i32) -> OwnedFd {
    let fd = bound(kind, name);
    rustix::net::listen(&fd, backlog).unwrap();
    fd
}

/// A socket connected to a name.
pub(crate) fn connect(kind: SocketType, name: &SocketAddrUnix) -> OwnedFd {
    let fd = socket(kind);
    rustix::net::connect(&fd, name).unwrap();
    fd
}

/// Two connected sockets without names.
pub(crate) fn pair(kind: SocketType) -> (OwnedFd, OwnedFd) {
    let flags = SocketFlags::CLOEXEC;
    rustix::net::socketpair(AddressFamily::UNIX, kind, flags, None).unwrap()
}

/// An end without a name.
pub(crate) fn unnamed(inode: Option<u64>) -> UnixEnd {
    UnixEnd {
        path: None,
        path_hex: None,
        abstract_name: None,
        abstract_hex: None,
        inode,
        owners: None,
    }
}

/// A string from outside as JSON has it: exact when it is UTF-8; otherwise with stray bytes, control
/// characters and backslashes as `\xNN`, beside the bytes in hexadecimal.
pub(crate) fn text_and_hex(bytes: &[u8]) -> (Option<String>, Option<String>) {
    if let Ok(text) = std::str::from_utf8(bytes) {
        return (Some(text.to_owned()), None);
    }
    let mut hex = String::new();
    for byte in bytes {
        write!(hex, "{byte:02x}").unwrap();
    }
    let mut text = String::new();
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if c == '\\' || c.is_ascii_control() {
                write!(text, "\\x{:02x}", u32::from(c)).unwrap();
            } else {
                text.push(c);
            }
        }
        for byte in chunk.invalid() {
            write!(text, "\\x{byte:02x}").unwrap();
        }
    }
    (Some(text), Some(hex))
}

impl Expected {
    /// Bound to this path.
    pub(crate) fn path(self, bytes: &[u8]) -> Self {
        let (text, hex) = text_and_hex(bytes);
        self.named(|end| (end.path, end.path_hex) = (text, hex))
    }

    /// Bound to this abstract name.
    pub(crate) fn abstract_name(self, bytes: &[u8]) -> Self {
        let (text, hex) = text_and_hex(bytes);
        self.named(|end| (end.abstract_name, end.abstract_hex) = (text, hex))
    }

    fn named(mut self, set: impl FnOnce(&mut UnixEnd)) -> Self {
        match &mut self.socket.local {
            End::Unix(end) => set(end),
            _ => panic!("a unix socket"),
        }
        self
    }

    /// Connected to this socket of this process.
    pub(crate) fn connected_to(self, peer: &impl AsFd) -> Self {
        let fd = peer.as_fd();
        let mut end = unnamed(Some(super::inode(&fd)));
        let name = SocketAddrUnix::try_from(rustix::net::getsockname(fd).unwrap()).unwrap();
        if let Some(bytes) = name.path_bytes().filter(|bytes| !bytes.is_empty()) {
            (end.path, end.path_hex) = text_and_hex(bytes);
        }
        if let Some(bytes) = name.abstract_name().filter(|bytes| !bytes.is_empty()) {
            (end.abstract_name, end.abstract_hex) = text_and_hex(bytes);
        }
        end.owners = Some(super::known(vec![super::this_process(&[fd.as_raw_fd()])]));
        let mut expected = self.state("established");
        expected.socket.peer = Some(End::Unix(end));
        expected
    }

    /// Connected, and not accepted by the listener at this abstract name.
    pub(crate) fn waiting_at(self, name: &[u8]) -> Self {
        let mut end = unnamed(None);
        (end.abstract_name, end.abstract_hex) = text_and_hex(name);
        end.owners = Some(Owners {
            status: "none".into(),
            reason: Some("accept-queue".into()),
            processes: Vec::new(),
            via: Vec::new(),
        });
        let mut expected = self.state("established");
        expected.socket.peer = Some(End::Unix(end));
        expected
    }
}

/// Sends a descriptor over a socket.
pub(crate) fn pass(through: &OwnedFd, fd: BorrowedFd<'_>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut buffer = SendAncillaryBuffer::new(&mut space);
    let fds = [fd];
    assert!(buffer.push(SendAncillaryMessage::ScmRights(&fds)));
    let data = [IoSlice::new(b"x")];
    rustix::net::sendmsg(through, &data, &mut buffer, SendFlags::empty()).unwrap();
}

/// Takes a descriptor that [`pass`] sent.
pub(crate) fn take(from: &OwnedFd) -> OwnedFd {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut buffer = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let mut data = [IoSliceMut::new(&mut byte)];
    rustix::net::recvmsg(from, &mut data, &mut buffer, RecvFlags::CMSG_CLOEXEC).unwrap();
    let mut fds = buffer.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => fds.collect::<Vec<_>>(),
        _ => Vec::new(),
    });
    fds.next().expect("a descriptor came")
}
