//! The JSON contract as types of the tests' own: an unknown key, a missing key or a wrong type
//! fails. Written from the contract, not from the program.

use serde::de::{Deserialize, Deserializer};
use serde_json::Value;

/// A key that must be there and may be `null`. (Without this, serde takes a missing key for `null`.)
fn nullable<'de, T: Deserialize<'de>, D: Deserializer<'de>>(d: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(d)
}

/// `"schema"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schema {
    pub(crate) name: String,
    pub(crate) version: u32,
}

/// What `ls --json` prints.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Document {
    pub(crate) schema: Schema,
    /// `null` only for a saved dump on standard input.
    pub(crate) captured_at: Option<String>,
    pub(crate) netns: NetNs,
    pub(crate) complete: bool,
    pub(crate) tables: Vec<Table>,
    pub(crate) notices: Vec<Notice>,
    pub(crate) sockets: Vec<Socket>,
}

/// `"netns"`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetNs {
    #[serde(deserialize_with = "nullable")]
    pub(crate) inode: Option<u64>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: Option<String>,
}

/// One of `"tables"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Table {
    pub(crate) protocol: String,
    pub(crate) family: String,
    pub(crate) source: String,
    pub(crate) records: u64,
    pub(crate) skipped: u64,
}

/// One of `"notices"`.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Notice {
    pub(crate) kind: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) count: Option<u64>,
    pub(crate) message: String,
}

/// One of `"sockets"`, or a line of `--ndjson`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Socket {
    /// Only in `--ndjson`.
    pub(crate) schema: Option<Schema>,
    pub(crate) protocol: String,
    pub(crate) family: String,
    /// Not of IP sockets.
    #[serde(rename = "type")]
    pub(crate) kind: Option<String>,
    pub(crate) state: String,
    pub(crate) local: End,
    #[serde(deserialize_with = "nullable")]
    pub(crate) peer: Option<End>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) recv_queue: Option<u64>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) send_queue: Option<u64>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) accept_queue: Option<AcceptQueue>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) uid: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) user: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) inode: Option<u64>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) cookie: Option<String>,
    pub(crate) owners: Owners,
    #[serde(deserialize_with = "nullable")]
    pub(crate) timer: Option<Timer>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) mark: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) cgroup: Option<Cgroup>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) v6only: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) shutdown: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) exposure: Option<Exposure>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) tcp: Option<Value>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) memory: Option<Value>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) ip: Option<Value>,
    /// Only of the protocol with this name; so are those below.
    pub(crate) mptcp: Option<Value>,
    pub(crate) unix: Option<Value>,
    pub(crate) packet: Option<Value>,
    pub(crate) netlink: Option<Value>,
    /// Only where it was asked for and told.
    pub(crate) bpf_storage: Option<Value>,
}

/// `"exposure"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Exposure {
    #[serde(deserialize_with = "nullable")]
    pub(crate) reach: Option<String>,
    pub(crate) port_range: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) ephemeral: Option<bool>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) privileged: Option<bool>,
}

/// `"local"` or `"peer"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(untagged)]
pub(crate) enum End {
    Inet(InetEnd),
    Unix(UnixEnd),
    Packet(PacketEnd),
    Netlink(NetlinkEnd),
    NetlinkPeer(NetlinkPeer),
}

/// What a packet socket sees.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PacketEnd {
    pub(crate) ethertype: u16,
    #[serde(deserialize_with = "nullable")]
    pub(crate) protocol: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) interface: Option<String>,
}

/// A netlink socket.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetlinkEnd {
    pub(crate) protocol: u8,
    #[serde(deserialize_with = "nullable")]
    pub(crate) protocol_name: Option<String>,
    pub(crate) port_id: u32,
}

/// What a netlink socket is connected to.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NetlinkPeer {
    pub(crate) port_id: u32,
    pub(crate) group: u32,
}

/// An address and a port.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct InetEnd {
    pub(crate) address: String,
    /// Only where IPv6 carries an IPv4 address.
    #[serde(default)]
    pub(crate) ipv4: Option<std::net::Ipv4Addr>,
    pub(crate) port: u16,
    #[serde(deserialize_with = "nullable")]
    pub(crate) service: Option<String>,
    /// Only in `local`.
    pub(crate) interface: Option<String>,
}

