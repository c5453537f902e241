//! The vocabulary: what a socket is, and what is known about it.
//!
//! Types only, no I/O and no text layout. Every other room speaks in these types; this one
//! imports nothing. Three rules hold throughout:
//!
//! * a number that means something has its own type ([`Port`], [`Pid`], [`Inode`], …);
//! * an enumeration that mirrors the kernel has a variant for values it does not know;
//! * "unknown" is a value ([`Value::Unknown`] with its [`Why`]), never a zero or an empty string.
//!
//! | word | meaning |
//! |---|---|
//! | table | one kernel socket table: a [`Protocol`] in a [`Family`] |
//! | socket | one row of a table ([`Socket`]); its identity is its [`Cookie`] |
//! | owner | a process that holds a descriptor of the socket ([`Owners`]) |
//! | snapshot | everything one run collected ([`Snapshot`]) |
//! | field | a fact about a socket that can be shown, sorted by or filtered on ([`Field`]) |

mod address;
mod allocation;
mod bind;
mod condition;
mod detail;
mod details;
mod exposure;
mod family_words;
mod field;
mod general_fields;
mod names;
mod order;
mod owners;
mod ports;
mod protocol;
mod query;
mod question;
mod redirect;
mod snapshot;
mod socket;
mod state;
mod unit;
mod value;
mod vitals;

pub use address::{
    Ends, IfIndex, InetEnds, KindSet, NetlinkEnds, PacketEnds, Port, SocketKind, TipcAddress,
    TipcEnds, UnixEnds, UnixName, UnixPeer, VsockAddress, VsockEnds, XdpEnds, ipv4_of,
};
pub use allocation::{AllocationSettings, Hold, KernelRelease, Opened, PortHolder, TwReuse};
pub use bind::{
    AddressState, BindError, BindFacts, BindOutcome, BindTarget, BindTrial, BindUser, BindVariant,
    LocalAddress, RouteKind,
};
pub use condition::{Condition, Conditions};
pub use detail::{Engine, OtherListener, Parent, PathFacts, PathKind, Place, ProcessDetail};
pub use details::{
    ACCECN_FAILURES, Bbr, BpfStorage, Congestion, Dctcp, DetailSet, Details, ExtraMetric,
    INFINITE_SSTHRESH, Instruction, KernelName, MPTCP_FLAGS, Md5Key, Membership, Memory,
    MemoryMetric, MptcpInfo, MptcpMetric, NETLINK_FLAGS, NetlinkDetails, Numbers, OwnDetails,
    OwnMetric, PACKET_FANOUTS, PACKET_FLAGS, PACKET_VERSIONS, PacketDetails, PacketRing, Program,
    SOCKET_OPTIONS, SctpInfo, SctpMetric, Subflow, TCP_OPTIONS, TcpInfo, TcpMetric, TipcDetails,
    TipcGroup, TipcStats, Tls, UNMEASURED_RTT_US, Ulp, UnixDetails, UnixFile, Vegas, XDP_FLAGS,
    XdpDetails, XdpUmem, hexadecimal,
};
pub use exposure::{Exposure, PortRange};
pub use family_words::{ethertype_named, ethertype_word, netlink_named, netlink_word};
pub use field::{Context, FIELDS, Field, FieldId, Row, field_by_name};
pub use names::{CgroupPath, Names, NoNames, Thread};
pub use order::{ORDER_WINDOW, default_order, order_window};
pub use owners::{
    Barrier, Held, Holder, Holders, Listeners, NoOwner, OwnerTable, Owners, Pid, Process,
    ScanReport, TunnelDevice,
};
pub use ports::EphemeralPorts;
pub use protocol::{Family, Protocol, Table, TableSet};
pub use query::{Kinds, Query, SourceChoice, StateMasks};
pub use question::{Question, Subject};
pub use redirect::{Redirect, RedirectGap, Redirects, ToAddress, ToPort};
pub use snapshot::{NetNs, Notice, Snapshot, SourceKind, StorageGap, TableReport};
pub use socket::{CgroupId, Cookie, Inode, Mark, Queues, Shutdown, Socket, Timer, TimerKind, Uid};
pub use state::{SctpState, State, StateSet, StateSetName};
pub use unit::Unit;
pub use value::{Side, Value, Why};
pub use vitals::{DescriptorUse, Descriptors, Vitals};
