//! Worlds of any mix: what is counted always lies between the bounds, and nearly always is what was expected.

use super::truth::{Flow, Mode, Said, accept, close_into_time_wait, drain, server, set, set_range};
use crate::namespace;
use crate::scene::tcp;
use nix::sys::socket::{setsockopt, sockopt as nix_sockopt};
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The first port of the first world's range; each world has 64 ports.
const FIRST: u16 = 20_000;

/// Enough randomness for choosing, the same in every run: xorshift of Marsaglia.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }

    fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }
}

const SERVERS: [&str; 6] = [
    "127.0.0.1:5001",
    "127.0.0.1:5002",
    "127.0.0.2:5001",
    "192.0.2.9:5001",
    "192.0.2.8:5001",
    "[::1]:5001",
];

/// Sources that a flow to this server can have.
fn sources(to: SocketAddr) -> &'static [&'static str] {
    match to.ip() {
        IpAddr::V4(v4) if v4.is_loopback() => &["127.0.0.1", "127.0.0.2", "127.0.0.3"],
        IpAddr::V4(_) => &["192.0.2.8", "192.0.2.9", "192.0.2.10"],
        IpAddr::V6(_) => &["::1"],
    }
}

struct World {
    servers: Vec<OwnedFd>,
    open: Vec<OwnedFd>,
    low: u16,
    size: u16,
}

impl World {
    fn address(n: usize) -> SocketAddr {
        SERVERS[n].parse().unwrap()
    }

    /// A connection, made in one of the ways in which clients make them, and its other end.
    fn client(&self, random: &mut Random) -> Option<(OwnedFd, OwnedFd)> {
        let n = random.below(SERVERS.len());
        let to = Self::address(n);
        let from: IpAddr = random.of(sources(to)).parse().unwrap();
        let mapped = match to.ip() {
            IpAddr::V4(v4) if random.one_in(8) => Some(v4),
            _ => None,
        };
        let fd = if let Some(v4) = mapped {
            let to = SocketAddr::new(v4.to_ipv6_mapped().into(), to.port());
            let fd = tcp::socket(to, SocketFlags::empty());
            rustix::net::connect(&fd, &to).ok()?;
            fd
        } else {
            let fd = tcp::socket(to, SocketFlags::empty());
            match random.below(16) {
                0..=9 => {}
                10 | 11 => {
                    setsockopt(&fd, nix_sockopt::IpBindAddressNoPort, &true).unwrap();
                    rustix::net::bind(&fd, &SocketAddr::new(from, 0)).ok()?;
                }
                12..=14 => rustix::net::bind(&fd, &SocketAddr::new(from, 0)).ok()?,
                _ => {
                    let port = self.low + random.below(self.size.into()) as u16;
                    rustix::net::bind(&fd, &SocketAddr::new(from, port)).ok()?;
                }
            }
            rustix::net::connect(&fd, &to).ok()?;
            fd
        };
        let end = accept(&self.servers[n]);
        Some((fd, end))
    }

    /// One more thing that holds a port, or several.
    fn add(&mut self, random: &mut Random) {
        match random.below(12) {
            0..=5 => {
                if let Some((client, end)) = self.client(random) {
                    if random.one_in(4) {
                        tcp::send(&client, 100);
                        tcp::send(&end, 50);
                    }
                    self.open.extend([client, end]);
                }
            }
            6 | 7 => {
                if let Some((client, end)) = self.client(random) {
                    close_into_time_wait(client, end);
                }
            }
            8 => {
                // CLOSE_WAIT here, FIN_WAIT2 there.
                if let Some((client, end)) = self.client(random) {
                    drop(end);
                    self.open.push(client);
                }
            }
            9 => {
                // FIN_WAIT2 without a process here.
                if let Some((client, end)) = self.client(random) {
                    drop(client);
                    self.open.push(end);
                }
            }
            10 => {
                let at = random.of(&[
                    "0.0.0.0:0",
                    "127.0.0.1:0",
                    "192.0.2.9:0",
                    "[::]:0",
                    "[::1]:0",
                ]);
                let fd = tcp::socket(at.parse().unwrap(), SocketFlags::empty());
                if rustix::net::bind(&fd, &at.parse::<SocketAddr>().unwrap()).is_ok() {
                    if random.one_in(3) {
                        rustix::net::listen(&fd, 8).unwrap();
                    }
                    self.open.push(fd);
                }
            }
            _ => self.accepted(random),
        }
    }

    /// A listener on a port of the range, and a connection it accepted; perhaps without the listener, perhaps in TIME_WAIT.
    fn accepted(&mut self, random: &mut Random) {
        let port = self.low + random.below(self.size.into()) as u16;
        let at = SocketAddr::new("127.0.0.1".parse().unwrap(), port);
        let listener = tcp::socket(at, SocketFlags::empty());
        if rustix::net::bind(&listener, &at).is_err() {
            return;
        }
        rustix::net::listen(&listener, 8).unwrap();
        let client = tcp::socket(at, SocketFlags::empty());
        // From a port outside of the range.
        let from = SocketAddr::new(at.ip(), 10_000 + port % 10_000);
        rustix::net::bind(&client, &from).ok();
        if rustix::net::connect(&client, &at).is_err() {
            return;
        }
        let child = tcp::accept(&listener);
        if random.one_in(2) {
            self.open.push(listener);
        }
        if random.one_in(4) {
            close_into_time_wait(child, client);
        } else {
            self.open.extend([child, client]);
        }
    }

