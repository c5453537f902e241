//! Details that only one family has: unix, packet, netlink, XDP, TIPC, and the addresses of SCTP.

use super::metrics::metrics;
use super::{MptcpInfo, Program, SctpInfo, TipcDetails};
use crate::model::{IfIndex, Inode, Names, Protocol, Row, Unit, Value, Why};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::rc::Rc;

/// The details that the protocol of a socket has and no other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnDetails {
    /// Of an MPTCP socket.
    Mptcp(MptcpInfo),
    /// Of an SCTP association or endpoint.
    Sctp(Box<SctpInfo>),
    /// Of a unix socket.
    Unix(UnixDetails),
    /// Of a packet socket.
    Packet(PacketDetails),
    /// Of a netlink socket.
    Netlink(NetlinkDetails),
    /// Of an XDP socket.
    Xdp(XdpDetails),
    /// Of a TIPC socket.
    Tipc(Box<TipcDetails>),
}

/// What unix_diag tells beside names, peer, queues and user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnixDetails {
    /// The file that it is bound to; `None` if it is bound to none.
    pub file: Option<UnixFile>,
    /// Of a listener: the clients that wait for it to accept them. Those without an inode are not told apart.
    pub waiting: Vec<Inode>,
}

/// A file, `struct unix_diag_vfs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnixFile {
    /// Its inode, of which the kernel tells 32 bits.
    pub inode: u32,
    /// Its device, major and minor.
    pub device: (u32, u32),
}

/// A ring, `struct packet_diag_ring`: block_size, block_nr, frame_size, frame_nr, retire_tmo, sizeof_priv, features.
pub type PacketRing = [u32; 7];

/// What packet_diag tells beside ends, queues and user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PacketDetails {
    /// `struct packet_diag_info` behind the interface: version, reserve, copy_thresh, tstamp, flags.
    pub info: Option<[u32; 5]>,
    /// The ring for received packets; `None` if there is none.
    pub rx_ring: Option<PacketRing>,
    /// The ring for packets to be sent.
    pub tx_ring: Option<PacketRing>,
    /// Id and type of its fanout group.
    pub fanout: Option<(u16, u16)>,
    /// Memberships, `PACKET_ADD_MEMBERSHIP`; `None` if nobody asked.
    pub memberships: Option<Vec<Membership>>,
    /// Its filter; `None` if nobody asked.
    pub filter: Option<Program>,
}

/// A membership of a packet socket, `struct packet_diag_mclist`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Membership {
    /// On which interface.
    pub interface: Option<IfIndex>,
    /// How often it was added.
    pub count: u32,
    /// `PACKET_MR_*`.
    pub kind: u16,
    /// The hardware address.
    pub address: Vec<u8>,
}

/// What netlink_diag tells beside ends and queues.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NetlinkDetails {
    /// The multicast groups that it has joined, ascending; `None` if that was not sent.
    pub groups: Option<Vec<u32>>,
    /// The highest group that `groups` would tell of; `None` if it tells of all.
    pub groups_up_to: Option<u32>,
    /// Bits named by [`NETLINK_FLAGS`].
    pub flags: Option<u32>,
}

/// What xdp_diag tells beside place, queues and user.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct XdpDetails {
    /// Entries of the rings: receive, transmit, fill, completion; `None` where there is none.
    pub rings: [Option<u32>; 4],
    /// Its memory, `struct xdp_diag_umem`.
    pub umem: Option<XdpUmem>,
    /// `struct xdp_diag_stats`; `None` if that was not sent.
    pub stats: Option<[u64; 6]>,
}

/// `struct xdp_diag_umem`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "they are described by their rows in FIELDS")]
pub struct XdpUmem {
    pub size: u64,
    pub id: u32,
    pub num_pages: u32,
    pub chunk_size: u32,
    pub headroom: u32,
    pub interface: Option<IfIndex>,
    pub queue: u32,
    pub flags: u32,
    pub refs: u32,
}

