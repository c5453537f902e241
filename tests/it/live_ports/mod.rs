//! Questions about ports that end in something done: naming a free one, waiting for one, ending who has one.

mod free;
mod wait;

use crate::live_why::NOBODY;
use crate::portctl::{Answer, Run};
use std::os::unix::fs::PermissionsExt;

/// Runs portctl as a user who is not root, through a copy of the program that this user may run.
fn as_nobody(arguments: &str) -> Answer {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("portctl");
    std::fs::copy(crate::portctl::BINARY, &copy).unwrap();
    for path in [directory.path(), &copy] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    let nobody = format!("setpriv --reuid {NOBODY} --clear-groups --inh-caps=-all");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let run = Run::new(arguments).binary(copy).env("PATH", path);
    run.through(nobody.split(' ')).go()
}
