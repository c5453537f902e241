//! One question to rtnetlink(7), and all of its answer.

use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::nlmsg;
use crate::wire::route::{self, Key, Route};
use std::io;

const SEQUENCE: u32 = 1;
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
    request: impl FnOnce(u32) -> Vec<u8>,
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

/// The same over a netlink socket of any protocol.
pub(super) fn ask_over(
    netlink: &mut dyn Datagrams,
    request: impl FnOnce(u32) -> Vec<u8>,
    answer: Answer,
    mut each: impl FnMut(u16, &[u8]),
) -> Result<(), AskError> {
    let mut buffer = vec![0; DATAGRAM_LEN];
    netlink.send(&request(SEQUENCE))?;
    loop {
        let length = netlink.receive(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        for message in nlmsg::Messages::new(datagram) {
            let (header, payload) = message.map_err(io::Error::other)?;
            let status = match header.kind {
                _ if header.sequence != SEQUENCE => continue,
                nlmsg::DONE => nlmsg::done_status(payload),
                nlmsg::ERROR => nlmsg::error_status(&header, payload).0,
                kind => {
                    each(kind, payload);
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
                Ok(())
            };
        }
    }
}
