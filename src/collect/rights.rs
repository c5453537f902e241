//! How far the rights of this process reach over others' processes, in the words of the model.

use crate::model::Barrier;
use crate::sys;
use crate::sys::capabilities::Right;

/// What processes are out of reach by that `right` did not help with.
#[must_use]
pub fn barrier(right: Right) -> Barrier {
    if !sys::capabilities::has(right) {
        return if sys::namespace::is_root() {
            Barrier::Capability
        } else {
            Barrier::Users
        };
    }
    if sys::namespace::is_initial_user_namespace() {
        Barrier::Policy
    } else {
        Barrier::UserNamespace
    }
}
