//! What BPF programs keep with a socket, in maps of type `BPF_MAP_TYPE_SK_STORAGE`: `linux/sock_diag.h`, answered by
//! `net/core/bpf_sk_storage.c` since Linux 5.7, for TCP, MPTCP and DCCP.
//!
//! ```text
//!  behind a request: INET_DIAG_REQ_SK_BPF_STORAGES (2), which holds
//!   SK_DIAG_BPF_STORAGE_REQ_MAP_FD (1): descriptor of a map (4), for each that is wanted; without any, all are
//!  in an answer, as its last attribute: INET_DIAG_SK_BPF_STORAGES (20), which holds for each map
//!   SK_DIAG_BPF_STORAGE (1) { MAP_ID (2): 4 bytes  PAD (1)  MAP_VALUE (3): as long as values of the map are }
//!
//!  struct bpf_map_info of linux/bpf.h, 88 bytes and growing
//!   0 type   4 id   8 key size  12 value size  16 entries  20 flags  24 name, 16 bytes
//! ```
//!
//! A length has 16 bits, and the values of a socket may need more: the kernel lets the length of the outer attribute wrap.

use super::attr::{Attributes, TYPE_MASK};
use super::bytes::{padded, u16_at, u32_at};
use super::inet_diag::BASE_LEN;

/// `INET_DIAG_REQ_SK_BPF_STORAGES`, a nest.
const REQUEST: u16 = 2 | NESTED;
/// `NLA_F_NESTED`.
const NESTED: u16 = 0x8000;
const REQUEST_MAP: u16 = 1;
/// `INET_DIAG_SK_BPF_STORAGES`.
pub(super) const ATTR_STORAGES: u16 = 20;
const ATTR_STORAGE: u16 = 1;
const STORAGE_MAP_ID: u16 = 2;
const STORAGE_VALUE: u16 = 3;
/// `BPF_MAP_TYPE_SK_STORAGE`.
const SOCKET_STORAGE: u32 = 24;

/// Room for one datagram with storages: the largest that the kernel allocates, with pages of 4 KiB.
pub const DATAGRAM_LEN: usize = 4 << 20;

/// Makes a request ask for the values of these maps too, by their descriptors; of all maps if there are none.
pub fn ask(request: &mut Vec<u8>, maps: impl ExactSizeIterator<Item = u32>) {
    let length = 4 + 8 * maps.len() as u16;
    request.extend(length.to_ne_bytes());
    request.extend(REQUEST.to_ne_bytes());
    for map in maps {
        request.extend(8u16.to_ne_bytes());
        request.extend(REQUEST_MAP.to_ne_bytes());
        request.extend(map.to_ne_bytes());
    }
    let length = request.len() as u32;
    if let Some(start) = request.first_chunk_mut() {
        *start = length.to_ne_bytes();
    }
}

/// The payload of an answer without its storages, and what is in them, if it has any.
#[must_use]
pub fn split(payload: &[u8]) -> (&[u8], Option<&[u8]>) {
    let mut offset = BASE_LEN;
    while let Some(rest) = payload.get(offset..)
        && let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2))
    {
        let length = usize::from(length);
        if kind & TYPE_MASK == ATTR_STORAGES {
            let end = match rest.len() > usize::from(u16::MAX) {
                true => rest.len(),
                false => length,
            };
            return match rest.get(4..end) {
                Some(storages) => (payload.get(..offset).unwrap_or_default(), Some(storages)),
                None => (payload, None),
            };
        }
        if length < 4 {
            break;
        }
        offset += padded(length);
    }
    (payload, None)
}

/// The id of each map and the value in it, as far as they make sense.
pub fn values(storages: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let all = Attributes::new(storages, 0).map_while(Result::ok);
    all.filter(|(kind, _)| *kind == ATTR_STORAGE)
        .filter_map(|(_, storage)| {
            let (mut map, mut value) = (None, None);
            for (kind, data) in Attributes::new(storage, 0).map_while(Result::ok) {
                match kind {
                    STORAGE_MAP_ID => map = u32_at(data, 0),
                    STORAGE_VALUE => value = Some(data),
                    _ => {}
                }
            }
            map.zip(value)
        })
}

/// What is read of `struct bpf_map_info`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MapInfo<'a> {
    /// Whether values of the map belong to sockets.
    pub is_socket_storage: bool,
    /// Its name without the NULs behind it; empty if it has none.
    pub name: &'a [u8],
}

