//! What a copy of this program is to be.

use std::process::Command;

/// The variable that tells it.
const ROLE: &str = "PORTCTL_BENCH_ROLE";

/// What a process of this program does, apart from the first one, which starts the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Makes a load in a new namespace and measures there.
    Inside,
    /// Counts instructions in a new namespace.
    Instructions,
    /// Holds a part of a load.
    Crowd,
    /// Is the floor.
    Floor,
    /// Runs a command and says how much memory it took.
    Peak,
}

impl Role {
    const ALL: [(Self, &str); 5] = [
        (Self::Inside, "inside"),
        (Self::Instructions, "instructions"),
        (Self::Crowd, "crowd"),
        (Self::Floor, "floor"),
        (Self::Peak, "peak"),
    ];

    /// What this process was started as; `None` for the first one.
    pub(crate) fn of_this_process() -> Option<Self> {
        let name = std::env::var(ROLE).ok()?;
        let role = Self::ALL.into_iter().find(|(_, n)| *n == name);
        Some(role.unwrap_or_else(|| panic!("unknown role {name}")).0)
    }

    /// Gives `command`, which will run this program, this role.
    pub(crate) fn give_to(self, command: &mut Command) -> &mut Command {
        let (_, name) = Self::ALL.into_iter().find(|(r, _)| *r == self).unwrap();
        command.env(ROLE, name)
    }
}

/// This program again, in another role.
pub(crate) fn again(role: Role) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    role.give_to(&mut command);
    command
}
