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
    /// What is to be reached.
    pub(crate) aims: &'static [Aim],
}

/// Every TCP socket.
const TCP: &str = "tcp:ffffffff";
const LISTENING_TCP: &str = "tcp:400";

const FEW: &[Case] = &[
    Case {
        portctl: "-tan",
        ss: "-tan",
        floor: TCP,
        aims: &[Aim::new(By::Ss, 0.5)],
    },
    Case {
        portctl: "-tuln",
        ss: "-tuln",
        floor: "tcp:400 udp4:480 udp6:480",
        aims: &[Aim::new(By::Ss, 0.5)],
    },
];

const CONNECTIONS: &[Case] = &[
    Case {
        portctl: "-tan --sort none",
        ss: "-tan",
        floor: TCP,
        aims: &[
            Aim::new(By::Ss, 0.35).from(10_000),
            Aim::new(By::Floor, 1.25).from(10_000),
        ],
    },
    Case {
        portctl: "-tan",
        ss: "-tan",
        floor: TCP,
        aims: &[
            Aim::new(By::Ss, 0.45).from(10_000),
            Aim::new(By::Floor, 1.6).from(10_000),
        ],
    },
    Case {
        portctl: "-tan --json --sort none",
        ss: "-tan",
        floor: TCP,
        aims: JSON,
    },
    Case {
        portctl: "-tan --ndjson --sort none",
        ss: "-tan",
        floor: TCP,
        aims: JSON,
    },
    Case {
        portctl: "-tln",
        ss: "-tln",
        floor: LISTENING_TCP,
        aims: &[
            Aim::new(By::Ss, 0.06).from(100_000),
            Aim::new(By::Floor, 1.5).from(100_000),
        ],
    },
    Case {
        portctl: "-tanp",
        ss: "-tanp",
        floor: DESCRIPTORS,
        aims: &[
            Aim::new(By::Ss, 0.45).within(10_000, 100_000),
            Aim::new(By::Ss, 0.12).from(100_000),
            Aim::new(By::SsWall, 0.08).from(100_000),
            Aim::new(By::Floor, 1.35).from(10_000),
        ],
    },
];

const JSON: &[Aim] = &[
    Aim::new(By::Ss, 0.5).from(10_000),
    Aim::new(By::Floor, 1.8).from(10_000),
];

const TIME_WAIT: &[Case] = &[Case {
    portctl: "-tan state time-wait",
    ss: "-tan state time-wait",
    floor: "tcp:40",
    aims: &[
        Aim::new(By::Ss, 0.6).from(100_000),
        Aim::new(By::Floor, 1.25).from(100_000),
    ],
}];

const UNIX: &[Case] = &[Case {
    portctl: "-xa",
    ss: "-xa",
    floor: "unix:55",
    aims: &[
        Aim::new(By::Ss, 0.5).from(20_000),
        Aim::new(By::Floor, 1.4).from(20_000),
    ],
}];

const OWNERS: &[Case] = &[Case {
    portctl: "-tulnp",
    ss: "-tulnp",
    floor: DESCRIPTORS,
    aims: &[
        Aim::new(By::Ss, 0.65).from(200_000),
        Aim::new(By::Floor, 1.2).from(200_000),
    ],
}];

/// From so many sockets on, one run of `ss -p` takes minutes.
const QUADRATIC: usize = 200_000;

impl Case {
    /// What is measured on this load.
    pub(crate) const fn on(load: Load) -> &'static [Self] {
        match load {
            Load::Few => FEW,
            Load::Connections => CONNECTIONS,
            Load::TimeWait => TIME_WAIT,
            Load::Unix => UNIX,
            Load::Descriptors => OWNERS,
        }
    }

    /// Whether the floor is a dump, which portctl makes too.
    pub(crate) fn floor_is_dump(&self) -> bool {
        self.floor != DESCRIPTORS
    }

    /// Whether it shows all that was made, rather than what listens.
    pub(crate) fn shows_all(&self) -> bool {
        self.ss.starts_with("-ta") || self.ss.starts_with("-xa")
    }

    /// Whether `ss` takes too long for it.
    pub(crate) fn ss_is_hopeless(&self, size: usize) -> bool {
        self.ss == "-tanp" && size > QUADRATIC
    }
}
