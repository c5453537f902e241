//! UDP ports that the kernel itself has a socket on, for tunnel devices.

use crate::sys::netlink::{DATAGRAM_LEN, Datagrams, Netlink};
use crate::wire::{link, nlmsg};
use rustc_hash::FxHashSet;
use std::io;

/// The ports of the tunnel devices of this network namespace that are up. Empty too if the kernel does not say: then a socket on
/// such a port has to do without a reason.
pub(super) fn ports() -> FxHashSet<u16> {
    Netlink::route()
        .and_then(|mut netlink| dump(&mut netlink))
        .unwrap_or_default()
}

fn dump(netlink: &mut dyn Datagrams) -> io::Result<FxHashSet<u16>> {
    const SEQUENCE: u32 = 1;
    let mut buffer = vec![0; DATAGRAM_LEN];
    let mut ports = FxHashSet::default();
    netlink.send(&link::dump_request(SEQUENCE))?;
    loop {
        let length = netlink.receive(&mut buffer)?;
        let datagram = buffer.get(..length).unwrap_or_default();
        for message in nlmsg::Messages::new(datagram) {
            let (header, payload) = message.map_err(io::Error::other)?;
            match header.kind {
                _ if header.sequence != SEQUENCE => {}
                link::NEW_LINK => ports.extend(link::tunnel_port(payload)),
                nlmsg::DONE | nlmsg::ERROR => return Ok(ports),
                _ => {}
            }
        }
    }
}