/// `PDI_*` of `linux/packet_diag.h`.
pub const PACKET_FLAGS: &[&str] = &["running", "auxdata", "origdev", "vnethdr", "loss"];

/// `TPACKET_*` of `linux/if_packet.h`.
pub const PACKET_VERSIONS: &[&str] = &["v1", "v2", "v3"];

/// `PACKET_FANOUT_*` of `linux/if_packet.h`.
pub const PACKET_FANOUTS: &[&str] = &["hash", "lb", "cpu", "rollover", "rnd", "qm", "cbpf", "ebpf"];

/// `PACKET_MR_*` of `linux/if_packet.h`.
const PACKET_MEMBERSHIPS: &[&str] = &["multicast", "promisc", "allmulti", "unicast"];

/// `NDIAG_FLAG_*` of `linux/netlink_diag.h`.
pub const NETLINK_FLAGS: &[&str] = &[
    "cb_running",
    "pktinfo",
    "broadcast_error",
    "no_enobufs",
    "listen_all_nsid",
    "cap_ack",
    "ext_ack",
    "strict_chk",
];

/// `XDP_DU_F_*` of `linux/xdp_diag.h`.
pub const XDP_FLAGS: &[&str] = &["zerocopy"];

metrics! {
    /// What only one family has.
    OwnMetric in "" as OWN_FIELDS, Own, from "sock_diag", read by read;
    SctpPrimary "sctp_primary" [] "sctp.p_address" INFO Text "SCTP: address of the primary path";
    SctpLocals "sctp_locals" [] "sctp.locals" INFO Text "SCTP: addresses of our end; a filter asks for one";
    SctpPeers "sctp_peers" [] "sctp.peers" INFO Text "SCTP: addresses of the peer; a filter asks for one";
    UnixVfsInode "unix_vfs_inode" [] "unix.vfs_inode" EXTENDED Number "unix: inode of the file that it is bound to, the low 32 bits";
    UnixVfsDevice "unix_vfs_device" [] "unix.vfs_device" EXTENDED Text "unix: device of that file, major:minor";
    UnixWaiting "unix_waiting" [] "unix.waiting" EXTENDED Text "unix listeners: inodes of waiting clients; a filter asks for one";
    PacketVersion "packet_version" [] "packet.version" EXTENDED Word "packet: version of the headers in rings";
    PacketReserve "packet_reserve" [] "packet.reserve" EXTENDED Bytes "packet: room kept before each packet in the ring";
    PacketCopyThresh "packet_copy_thresh" [] "packet.copy_thresh" EXTENDED Number "packet: PACKET_COPY_THRESH";
    PacketTstamp "packet_tstamp" [] "packet.tstamp" EXTENDED Number "packet: PACKET_TIMESTAMP";
    PacketFlags "packet_flags" [] "packet.flags" EXTENDED Words "packet: what is switched on";
    PacketFanoutId "packet_fanout_id" [] "packet.fanout.id" EXTENDED Number "packet: group that shares packets";
    PacketFanoutType "packet_fanout_type" [] "packet.fanout.type" EXTENDED Word "packet: how that group shares them";
    PacketRxBlockSize "packet_rx_block_size" [] "packet.rx_ring.block_size" EXTENDED Bytes "packet: size of a block of the receive ring";
    PacketRxBlockNr "packet_rx_block_nr" [] "packet.rx_ring.block_nr" EXTENDED Number "packet: blocks of the receive ring";
    PacketRxFrameSize "packet_rx_frame_size" [] "packet.rx_ring.frame_size" EXTENDED Bytes "packet: size of a frame of the receive ring";
    PacketRxFrameNr "packet_rx_frame_nr" [] "packet.rx_ring.frame_nr" EXTENDED Number "packet: frames of the receive ring";
    PacketRxRetireTmo "packet_rx_retire_tmo" [] "packet.rx_ring.retire_tmo_ms" EXTENDED Milliseconds "packet: after which a block of the receive ring is handed over";
    PacketRxSizeofPriv "packet_rx_sizeof_priv" [] "packet.rx_ring.sizeof_priv" EXTENDED Bytes "packet: room for the program in each block of the receive ring";
    PacketRxFeatures "packet_rx_features" [] "packet.rx_ring.features" EXTENDED Hex "packet: features of the receive ring";
    PacketTxBlockSize "packet_tx_block_size" [] "packet.tx_ring.block_size" EXTENDED Bytes "packet: size of a block of the transmit ring";
    PacketTxBlockNr "packet_tx_block_nr" [] "packet.tx_ring.block_nr" EXTENDED Number "packet: blocks of the transmit ring";
    PacketTxFrameSize "packet_tx_frame_size" [] "packet.tx_ring.frame_size" EXTENDED Bytes "packet: size of a frame of the transmit ring";
    PacketTxFrameNr "packet_tx_frame_nr" [] "packet.tx_ring.frame_nr" EXTENDED Number "packet: frames of the transmit ring";
    PacketTxRetireTmo "packet_tx_retire_tmo" [] "packet.tx_ring.retire_tmo_ms" EXTENDED Milliseconds "packet: of the transmit ring, which has none";
    PacketTxSizeofPriv "packet_tx_sizeof_priv" [] "packet.tx_ring.sizeof_priv" EXTENDED Bytes "packet: of the transmit ring, which has none";
    PacketTxFeatures "packet_tx_features" [] "packet.tx_ring.features" EXTENDED Hex "packet: features of the transmit ring";
    PacketMemberships "packet_memberships" [] "packet.memberships" EXTENDED Text "packet: hardware addresses and modes that it has asked for";
    PacketFilter "packet_filter" ["bpf"] "packet.filter" FILTER Text "packet: its filter program, disassembled; needs CAP_NET_ADMIN";
    NetlinkGroups "netlink_groups" [] "netlink.groups" EXTENDED Text "netlink: multicast groups joined; a filter asks for one";
    NetlinkFlags "netlink_flags" [] "netlink.flags" EXTENDED Words "netlink: what is switched on";
    XdpRxRing "xdp_rx_ring" [] "xdp.rx_ring" EXTENDED Number "XDP: entries of the receive ring";
    XdpTxRing "xdp_tx_ring" [] "xdp.tx_ring" EXTENDED Number "XDP: entries of the transmit ring";
    XdpFillRing "xdp_fill_ring" [] "xdp.fill_ring" EXTENDED Number "XDP: entries of the fill ring";
    XdpCompletionRing "xdp_completion_ring" [] "xdp.completion_ring" EXTENDED Number "XDP: entries of the completion ring";
    XdpUmemId "xdp_umem_id" [] "xdp.umem.id" EXTENDED Number "XDP: number of its memory, which sockets may share";
    XdpUmemSize "xdp_umem_size" [] "xdp.umem.size" EXTENDED Bytes "XDP: size of that memory";
    XdpUmemPages "xdp_umem_pages" [] "xdp.umem.num_pages" EXTENDED Number "XDP: pages of it";
    XdpUmemChunkSize "xdp_umem_chunk_size" [] "xdp.umem.chunk_size" EXTENDED Bytes "XDP: room for a packet in it";
    XdpUmemHeadroom "xdp_umem_headroom" [] "xdp.umem.headroom" EXTENDED Bytes "XDP: room kept before each packet";
    XdpUmemInterface "xdp_umem_interface" [] "xdp.umem.interface" EXTENDED Text "XDP: interface that the memory is bound to";
    XdpUmemQueue "xdp_umem_queue" [] "xdp.umem.queue" EXTENDED Number "XDP: queue that the memory is bound to";
    XdpUmemFlags "xdp_umem_flags" [] "xdp.umem.flags" EXTENDED Words "XDP: whether packets are not copied";
    XdpUmemRefs "xdp_umem_refs" [] "xdp.umem.refs" EXTENDED Number "XDP: sockets that use the memory";
    XdpRxDropped "xdp_rx_dropped" [] "xdp.stats.rx_dropped" EXTENDED Packets "XDP: received packets dropped";
    XdpRxInvalid "xdp_rx_invalid" [] "xdp.stats.rx_invalid" EXTENDED Number "XDP: invalid entries in the fill ring";
    XdpRxFull "xdp_rx_full" [] "xdp.stats.rx_full" EXTENDED Packets "XDP: packets dropped because the receive ring was full";
    XdpFillRingEmpty "xdp_fill_ring_empty" [] "xdp.stats.fill_ring_empty" EXTENDED Number "XDP: times that the fill ring was empty";
    XdpTxInvalid "xdp_tx_invalid" [] "xdp.stats.tx_invalid" EXTENDED Number "XDP: invalid entries in the transmit ring";
    XdpTxRingEmpty "xdp_tx_ring_empty" [] "xdp.stats.tx_ring_empty" EXTENDED Number "XDP: times that the transmit ring was empty";
    TipcRcvq "tipc_rcvq" [] "tipc.rcvq" TIPC Messages "TIPC: messages waiting to be read";
    TipcSendq "tipc_sendq" [] "tipc.sendq" TIPC Messages "TIPC: messages waiting to leave";
    TipcDrop "tipc_drop" [] "tipc.drop" TIPC Messages "TIPC: messages dropped because the receive queue was full";
    TipcLinkCong "tipc_link_cong" [] "tipc.link_cong" TIPC Flag "TIPC: whether it waits for a congested link";
    TipcConnCong "tipc_conn_cong" [] "tipc.conn_cong" TIPC Flag "TIPC: whether it waits for the other end to read";
    TipcHasPubl "tipc_has_publ" [] "tipc.has_publ" TIPC Flag "TIPC: has published a name; told of those without a connection";
    TipcViaType "tipc_via_type" [] "tipc.via.type" TIPC Number "TIPC: type of the service name that it connected to";
    TipcViaInst "tipc_via_inst" [] "tipc.via.inst" TIPC Number "TIPC: instance of that name";
    TipcGroupId "tipc_group_id" [] "tipc.group.id" TIPC Number "TIPC: number of the group that it is a member of";
    TipcGroupInstance "tipc_group_instance" [] "tipc.group.instance" TIPC Number "TIPC: its number in that group";
    TipcGroupBcSendNext "tipc_group_bc_send_next" [] "tipc.group.bc_send_next" TIPC Number "TIPC: number of the next message to that group";
    TipcGroupOpen "tipc_group_open" [] "tipc.group.open" TIPC Flag "TIPC: whether messages to that group can be sent";
    TipcGroupScope "tipc_group_scope" [] "tipc.group.scope" TIPC Word "TIPC: how far that group reaches: node or cluster";
}

