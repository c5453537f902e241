//! More about the few processes that an answer names: arguments, start, place, parent.
//!
//! Each is opened once, so that all of it is about one process; one that has ended by then is told without what is gone.

use super::cgroups::Cgroups;
use crate::model::{CgroupId, CgroupPath, Engine, Parent, Pid, Place, ProcessDetail};
use crate::sys::{self, proc_root::Dir};
use crate::wire::{cgroup, pid, pid_stat};
use std::path::Path;
use std::time::{Duration, SystemTime};

/// More of a command line than this is not read.
const COMMAND_LEN: u64 = 64 * 1024;
/// More of a list of control groups than this is not read.
const CGROUP_LEN: u64 = 64 * 1024;

/// What can be read of `pids`, in their order. Those that have ended are left out.
#[must_use]
pub fn details(pids: &[Pid]) -> Vec<ProcessDetail> {
    let Ok(proc) = Dir::open(Path::new("/proc")) else {
        return Vec::new();
    };
    let clock = Clock::now();
    pids.iter()
        .filter_map(|&pid| detail(&proc, pid, clock.as_ref()))
        .collect()
}

/// The systemd units that control groups belong to; those of which that is not known are left out.
#[must_use]
pub fn units(groups: &[CgroupId]) -> Vec<(CgroupId, Vec<u8>)> {
    if groups.is_empty() {
        return Vec::new();
    }
    let mut paths = Cgroups::default();
    let unit = |group: &CgroupId| match paths.path(*group) {
        CgroupPath::Known(path) => Some((*group, cgroup::unit_of(&path)?.to_vec())),
        _ => None,
    };
    groups.iter().filter_map(unit).collect()
}

fn detail(proc: &Dir, pid: Pid, clock: Option<&Clock>) -> Option<ProcessDetail> {
    let process = proc.dir(itoa::Buffer::new().format(pid.0)).ok()?;
    let origin = process
        .read(c"stat", 4096)
        .ok()
        .and_then(|stat| pid_stat::origin(&stat));
    Some(ProcessDetail {
        pid,
        command: command(&process, pid),
        started_at: origin.and_then(|o| clock?.at(o.start_ticks)),
        place: process
            .read(c"cgroup", CGROUP_LEN)
            .ok()
            .and_then(|text| cgroup::membership(&text).map(place)),
        parent: origin
            .filter(|o| o.parent != 0)
            .map(|o| parent(proc, o.parent)),
    })
}

/// The arguments of a process; of one whose first thread has ended those that another thread tells.
fn command(process: &Dir, pid: Pid) -> Option<Vec<Vec<u8>>> {
    let text = process.read(c"cmdline", COMMAND_LEN).ok()?;
    let living = || {
        let threads = sys::process::threads(pid.0)?;
        sys::process::command(*threads.last().filter(|&&thread| thread != pid.0)?)
    };
    let text = Some(text).filter(|text| !text.is_empty()).or_else(living);
    Some(pid_stat::arguments(&text.unwrap_or_default()))
}

fn parent(proc: &Dir, number: u32) -> Parent {
    let stat = proc.read(format!("{number}/stat"), 4096).ok();
    let leads = |o: pid_stat::Origin| o.session == number;
    let has_no_arguments = || {
        let text = proc.read(format!("{number}/cmdline"), COMMAND_LEN);
        text.is_ok_and(|text| pid_stat::arguments(&text).len() == 1)
    };
    Parent {
        pid: Pid(number),
        is_interactive: stat
            .as_deref()
            .and_then(pid_stat::origin)
            .is_some_and(|o| o.has_terminal && (leads(o) || has_no_arguments())),
        name: stat.as_deref().and_then(pid::stat_name).map(<[u8]>::to_vec),
    }
}

fn place(found: cgroup::Membership<'_>) -> Place {
    let engine = |kind| match kind {
        cgroup::ContainerKind::Docker => Engine::Docker,
        cgroup::ContainerKind::Podman => Engine::Podman,
        cgroup::ContainerKind::Kubernetes => Engine::Kubernetes,
        cgroup::ContainerKind::Lxc => Engine::Lxc,
        cgroup::ContainerKind::Machine => Engine::Machine,
        cgroup::ContainerKind::Unknown => Engine::Unknown,
    };
    Place {
        path: found.path.to_vec(),
        unit: found.unit.map(<[u8]>::to_vec),
        user_unit: found.user_unit,
        container: found
            .container
            .map(|(kind, id)| (engine(kind), id.to_vec())),
    }
}

/// Turns ticks since boot into a time of day.
struct Clock {
    booted_at: SystemTime,
    ticks_per_second: u64,
}

impl Clock {
    fn now() -> Option<Self> {
        use procfs::Current as _;
        let uptime = procfs::Uptime::current().ok()?;
        Some(Self {
            booted_at: SystemTime::now().checked_sub(uptime.uptime_duration())?,
            ticks_per_second: procfs::ticks_per_second(),
        })
    }

    fn at(&self, ticks: u64) -> Option<SystemTime> {
        let seconds = ticks.checked_div(self.ticks_per_second)?;
        let rest = ticks.checked_rem(self.ticks_per_second)?;
        let part = Duration::from_millis(rest * 1000 / self.ticks_per_second);
        self.booted_at
            .checked_add(Duration::from_secs(seconds))?
            .checked_add(part)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_told() {
        let this = Pid(std::process::id());
        let found = details(&[this, Pid(u32::MAX)]);
        let [detail] = &found[..] else {
            panic!("{found:?}")
        };
        let arguments: Vec<Vec<u8>> = std::env::args().map(String::into_bytes).collect();
        assert_eq!(detail.command.as_ref(), Some(&arguments));
        let age = SystemTime::now().duration_since(detail.started_at.unwrap());
        assert!(age.unwrap() < Duration::from_secs(3600), "{detail:?}");
        let parent = detail.parent.as_ref().unwrap();
        assert_eq!(parent.pid.0, std::os::unix::process::parent_id());
        assert!(parent.name.is_some());
    }
}
