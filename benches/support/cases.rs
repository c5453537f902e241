//! Which commands are measured on which load, against what, and what is to be reached.

use super::aim::{Aim, By};
use super::floor::DESCRIPTORS;
use super::loads::Load;

/// Something to list.
pub(crate) struct Case {
    /// Arguments of `portctl ls`.
    pub(crate) portctl: &'static str,
    /// Arguments of `ss`.
    pub(crate) ss: &'static str,
    /// The words of the floor.
    pub(crate) floor: &'static str,
    /// The words of another floor that is the rest of the least work, where the aim is for one part.
    pub(crate) rest_of_floor: Option<&'static str>,
    /// What is to be reached.
    pub(crate) aims: &'static [Aim],
}

/// Every TCP socket.
const TCP: &str = "tcp:ffffffff";
/// Those whose peer has port 443, which none that is bound and idle has.
const TO_443: &str = "tcp:ffffdfff/443";

/// Every TCP socket with INFO, VEGASINFO and CONG.
const TCP_INFO: &str = "tcp+e:ffffffff";

const FEW: &[Case] = &[
    Case::new("-tan", "-tan", TCP, &[Aim::new(By::Ss, 0.5)]),
    Case::new(
        "-tuln",
        "-tuln",
        "tcp:400 udp4:480 udp6:480",
        &[Aim::new(By::Ss, 0.5)],
    ),
];

const CONNECTIONS: &[Case] = &[
    Case::new("-tan --sort none", "-tan", TCP, STREAMED),
    Case::new("-tan", "-tan", TCP, SORTED),
    Case::new("-tan --json --sort none", "-tan", TCP, JSON),
    Case::new("-tan --ndjson --sort none", "-tan", TCP, JSON),
    Case::new("-tani --sort none", "-tani", TCP_INFO, DETAILS),
    Case::new("-tani --json --sort none", "-tani", TCP_INFO, DETAILS_JSON),
    Case::new("-tln", "-tln", "tcp:400", LISTENING),
    Case::new("-tan dport = :443", "-tan dport = :443", TO_443, CHOSEN),
    Case {
        rest_of_floor: Some(TCP),
        ..Case::new("-tanp", "-tanp", DESCRIPTORS, OWNERS)
    },
];
const STREAMED: &[Aim] = &aims_from(10_000, 0.35, 1.25);
const SORTED: &[Aim] = &aims_from(10_000, 0.45, 1.6);
const JSON: &[Aim] = &aims_from(10_000, 0.5, 1.8);
const DETAILS: &[Aim] = &aims_from(10_000, 0.3, 1.6);
const DETAILS_JSON: &[Aim] = &[Aim::new(By::Floor, 2.5).from(10_000)];
const LISTENING: &[Aim] = &aims_from(100_000, 0.06, 1.5);
const CHOSEN: &[Aim] = &aims_from(100_000, 0.6, 1.25);
const OWNERS: &[Aim] = &[
    Aim::new(By::Ss, 0.45).within(10_000, 100_000),
    Aim::new(By::Ss, 0.12).from(100_000),
    Aim::new(By::SsWall, 0.08).from(100_000),
    Aim::new(By::Floor, 1.35).from(10_000),
];

const TIME_WAIT: &[Case] = &[Case::new(
    "-tan state time-wait",
    "-tan state time-wait",
    "tcp:40",
    &aims_from(100_000, 0.6, 1.25),
)];

const UNIX: &[Case] = &[Case::new(
    "-xa",
    "-xa",
    "unix:5d",
    &aims_from(20_000, 0.5, 1.4),
)];

const DESCRIPTOR_HOST: &[Case] = &[Case::new(
    "-tulnp",
    "-tulnp",
    DESCRIPTORS,
    &aims_from(200_000, 0.65, 1.2),
)];

/// Ratios of CPU time to `ss` and to the floor, for loads of this size and more.
const fn aims_from(size: usize, to_ss: f64, to_floor: f64) -> [Aim; 2] {
    [
        Aim::new(By::Ss, to_ss).from(size),
        Aim::new(By::Floor, to_floor).from(size),
    ]
}

/// From so many sockets on, one run of `ss -p` takes minutes.
const QUADRATIC: usize = 200_000;

impl Case {
    const fn new(
        portctl: &'static str,
        ss: &'static str,
        floor: &'static str,
        aims: &'static [Aim],
    ) -> Self {
        Self {
            portctl,
            ss,
            floor,
            rest_of_floor: None,
            aims,
        }
    }

    /// What is measured on this load.
    pub(crate) const fn on(load: Load) -> &'static [Self] {
        match load {
            Load::Few => FEW,
            Load::Connections => CONNECTIONS,
            Load::TimeWait => TIME_WAIT,
            Load::Unix => UNIX,
            Load::Descriptors => DESCRIPTOR_HOST,
        }
    }

    /// Whether the floor is a dump, which portctl makes too.
    pub(crate) fn floor_is_dump(&self) -> bool {
        self.floor != DESCRIPTORS
    }

    /// Whether it shows all that was made, rather than what listens.
    pub(crate) fn shows_all(&self) -> bool {
        !self.ss.contains("port") && (self.ss.starts_with("-ta") || self.ss.starts_with("-xa"))
    }

    /// Whether `ss` takes too long for it.
    pub(crate) fn ss_is_hopeless(&self, size: usize) -> bool {
        self.ss == "-tanp" && size > QUADRATIC
    }
}
