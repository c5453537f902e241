//! What is at a path that a unix socket may be bound to: an open socket's file, a stale one, something else.

use crate::model::{Inode, PathFacts, PathKind};
use crate::sys;
use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::{nlmsg, unix_vfs};
use rustix::fs::FileType;
use rustix::io::Errno;
use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Looks at `path`, without reaching any server that may be there.
#[must_use]
pub fn facts(path: &[u8]) -> PathFacts {
    let path = Path::new(OsStr::from_bytes(path));
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let directory = sys::bind::may_add_to(parent).err().map(Errno::raw_os_error);
    let (kind, sockets) = match rustix::fs::lstat(path) {
        Err(Errno::NOENT) => (PathKind::Missing, None),
        Err(error) => (PathKind::Unreadable(error.raw_os_error()), None),
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Socket => {
            let device = (
                rustix::fs::major(stat.st_dev),
                rustix::fs::minor(stat.st_dev),
            );
            // The kernel tells the low 32 bits of a file's number.
            let sockets = bound_to(stat.st_ino as u32, device).ok();
            (socket_kind(path, sockets.as_deref()), sockets)
        }
        Ok(stat) if FileType::from_raw_mode(stat.st_mode) == FileType::Directory => {
            (PathKind::Directory, None)
        }
        Ok(_) => (PathKind::Other, None),
    };
    PathFacts {
        kind,
        sockets,
        directory,
    }
}

/// A socket whose file is this one is open. That none was seen proves nothing: it may be in another network namespace, and some file
/// systems have other numbers for a file inside than outside. Then a connect that reaches nobody tells.
fn socket_kind(path: &Path, sockets: Option<&[Inode]>) -> PathKind {
    if sockets.is_some_and(|sockets| !sockets.is_empty()) {
        return PathKind::LiveSocket;
    }
    match sys::bind::unix_socket_is_open(path) {
        Ok(true) => PathKind::LiveSocket,
        Ok(false) => PathKind::StaleSocket,
        Err(_) => PathKind::Socket,
    }
}

/// The sockets of this network namespace that are bound to a file.
fn bound_to(file: u32, device: (u32, u32)) -> io::Result<Vec<Inode>> {
    const SEQUENCE: u32 = 1;
    let mut netlink = Netlink::sock_diag()?;
    let mut buffer = vec![0; DATAGRAM_LEN];
    let mut found = Vec::new();
    netlink.send(&unix_vfs::dump_request(SEQUENCE))?;
    loop {
        let length = netlink.receive(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        for message in nlmsg::Messages::new(datagram) {
            let (header, payload) = message.map_err(io::Error::other)?;
            let status = match header.kind {
                _ if header.sequence != SEQUENCE => continue,
                nlmsg::DONE => nlmsg::done_status(payload),
                nlmsg::ERROR => nlmsg::error_status(&header, payload).0,
                _ => {
                    let bound = unix_vfs::BoundFile::decode(payload)
                        .filter(|bound| (bound.file, bound.device) == (file, device));
                    found.extend(bound.and_then(|bound| Inode::new(bound.socket.into())));
                    continue;
                }
            };
            return if status < 0 {
                Err(io::Error::from_raw_os_error(status.wrapping_neg()))
            } else {
                Ok(found)
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::{UnixDatagram, UnixListener};

    fn kind(path: &Path) -> PathKind {
        facts(path.as_os_str().as_bytes()).kind
    }

    #[test]
    fn open_and_stale_sockets_are_told_apart() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("s");
        assert_eq!(kind(&path), PathKind::Missing);
        let stream = UnixListener::bind(&path).unwrap();
        assert_eq!(kind(&path), PathKind::LiveSocket);
        let facts = facts(path.as_os_str().as_bytes());
        assert_eq!(facts.directory, None);
        if let Some(sockets) = facts.sockets {
            let inode = rustix::fs::fstat(&stream).unwrap().st_ino;
            assert_eq!(sockets, [Inode::new(inode).unwrap()]);
        }
        assert_eq!(socket_kind(&path, None), PathKind::LiveSocket);
        stream.set_nonblocking(true).unwrap();
        assert!(stream.accept().is_err(), "the server learnt of it");
        drop(stream);
        assert_eq!(kind(&path), PathKind::StaleSocket);
        std::fs::remove_file(&path).unwrap();
        let datagram = UnixDatagram::bind(&path).unwrap();
        assert_eq!(socket_kind(&path, None), PathKind::LiveSocket);
        drop(datagram);
        assert_eq!(kind(directory.path()), PathKind::Directory);
        assert_eq!(kind(&directory.path().join("no/s")), PathKind::Missing);
    }
}