impl OwnMetric {
    /// The words of its bits or of its numbers, the lowest first; none if it has none.
    #[must_use]
    pub const fn words(self) -> &'static [&'static str] {
        match self {
            Self::PacketVersion => PACKET_VERSIONS,
            Self::PacketFlags => PACKET_FLAGS,
            Self::PacketFanoutType => PACKET_FANOUTS,
            Self::NetlinkFlags => NETLINK_FLAGS,
            Self::XdpUmemFlags => XDP_FLAGS,
            Self::TipcGroupScope => super::tipc::SCOPES,
            _ => &[],
        }
    }

    /// Whether it is a list of words without blanks.
    #[must_use]
    pub const fn is_list(self) -> bool {
        matches!(
            self,
            Self::SctpLocals | Self::SctpPeers | Self::UnixWaiting | Self::NetlinkGroups
        )
    }

    /// The protocol that has it.
    #[must_use]
    pub const fn protocol(self) -> Protocol {
        match self as u8 {
            n if n <= Self::SctpPeers as u8 => Protocol::Sctp,
            n if n <= Self::UnixWaiting as u8 => Protocol::Unix,
            n if n <= Self::PacketFilter as u8 => Protocol::Packet,
            n if n <= Self::NetlinkFlags as u8 => Protocol::Netlink,
            n if n <= Self::XdpTxRingEmpty as u8 => Protocol::Xdp,
            _ => Protocol::Tipc,
        }
    }

    /// The value of a number, if it is sent at all.
    fn of(self, n: Option<u64>) -> Value<'static> {
        let Some(n) = n else {
            return Value::None;
        };
        match self.unit() {
            Unit::Words => Value::Words(n, self.words()),
            Unit::Word => usize::try_from(n)
                .ok()
                .and_then(|n| self.words().get(n).copied())
                .map_or(Value::Number(n), Value::Word),
            unit => unit.number(n),
        }
    }
}

