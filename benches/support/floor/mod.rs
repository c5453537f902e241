//! The floor: the least work that gets what a case shows out of the kernel.
//!
//! A floor is said in words, which are also the arguments of the process that does it: `tcp:400` is
//! a dump of TCP sockets in the states of this mask, `descriptors` the walk over /proc.

pub(crate) mod descriptors;
mod dump;

use super::{Role, again};
use std::process::Command;

/// The word for the walk over /proc.
pub(crate) const DESCRIPTORS: &str = "descriptors";

/// A process that does these words.
pub(crate) fn command(words: &str) -> Command {
    let mut command = again(Role::Floor);
    command.args(words.split(' '));
    command
}

/// Does the words of this process's arguments.
pub(crate) fn run() {
    for word in std::env::args().skip(1) {
        if word == DESCRIPTORS {
            descriptors::walk();
        } else {
            dump::receive(&dump::request(&word));
        }
    }
}
