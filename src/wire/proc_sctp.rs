//! The text tables of SCTP under /proc/net/sctp, `net/sctp/proc.c`.
//!
//! `eps`, the endpoints:
//!
//! ```text
//!  ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS
//! 0000000000000000 0000000000000000 2   10  21   36888     0 12345 127.0.0.1 10.0.0.1
//! ```
//!
//! `assocs`, the associations; the primary address of each side has a star:
//!
//! ```text
//!  ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE UID INODE LPORT RPORT LADDRS <-> RADDRS HBINT …
//! 0000000000000000 0000000000000000 2   1   3  0       1        0        0       0 12346 36888 50000  *127.0.0.1 <-> *127.0.0.1 7500 …
//! ```
//!
//! `SST` is the socket's state, `ST` the association's. A socket's type (`STY`) is how it is used, not that of socket(2).

use super::proc_net::{decimal, saturate};
use std::net::IpAddr;

/// A line of either table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SctpLine {
    /// State of the socket; of the association for one.
    pub state: u8,
    /// Local port.
    pub local_port: u16,
    /// The first local address; for an association the primary one.
    pub local: IpAddr,
    /// Peer port and primary address, for an association.
    pub peer: Option<(IpAddr, u16)>,
    /// Bytes in the send and the receive buffer, for an association.
    pub queues: Option<(u32, u32)>,
    /// Owner.
    pub uid: u32,
    /// Inode, 0 for none.
    pub inode: u64,
}

type Words<'a> = dyn Iterator<Item = &'a [u8]> + 'a;

fn words(line: &[u8]) -> Box<Words<'_>> {
    let words = line.split(u8::is_ascii_whitespace);
    Box::new(words.filter(|word| !word.is_empty()))
}

/// Reads one line of `eps`; `None` if it does not look like one, as the heading.
#[must_use]
pub fn endpoint(line: &[u8]) -> Option<SctpLine> {
    let mut words = words(line).skip(3);
    let state = decimal(words.next()?)?.try_into().ok()?;
    let _bucket = decimal(words.next()?)?;
    let local_port = decimal(words.next()?)?.try_into().ok()?;
    let uid = decimal(words.next()?)?.try_into().ok()?;
    let inode = decimal(words.next()?)?;
    Some(SctpLine {
        state,
        local_port,
        local: primary(&mut words)?,
        peer: None,
        queues: None,
        uid,
        inode,
    })
}

/// Reads one line of `assocs`; `None` if it does not look like one, as the heading.
#[must_use]
pub fn association(line: &[u8]) -> Option<SctpLine> {
    let mut words = words(line).skip(4);
    let state = decimal(words.next()?)?.try_into().ok()?;
    let (_bucket, _id) = (decimal(words.next()?)?, decimal(words.next()?)?);
    let sent = saturate(decimal(words.next()?)?);
    let received = saturate(decimal(words.next()?)?);
    let uid = decimal(words.next()?)?.try_into().ok()?;
    let inode = decimal(words.next()?)?;
    let local_port = decimal(words.next()?)?.try_into().ok()?;
    let peer_port = decimal(words.next()?)?.try_into().ok()?;
    let locals: Vec<_> = words.by_ref().take_while(|word| *word != b"<->").collect();
    let local = primary(&mut locals.into_iter())?;
    let peer = primary(&mut words)?;
    Some(SctpLine {
        state,
        local_port,
        local,
        peer: Some((peer, peer_port)),
        queues: Some((sent, received)),
        uid,
        inode,
    })
}

/// The address with a star, or else the first; what is no address ends the list.
fn primary(words: &mut dyn Iterator<Item = &[u8]>) -> Option<IpAddr> {
    let mut first = None;
    for word in words {
        let starred = word.strip_prefix(b"*");
        let text = std::str::from_utf8(starred.unwrap_or(word)).ok()?;
        let Ok(address) = text.parse::<IpAddr>() else {
            break;
        };
        if starred.is_some() {
            return Some(address);
        }
        first = first.or(Some(address));
    }
    first
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ENDPOINT: &[u8] =
        b"00000000a1b2c3d4 00000000d4c3b2a1 2   10  21   36888  1000 12345 127.0.0.1 10.0.0.1 \n";
    const ASSOCIATION: &[u8] = b"00000000a1b2c3d4 00000000d4c3b2a1 2   1   4  0       1        8       16    1000 12346 36888 50000  127.0.0.1 *10.0.0.1 <-> *0000:0000:0000:0000:0000:0000:0000:0001 \t    7500    10    10   10    0    0        0        1        0   212992   212992\n";

    #[test]
    fn an_endpoint_of_a_kernel_with_sctp() {
        let line = endpoint(ENDPOINT).unwrap();
        assert_eq!((line.state, line.local_port), (10, 36888));
        assert_eq!(line.local, IpAddr::from([127, 0, 0, 1]));
        assert_eq!((line.uid, line.inode, line.peer), (1000, 12345, None));
        assert!(endpoint(b" ENDPT     SOCK   STY SST HBKT LPORT   UID INODE LADDRS").is_none());
    }

    #[test]
    fn an_association_of_a_kernel_with_sctp() {
        let line = association(ASSOCIATION).unwrap();
        assert_eq!((line.state, line.local_port), (4, 36888));
        assert_eq!(line.local, IpAddr::from([10, 0, 0, 1]));
        assert_eq!(line.peer, Some(("::1".parse().unwrap(), 50000)));
        assert_eq!(line.queues, Some((8, 16)));
        assert_eq!((line.uid, line.inode), (1000, 12346));
        assert!(
            association(b" ASSOC     SOCK   STY SST ST HBKT ASSOC-ID TX_QUEUE RX_QUEUE").is_none()
        );
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        for fixture in [ENDPOINT, ASSOCIATION] {
            for length in 0..fixture.len() {
                let _ = (
                    endpoint(&fixture[..length]),
                    association(&fixture[..length]),
                );
            }
            for position in 0..fixture.len() {
                for bit in 0..8 {
                    let mut flipped = fixture.to_vec();
                    flipped[position] ^= 1 << bit;
                    let _ = (endpoint(&flipped), association(&flipped));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (endpoint(&text), association(&text));
        }
    }
}
