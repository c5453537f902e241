//! What BPF programs keep with sockets: whether the kernel tells it, of which maps, and their names.

use crate::model::{BpfStorage, DetailSet, Notice, Protocol, Query, StorageGap};
use crate::sys;
use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::bpf_storage::{self, MapInfo};
use crate::wire::{inet_diag, nlmsg};
use rustix::fd::{AsRawFd as _, OwnedFd};
use rustix::io::Errno;
use std::io;

/// A map whose values cannot be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MapError {
    /// There is none with this id.
    Missing(u32),
    /// Its values do not belong to sockets.
    OtherType(u32),
}

/// Looks whether there are maps with these ids, and whether their values belong to sockets. Where nobody may look, it is not known that
/// they are not.
///
/// # Errors
/// For the first of them that cannot be asked for.
pub fn check(ids: &[u32]) -> Result<(), MapError> {
    for &id in ids {
        match sys::bpf::open_map(id) {
            Err(Errno::NOENT) => return Err(MapError::Missing(id)),
            Err(_) => {}
            Ok(map) => {
                let info = sys::bpf::map_info(&map).ok();
                let read = info.as_ref().and_then(|info| MapInfo::decode(info));
                if read.is_some_and(|info| !info.is_socket_storage) {
                    return Err(MapError::OtherType(id));
                }
            }
        }
    }
    Ok(())
}

/// The name of a map, empty if it has none; `None` if it is gone, or this process may not know.
pub(super) fn name(id: u32) -> Option<Vec<u8>> {
    let info = sys::bpf::map_info(&sys::bpf::open_map(id).ok()?).ok()?;
    Some(MapInfo::decode(&info)?.name.to_vec())
}

/// What the kernel is asked for: the values of these maps, or of all if there are none.
#[derive(Debug)]
pub(super) struct Maps(Vec<OwnedFd>);

impl Maps {
    /// Makes a request for sockets ask for their values too, if the kernel has an answer to that for `protocol`.
    pub(super) fn ask(&self, protocol: Protocol, request: &mut Vec<u8>) {
        if BpfStorage::is_told_of(protocol) {
            let fds = self.0.iter().map(|map| map.as_raw_fd().cast_unsigned());
            bpf_storage::ask(request, fds);
        }
    }
}

/// What to ask of the kernel for `query`; nothing if that is nothing, or if it would tell nothing, and why.
pub(super) fn wanted(query: &Query) -> (Option<Maps>, Option<Notice>) {
    if !query.details.has(DetailSet::BPF_STORAGE) {
        return (None, None);
    }
    let gap = match answer_to_nonsense().map(meaning) {
        Ok(Telling::Yes) => {
            let open = |id: &u32| sys::bpf::open_map(*id).ok();
            // Of maps that cannot be named all are asked for, and the others left out.
            let maps: Option<Vec<_>> = query.bpf_maps.iter().map(open).collect();
            return (Some(Maps(maps.unwrap_or_default())), None);
        }
        Ok(Telling::No(gap)) => gap,
        // Whatever is wrong with netlink is told by those who need it more.
        Ok(Telling::Nothing) | Err(_) => return (None, None),
    };
    (None, Some(Notice::StorageUntold { gap }))
}

/// Whether the kernel tells what BPF programs keep.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Telling {
    Yes,
    No(StorageGap),
    /// It tells nothing of sockets by netlink.
    Nothing,
}

/// What a complaint about nonsense means.
const fn meaning(complaint: Option<Errno>) -> Telling {
    match complaint {
        Some(Errno::BADF) => Telling::Yes,
        Some(Errno::PERM) => Telling::No(StorageGap::Rights),
        Some(Errno::NOENT | Errno::OPNOTSUPP) => Telling::Nothing,
        _ => Telling::No(StorageGap::Kernel),
    }
}

/// Asks for the values of a map that does not exist, and for no socket: a kernel that knows how to tell such values complains of the
/// descriptor, before that of missing rights, and any other answers as if nothing had been asked. The result is its complaint.
fn answer_to_nonsense() -> io::Result<Option<Errno>> {
    const TCP: u8 = 6;
    const SEQUENCE: u32 = 1;
    let mut request = inet_diag::dump_request(inet_diag::FAMILY_INET, TCP, 0, 0, SEQUENCE);
    bpf_storage::ask(&mut request, std::iter::once(u32::MAX));
    let mut netlink = Netlink::sock_diag()?;
    netlink.send(&request)?;
    let mut buffer = vec![0; DATAGRAM_LEN];
    loop {
        let length = netlink.receive(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        for message in nlmsg::Messages::new(datagram).map_while(Result::ok) {
            let (header, payload) = message;
            if header.sequence != SEQUENCE || header.port != netlink.port() {
                continue;
            }
            let status = match header.kind {
                nlmsg::ERROR => nlmsg::error_status(&header, payload).0,
                nlmsg::DONE => nlmsg::done_status(payload),
                _ => continue,
            };
            let complaint = Some(Errno::from_raw_os_error(status.wrapping_neg()));
            return Ok(complaint.filter(|_| status < 0));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kernels before 5.7, and those without bpf(2), take no notice of the question and end an empty dump well.
    #[test]
    fn silence_means_that_a_kernel_does_not_tell() {
        assert_eq!(meaning(Some(Errno::BADF)), Telling::Yes);
        assert_eq!(meaning(Some(Errno::PERM)), Telling::No(StorageGap::Rights));
        assert_eq!(meaning(None), Telling::No(StorageGap::Kernel));
        assert_eq!(meaning(Some(Errno::NOENT)), Telling::Nothing);
        let words = Notice::StorageUntold {
            gap: StorageGap::Kernel,
        };
        assert!(words.means_incomplete());
        assert!(words.to_string().contains("Linux 5.7"), "{words}");
    }

    #[test]
    fn the_kernel_has_an_answer() {
        // Which one depends on the kernel and on who asks; it is never that there is such a descriptor.
        let answer = answer_to_nonsense().unwrap();
        assert!(
            matches!(answer, None | Some(Errno::BADF | Errno::PERM)),
            "{answer:?}"
        );
    }
}
