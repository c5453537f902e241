//! What there is to list: one file for each kind of load.

mod connections;
mod descriptors;
mod time_wait;
mod unix;

use std::os::fd::OwnedFd;

/// A kind of load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Load {
    /// TCP sockets, nearly all connected.
    Connections,
    /// TCP sockets as well, on a host where nothing much happens.
    Few,
    /// Connections that have ended and wait for stragglers.
    TimeWait,
    /// Unix sockets.
    Unix,
    /// Descriptors of all kinds in many processes.
    Descriptors,
}

/// What one process of the crowd made of its share.
pub(crate) struct Made {
    /// How many of what the load is counted in.
    pub(crate) count: usize,
    /// To be kept open as long as the load lasts.
    pub(crate) held: Vec<OwnedFd>,
}

impl Load {
    const ALL: [Self; 5] = [
        Self::Connections,
        Self::Few,
        Self::TimeWait,
        Self::Unix,
        Self::Descriptors,
    ];

    /// The load of this name.
    pub(crate) fn named(name: &str) -> Self {
        let found = Self::ALL.into_iter().find(|load| load.name() == name);
        found.unwrap_or_else(|| panic!("unknown load {name}"))
    }

    /// What it is counted in.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Connections => "TCP sockets, 3 in 10 of them IPv6",
            Self::Few => "TCP sockets, a small host",
            Self::TimeWait => "connections in TIME_WAIT",
            Self::Unix => "unix sockets",
            Self::Descriptors => "descriptors, 200 a process",
        }
    }

    /// How much of it one process makes at most, well below the usual hard limit of descriptors.
    pub(crate) const fn share(self) -> usize {
        match self {
            Self::Descriptors => descriptors::EACH,
            _ => 8000,
        }
    }

    /// Settings of the namespace that so much of it needs.
    pub(crate) fn prepare(self, count: usize) {
        if self == Self::TimeWait {
            time_wait::prepare(count);
        }
    }

    /// Makes one process's share. `number` is the process's, no two have the same.
    pub(crate) fn make(self, share: usize, number: usize) -> Made {
        match self {
            Self::Connections | Self::Few => connections::make(share, number),
            Self::TimeWait => time_wait::make(share, number),
            Self::Unix => unix::make(share, number),
            Self::Descriptors => descriptors::make(share, number),
        }
    }
}
