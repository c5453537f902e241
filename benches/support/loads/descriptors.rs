//! Processes with descriptors of all kinds, most of which are no sockets.

use super::{Made, connections};
use std::fs::File;
use std::net::{Ipv4Addr, UdpSocket};

/// Descriptors of one process, standard ones included.
pub(super) const EACH: usize = 200;
/// Standard input, output and error.
const STANDARD: usize = 3;

/// Makes so many: a quarter TCP sockets, one UDP socket, a quarter pipes, the rest files.
pub(super) fn make(descriptors: usize, number: usize) -> Made {
    let mut held = connections::make(descriptors / 4, number).held;
    held.push(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().into());
    for _ in 0..descriptors / 8 {
        let (reader, writer) = std::io::pipe().unwrap();
        held.extend([reader.into(), writer.into()]);
    }
    while held.len() + STANDARD < descriptors {
        held.push(File::open("/dev/null").unwrap().into());
    }
    Made {
        count: held.len() + STANDARD,
        held,
    }
}
