//! From which numbers on to worry. The defaults are meant for hosts that serve; all can be changed.

use crate::analysis::headroom::Severity;

/// What a threshold is a number of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ThresholdUnit {
    /// Of what there is, from 0 to 100.
    PerCent,
    /// Of time.
    Seconds,
    /// Of sockets.
    Sockets,
}

/// A number that separates two severities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threshold {
    /// Per cent of a flow's ports that are used: each connect() now scans half of the range.
    PortsNotice,
    /// Per cent of a flow's ports that are used.
    PortsWarning,
    /// Per cent of a flow's ports that are used; also when none is left.
    PortsCritical,
    /// Seconds until a flow has no port left, at the rate between two looks.
    ExhaustionWarning,
    /// The same.
    ExhaustionCritical,
    /// Per cent of a listener's accept queue.
    AcceptQueueWarning,
    /// Per cent of `tcp_max_tw_buckets`.
    TimeWaitWarning,
    /// CLOSE_WAITs of one process that are older than the next.
    CloseWaitWarning,
    /// Seconds since the peer was heard last from which on a CLOSE_WAIT counts as a leak.
    CloseWaitAge,
    /// Per cent of a process's, or of the host's, limit of open files.
    FilesWarning,
    /// The same.
    FilesCritical,
    /// Per cent of the pages that TCP may have at most; a warning is given from the kernel's own pressure on.
    MemoryCritical,
    /// Per cent of `tcp_max_orphans`: the kernel counts some of them four times.
    OrphansWarning,
    /// Per cent of `nf_conntrack_max`.
    ConntrackWarning,
    /// The same.
    ConntrackCritical,
}

impl Threshold {
    /// Every threshold.
    pub const ALL: [Self; 15] = [
        Self::PortsNotice,
        Self::PortsWarning,
        Self::PortsCritical,
        Self::ExhaustionWarning,
        Self::ExhaustionCritical,
        Self::AcceptQueueWarning,
        Self::TimeWaitWarning,
        Self::CloseWaitWarning,
        Self::CloseWaitAge,
        Self::FilesWarning,
        Self::FilesCritical,
        Self::MemoryCritical,
        Self::OrphansWarning,
        Self::ConntrackWarning,
        Self::ConntrackCritical,
    ];

    /// Thresholds of the same thing, the milder first: one that is beyond the severer is never seen.
    pub const STEPS: [(Self, Self); 5] = [
        (Self::PortsWarning, Self::PortsCritical),
        (Self::PortsNotice, Self::PortsWarning),
        (Self::ExhaustionWarning, Self::ExhaustionCritical),
        (Self::FilesWarning, Self::FilesCritical),
        (Self::ConntrackWarning, Self::ConntrackCritical),
    ];

    /// The name that `--threshold` takes, and the default.
    const fn row(self) -> (&'static str, f64) {
        match self {
            Self::PortsNotice => ("ports.notice", 50.0),
            Self::PortsWarning => ("ports.warning", 80.0),
            Self::PortsCritical => ("ports.critical", 95.0),
            Self::ExhaustionWarning => ("exhaustion.warning", 600.0),
            Self::ExhaustionCritical => ("exhaustion.critical", 60.0),
            Self::AcceptQueueWarning => ("accept-queue.warning", 70.0),
            Self::TimeWaitWarning => ("time-wait.warning", 90.0),
            Self::CloseWaitWarning => ("close-wait.warning", 100.0),
            Self::CloseWaitAge => ("close-wait.age", 60.0),
            Self::FilesWarning => ("files.warning", 80.0),
            Self::FilesCritical => ("files.critical", 95.0),
            Self::MemoryCritical => ("memory.critical", 95.0),
            Self::OrphansWarning => ("orphans.warning", 25.0),
            Self::ConntrackWarning => ("conntrack.warning", 80.0),
            Self::ConntrackCritical => ("conntrack.critical", 95.0),
        }
    }

    /// The name that `--threshold` takes.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// What it is unless it is changed.
    #[must_use]
    pub const fn default(self) -> f64 {
        self.row().1
    }

    /// What it is a number of.
    #[must_use]
    pub const fn unit(self) -> ThresholdUnit {
        match self {
            Self::ExhaustionWarning | Self::ExhaustionCritical | Self::CloseWaitAge => {
                ThresholdUnit::Seconds
            }
            Self::CloseWaitWarning => ThresholdUnit::Sockets,
            _ => ThresholdUnit::PerCent,
        }
    }

