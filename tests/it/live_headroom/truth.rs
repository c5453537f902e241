//! Makes connections until the kernel refuses, and asks portctl how many there would be.

use crate::portctl::Run;
use crate::scene::tcp;
use nix::libc;
use nix::sys::socket::{setsockopt, sockopt as nix_sockopt};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType, sockopt};
use serde_json::Value;
use std::net::{IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// `IP_LOCAL_PORT_RANGE`.
#[derive(Clone, Copy, Debug)]
struct LocalPortRange;
const IP_LOCAL_PORT_RANGE: libc::c_int = 51;
nix::setsockopt_impl!(
    LocalPortRange,
    libc::IPPROTO_IP,
    IP_LOCAL_PORT_RANGE,
    u32,
    nix::sys::socket::sockopt::SetStruct<'_, u32>
);

/// Writes a setting of this namespace.
pub(super) fn set(name: &str, value: impl ToString) {
    let path = format!("/proc/sys/net/ipv4/{name}");
    std::fs::write(&path, value.to_string()).unwrap_or_else(|e| panic!("{path}: {e}"));
}

/// The range of local ports from now on.
pub(super) fn set_range(low: u16, size: u16) {
    set("ip_local_port_range", format!("{low} {}", low + size - 1));
}

/// How a client comes to its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mode {
    Connect,
    Bind,
    BindAny,
}

impl Mode {
    fn word(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::BindAny => "bind-any",
        }
    }
}

/// Connections to be counted.
#[derive(Clone, Debug)]
pub(super) struct Flow {
    pub(super) udp: bool,
    pub(super) to: SocketAddr,
    pub(super) from: Option<IpAddr>,
    pub(super) mode: Mode,
    pub(super) range: Option<RangeInclusive<u16>>,
    pub(super) device: Option<&'static str>,
}

impl Flow {
    pub(super) fn to(to: SocketAddr) -> Self {
        Self {
            udp: false,
            to,
            from: None,
            mode: Mode::Connect,
            range: None,
            device: None,
        }
    }

    pub(super) fn udp(self) -> Self {
        Self { udp: true, ..self }
    }

    pub(super) fn from(self, address: &str) -> Self {
        Self {
            from: Some(address.parse().unwrap()),
            ..self
        }
    }

    pub(super) fn mode(self, mode: Mode) -> Self {
        Self { mode, ..self }
    }

    pub(super) fn range(self, range: RangeInclusive<u16>) -> Self {
        Self {
            range: Some(range),
            ..self
        }
    }

    pub(super) fn device(self, name: &'static str) -> Self {
        Self {
            device: Some(name),
            ..self
        }
    }

    /// One more connection.
    pub(super) fn connect(&self) -> Result<OwnedFd, Errno> {
        let family = match self.to {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let kind = if self.udp {
            SocketType::DGRAM
        } else {
            SocketType::STREAM
        };
        let fd = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None).unwrap();
        if let Some(range) = &self.range {
            let value = u32::from(*range.end()) << 16 | u32::from(*range.start());
            setsockopt(&fd, LocalPortRange, &value).unwrap();
        }
        if let Some(name) = self.device {
            setsockopt(&fd, nix_sockopt::BindToDevice, &name.into()).unwrap();
        }
        let any: IpAddr = match self.to {
            SocketAddr::V4(_) => std::net::Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => std::net::Ipv6Addr::UNSPECIFIED.into(),
        };
        match (self.mode, self.from) {
            (Mode::Connect, None) => {}
            (Mode::Connect, Some(from)) => {
                setsockopt(&fd, nix_sockopt::IpBindAddressNoPort, &true).unwrap();
                rustix::net::bind(&fd, &SocketAddr::new(from, 0))?;
            }
            (Mode::Bind, from) => {
                let from = from.expect("bind() is to an address");
                rustix::net::bind(&fd, &SocketAddr::new(from, 0))?;
            }
            (Mode::BindAny, _) => rustix::net::bind(&fd, &SocketAddr::new(any, 0))?,
        }
        rustix::net::connect(&fd, &self.to)?;
        Ok(fd)
    }

    /// How many there can be, by making them. They are reset at once, and leave nothing.
    pub(super) fn count(&self, servers: &[OwnedFd]) -> u32 {
        let mut open = Vec::new();
        let refusal = loop {
            match self.connect() {
                Ok(fd) => open.push(fd),
                Err(errno) => break errno,
            }
            assert!(open.len() < 2000, "no end of ports");
        };
        let known = [Errno::ADDRNOTAVAIL, Errno::ADDRINUSE, Errno::AGAIN];
        assert!(known.contains(&refusal), "{refusal}: {self:?}");
        for fd in &open {
            if !self.udp {
                sockopt::set_socket_linger(fd, Some(Duration::ZERO)).unwrap();
            }
        }
        let count = u32::try_from(open.len()).unwrap();
        drop(open);
        drain(servers);
        count
    }