fn read(row: Row<'_>, metric: OwnMetric) -> Value<'_> {
    if row.socket.protocol != metric.protocol() {
        return Value::None;
    }
    let names = row.context.names;
    match row.socket.own_details() {
        Some(OwnDetails::Sctp(info)) => sctp(info, metric),
        Some(OwnDetails::Unix(info)) => unix(info, metric),
        Some(OwnDetails::Packet(info)) => packet(info, metric, names),
        Some(OwnDetails::Netlink(info)) => netlink(info, metric),
        Some(OwnDetails::Xdp(info)) => xdp(info, metric, names),
        Some(OwnDetails::Tipc(info)) => info.value(metric),
        Some(OwnDetails::Mptcp(_)) | None => Value::Unknown(Why::Source),
    }
}

/// Several of them with blanks between; none is known to be nothing.
fn list(parts: impl IntoIterator<Item = impl std::fmt::Display>) -> Value<'static> {
    let mut text = String::new();
    for part in parts {
        let gap = if text.is_empty() { "" } else { " " };
        // Writing to a String cannot fail.
        let _ = write!(text, "{gap}{part}");
    }
    if text.is_empty() {
        Value::None
    } else {
        Value::Name(Rc::from(text.into_bytes()))
    }
}

fn sctp(info: &SctpInfo, metric: OwnMetric) -> Value<'static> {
    let several = |all: &[IpAddr]| list(all.iter());
    match metric {
        OwnMetric::SctpPrimary => list(info.primary.map(|(ip, _)| ip)),
        OwnMetric::SctpLocals => several(&info.locals),
        _ => several(&info.peers),
    }
}

