//! The text tables of packet and netlink sockets under /proc/net.
//!
//! `packet` (`net/packet/af_packet.c:packet_seq_show`):
//!
//! ```text
//! sk               RefCnt Type Proto  Iface R Rmem   User   Inode
//! 000000003b083ee4 3      3    0003   1     1 0      0      4242
//! ```
//!
//! `netlink` (`net/netlink/af_netlink.c:netlink_native_seq_show`); `Eth` is the netlink protocol, `Pid` the port id:
//!
//! ```text
//! sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode
//! 000000003b083ee4 0   0          00000000 0        0        0     2        0        4
//! ```

use super::proc_net::{decimal, hex, saturate};

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty())
}

/// A line of the packet table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PacketLine {
    /// Socket type, socket(2).
    pub kind: u8,
    /// Ethertype.
    pub protocol: u16,
    /// Bound interface, 0 for all.
    pub interface: u32,
    /// Bytes in the receive buffer.
    pub received: u32,
    /// Owner.
    pub uid: u32,
    /// Inode, 0 for none.
    pub inode: u64,
}

/// Reads one line of the packet table; `None` if it does not look like one, as the heading.
#[must_use]
pub fn packet_line(line: &[u8]) -> Option<PacketLine> {
    let mut words = words(line);
    hex(words.next()?)?;
    decimal(words.next()?)?;
    let kind = decimal(words.next()?)?.try_into().ok()?;
    let protocol = hex(words.next()?)?.try_into().ok()?;
    let interface = decimal(words.next()?)?.try_into().ok()?;
    let _running = decimal(words.next()?)?;
    Some(PacketLine {
        kind,
        protocol,
        interface,
        received: saturate(decimal(words.next()?)?),
        uid: decimal(words.next()?)?.try_into().ok()?,
        inode: decimal(words.next()?)?,
    })
}

/// A line of the netlink table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NetlinkLine {
    /// Netlink protocol.
    pub protocol: u8,
    /// Port id, 0 for the kernel's own.
    pub port_id: u32,
    /// Bytes in the receive buffer.
    pub received: u32,
    /// Bytes in the send buffer.
    pub sent: u32,
    /// Multicast groups 1 to 32, the lowest bit first; nothing tells of others.
    pub groups: u32,
    /// Messages dropped because the receive buffer was full.
    pub drops: u32,
    /// Inode, 0 for none.
    pub inode: u64,
}

/// Reads one line of the netlink table; `None` if it does not look like one, as the heading.
#[must_use]
pub fn netlink_line(line: &[u8]) -> Option<NetlinkLine> {
    let mut words = words(line);
    hex(words.next()?)?;
    let protocol = decimal(words.next()?)?.try_into().ok()?;
    let port_id = port_id(words.next()?)?;
    let groups = hex(words.next()?)?.try_into().ok()?;
    // Memory was printed as a signed number before Linux 3.9.
    let received = saturate(decimal(words.next()?)?);
    let sent = saturate(decimal(words.next()?)?);
    let (_dump, _references) = (words.next()?, words.next()?);
    Some(NetlinkLine {
        protocol,
        port_id,
        received,
        sent,
        groups,
        drops: saturate(decimal(words.next()?)?),
        inode: decimal(words.next()?)?,
    })
}

/// Kernels before 4.20 printed port ids as signed numbers.
fn port_id(word: &[u8]) -> Option<u32> {
    match word.strip_prefix(b"-") {
        Some(digits) => Some(u32::try_from(decimal(digits)?).ok()?.wrapping_neg()),
        None => decimal(word)?.try_into().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PACKET: &[u8] = b"000000003b083ee4 3      3    88cc   2     1 512    1000   4242  \n";
    const NETLINK: &[u8] =
        b"000000003b083ee4 15  4294963 00000001 64       32       0     2        7        1041    ";

    #[test]
    fn a_packet_line() {
        let line = packet_line(PACKET).unwrap();
        assert_eq!((line.kind, line.protocol, line.interface), (3, 0x88cc, 2));
        assert_eq!((line.received, line.uid, line.inode), (512, 1000, 4242));
        assert!(packet_line(b"sk RefCnt Type Proto  Iface R Rmem   User   Inode").is_none());
    }

    #[test]
    fn a_netlink_line() {
        let line = netlink_line(NETLINK).unwrap();
        assert_eq!((line.protocol, line.port_id), (15, 4_294_963));
        assert_eq!((line.received, line.sent, line.inode), (64, 32, 1041));
        assert_eq!((line.groups, line.drops), (1, 7));
        assert!(netlink_line(b"sk Eth Pid Groups Rmem Wmem Dump Locks Drops Inode").is_none());
        let old = b"0 0 -4112 00000000 0 0 0 2 0 7";
        assert_eq!(netlink_line(old).unwrap().port_id, 4112u32.wrapping_neg());
    }

    #[test]
    fn cuts_and_flips_never_panic() {
        for fixture in [PACKET, NETLINK] {
            for length in 0..fixture.len() {
                let _ = (
                    packet_line(&fixture[..length]),
                    netlink_line(&fixture[..length]),
                );
            }
            for position in 0..fixture.len() {
                for bit in 0..8 {
                    let mut flipped = fixture.to_vec();
                    flipped[position] ^= 1 << bit;
                    let _ = (packet_line(&flipped), netlink_line(&flipped));
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = (packet_line(&text), netlink_line(&text));
        }
    }
}