    /// Whether `value` of this one is seen only after `severer` of a severer one is: less time is worse, of all else more.
    #[must_use]
    pub fn is_beyond(self, value: f64, severer: f64) -> bool {
        match self.unit() {
            ThresholdUnit::Seconds => value < severer,
            ThresholdUnit::PerCent | ThresholdUnit::Sockets => value > severer,
        }
    }
}

/// All of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds([f64; Threshold::ALL.len()]);

impl Default for Thresholds {
    fn default() -> Self {
        Self(Threshold::ALL.map(Threshold::default))
    }
}

impl Thresholds {
    /// One of them.
    #[must_use]
    pub fn of(&self, threshold: Threshold) -> f64 {
        let value = self.0.get(threshold as usize).copied();
        value.unwrap_or(threshold.default())
    }

    /// Changes one.
    pub fn set(&mut self, threshold: Threshold, value: f64) {
        if let Some(place) = self.0.get_mut(threshold as usize) {
            *place = value;
        }
    }

    /// How worried to be about so many ports left of so many.
    #[must_use]
    pub fn ports(&self, left: u32, capacity: u32) -> Severity {
        let used = 100.0 * (1.0 - f64::from(left) / f64::from(capacity.max(1)));
        match used {
            _ if left == 0 => Severity::Critical,
            _ if used >= self.of(Threshold::PortsCritical) => Severity::Critical,
            _ if used >= self.of(Threshold::PortsWarning) => Severity::Warning,
            _ if used >= self.of(Threshold::PortsNotice) => Severity::Notice,
            _ => Severity::Ok,
        }
    }

    /// With fewer ports of `capacity` left than this it is that severe.
    #[must_use]
    pub fn ports_left(&self, threshold: Threshold, capacity: u32) -> u32 {
        let used = f64::from(capacity) * self.of(threshold) / 100.0;
        // None left is always critical.
        let left = (f64::from(capacity) - used).clamp(0.0, f64::from(capacity));
        left.floor() as u32 + 1
    }

    /// Whether `used` of `limit` is so many per cent.
    #[must_use]
    pub fn reaches(&self, threshold: Threshold, used: u64, limit: u64) -> bool {
        limit > 0 && used > 0 && 100.0 * used as f64 / limit as f64 >= self.of(threshold)
    }

    /// The severity of `used` of `limit`, with one threshold or two.
    #[must_use]
    pub fn part(
        &self,
        used: u64,
        limit: u64,
        warning: Threshold,
        critical: Option<Threshold>,
    ) -> Severity {
        match critical {
            Some(critical) if self.reaches(critical, used, limit) => Severity::Critical,
            _ if self.reaches(warning, used, limit) => Severity::Warning,
            _ => Severity::Ok,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_threshold_has_its_own_place_and_name() {
        let mut names = Vec::new();
        for (n, threshold) in Threshold::ALL.into_iter().enumerate() {
            assert_eq!(threshold as usize, n);
            names.push(threshold.name());
        }
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), Threshold::ALL.len());
    }

    #[test]
    fn ports_get_worse_as_they_go() {
        let mut thresholds = Thresholds::default();
        let of = |t: &Thresholds, left| t.ports(left, 100);
        assert_eq!(of(&thresholds, 51), Severity::Ok);
        assert_eq!(of(&thresholds, 50), Severity::Notice);
        assert_eq!(of(&thresholds, 20), Severity::Warning);
        assert_eq!(of(&thresholds, 5), Severity::Critical);
        thresholds.set(Threshold::PortsCritical, 100.0);
        assert_eq!(of(&thresholds, 5), Severity::Warning);
        assert_eq!(of(&thresholds, 0), Severity::Critical);
        assert_eq!(thresholds.ports_left(Threshold::PortsWarning, 28232), 5647);
        assert_eq!(thresholds.ports_left(Threshold::PortsWarning, 100), 21);
    }

    #[test]
    fn nothing_of_nothing_is_fine() {
        let thresholds = Thresholds::default();
        assert!(!thresholds.reaches(Threshold::AcceptQueueWarning, 0, 0));
        let severity = thresholds.part(
            96,
            100,
            Threshold::FilesWarning,
            Some(Threshold::FilesCritical),
        );
        assert_eq!(severity, Severity::Critical);
    }
}