fn unix(info: &UnixDetails, metric: OwnMetric) -> Value<'static> {
    match metric {
        OwnMetric::UnixVfsInode => metric.of(info.file.map(|file| file.inode.into())),
        OwnMetric::UnixVfsDevice => list(info.file.map(|file| {
            let (major, minor) = file.device;
            format!("{major}:{minor}")
        })),
        _ => list(info.waiting.iter().map(|inode| inode.0)),
    }
}

/// The members of the group that begins with `first`, in their order.
fn member<const N: usize>(
    metric: OwnMetric,
    first: OwnMetric,
    values: Option<[u32; N]>,
) -> Value<'static> {
    let place = (metric as usize).wrapping_sub(first as usize);
    metric.of(values.and_then(|all| all.get(place).map(|&n| n.into())))
}

fn packet(info: &PacketDetails, metric: OwnMetric, names: &dyn Names) -> Value<'static> {
    use OwnMetric as M;
    match metric {
        M::PacketVersion
        | M::PacketReserve
        | M::PacketCopyThresh
        | M::PacketTstamp
        | M::PacketFlags => match info.info {
            Some(_) => member(metric, M::PacketVersion, info.info),
            None => Value::Unknown(Why::Source),
        },
        M::PacketFanoutId => metric.of(info.fanout.map(|(id, _)| id.into())),
        M::PacketFanoutType => metric.of(info.fanout.map(|(_, kind)| kind.into())),
        M::PacketMemberships => match &info.memberships {
            Some(all) => list(all.iter().map(|one| one.text(names))),
            None => Value::Unknown(Why::Source),
        },
        M::PacketFilter => match &info.filter {
            None => Value::Unknown(Why::Source),
            Some(Program::Hidden) => Value::Unknown(Why::Permission),
            Some(Program::None) => Value::None,
            Some(Program::Known(program)) => {
                let lines = program.iter().enumerate();
                list(lines.map(|(n, instruction)| format!("l{n}: {};", instruction.at(n))))
            }
        },
        _ if metric as u8 >= M::PacketTxBlockSize as u8 => {
            member(metric, M::PacketTxBlockSize, info.tx_ring)
        }
        _ => member(metric, M::PacketRxBlockSize, info.rx_ring),
    }
}

