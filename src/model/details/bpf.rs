//! What BPF programs keep with sockets.

use crate::model::{Names, Protocol};

/// The value of one map for one socket. What its bytes mean the map's own type information tells, if it has any; the kernel does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BpfStorage {
    /// The id of the map.
    pub map: u32,
    /// The value, as long as all values of that map are.
    pub value: Box<[u8]>,
}

impl BpfStorage {
    /// Whether the kernel tells it of sockets of `protocol`: of others it has no such attribute, although they may have such values.
    #[must_use]
    pub const fn is_told_of(protocol: Protocol) -> bool {
        matches!(protocol, Protocol::Tcp | Protocol::Mptcp | Protocol::Dccp)
    }

    /// Appends the name of the map, `?` if it cannot be told, and the value in hexadecimal: `:conn_state:2a000000`.
    pub(super) fn write(&self, out: &mut Vec<u8>, names: &dyn Names) {
        out.push(b':');
        match names.bpf_map(self.map) {
            Some(name) => out.extend_from_slice(&name),
            None => out.push(b'?'),
        }
        out.push(b':');
        hexadecimal(out, &self.value);
    }
}

/// Appends bytes in hexadecimal, two digits each.
pub fn hexadecimal(out: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |half: u8| DIGITS.get(usize::from(half)).copied().unwrap_or_default();
    out.extend(bytes.iter().flat_map(|b| [digit(b >> 4), digit(b & 15)]));
}
