//! What becomes of each port of the range, by what is most likely.

/// Why a flow can or cannot have a port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// Nobody is on it.
    Free,
    /// Others are on it, and this flow can have it too: connections to elsewhere share it.
    Shared,
    /// Sockets are on it at addresses that do not overlap with this one's.
    Elsewhere,
    /// An IPv6 socket is on it that is probably for IPv6 only.
    AddressUnlikely,
    /// A TIME_WAIT of this flow is on it, which a new connection takes over: `tcp_twsk_unique`.
    TimeWaitReusable,
    /// `ip_local_reserved_ports`.
    Reserved,
    /// The scan of an odd range does not reach it.
    Unreachable,
    /// A connection attempt of this flow is on it.
    SynSent,
    /// A connection of this flow is on it.
    Established,
    /// A connection of this flow whose peer has closed is on it: the process here must.
    CloseWait,
    /// A connection of this flow is being closed on it.
    Closing,
    /// A connection of this flow in another state is on it.
    OtherState,
    /// A TIME_WAIT of this flow is on it that is younger than `tcp_tw_reuse_delay`.
    TimeWaitYoung,
    /// A TIME_WAIT of this flow is on it that `tcp_tw_reuse` does not free.
    TimeWaitKept,
    /// A TIME_WAIT of this flow is on it that seems to be without timestamps, or whose rule is unknown.
    TimeWaitDoubtful,
    /// A FIN_WAIT2 without a process of this flow is on it: it goes after `tcp_fin_timeout`.
    OrphanFinWait2,
    /// A listener closes it.
    Listener,
    /// A bound, idle socket closes it.
    Bound,
    /// A connection whose port was named in bind() closes it.
    Explicit,
    /// An accepted connection closes it.
    Accepted,
    /// A probe found it closed.
    Probed,
    /// Somebody is on it who probably closes it: bind(address, 0) is likely, connect() is possible.
    Doubtful,
    /// A socket holds it at an address that overlaps.
    AddressTaken,
    /// An IPv6 socket holds it, and nobody can tell whether it is for IPv6 only.
    AddressDoubtful,
}

impl Fate {
    /// Every fate, those first that give the flow the port.
    pub const ALL: [Self; 24] = [
        Self::Free,
        Self::Shared,
        Self::Elsewhere,
        Self::AddressUnlikely,
        Self::TimeWaitReusable,
        Self::Reserved,
        Self::Unreachable,
        Self::SynSent,
        Self::Established,
        Self::CloseWait,
        Self::Closing,
        Self::OtherState,
        Self::TimeWaitYoung,
        Self::TimeWaitKept,
        Self::TimeWaitDoubtful,
        Self::OrphanFinWait2,
        Self::Listener,
        Self::Bound,
        Self::Explicit,
        Self::Accepted,
        Self::Probed,
        Self::Doubtful,
        Self::AddressTaken,
        Self::AddressDoubtful,
    ];

    /// The key of the JSON contract.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Free => "free",
            Self::Shared => "shared",
            Self::Elsewhere => "elsewhere",
            Self::AddressUnlikely => "address_unlikely",
            Self::TimeWaitReusable => "time_wait_reusable",
            Self::Reserved => "reserved",
            Self::Unreachable => "unreachable",
            Self::SynSent => "syn_sent",
            Self::Established => "established",
            Self::CloseWait => "close_wait",
            Self::Closing => "closing",
            Self::OtherState => "other_state",
            Self::TimeWaitYoung => "time_wait_young",
            Self::TimeWaitKept => "time_wait_kept",
            Self::TimeWaitDoubtful => "time_wait_doubtful",
            Self::OrphanFinWait2 => "orphan_fin_wait_2",
            Self::Listener => "listener",
            Self::Bound => "bound",
            Self::Explicit => "explicit",
            Self::Accepted => "accepted",
            Self::Probed => "probed",
            Self::Doubtful => "doubtful",
            Self::AddressTaken => "address_taken",
            Self::AddressDoubtful => "address_doubtful",
        }
    }

    /// Whether the flow is expected to get the port.
    #[must_use]
    pub const fn is_available(self) -> bool {
        matches!(
            self,
            Self::Free
                | Self::Shared
                | Self::Elsewhere
                | Self::AddressUnlikely
                | Self::TimeWaitReusable
        )
    }

    /// Whether somebody has what the flow would have, on the interface of the flow: whoever is bound to another leaves it alone.
    #[must_use]
    pub const fn hangs_on_interface(self) -> bool {
        matches!(
            self,
            Self::SynSent
                | Self::Established
                | Self::CloseWait
                | Self::Closing
                | Self::OtherState
                | Self::TimeWaitKept
                | Self::OrphanFinWait2
                | Self::AddressTaken
        )
    }

    /// Whether the flow may get the port although that is not expected.
    #[must_use]
    pub const fn is_doubtful(self) -> bool {
        matches!(
            self,
            Self::TimeWaitYoung | Self::TimeWaitDoubtful | Self::Doubtful | Self::AddressDoubtful
        )
    }
}

/// How many ports of the range have which fate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parts([u32; Fate::ALL.len()]);

impl Parts {
    pub(super) fn add(&mut self, fate: Fate) {
        if let Some(count) = self.0.get_mut(fate as usize) {
            *count += 1;
        }
    }

    pub(super) fn remove(&mut self, fate: Fate) {
        if let Some(count) = self.0.get_mut(fate as usize) {
            *count -= 1;
        }
    }

    /// Moves one port to [`Fate::Unreachable`] that had been counted as free.
    pub(super) fn leave_out(&mut self, was_available: bool) {
        if !was_available {
            return;
        }
        let from = [Fate::Free, Fate::Elsewhere, Fate::Shared];
        if let Some(fate) = from.into_iter().find(|&fate| self.of(fate) > 0)
            && let Some(count) = self.0.get_mut(fate as usize)
        {
            *count -= 1;
            self.add(Fate::Unreachable);
        }
    }

    /// How many ports have this fate.
    #[must_use]
    pub fn of(&self, fate: Fate) -> u32 {
        self.0.get(fate as usize).copied().unwrap_or_default()
    }

    /// How many ports have one of these fates.
    #[must_use]
    pub fn sum(&self, fates: &[Fate]) -> u32 {
        fates.iter().map(|&fate| self.of(fate)).sum()
    }

    /// How many ports there are.
    #[must_use]
    pub fn size(&self) -> u32 {
        self.0.iter().sum()
    }

    /// How many ports the flow could have if there were no other socket.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        self.size() - self.sum(&[Fate::Reserved, Fate::Unreachable])
    }

    /// Fates that some port has, with how many.
    pub fn iter(&self) -> impl Iterator<Item = (Fate, u32)> {
        Fate::ALL
            .into_iter()
            .map(|fate| (fate, self.of(fate)))
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fate_has_its_own_place_and_key() {
        for (n, fate) in Fate::ALL.into_iter().enumerate() {
            assert_eq!(fate as usize, n);
            assert!(!(fate.is_available() && fate.is_doubtful()));
        }
        let mut keys = Fate::ALL.map(Fate::key).to_vec();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), Fate::ALL.len());
    }
}
