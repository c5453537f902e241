//! One question to rtnetlink(7), and all of its answer.

use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::nlmsg;
use crate::wire::route::{self, Key, Route};
use std::io;

const SEQUENCE: u32 = 1;
/// A dump that is torn is asked for so often.
const TRIES: u32 = 2;
/// `ENOENT`, errno(3).
const NO_ENTRY: i32 = 2;

/// How an answer ends.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// With a message of its own.
    Dump,
    /// It is one message.
    Single,
}

/// Why there is no answer.
#[derive(Debug)]
pub(super) enum AskError {
    /// That is the answer: the kernel refuses, for this reason.
    Refused(io::Error),
    /// The kernel cannot be asked, or broke off.
    Unasked(io::Error),
}

impl From<io::Error> for AskError {
    fn from(error: io::Error) -> Self {
        Self::Unasked(error)
    }
}

/// Sends the request that `request` makes of a sequence number, and hands each message of the answer to `each`: its type and payload.
///
/// # Errors
/// If the kernel cannot be asked, breaks off, or refuses.
pub(super) fn ask(
    request: impl Fn(u32) -> Vec<u8>,
    answer: Answer,
    each: impl FnMut(u16, &[u8]),
) -> Result<(), AskError> {
    ask_over(&mut Netlink::route()?, request, answer, each)
}

/// The route that packets with this key would take.
///
/// # Errors
/// If the kernel cannot be asked, or says that there is none.
pub(super) fn route(key: &Key) -> Result<Route, AskError> {
    let mut found = None;
    ask(
        |sequence| route::request(key, sequence),
        Answer::Single,
        |kind, payload| {
            if kind == route::NEW_ROUTE {
                found = Route::decode(payload);
            }
        },
    )?;
    found.ok_or_else(|| AskError::Unasked(io::Error::other("an answer makes no sense")))
}

/// Whether there is a table of this host's IPv4 addresses, which comes with the first of them. `None` if the kernel does not tell
/// (before Linux 4.20), or cannot be asked.
pub(super) fn has_local_table() -> Option<bool> {
    let mut netlink = Netlink::route().ok()?;
    netlink.be_strict().ok()?;
    match ask_over(
        &mut netlink,
        route::local_table_request,
        Answer::Dump,
        |_, _| {},
    ) {
        Ok(()) => Some(true),
        Err(AskError::Refused(error)) if error.raw_os_error() == Some(NO_ENTRY) => Some(false),
        Err(_) => None,
    }
}

/// The same over a netlink socket of any protocol. A dump is asked for again, once, if the table changed meanwhile; `each` gets the
/// messages of one that is whole, or none.
pub(super) fn ask_over(
    netlink: &mut dyn Datagrams,
    request: impl Fn(u32) -> Vec<u8>,
    answer: Answer,
    mut each: impl FnMut(u16, &[u8]),
) -> Result<(), AskError> {
    for sequence in SEQUENCE..SEQUENCE + TRIES {
        netlink.send(&request(sequence))?;
        if let Some(messages) = receive(netlink, sequence, answer)? {
            messages
                .iter()
                .for_each(|(kind, payload)| each(*kind, payload));
            return Ok(());
        }
    }
    let torn = "the table changes while it is read";
    Err(AskError::Unasked(io::Error::other(torn)))
}

/// The messages of an answer, each with its type.
type Messages = Vec<(u16, Vec<u8>)>;

/// The messages of the answer to one request, each with its type; `None` if some were lost, or are of another time than the rest.
fn receive(
    netlink: &mut dyn Datagrams,
    sequence: u32,
    answer: Answer,
) -> Result<Option<Messages>, AskError> {
    let mut buffer = vec![0; DATAGRAM_LEN];
    let mut messages = Vec::new();
    let mut is_whole = true;
    loop {
        let length = netlink.receive(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        for message in nlmsg::Messages::new(datagram) {
            let (header, payload) = message.map_err(io::Error::other)?;
            if header.sequence != sequence {
                continue;
            }
            is_whole &= !header.is_interrupted() && header.kind != nlmsg::OVERRUN;
            let status = match header.kind {
                nlmsg::DONE => nlmsg::done_status(payload),
                nlmsg::ERROR => nlmsg::error_status(&header, payload).0,
                kind => {
                    messages.push((kind, payload.to_vec()));
                    if answer == Answer::Dump {
                        continue;
                    }
                    0
                }
            };
            return if status < 0 {
                let reason = io::Error::from_raw_os_error(status.wrapping_neg());
                Err(AskError::Refused(reason))
            } else {
                Ok(is_whole.then_some(messages))
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;

    const INTERRUPTED: u16 = 0x10;

    /// Answers each request with the next datagram.
    struct Kernel(VecDeque<Vec<u8>>);

    impl Datagrams for Kernel {
        fn send(&mut self, _: &[u8]) -> io::Result<()> {
            Ok(())
        }

        fn receive(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let datagram = self.0.pop_front().ok_or(io::ErrorKind::TimedOut)?;
            buffer[..datagram.len()].copy_from_slice(&datagram);
            Ok(datagram.len())
        }

        fn port(&self) -> u32 {
            0
        }
    }

    fn message(kind: u16, flags: u16, sequence: u32, word: u32) -> Vec<u8> {
        let mut bytes = 20u32.to_ne_bytes().to_vec();
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        for number in [sequence, 0, word] {
            bytes.extend(number.to_ne_bytes());
        }
        bytes
    }

    fn asked(datagrams: &[Vec<u8>]) -> (Vec<u8>, bool) {
        let mut kernel = Kernel(datagrams.iter().cloned().collect());
        let mut got = Vec::new();
        let answer = ask_over(
            &mut kernel,
            |_| Vec::new(),
            Answer::Dump,
            |_, payload| {
                got.push(payload[0]);
            },
        );
        (got, answer.is_ok())
    }

    #[test]
    fn a_torn_dump_is_asked_for_once_more() {
        let dump = |sequence, flags, word| {
            let messages = [
                message(99, 0, sequence, word),
                message(nlmsg::DONE, flags, sequence, 0),
            ];
            messages.concat()
        };
        assert_eq!(asked(&[dump(1, 0, 7)]), (vec![7], true));
        let torn = dump(1, INTERRUPTED, 7);
        assert_eq!(asked(&[torn.clone(), dump(2, 0, 8)]), (vec![8], true));
        // Not twice, and what is torn is nobody's.
        assert_eq!(
            asked(&[torn, dump(2, INTERRUPTED, 8), dump(3, 0, 9)]),
            (vec![], false)
        );
        let lost = [message(nlmsg::OVERRUN, 0, 1, 0), dump(1, 0, 7)].concat();
        assert_eq!(asked(&[lost, dump(2, 0, 8)]), (vec![8], true));
    }
}