    fn flow(&self, random: &mut Random) -> Flow {
        let to = Self::address(random.below(SERVERS.len()));
        let from = random.of(sources(to));
        let flow = Flow::to(to);
        match random.below(10) {
            0..=4 => flow,
            5 | 6 => flow.from(from),
            7 => flow.from(from).mode(Mode::Bind),
            8 => flow.mode(Mode::BindAny),
            _ => {
                let low = self.low + random.below(10) as u16;
                flow.range(low..=low + 10 + random.below(10) as u16)
            }
        }
    }
}

/// Adds a line to the file that `PORTCTL_WORLDS_REPORT` names, if it does.
fn tell(text: &str) {
    let Some(path) = std::env::var_os("PORTCTL_WORLDS_REPORT") else {
        return;
    };
    let file = std::fs::File::options()
        .append(true)
        .create(true)
        .open(path);
    writeln!(file.unwrap(), "{text}").unwrap();
}

/// How often the number that was expected was counted, strictly.
#[derive(Default, Debug)]
struct Tally {
    flows: u32,
    exact: u32,
    exact_with_probe: u32,
    error: u32,
    width: u32,
    width_with_probe: u32,
}

/// By the kind of range: which end of an odd one is left out is chance, and no number can be expected of that.
#[derive(Default, Debug)]
struct Score {
    even: Tally,
    odd: Tally,
}

impl Tally {
    fn add(&mut self, count: u32, passive: &Said, probed: &Said) {
        let (min, expected, max) = passive.bounds();
        let (probed_min, probed_expected, probed_max) = probed.bounds();
        self.flows += 1;
        self.exact += u32::from(expected == count);
        self.exact_with_probe += u32::from(probed_expected == count);
        self.error += expected.abs_diff(count);
        self.width += max - min.unwrap();
        self.width_with_probe += probed_max - probed_min.unwrap();
    }

    fn reaches(&self, exact: u32, exact_with_probe: u32) -> bool {
        self.exact * 100 >= self.flows * exact
            && self.exact_with_probe * 100 >= self.flows * exact_with_probe
    }
}

fn world(
    number: u16,
    random: &mut Random,
    servers: Vec<OwnedFd>,
    score: &mut Score,
) -> Vec<OwnedFd> {
    let size = random.of(&[30u16, 32, 40, 50, 41]);
    let low = FIRST + number * 64 + random.below(2) as u16;
    set_range(low, size);
    let reserved = low + random.below(size.into()) as u16;
    let list = if random.one_in(2) {
        format!("{reserved}-{}", reserved + 3)
    } else {
        String::new()
    };
    set("ip_local_reserved_ports", format!("{list}\n"));
    let reuse = random.below(3);
    let old = random.one_in(2);
    set("tcp_tw_reuse", reuse);
    set("tcp_tw_reuse_delay", if old { 1 } else { 60_000 });
    set("tcp_timestamps", u8::from(!random.one_in(8)));
    let mut world = World {
        servers,
        open: Vec::new(),
        low,
        size,
    };
    for _ in 0..5 + random.below(40) {
        world.add(random);
    }
    std::thread::sleep(Duration::from_millis(60));
    let mut flows: Vec<_> = (0..5).map(|_| world.flow(random)).collect();
    // Connections that are counted take TIME_WAITs over, which bind() would have met.
    flows.sort_by_key(|flow| flow.mode == Mode::Connect);
    let passive: Vec<_> = flows.iter().map(|flow| flow.ask(&[])).collect();
    let probed: Vec<_> = flows.iter().map(|flow| flow.ask(&["--probe"])).collect();
    for (n, flow) in flows.iter().enumerate() {
        // Only a flow's own count takes its TIME_WAITs over.
        let same = |f: &Flow| f.to == flow.to && f.mode == Mode::Connect;
        if flow.mode == Mode::Connect && flows[..n].iter().any(same) {
            continue;
        }
        let count = flow.count(&world.servers);
        for (said, which) in [(&passive[n], "passive"), (&probed[n], "probed")] {
            let (min, _, max) = said.bounds();
            assert!(
                min.is_some_and(|min| min <= count) && count <= max,
                "world {number}: counted {count}, {which} {said:?}"
            );
        }
        let odd = passive[n].doubts().contains(&"odd-range");
        let tally = if odd { &mut score.odd } else { &mut score.even };
        tally.add(count, &passive[n], &probed[n]);
        let (_, expected, _) = passive[n].bounds();
        let (_, probed_expected, _) = probed[n].bounds();
        if probed_expected != count {
            tell(&format!(
                "world {number}: counted {count}, probed {:?}",
                probed[n]
            ));
        }
        if expected != count {
            tell(&format!(
                "world {number}: counted {count}, passive {:?}",
                passive[n]
            ));
        }
    }
    let World { servers, open, .. } = world;
    for fd in &open {
        let _ = rustix::net::sockopt::set_socket_linger(fd, Some(Duration::ZERO));
    }
    drop(open);
    drain(&servers);
    servers
}