impl<'a> MapInfo<'a> {
    /// Reads the beginning of the structure; `None` if it is shorter.
    #[must_use]
    pub fn decode(info: &'a [u8]) -> Option<Self> {
        let name = info.get(24..40)?;
        let length = name.iter().position(|byte| *byte == 0);
        Some(Self {
            is_socket_storage: u32_at(info, 0)? == SOCKET_STORAGE,
            name: name.get(..length.unwrap_or(name.len()))?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::inet_diag::{self, InetRecord};
    use super::*;
    use proptest::prelude::*;

    fn attribute(bytes: &mut Vec<u8>, kind: u16, data: &[u8]) {
        bytes.extend((4 + data.len() as u16).to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(data);
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }

    fn storage(map: u32, value: &[u8]) -> Vec<u8> {
        let mut inside = Vec::new();
        attribute(&mut inside, STORAGE_MAP_ID, &map.to_ne_bytes());
        attribute(&mut inside, STORAGE_VALUE, value);
        let mut bytes = Vec::new();
        attribute(&mut bytes, ATTR_STORAGE | NESTED, &inside);
        bytes
    }

    /// As Linux 6.18 sends a TCP socket to root: SHUTDOWN, MARK, and last of all the storages, whose length wraps if it must.
    ///
    /// ```text
    ///  inet_diag_msg (72)  8: 0  15: 5
    ///  20 { 1 { 2: 25  3: 31 32 33 34 35 36 37 38 }  1 { 2: 26  3: 61 62 63 } }
    /// ```
    fn answer(storages: &[u8]) -> Vec<u8> {
        let mut bytes = vec![inet_diag::FAMILY_INET, 10];
        bytes.resize(BASE_LEN, 0);
        attribute(&mut bytes, 8, &[0]);
        attribute(&mut bytes, 15, &5u32.to_ne_bytes());
        bytes.extend((4 + storages.len() as u16 as u32).to_ne_bytes()[..2].iter());
        bytes.extend((ATTR_STORAGES | NESTED).to_ne_bytes());
        bytes.extend(storages);
        bytes
    }

    fn two() -> Vec<u8> {
        [storage(25, b"12345678"), storage(26, b"abc")].concat()
    }

    #[test]
    fn every_value_is_read() {
        let bytes = answer(&two());
        let (before, storages) = split(&bytes);
        assert_eq!(before.len(), BASE_LEN + 16);
        assert_eq!(InetRecord::decode(before).unwrap().mark, Some(5));
        let values: Vec<_> = values(storages.unwrap()).collect();
        assert_eq!(values, [(25, &b"12345678"[..]), (26, &b"abc"[..])]);
        assert_eq!(split(before), (before, None));
        // A value may be empty; without an id, or without a value, there is nothing to tell.
        let mut odd = storage(7, b"");
        attribute(&mut odd, ATTR_STORAGE, &[]);
        attribute(&mut odd, 9, b"later");
        assert_eq!(super::values(&odd).collect::<Vec<_>>(), [(7, &b""[..])]);
    }

    /// 60 012 and 50 012 bytes and their headers are more than a length of 16 bits can tell.
    #[test]
    fn a_length_that_wrapped_is_that_of_all_that_follows() {
        let (first, second) = (vec![b'B'; 60_000], vec![b'C'; 50_000]);
        let storages = [storage(1, &first), storage(2, &second)].concat();
        let bytes = answer(&storages);
        let (before, found) = split(&bytes);
        assert_eq!(before.len(), BASE_LEN + 16);
        let values: Vec<_> = values(found.unwrap()).collect();
        assert_eq!(values, [(1, &first[..]), (2, &second[..])]);
        // Nothing in the middle of a value is taken for an attribute of the socket, even if nobody asked for values.
        assert_eq!(InetRecord::decode(&bytes).unwrap().mark, Some(5));
        // A length of nothing.
        let exactly = storage(1, &vec![b'D'; 65_536 - 4 - 16]);
        let bytes = answer(&exactly);
        assert_eq!(bytes[BASE_LEN + 16..BASE_LEN + 18], [0, 0]);
        assert_eq!(super::values(split(&bytes).1.unwrap()).count(), 1);
    }

    #[test]
    fn requests_ask_for_maps() {
        let of = |maps: &[u32]| {
            let mut request = inet_diag::dump_request(2, 6, 0xfff, 0, 1);
            ask(&mut request, maps.iter().copied());
            request
        };
        let all = of(&[]);
        assert_eq!(all[..4], 76u32.to_ne_bytes());
        assert_eq!(all[72..], [4u16, 0x8002].map(u16::to_ne_bytes).concat());
        let some = of(&[5, 6]);
        assert_eq!(some[..4], 92u32.to_ne_bytes());
        let words = [20u16, 0x8002, 8, 1].map(u16::to_ne_bytes).concat();
        assert_eq!(some[72..80], words);
        assert_eq!(some[80..84], 5u32.to_ne_bytes());
        assert_eq!(some[88..92], 6u32.to_ne_bytes());
    }

    #[test]
    fn maps_have_a_type_and_a_name() {
        let mut info = [24u32, 25, 4, 8, 0, 1].map(u32::to_ne_bytes).concat();
        info.extend(b"first\0\0\0\0\0\0\0\0\0\0\0");
        let read = MapInfo::decode(&info).unwrap();
        assert!(read.is_socket_storage);
        assert_eq!(read.name, b"first");
        info[24..].fill(b'x');
        assert_eq!(MapInfo::decode(&info).unwrap().name, [b'x'; 16]);
        info[0] = 1;
        assert!(!MapInfo::decode(&info).unwrap().is_socket_storage);
        assert_eq!(MapInfo::decode(&info[..39]), None);
        // Linux 4.14 and before have no names.
        info[24..].fill(0);
        assert_eq!(MapInfo::decode(&info).unwrap().name, b"");
    }

    fn read(bytes: &[u8]) -> usize {
        let (_, storages) = split(bytes);
        storages.map_or(0, |storages| values(storages).count())
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        let bytes = answer(&two());
        for length in 0..bytes.len() {
            read(&bytes[..length]);
        }
        for position in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[position] ^= 1 << bit;
                read(&flipped);
            }
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            read(&bytes);
            let _ = values(&bytes).count();
            let _ = MapInfo::decode(&bytes);
        }
    }
}
