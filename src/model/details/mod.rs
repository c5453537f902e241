//! What the kernel tells about a socket only when it is asked: counters, memory, options, what is on top of TCP.
//!
//! A socket has its [`Details`] beside it, in one block that exists only if something of it was asked for.

mod bits;
mod blocks;
mod bpf;
mod extra;
mod memory;
mod metrics;
mod mptcp;
mod numbers;
mod own;
mod program;
mod sctp;
mod set;
mod tcp_info;
mod tipc;

pub use bits::{ACCECN_FAILURES, MPTCP_FLAGS, SOCKET_OPTIONS, TCP_OPTIONS};
pub use blocks::{
    Bbr, Congestion, Dctcp, KernelName, Md5Key, Subflow, Tls, UNMEASURED_RTT_US, Ulp, Vegas,
};
pub use bpf::{BpfStorage, hexadecimal};
pub use extra::ExtraMetric;
pub use memory::{Memory, MemoryMetric};
pub use mptcp::{MptcpInfo, MptcpMetric};
pub use numbers::Numbers;
pub use own::{
    Membership, NETLINK_FLAGS, NetlinkDetails, OwnDetails, OwnMetric, PACKET_FANOUTS, PACKET_FLAGS,
    PACKET_VERSIONS, PacketDetails, PacketRing, UnixDetails, UnixFile, XDP_FLAGS, XdpDetails,
    XdpUmem,
};
pub use program::{Instruction, Program};
pub use sctp::{SctpInfo, SctpMetric};
pub use set::DetailSet;
pub use tcp_info::{INFINITE_SSTHRESH, TcpInfo, TcpMetric};
pub use tipc::{TipcDetails, TipcGroup, TipcStats};

pub(super) use extra::EXTRA_FIELDS;
pub(super) use memory::MEMORY_FIELDS;
pub(super) use mptcp::MPTCP_FIELDS;
pub(super) use own::OWN_FIELDS;
pub(super) use sctp::SCTP_FIELDS;
pub(super) use tcp_info::TCP_FIELDS;

/// The details of one socket; whatever the kernel did not send is absent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// TCP's own counters, `INET_DIAG_INFO`.
    pub tcp: Option<TcpInfo>,
    /// Name of the congestion control, `INET_DIAG_CONG`.
    pub congestion: Option<KernelName>,
    /// What that congestion control tells of itself.
    pub congestion_info: Option<Congestion>,
    /// Buffers and drops, `INET_DIAG_SKMEMINFO` or `UNIX_DIAG_MEMINFO`.
    pub memory: Option<Memory>,
    /// `IP_TOS`, `INET_DIAG_TOS`.
    pub tos: Option<u8>,
    /// `IPV6_TCLASS`, `INET_DIAG_TCLASS`; the kernel sends it for IPv6 sockets only.
    pub tclass: Option<u8>,
    /// net_cls class of its control group or else `SO_PRIORITY`, `INET_DIAG_CLASS_ID`.
    pub class_id: Option<u32>,
    /// Bits named by [`SOCKET_OPTIONS`], `INET_DIAG_SOCKOPT`.
    pub socket_options: Option<u16>,
    /// What is on top of TCP, `INET_DIAG_ULP_INFO`.
    pub ulp: Option<Box<Ulp>>,
    /// Peers with a TCP-MD5 key, `INET_DIAG_MD5SIG`; told to `CAP_NET_ADMIN` only, and `None` to others.
    pub md5_keys: Option<Vec<Md5Key>>,
    /// What BPF programs keep with it, `INET_DIAG_SK_BPF_STORAGES`; empty if that is nothing, `None` if nobody was told.
    pub bpf_storage: Option<Box<[BpfStorage]>>,
    /// What only its protocol has.
    pub own: Option<Box<OwnDetails>>,
}
