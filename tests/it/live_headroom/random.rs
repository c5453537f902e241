//! Worlds of any mix: what is counted always lies between the bounds, and nearly always is what was expected.

use super::truth::{Flow, Mode, Said, accept, close_into_time_wait, drain, server, set, set_range};
use crate::namespace;
use crate::scene::tcp;
use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// The first port of the first world's range.
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

/// How a client comes to its port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Connect,
    /// By an IPv6 socket, to a v4-mapped address.
    Mapped,
    /// Bound to `lo`.
    Device,
    /// From a range of its own, `IP_LOCAL_PORT_RANGE`.
    Range,
    /// bind() with `IP_BIND_ADDRESS_NO_PORT`.
    Late,
    Bind,
    BindAny,
    /// bind() to a port of the range.
    Named,
}

/// What becomes of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Live,
    /// It closes first.
    TimeWait,
    /// The server does, and it does not.
    CloseWait,
    /// It closes, and the server does not.
    Orphan,
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

    /// A connection from `from` to a server, or `None` if there is none to be had.
    fn client(
        &mut self,
        random: &mut Random,
        (n, from): (usize, IpAddr),
        way: Way,
        end: End,
    ) -> Option<()> {
        let to = Self::address(n);
        let flow = Flow::to(to);
        let fd = match (way, to.ip()) {
            (Way::Mapped, IpAddr::V4(v4)) => {
                let to = SocketAddr::new(v4.to_ipv6_mapped().into(), to.port());
                let fd = tcp::socket(to, SocketFlags::empty());
                rustix::net::connect(&fd, &to).ok()?;
                fd
            }
            (Way::Named, _) => {
                let port = self.low + random.below(self.size.into()) as u16;
                let fd = tcp::socket(to, SocketFlags::empty());
                rustix::net::bind(&fd, &SocketAddr::new(from, port)).ok()?;
                rustix::net::connect(&fd, &to).ok()?;
                fd
            }
            (Way::Connect | Way::Mapped, _) => flow.connect().ok()?,
            (Way::Device, ip) if ip.is_loopback() => flow.device("lo").connect().ok()?,
            (Way::Device, _) => return None,
            (Way::Range, _) => {
                let (low, quarter) = (self.low, self.size / 4);
                flow.range(low + quarter..=low + 2 * quarter)
                    .connect()
                    .ok()?
            }
            (Way::Late, _) => flow.from(&from.to_string()).connect().ok()?,
            (Way::Bind, _) => {
                let flow = flow.from(&from.to_string());
                flow.mode(Mode::Bind).connect().ok()?
            }
            (Way::BindAny, _) => flow.mode(Mode::BindAny).connect().ok()?,
        };
        let other = accept(&self.servers[n]);
        match end {
            End::Live => {
                if random.one_in(4) {
                    tcp::send(&fd, 100);
                    tcp::send(&other, 50);
                }
                self.open.extend([fd, other]);
            }
            End::TimeWait => close_into_time_wait(fd, other),
            End::CloseWait => self.open.push(fd),
            End::Orphan => self.open.push(other),
        }
        Some(())
    }

    /// One more thing that holds a port, which has nothing to do with the others.
    fn add(&mut self, random: &mut Random) {
        let end = match random.below(12) {
            0..=5 => End::Live,
            6 | 7 => End::TimeWait,
            8 => End::CloseWait,
            9 => End::Orphan,
            10 => return self.bound(random),
            _ => return self.accepted(random),
        };
        let n = random.below(SERVERS.len());
        let from = random.of(sources(Self::address(n))).parse().unwrap();
        let way = if random.one_in(8) {
            Way::Mapped
        } else {
            match random.below(16) {
                0..=9 => Way::Connect,
                10 | 11 => Way::Late,
                12..=14 => Way::Bind,
                _ => Way::Named,
            }
        };
        self.client(random, (n, from), way, end);
    }

    /// Several that have their ports in one way, as those of one program have.
    fn add_some(&mut self, random: &mut Random) {
        let n = random.below(SERVERS.len());
        let from = random.of(sources(Self::address(n))).parse().unwrap();
        let many = 1 + random.below(30);
        let few = 1 + random.below(8);
        let (way, count, end) = match random.below(46) {
            0..=9 => (Way::Connect, many, End::Live),
            10..=15 => (Way::Connect, many, End::TimeWait),
            16 | 17 => (Way::Connect, many, End::CloseWait),
            18 | 19 => (Way::Connect, many, End::Orphan),
            20..=22 => (Way::Bind, many, End::Live),
            23 | 24 => (Way::Bind, many, End::TimeWait),
            25..=27 => (Way::Late, many, End::Live),
            28 => (Way::Late, many, End::TimeWait),
            29 | 30 => (Way::Mapped, many, End::Live),
            31 => (Way::Range, many, End::Live),
            32 => (Way::Device, few, End::Live),
            33 => (Way::BindAny, few, End::Live),
            34 => (Way::Named, few, End::Live),
            35 => (Way::Named, few, End::TimeWait),
            36..=40 => return (0..few).for_each(|_| self.bound(random)),
            _ => return (0..few).for_each(|_| self.accepted(random)),
        };
        let made = (0..count).filter_map(|_| self.client(random, (n, from), way, end));
        let made = made.count();
        tell(&format!(
            "{made} of {count} {way:?} {from} -> {}: {end:?}",
            SERVERS[n]
        ));
    }

    /// A socket that bind() gave a port, and perhaps listens.
    fn bound(&mut self, random: &mut Random) {
        let at = random.of(&[
            "0.0.0.0:0",
            "127.0.0.1:0",
            "192.0.2.9:0",
            "[::]:0",
            "[::1]:0",
        ]);
        let at: SocketAddr = at.parse().unwrap();
        let fd = tcp::socket(at, SocketFlags::empty());
        if rustix::net::bind(&fd, &at).is_ok() {
            if random.one_in(3) {
                rustix::net::listen(&fd, 8).unwrap();
            }
            self.open.push(fd);
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

/// What is on a world's ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mix {
    /// Programs, each of which has its ports in one way.
    Programs,
    /// Sockets of which no two have anything to do with each other.
    Chaos,
}

fn world(
    (number, mix): (u16, Mix),
    random: &mut Random,
    servers: Vec<OwnedFd>,
    score: &mut Score,
) -> Vec<OwnedFd> {
    let (sizes, space): (&[u16], _) = match mix {
        Mix::Programs => (&[60, 100, 100, 100, 100, 101], 128),
        Mix::Chaos => (&[30, 32, 40, 50, 41], 64),
    };
    let size = random.of(sizes);
    let low = FIRST + number * space + random.below(2) as u16;
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
    match mix {
        Mix::Programs => (0..=random.below(7)).for_each(|_| world.add_some(random)),
        Mix::Chaos => (0..5 + random.below(40)).for_each(|_| world.add(random)),
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

/// Makes worlds of a kind; `PORTCTL_WORLDS` says how many, `PORTCTL_SEED` which.
fn worlds(mix: Mix, usual: u64) -> Score {
    namespace::add_elsewhere();
    let number = |name: &str, default: u64| {
        std::env::var(name).map_or(default, |text| text.parse().unwrap())
    };
    let worlds = u16::try_from(number("PORTCTL_WORLDS", usual)).unwrap();
    let mut random = Random(number("PORTCTL_SEED", 0x9E37_79B9_7F4A_7C15));
    let mut servers: Vec<_> = SERVERS.iter().map(|at| server(at)).collect();
    let mut score = Score::default();
    for number in 0..worlds {
        servers = world((number, mix), &mut random, servers, &mut score);
    }
    tell(&format!("{mix:?} {score:?}"));
    assert!(score.even.flows > u32::from(worlds), "{score:?}");
    score
}

/// What is promised: nineteen of twenty without a probe, and forty-nine of fifty with one.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn programs_are_within_the_bounds_and_nearly_always_as_expected() {
    namespace::run(
        "live_headroom::random::programs_are_within_the_bounds_and_nearly_always_as_expected",
        || {
            // Of 480 worlds 97.1 % were as expected and 99.5 % with a probe, of odd ranges 74 and 78 %: these are three standard
            // deviations of 180 worlds less. Which end of an odd range connect() reaches hangs on a secret of the kernel.
            let score = worlds(Mix::Programs, 180);
            assert!(score.even.reaches(95, 98), "{score:?}");
            assert!(score.odd.reaches(50, 55), "{score:?}");
        },
    );
}

/// Here the lists do not tell more: see `alike`. Where each socket is by itself, what others of its client do says nothing of it.
#[test]
#[ignore = "needs user and network namespaces, Linux 6.18"]
fn any_mix_is_within_the_bounds() {
    namespace::run(
        "live_headroom::random::any_mix_is_within_the_bounds",
        || {
            // Of 360 worlds 88.7 % and 99.8 %, of odd ranges 65 and 82 %: three standard deviations of 40 worlds less.
            let score = worlds(Mix::Chaos, 40);
            assert!(score.even.reaches(75, 98), "{score:?}");
            assert!(score.odd.reaches(30, 55), "{score:?}");
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
                        // Where the client may be an IPv6 socket, that is all that is left in doubt.
                        let by_client = probed.doubts() == ["client-family"];
                        let (min, expected, max) = probed.bounds();
                        assert_eq!(
                            (expected, max),
                            (count, count),
                            "world {number}: {probed:?}"
                        );
                        assert!(
                            by_client || min == Some(count),
                            "world {number}: {probed:?}"
                        );
                    }
                }
                drop(open);
            }
        },
    );
}