/// `PORTCTL_WORLDS` says how many; a few are enough to notice a rule that is broken.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn any_mix_is_within_the_bounds() {
    namespace::run(
        "live_headroom::random::any_mix_is_within_the_bounds",
        || {
            namespace::add_elsewhere();
            let number = |name: &str, default: u64| {
                std::env::var(name).map_or(default, |text| text.parse().unwrap())
            };
            let worlds = u16::try_from(number("PORTCTL_WORLDS", 40)).unwrap();
            let mut random = Random(number("PORTCTL_SEED", 0x9E37_79B9_7F4A_7C15));
            let mut servers: Vec<_> = SERVERS.iter().map(|at| server(at)).collect();
            let mut score = Score::default();
            for number in 0..worlds {
                servers = world(number, &mut random, servers, &mut score);
            }
            tell(&format!("{score:?}"));
            assert!(score.even.flows > u32::from(worlds), "{score:?}");
            assert!(score.even.reaches(80, 96), "{score:?}");
            assert!(score.odd.reaches(50, 60), "{score:?}");
        },
    );
}

const UDP_PEERS: [&str; 3] = ["127.0.0.1:9", "192.0.2.9:9", "[::1]:9"];

/// A UDP socket, made in one of the ways in which programs make them.
fn datagram_socket(random: &mut Random, low: u16, size: u16) -> Option<OwnedFd> {
    let to: SocketAddr = random.of(&UDP_PEERS).parse().unwrap();
    let port = if random.one_in(3) {
        low + random.below(size.into()) as u16
    } else {
        0
    };
    let any = if to.is_ipv4() { "0.0.0.0" } else { "::" };
    let from: &[_] = match to.ip() {
        IpAddr::V4(v4) if v4.is_loopback() => &["127.0.0.1", "127.0.0.2"],
        IpAddr::V4(_) => &["192.0.2.9"],
        IpAddr::V6(_) => &["::1"],
    };
    let (bind, connect) = match random.below(6) {
        0 | 1 => (None, true),
        2 => (Some(random.of(from)), true),
        3 => (Some(any), true),
        4 => (Some(random.of(from)), false),
        _ => (Some(any), false),
    };
    let family = if to.is_ipv4() {
        AddressFamily::INET
    } else {
        AddressFamily::INET6
    };
    let fd = rustix::net::socket_with(family, SocketType::DGRAM, SocketFlags::CLOEXEC, None);
    let fd = fd.unwrap();
    if let Some(address) = bind {
        let at = SocketAddr::new(address.parse().unwrap(), port);
        rustix::net::bind(&fd, &at).ok()?;
    }
    if connect {
        rustix::net::connect(&fd, &to).ok()?;
    }
    Some(fd)
}

#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn any_mix_of_udp_is_within_the_bounds() {
    namespace::run(
        "live_headroom::random::any_mix_of_udp_is_within_the_bounds",
        || {
            namespace::add_elsewhere();
            let mut random = Random(0x2545_F491_4F6C_DD1D);
            for number in 0..30 {
                let size = random.of(&[20u16, 31, 40]);
                let low = FIRST + number * 64;
                set_range(low, size);
                let open: Vec<_> = (0..random.below(40))
                    .filter_map(|_| datagram_socket(&mut random, low, size))
                    .collect();
                for _ in 0..4 {
                    let to: SocketAddr = random.of(&UDP_PEERS).parse().unwrap();
                    let from = match to.ip() {
                        IpAddr::V4(v4) if v4.is_loopback() => "127.0.0.2",
                        IpAddr::V4(_) => "192.0.2.9",
                        IpAddr::V6(_) => "::1",
                    };
                    let flow = match random.below(3) {
                        0 => Flow::to(to).udp(),
                        1 => Flow::to(to).udp().from(from).mode(Mode::Bind),
                        _ => Flow::to(to).udp().mode(Mode::BindAny),
                    };
                    let (passive, probed) = (flow.ask(&[]), flow.ask(&["--probe"]));
                    let count = flow.count(&[]);
                    for said in [&passive, &probed] {
                        let (min, expected, max) = said.bounds();
                        assert!(
                            min.unwrap() <= count && count <= max,
                            "world {number}: counted {count}, said {said:?}"
                        );
                        let sure = said.doubts().is_empty();
                        assert!(!sure || expected == count, "{said:?}");
                    }
                    if flow.mode == Mode::Connect {
                        let bounds = (Some(count), count, count);
                        assert_eq!(probed.bounds(), bounds, "world {number}: {probed:?}");
                    }
                }
                drop(open);
            }
        },
    );
}