/// A unix name.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UnixEnd {
    #[serde(deserialize_with = "nullable")]
    pub(crate) path: Option<String>,
    /// The exact bytes, where the name is not valid UTF-8.
    pub(crate) path_hex: Option<String>,
    #[serde(rename = "abstract", deserialize_with = "nullable")]
    pub(crate) abstract_name: Option<String>,
    pub(crate) abstract_hex: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) inode: Option<u64>,
    /// Only of a peer whose inode is known, or that is known to have none.
    pub(crate) owners: Option<Owners>,
}

/// `"accept_queue"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcceptQueue {
    pub(crate) length: u64,
    #[serde(deserialize_with = "nullable")]
    pub(crate) limit: Option<u64>,
}

/// `"owners"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Owners {
    pub(crate) status: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) reason: Option<String>,
    pub(crate) processes: Vec<Process>,
    /// Only where something is known of a socket that nobody holds by a descriptor.
    #[serde(default)]
    pub(crate) via: Vec<Process>,
}

/// One of `"processes"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Process {
    pub(crate) pid: u32,
    /// Only where the descriptors are those of one thread, not of the whole process.
    pub(crate) thread: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: Option<String>,
    /// The exact bytes, where the name is not valid UTF-8.
    pub(crate) name_hex: Option<String>,
    pub(crate) fds: Vec<u32>,
    /// Only where it is registered with an io_uring.
    #[serde(default)]
    pub(crate) io_uring: Vec<Registered>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) uid: Option<u32>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) user: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) command: Option<Vec<String>>,
    /// Only with `-T`.
    pub(crate) threads: Option<Vec<Thread>>,
    /// Only with `-Z`.
    pub(crate) context: Option<String>,
}

/// One of `"threads"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Thread {
    pub(crate) tid: u32,
    #[serde(deserialize_with = "nullable")]
    pub(crate) name: Option<String>,
}

/// One of `"io_uring"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Registered {
    pub(crate) fd: u32,
    pub(crate) slot: u32,
}

/// `"cgroup"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cgroup {
    pub(crate) id: String,
    #[serde(deserialize_with = "nullable")]
    pub(crate) path: Option<String>,
    #[serde(deserialize_with = "nullable")]
    pub(crate) gone: Option<bool>,
}

/// `"timer"`.
#[derive(Clone, Debug, PartialEq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Timer {
    pub(crate) kind: String,
    pub(crate) expires_ms: u64,
    pub(crate) retransmits: u64,
}

impl Document {
    /// The notices' kinds.
    pub(crate) fn notice_kinds(&self) -> Vec<&str> {
        self.notices.iter().map(|n| n.kind.as_str()).collect()
    }

    /// The one notice of this kind.
    pub(crate) fn notice(&self, kind: &str) -> &Notice {
        let found: Vec<_> = self.notices.iter().filter(|n| n.kind == kind).collect();
        assert_eq!(found.len(), 1, "one {kind} in {:?}", self.notices);
        found[0]
    }

    /// The socket with this cookie.
    pub(crate) fn by_cookie(&self, cookie: &str) -> Option<&Socket> {
        let mut found = self
            .sockets
            .iter()
            .filter(|s| s.cookie.as_deref() == Some(cookie));
        let first = found.next();
        assert!(found.next().is_none(), "cookie {cookie} twice");
        first
    }

    /// The socket with this inode.
    pub(crate) fn by_inode(&self, inode: u64) -> &Socket {
        let mut found = self.sockets.iter().filter(|s| s.inode == Some(inode));
        let first = found.next();
        assert!(found.next().is_none(), "inode {inode} twice");
        first.unwrap_or_else(|| panic!("inode {inode} in {:#?}", self.sockets))
    }

