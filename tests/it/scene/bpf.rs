//! Maps of BPF programs with values for sockets, bpf(2): made by hand, as programs and their loaders make them.

use nix::libc;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

/// A map of one value a socket.
pub(crate) struct StorageMap {
    map: OwnedFd,
    length: usize,
}

impl StorageMap {
    /// A map with values of so many bytes. A name has 15 bytes at most, an empty one is none.
    pub(crate) fn new(name: &str, length: usize) -> Self {
        let types = type_information(length as u32);
        // union bpf_attr of BPF_MAP_CREATE: BPF_MAP_TYPE_SK_STORAGE, key and value size, entries, BPF_F_NO_PREALLOC, inner map, node, name,
        // interface, BTF and in it the types of key and value.
        let mut request = words(&[24, 4, length as u32, 0, 1, 0, 0]);
        request.extend(name.as_bytes());
        request.resize(28 + 16, 0);
        request.extend(words(&[0, types.as_raw_fd() as u32, 1, 3]));
        let map = descriptor(call(MAP_CREATE, &mut request));
        Self { map, length }
    }

    /// Its id.
    pub(crate) fn id(&self) -> u32 {
        id(&self.map)
    }

    /// Keeps a value with a socket.
    pub(crate) fn set(&self, socket: &impl AsFd, value: &[u8]) {
        assert_eq!(value.len(), self.length);
        let key = socket.as_fd().as_raw_fd().to_ne_bytes();
        // BPF_MAP_UPDATE_ELEM: map, padding, key, value, flags.
        let mut request = words(&[self.map.as_raw_fd() as u32, 0]);
        request.extend(
            [address(&key), address(value), 0]
                .map(u64::to_ne_bytes)
                .concat(),
        );
        call(MAP_UPDATE_ELEM, &mut request);
    }
}

/// The descriptor and the id of a map whose values have nothing to do with sockets.
pub(crate) fn array() -> (OwnedFd, u32) {
    let map = descriptor(call(MAP_CREATE, &mut words(&[2, 4, 8, 1])));
    let id = id(&map);
    (map, id)
}

const MAP_CREATE: libc::c_long = 0;
const MAP_UPDATE_ELEM: libc::c_long = 2;
const OBJ_GET_INFO_BY_FD: libc::c_long = 15;
const BTF_LOAD: libc::c_long = 18;

fn id(map: &OwnedFd) -> u32 {
    let mut info = [0u8; 8];
    let mut request = words(&[map.as_raw_fd() as u32, 8]);
    request.extend((info.as_mut_ptr().expose_provenance() as u64).to_ne_bytes());
    call(OBJ_GET_INFO_BY_FD, &mut request);
    u32::from_ne_bytes(info[4..].try_into().unwrap())
}

/// `linux/btf.h`: int, then a byte, then an array of bytes, without which the kernel makes no such map.
fn type_information(length: u32) -> OwnedFd {
    const NAMES: &[u8] = b"\0int\0u8\0";
    let mut types = words(&[1, 1 << 24, 4, 1 << 24 | 32]);
    types.extend(words(&[5, 1 << 24, 1, 8]));
    types.extend(words(&[0, 3 << 24, 0, 2, 1, length]));
    let size = types.len() as u32;
    let mut blob = 0xeb9fu16.to_ne_bytes().to_vec();
    blob.extend([1, 0]);
    blob.extend(words(&[24, 0, size, size, NAMES.len() as u32]));
    blob.extend(types);
    blob.extend(NAMES);
    // BPF_BTF_LOAD: the blob, room for a log, and how long they are.
    let mut request = [address(&blob), 0].map(u64::to_ne_bytes).concat();
    request.extend(words(&[blob.len() as u32, 0, 0]));
    descriptor(call(BTF_LOAD, &mut request))
}

fn words(words: &[u32]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_ne_bytes()).collect()
}

fn address(bytes: &[u8]) -> u64 {
    bytes.as_ptr().expose_provenance() as u64
}

fn call(command: libc::c_long, request: &mut [u8]) -> i32 {
    let (place, length) = (request.as_mut_ptr(), request.len());
    // SAFETY: the request has so many bytes, and the addresses in it are of buffers that the caller holds.
    #[allow(unsafe_code, reason = "no crate in use offers this call")]
    let result = unsafe { libc::syscall(libc::SYS_bpf, command, place, length) };
    let error = std::io::Error::last_os_error();
    assert!(
        result >= 0,
        "bpf({command}): {error}; this test needs CAP_BPF, and a kernel with CONFIG_BPF_SYSCALL and CONFIG_DEBUG_INFO_BTF"
    );
    result as i32
}

fn descriptor(number: i32) -> OwnedFd {
    // SAFETY: the kernel has just made it.
    #[allow(unsafe_code, reason = "the call tells a number")]
    unsafe {
        OwnedFd::from_raw_fd(number)
    }
}
