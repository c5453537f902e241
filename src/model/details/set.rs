//! Which details are asked for.

/// A set of details to ask the kernel for; each costs time for every socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DetailSet(u16);

impl DetailSet {
    /// Nothing: no attribute is requested and nothing is kept.
    pub const NONE: Self = Self(0);
    /// `struct tcp_info`, the congestion control and what is on top of TCP.
    pub const INFO: Self = Self(1);
    /// Buffers and drops.
    pub const MEMORY: Self = Self(2);
    /// Type of service, traffic class, class id.
    pub const TOS: Self = Self(4);
    /// Flags of setsockopt(2) that the kernel sends without being asked.
    pub const SOCKET_OPTIONS: Self = Self(8);
    /// The name of the congestion control alone.
    pub const CONGESTION: Self = Self(16);
    /// The paths of control groups, looked up in the file system.
    pub const CGROUP: Self = Self(32);
    /// The threads of processes, read from /proc.
    pub const THREADS: Self = Self(64);
    /// The SELinux contexts of processes, read from /proc.
    pub const CONTEXT: Self = Self(128);
    /// What only one family has: files of unix sockets, rings of packet sockets, groups of netlink sockets.
    pub const EXTENDED: Self = Self(256);
    /// Filter programs of packet sockets.
    pub const FILTER: Self = Self(512);
    /// The SELinux contexts of sockets, read from /proc.
    pub const SOCKET_CONTEXT: Self = Self(1024);
    /// The command lines of processes, read from /proc.
    pub const COMMAND: Self = Self(2048);

    /// What only TIPC has: queues of messages, congestion, published names, groups.
    pub const TIPC: Self = Self(4096);
    /// What BPF programs keep with sockets.
    pub const BPF_STORAGE: Self = Self(8192);
    /// All of what only one family has.
    pub const OWN: Self = Self::EXTENDED.or(Self::FILTER).or(Self::TIPC);

    /// Either's.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Those that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether it has any of `other`.
    #[must_use]
    pub const fn has(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether sockets come without details.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Those of them that come with a socket's message.
    #[must_use]
    pub const fn of_the_kernel(self) -> Self {
        self.without(
            Self::CGROUP
                .or(Self::THREADS)
                .or(Self::CONTEXT)
                .or(Self::SOCKET_CONTEXT)
                .or(Self::COMMAND),
        )
    }
}