    fn arguments(&self) -> Vec<String> {
        let mut words = vec!["headroom".to_owned(), "--json".to_owned()];
        let mut add = |option: &str, value: String| words.extend([option.to_owned(), value]);
        add("--to", self.to.to_string());
        add("--mode", self.mode.word().to_owned());
        if let Some(from) = self.from {
            add("--from", from.to_string());
        }
        if let Some(range) = &self.range {
            add("--port-range", format!("{}-{}", range.start(), range.end()));
        }
        if let Some(name) = self.device {
            add("--device", name.to_owned());
        }
        if self.udp {
            add("--proto", "udp".to_owned());
        }
        words
    }

    /// What portctl says.
    pub(super) fn ask(&self, more: &[&str]) -> Said {
        let words = self.arguments();
        let run = Run::with(words.into_iter().chain(more.iter().map(|&w| w.to_owned())));
        Said(run.go().exits(0).value())
    }

    /// Fails unless portctl says what then is counted, and that it is sure.
    pub(super) fn is_exactly(&self, servers: &[OwnedFd], expected: u32) -> Said {
        let said = self.ask(&[]);
        let count = self.count(servers);
        assert_eq!(count, expected, "counted; said {said:?}");
        assert_eq!(said.bounds(), (Some(count), count, count), "{said:?}");
        said
    }

    /// Fails unless what is counted is what portctl expects, and within its bounds.
    pub(super) fn is_expected(&self, servers: &[OwnedFd], expected: u32) -> Said {
        let said = self.ask(&[]);
        let count = self.count(servers);
        assert_eq!(count, expected, "counted; said {said:?}");
        let (min, middle, max) = said.bounds();
        assert!(min.unwrap() <= count && count <= max, "{count}: {said:?}");
        assert_eq!(middle, count, "{said:?}");
        said
    }
}

/// A document.
pub(super) struct Said(pub(super) Value);

impl Said {
    /// min, expected, max
    pub(super) fn bounds(&self) -> (Option<u32>, u32, u32) {
        let number = |key: &str| self.0["headroom"][key].as_u64();
        let number = |key| number(key).map(|n| u32::try_from(n).unwrap());
        (
            number("min"),
            number("expected").unwrap(),
            number("max").unwrap(),
        )
    }

    /// How many ports have a fate.
    pub(super) fn part(&self, key: &str) -> u64 {
        self.0["parts"][key].as_u64().unwrap()
    }

    /// What is uncertain.
    pub(super) fn doubts(&self) -> Vec<&str> {
        let list = self.0["uncertainty"].as_array().unwrap();
        list.iter().map(|d| d["kind"].as_str().unwrap()).collect()
    }
}

impl std::fmt::Debug for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let parts = self.0["parts"].as_object().into_iter().flatten();
        let parts: Vec<_> = parts.filter(|(_, n)| n.as_u64() != Some(0)).collect();
        let doubts = &self.0["uncertainty"];
        write!(
            f,
            "{} {} {parts:?} {doubts} {}",
            self.0["flow"], self.0["headroom"], self.0["settings"]
        )
    }
}

/// A server: accepts whatever comes, at a port outside of every range here.
pub(super) fn server(at: &str) -> OwnedFd {
    let fd = tcp::listener_at(at.parse().unwrap(), 4096, None);
    rustix::io::ioctl_fionbio(&fd, true).unwrap();
    fd
}

/// Takes everything out of the servers' queues, and closes it.
pub(super) fn drain(servers: &[OwnedFd]) {
    for server in servers {
        while rustix::net::accept_with(server, SocketFlags::CLOEXEC).is_ok() {}
    }
}

/// The server's end of the one connection that waits.
pub(super) fn accept(server: &OwnedFd) -> OwnedFd {
    let mut accepted = None;
    crate::namespace::eventually("a connection waits", || {
        accepted = rustix::net::accept_with(server, SocketFlags::CLOEXEC).ok();
        accepted.is_some()
    });
    accepted.unwrap()
}

/// Lets the client close first, so that it has the TIME_WAIT.
pub(super) fn close_into_time_wait(client: OwnedFd, server_end: OwnedFd) {
    drop(client);
    tcp::read_to_end(&server_end);
    drop(server_end);
}
