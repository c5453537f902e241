//! Maps of BPF programs, bpf(2).

use nix::libc;
use rustix::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use rustix::io::Errno;

/// `BPF_MAP_GET_FD_BY_ID` of `linux/bpf.h`.
const MAP_GET_FD_BY_ID: libc::c_long = 14;
/// `BPF_OBJ_GET_INFO_BY_FD`.
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
/// `BPF_F_RDONLY`.
const READ_ONLY: u32 = 1 << 3;

/// How much of `struct bpf_map_info` is read: up to the end of the name.
pub const MAP_INFO_LEN: usize = 40;

/// A descriptor of the map with this id, for reading.
///
/// # Errors
/// As bpf(2): `EPERM` without `CAP_SYS_ADMIN` in the first user namespace, `ENOENT` if there is no such map, `ENOSYS` if the kernel was
/// built without the call.
pub fn open_map(id: u32) -> Result<OwnedFd, Errno> {
    // union bpf_attr: map_id, next_id, open_flags.
    let mut request = [id, 0, READ_ONLY, 0].map(u32::to_ne_bytes);
    // SAFETY: there is no address in this request.
    #[allow(unsafe_code, reason = "no crate in use offers this call")]
    let fd = unsafe { call(MAP_GET_FD_BY_ID, request.as_flattened_mut()) }?;
    // SAFETY: the kernel has just made this descriptor, and nobody else knows of it.
    #[allow(unsafe_code, reason = "the call tells a number")]
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The beginning of `struct bpf_map_info`; what an older kernel does not tell is 0.
///
/// # Errors
/// As bpf(2).
pub fn map_info(map: &OwnedFd) -> Result<[u8; MAP_INFO_LEN], Errno> {
    let mut info = [0; MAP_INFO_LEN];
    // union bpf_attr: bpf_fd, info_len, then the address in 64 bits.
    let mut request = Vec::with_capacity(16);
    request.extend(map.as_raw_fd().to_ne_bytes());
    request.extend((MAP_INFO_LEN as u32).to_ne_bytes());
    request.extend((info.as_mut_ptr().expose_provenance() as u64).to_ne_bytes());
    // SAFETY: this command writes at the address in its request, and no more than the length in it; there are so many bytes of ours.
    #[allow(unsafe_code, reason = "no crate in use offers this call")]
    unsafe { call(OBJ_GET_INFO_BY_FD, &mut request) }?;
    Ok(info)
}

/// Asks the kernel.
///
/// # Safety
/// Whatever addresses are in `request`, the command must be free to use them.
#[allow(unsafe_code, reason = "no crate in use offers this call")]
unsafe fn call(command: libc::c_long, request: &mut [u8]) -> Result<i32, Errno> {
    let (place, length) = (request.as_mut_ptr(), request.len());
    // SAFETY: the kernel reads and writes no more than so many bytes of the request; the rest is what the caller answers for.
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, place, length) };
    i32::try_from(result)
        .ok()
        .filter(|result| *result >= 0)
        .ok_or_else(|| {
            let error = std::io::Error::last_os_error();
            Errno::from_io_error(&error).unwrap_or(Errno::INVAL)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Map 0 is none: they are counted from 1.
    #[test]
    fn there_is_no_map_without_an_id() {
        let answer = open_map(0).map(|_| ());
        assert!(
            matches!(answer, Err(Errno::NOENT | Errno::PERM | Errno::NOSYS)),
            "{answer:?}"
        );
    }

    #[test]
    fn what_is_no_map_has_no_information() {
        let file = std::fs::File::open("/proc/self/stat").unwrap();
        assert!(map_info(&file.into()).is_err());
    }
}
