//! Dumps of vsock sockets: `linux/vm_sockets_diag.h`, answered by `net/vmw_vsock/diag.c`.
//!
//! ```text
//!  struct vsock_diag_req, 24 bytes
//!   0 family  1 protocol  2 padding   4 states   8 inode  12 show  16 cookie
//!  struct vsock_diag_msg, 32 bytes, no attributes
//!   0 family  1 type  2 state  3 shutdown   4 source cid   8 source port
//!  12 destination cid  16 destination port  20 inode  24 cookie, two words, low first
//! ```

use super::bytes::{u8_at, u32_at};
use super::{DecodeError, cookie, dump_of};

/// `AF_VSOCK`.
pub const FAMILY_VSOCK: u8 = 40;

const BASE_LEN: usize = 32;

/// A request for every vsock socket whose state is in `states`.
#[must_use]
pub fn dump_request(states: u32, sequence: u32) -> Vec<u8> {
    let mut payload = vec![FAMILY_VSOCK, 0, 0, 0];
    payload.extend(states.to_ne_bytes());
    payload.extend([0; 16]);
    dump_of(&payload, sequence)
}

/// One vsock socket as the kernel reports it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VsockRecord {
    /// Socket type, socket(2).
    pub kind: u8,
    /// Kernel state number.
    pub state: u8,
    /// Closed directions.
    pub shutdown: u8,
    /// Own context id and port; all ones for any.
    pub source: (u32, u32),
    /// The peer's; all ones for none.
    pub destination: (u32, u32),
    /// Inode, 0 for none.
    pub inode: u32,
    /// Identity.
    pub cookie: Option<u64>,
}

impl VsockRecord {
    /// Reads the payload of one answer.
    ///
    /// # Errors
    /// If it is shorter than the structure.
    pub fn decode(payload: &[u8]) -> Result<Self, DecodeError> {
        let base: &[u8; BASE_LEN] = payload.first_chunk().ok_or(DecodeError {
            what: "vsock_diag_msg",
            offset: 0,
            need: BASE_LEN,
            have: payload.len(),
        })?;
        let byte = |offset| u8_at(base, offset).unwrap_or_default();
        let word = |offset| u32_at(base, offset).unwrap_or_default();
        Ok(Self {
            kind: byte(1),
            state: byte(2),
            shutdown: byte(3),
            source: (word(4), word(8)),
            destination: (word(12), word(16)),
            inode: word(20),
            cookie: cookie(word(24), word(28)),
        })
    }
}