    /// What holds of every document: its own schema and time, no table and no socket twice.
    pub(super) fn check(&self) {
        assert_eq!(self.schema.name, "portctl.ls");
        assert_eq!(self.schema.version, 1);
        let from_a_dump = self.tables.iter().all(|table| table.source == "dump");
        match &self.captured_at {
            Some(time) => {
                let digits = time.replace(|c: char| c.is_ascii_digit(), "9");
                assert_eq!(digits, "9999-99-99T99:99:99.999999Z", "{time}");
            }
            None => assert!(from_a_dump, "live rows have a time: {self:?}"),
        }

        let mut tables: Vec<_> = self
            .tables
            .iter()
            .map(|t| (&t.protocol, &t.family))
            .collect();
        let all = tables.len();
        tables.sort();
        tables.dedup();
        assert_eq!(tables.len(), all, "a table twice: {:?}", self.tables);

        let mut seen = std::collections::HashSet::new();
        for socket in &self.sockets {
            socket.check();
            for identity in socket.identities() {
                assert!(seen.insert(identity.clone()), "{identity} twice");
            }
        }
    }
}

impl Socket {
    /// The local end of an IP socket.
    pub(crate) fn local(&self) -> &InetEnd {
        match &self.local {
            End::Inet(end) => end,
            _ => panic!("an IP socket: {self:?}"),
        }
    }

    /// The peer of an IP socket that has one.
    pub(crate) fn peer(&self) -> &InetEnd {
        match &self.peer {
            Some(End::Inet(end)) => end,
            _ => panic!("a connected IP socket: {self:?}"),
        }
    }

    /// What no two rows may share.
    fn identities(&self) -> Vec<String> {
        let mut all = Vec::new();
        if let Some(cookie) = &self.cookie {
            all.push(format!("cookie {cookie}"));
        }
        if let Some(inode) = self.inode {
            // The first subflow of an MPTCP socket has the file of that, too.
            let of_mptcp = if self.protocol == "mptcp" {
                "mptcp "
            } else {
                ""
            };
            all.push(format!("{of_mptcp}inode {inode}"));
        }
        // Listeners and UDP sockets may share an address (SO_REUSEPORT), connections may not.
        if let (End::Inet(l), Some(End::Inet(p)), "tcp") =
            (&self.local, &self.peer, self.protocol.as_str())
        {
            all.push(format!(
                "{}:{} to {}:{} on {:?}",
                l.address, l.port, p.address, p.port, l.interface
            ));
        }
        all
    }

    /// What holds of every socket, whatever it is.
    pub(super) fn check(&self) {
        let unix = self.protocol == "unix";
        assert_eq!(unix, matches!(self.local, End::Unix(_)), "{self:?}");
        let ip = matches!(self.local, End::Inet(_));
        assert_eq!(ip, self.family.starts_with("inet"), "{self:?}");
        assert!(
            !(unix && self.kind.is_none() || ip && self.kind.is_some()),
            "{self:?}"
        );
        if self.accept_queue.is_some() {
            assert_eq!(self.state, "listen", "{self:?}");
            assert_eq!((self.recv_queue, self.send_queue), (None, None), "{self:?}");
        }
        if let Some(cookie) = &self.cookie {
            assert!(is_hex_id(cookie), "{self:?}");
        }
        if let Some(cgroup) = &self.cgroup {
            assert!(is_hex_id(&cgroup.id), "{self:?}");
        }
        let owners = &self.owners;
        assert!(owners.via.is_empty() || owners.status == "none", "{self:?}");
        match owners.status.as_str() {
            "known" => assert!(!owners.processes.is_empty() && owners.reason.is_none()),
            "none" => assert!(owners.processes.is_empty() && owners.reason.is_some()),
            "hidden" | "source" | "not-asked" => {
                assert!(owners.processes.is_empty() && owners.reason.is_none());
            }
            status => panic!("owners.status {status}"),
        }
    }
}

fn is_hex_id(text: &str) -> bool {
    text.strip_prefix("0x").is_some_and(|digits| {
        !digits.is_empty()
            && digits
                .chars()
                .all(|c| c.is_ascii_digit() || ('a'..='f').contains(&c))
            && !digits.starts_with('0')
    })
}
