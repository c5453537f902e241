//! Rights that are used for one thing only, capabilities(7).
//!
//! A program whose file has capabilities must not use them for what its user tells it to do: with `CAP_DAC_READ_SEARCH` it would read
//! any file that an option names. So they are put down first of all, and taken up around the walk over /proc only.

use rustix::thread::{
    CapabilitySet, CapabilitySets, capabilities, capability_is_in_ambient_set, set_capabilities,
};

/// What looking at other users' processes takes.
const LOOKING: CapabilitySet = CapabilitySet::SYS_PTRACE.union(CapabilitySet::DAC_READ_SEARCH);

/// What others' processes may be done with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Right {
    /// Looking at them: `CAP_SYS_PTRACE`.
    Trace,
    /// Sending them signals: `CAP_KILL`.
    Kill,
    /// Entering their network namespaces: `CAP_SYS_ADMIN`.
    Enter,
}

/// Whether this thread has the capability for `right` in effect, in its own user namespace.
#[must_use]
pub fn has(right: Right) -> bool {
    let capability = match right {
        Right::Trace => CapabilitySet::SYS_PTRACE,
        Right::Kill => CapabilitySet::KILL,
        Right::Enter => CapabilitySet::SYS_ADMIN,
    };
    capabilities(None).is_ok_and(|sets| sets.effective.contains(capability))
}

/// Puts down what this program's file gave it, and keeps it within reach. What the user has anyway stays as it is: root's rights, and
/// the ambient ones, which a file with capabilities of its own clears.
pub fn put_down() {
    let Ok(sets) = capabilities(None) else { return };
    if rustix::process::geteuid().is_root() || sets.effective.is_empty() {
        return;
    }
    let is_users = |right: &CapabilitySet| capability_is_in_ambient_set(*right) == Ok(true);
    let own: CapabilitySet = sets.effective.iter().filter(is_users).collect();
    if own != sets.effective {
        set_effective(sets, own);
    }
}

/// Whether the program was given another user's rights by a set-user-ID bit.
#[must_use]
pub fn is_set_user_id() -> bool {
    rustix::process::geteuid() != rustix::process::getuid()
}

/// Capabilities that are in effect until this is dropped, in the thread that took them up and in those that it starts meanwhile.
#[derive(Debug)]
pub struct TakenUp(Option<CapabilitySet>);

/// Takes up what looking at other users' processes takes, as far as this program may have it.
#[must_use]
pub fn to_look() -> TakenUp {
    let Ok(sets) = capabilities(None) else {
        return TakenUp(None);
    };
    let wanted = sets.effective.union(sets.permitted.intersection(LOOKING));
    if wanted == sets.effective || !set_effective(sets, wanted) {
        return TakenUp(None);
    }
    TakenUp(Some(sets.effective))
}

impl Drop for TakenUp {
    fn drop(&mut self) {
        if let (Some(before), Ok(sets)) = (self.0, capabilities(None)) {
            set_effective(sets, before);
        }
    }
}

fn set_effective(sets: CapabilitySets, effective: CapabilitySet) -> bool {
    set_capabilities(None, CapabilitySets { effective, ..sets }).is_ok()
}
