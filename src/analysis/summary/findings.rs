//! Everything in trouble, worst first.

use super::Summary;
use crate::analysis::headroom::Severity;
use std::cmp::Reverse;

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// The flow at this place of the list.
    Flow(usize),
    /// Connections to where there is none yet.
    NewFlow,
    /// The listener at this place of the list.
    Listener(usize),
    /// Connections dropped at listeners, whichever.
    ListenDrops,
    /// TIME_WAIT against its limit.
    TimeWait,
    /// CLOSE_WAITs of nobody knows whom.
    CloseWait,
    /// The leaking process at this place of the list.
    Leak(usize),
    /// The process at this place of the list of descriptors.
    Descriptors(usize),
    /// Open files of the host.
    Files,
    /// Memory of TCP.
    Memory,
    /// Connections without a process.
    Orphans,
    /// Tracked connections.
    Conntrack,
    /// The service at this place of the list of those that everybody can reach.
    Open(usize),
}

impl Subject {
    /// The lower-case word of the JSON contract.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Flow(_) => "flow",
            Self::NewFlow => "new-flow",
            Self::Listener(_) => "listener",
            Self::ListenDrops => "listen-drops",
            Self::TimeWait => "time-wait",
            Self::CloseWait | Self::Leak(_) => "close-wait",
            Self::Descriptors(_) => "descriptors",
            Self::Files => "files",
            Self::Memory => "memory",
            Self::Orphans => "orphans",
            Self::Conntrack => "conntrack",
            Self::Open(_) => "open-service",
        }
    }
}

/// Something that is not as it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Finding {
    /// How bad.
    pub severity: Severity,
    /// What.
    pub subject: Subject,
}

impl Summary {
    /// How bad it is that so few connections can be made to where there is none yet; `None` if nobody can tell how many.
    #[must_use]
    pub fn new_flow_severity(&self) -> Option<Severity> {
        let fresh = self.fresh.as_ref()?;
        Some(match fresh.bounds.expected {
            // Also of a range of which nothing is to be had.
            0 => Severity::Critical,
            left => self.thresholds.ports(left, fresh.capacity),
        })
    }

    /// Everything that is worse than [`Severity::Ok`], worst first.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let mut found = Vec::new();
        let mut add = |severity: Option<Severity>, subject| {
            if let Some(severity) = severity.filter(|s| *s > Severity::Ok) {
                found.push(Finding { severity, subject });
            }
        };
        for (n, flow) in self.flows.iter().enumerate() {
            add(Some(flow.severity), Subject::Flow(n));
        }
        add(self.new_flow_severity(), Subject::NewFlow);
        for (n, listener) in self.listeners.iter().enumerate() {
            add(listener.severity, Subject::Listener(n));
        }
        match &self.close_wait.leaks {
            None => add(self.close_wait.severity, Subject::CloseWait),
            Some(leaks) => {
                for (n, leak) in leaks.iter().enumerate() {
                    add(leak.severity, Subject::Leak(n));
                }
                // Nobody is known to leak that many, but not everybody can be seen.
                if leaks.iter().all(|leak| leak.severity <= Some(Severity::Ok)) {
                    add(self.close_wait.severity, Subject::CloseWait);
                }
            }
        }
        if let Some(limits) = &self.limits {
            add(limits.listen_drops.severity, Subject::ListenDrops);
            add(limits.time_wait.severity, Subject::TimeWait);
            let descriptors = limits.descriptors.iter().flatten();
            for (n, (_, severity)) in descriptors.enumerate() {
                add(Some(*severity), Subject::Descriptors(n));
            }
            add(limits.files.severity, Subject::Files);
            add(limits.memory.severity, Subject::Memory);
            add(limits.orphans.severity, Subject::Orphans);
            add(limits.conntrack.severity, Subject::Conntrack);
        }
        // A question, not an alarm: nobody here knows of firewalls, nor of what is meant.
        let open = (0..self.open.len()).map(|n| Finding {
            severity: Severity::Notice,
            subject: Subject::Open(n),
        });
        found.extend(open);
        found.sort_by_key(|finding| Reverse(finding.severity));
        found
    }
}
