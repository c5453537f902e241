//! Questions about ports that end in something done: naming a free one, waiting for one, ending who has one.

mod exposure;
mod free;
mod kill;
mod wait;

use crate::live_why::NOBODY;
use crate::portctl::{Answer, Run};
use std::os::unix::fs::PermissionsExt;

/// Runs portctl as a user who is not root, through a copy of the program that this user may run.
pub(crate) fn as_nobody(arguments: &str) -> Answer {
    as_nobody_through(Run::new(arguments), |_| {})
}

/// The same for any run; `prepare` does something to the copy first.
pub(crate) fn as_nobody_through(run: Run, prepare: impl FnOnce(&std::path::Path)) -> Answer {
    let directory = tempfile::tempdir().unwrap();
    let copy = directory.path().join("portctl");
    std::fs::copy(crate::portctl::BINARY, &copy).unwrap();
    for path in [directory.path(), &copy] {
        std::fs::set_permissions(path, PermissionsExt::from_mode(0o755)).unwrap();
    }
    prepare(&copy);
    let nobody = format!("setpriv --reuid {NOBODY} --clear-groups --inh-caps=-all");
    let path = std::env::var_os("PATH").unwrap_or_default();
    let run = run.binary(copy).env("PATH", path);
    run.through(nobody.split(' ')).go()
}