impl Membership {
    /// Its kind, its hardware address and its interface: `multicast 01:00:5e:00:00:01%eth0`.
    #[must_use]
    pub fn text(&self, names: &dyn Names) -> String {
        let mut text = match self.kind_word() {
            Some(word) => word.to_owned(),
            None => self.kind.to_string(),
        };
        for (n, byte) in self.address.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(text, "{}{byte:02x}", if n == 0 { ' ' } else { ':' });
        }
        if let Some(index) = self.interface {
            let _ = match names.interface(index) {
                Some(name) => write!(text, "%{}", String::from_utf8_lossy(&name)),
                None => write!(text, "%if{}", index.0),
            };
        }
        text
    }

    /// The word of its kind; `None` for a kind that this program does not know.
    #[must_use]
    pub fn kind_word(&self) -> Option<&'static str> {
        PACKET_MEMBERSHIPS.get(usize::from(self.kind)).copied()
    }
}

fn netlink(info: &NetlinkDetails, metric: OwnMetric) -> Value<'static> {
    match metric {
        OwnMetric::NetlinkGroups => match &info.groups {
            Some(groups) if info.groups_up_to.is_none() => list(groups),
            Some(groups) if !groups.is_empty() => {
                let more = ["?".to_owned()];
                list(groups.iter().map(u32::to_string).chain(more))
            }
            Some(_) | None => Value::Unknown(Why::Source),
        },
        _ => match info.flags {
            Some(flags) => metric.of(Some(flags.into())),
            None => Value::Unknown(Why::Source),
        },
    }
}

fn xdp(info: &XdpDetails, metric: OwnMetric, names: &dyn Names) -> Value<'static> {
    use OwnMetric as M;
    let [rx, tx, fill, completion] = info.rings.map(|ring| ring.map(u64::from));
    let umem = |read: fn(XdpUmem) -> u64| metric.of(info.umem.map(read));
    match metric {
        M::XdpRxRing => metric.of(rx),
        M::XdpTxRing => metric.of(tx),
        M::XdpFillRing => metric.of(fill),
        M::XdpCompletionRing => metric.of(completion),
        M::XdpUmemId => umem(|u| u.id.into()),
        M::XdpUmemSize => umem(|u| u.size),
        M::XdpUmemPages => umem(|u| u.num_pages.into()),
        M::XdpUmemChunkSize => umem(|u| u.chunk_size.into()),
        M::XdpUmemHeadroom => umem(|u| u.headroom.into()),
        M::XdpUmemInterface => {
            let index = info.umem.and_then(|u| u.interface);
            index.map_or(Value::None, |index| {
                let unnamed = || format!("if{}", index.0).into_bytes().into();
                Value::Name(names.interface(index).unwrap_or_else(unnamed))
            })
        }
        M::XdpUmemQueue => umem(|u| u.queue.into()),
        M::XdpUmemFlags => umem(|u| u.flags.into()),
        M::XdpUmemRefs => umem(|u| u.refs.into()),
        _ => match info.stats {
            Some(stats) => {
                let place = (metric as usize).wrapping_sub(M::XdpRxDropped as usize);
                metric.of(stats.get(place).copied())
            }
            None => Value::Unknown(Why::Source),
        },
    }
}
