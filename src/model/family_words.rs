//! Words for the numbers of link-layer and netlink protocols, as `ss` has them where it has any.

/// The protocol of frames by its ethertype, `linux/if_ether.h`.
#[must_use]
pub const fn ethertype_word(number: u16) -> Option<&'static str> {
    Some(match number {
        0x0800 => "ip",
        0x0806 => "arp",
        0x0842 => "wol",
        0x22f0 => "tsn",
        0x8035 => "rarp",
        0x8100 => "802.1Q",
        0x86dd => "ipv6",
        0x8808 => "pause",
        0x8809 => "slow",
        0x8847 => "mpls_uc",
        0x8848 => "mpls_mc",
        0x8863 => "ppp_disc",
        0x8864 => "ppp_ses",
        0x888e => "pae",
        0x88a2 => "aoe",
        0x88a8 => "802.1ad",
        0x88b5 => "802.1ex",
        0x88ca => "tipc",
        0x88cc => "lldp",
        0x88e5 => "macsec",
        0x88f7 => "1588",
        0x8906 => "fcoe",
        0x8914 => "fip",
        _ => return None,
    })
}

/// The part of the kernel that a netlink protocol leads to, `linux/netlink.h`.
#[must_use]
pub const fn netlink_word(number: u8) -> Option<&'static str> {
    Some(match number {
        0 => "rtnl",
        1 => "unused",
        2 => "usersock",
        3 => "fw",
        4 => "tcpdiag",
        5 => "nflog",
        6 => "xfrm",
        7 => "selinux",
        8 => "iscsi",
        9 => "audit",
        10 => "fiblookup",
        11 => "connector",
        12 => "nft",
        13 => "ip6fw",
        14 => "dec-rt",
        15 => "uevent",
        16 => "genl",
        18 => "scsi-trans",
        19 => "ecryptfs",
        20 => "rdma",
        21 => "crypto",
        22 => "smc",
        _ => return None,
    })
}

/// The ethertype of a word, whatever its case; `all` is that of sockets which see every frame, `ETH_P_ALL`.
#[must_use]
pub fn ethertype_named(name: &str) -> Option<u16> {
    const ETH_P_ALL: u16 = 3;
    if name.eq_ignore_ascii_case("all") {
        return Some(ETH_P_ALL);
    }
    (0..=u16::MAX).find(|&n| ethertype_word(n).is_some_and(|w| w.eq_ignore_ascii_case(name)))
}

/// The netlink protocol of a word.
#[must_use]
pub fn netlink_named(name: &str) -> Option<u8> {
    (0..=u8::MAX).find(|&n| netlink_word(n).is_some_and(|w| w.eq_ignore_ascii_case(name)))
}
