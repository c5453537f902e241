//! What would free a port, and who would start its holder again.

use super::meet::meet;
use super::{Evidence, Reason, ReasonKind};
use crate::model::{
    Barrier, BindError, BindOutcome, BindTarget, BindVariant, Engine, NoOwner, Owners, Pid,
    ProcessDetail, Protocol, Socket, TunnelDevice, Uid,
};
use std::net::{IpAddr, SocketAddr};

/// Something that helps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// Stop a systemd service or scope; systemd starts it again if it was told to (`Restart=`), unless systemd itself stops it.
    StopUnit {
        /// Its name, whoever chose it.
        unit: Vec<u8>,
        /// Whether a user's own service manager runs it.
        user: bool,
    },
    /// Stop the socket unit: systemd itself holds the socket, and starts a service for who connects.
    StopSocketUnit {
        /// Its name, by the control group of the socket, if that is known; whoever chose it.
        unit: Option<Vec<u8>>,
        /// Whether a user's own service manager holds it.
        user: bool,
    },
    /// Stop a container; its engine starts it again if it was told to.
    StopContainer {
        /// The engine.
        engine: Engine,
        /// Its id or name.
        id: Vec<u8>,
    },
    /// Stop the container that docker-proxy forwards to.
    StopProxied {
        /// Its address.
        target: SocketAddr,
    },
    /// Stop processes.
    StopProcesses {
        /// Their ids.
        pids: Vec<Pid>,
    },
    /// A process that keeps others running would start it again: tell that one.
    AskSupervisor {
        /// Its id.
        pid: Pid,
        /// Its name.
        name: Vec<u8>,
    },
    /// Mind the parent, which is there and may start it again; nothing says that it does.
    MindParent {
        /// Its id.
        pid: Pid,
        /// Its name.
        name: Vec<u8>,
    },
    /// Take the tunnel device down whose port it is.
    StopTunnel {
        /// It, if it tells its port.
        device: Option<TunnelDevice>,
    },
    /// Find out who holds it, with what is missing for that.
    Look(Barrier),
    /// Run it where its rights count for this network namespace: outside its user namespace.
    RunOutside,
    /// Wait until it is gone by itself.
    Wait {
        /// So many milliseconds.
        ms: u32,
    },
    /// Wait; nobody can tell how long.
    WaitUnknown,
    /// Set `SO_REUSEADDR` before bind(2): it helps if the old socket had it set, too.
    SetReuseAddr,
    /// Set `SO_REUSEPORT` in both programs, which must run as this user.
    SetReusePort {
        /// The holder's user.
        uid: Uid,
    },
    /// Run as this user, and set `SO_REUSEPORT` as the holders do.
    ShareAsUser {
        /// The holders' user.
        uid: Uid,
    },
    /// Bind to another address.
    OtherAddress,
    /// Bind to another interface (`SO_BINDTODEVICE`).
    OtherDevice,
    /// Set `IPV6_V6ONLY`, so that IPv4 is left to the other.
    SetV6only,
    /// Run it as root.
    RunAsRoot,
    /// Give the program `CAP_NET_BIND_SERVICE`.
    AddCapability,
    /// Lower `net.ipv4.ip_unprivileged_port_start`.
    LowerPrivileged,
    /// Add the address to an interface.
    AddAddress,
    /// Allow any address: `IP_FREEBIND`, or `ip_nonlocal_bind`.
    AllowNonlocal {
        /// Whether it is an IPv6 address.
        v6: bool,
    },
    /// Wait for duplicate address detection.
    WaitForAddress,
    /// Give the host with the same address, or this one, another.
    ChangeAddress,
    /// Name the interface, as in `fe80::1%eth0`.
    NameScope,
    /// Switch IPv6 on.
    EnableIpv6,
    /// Bind another path: this is a directory.
    OtherPath,
    /// Remove the file.
    RemoveFile,
    /// Make the directory, or give this user the right to write there.
    OpenDirectory,
    /// Take the port out of those given to connections.
    ReservePort,
    /// Change the rule of the firewall, or what made it.
    ChangeRule,
    /// Try it.
    Try,
    /// Ask again.
    AskAgain,
    /// Look for a cgroup program, a sandbox or a security module.
    FindPolicy,
}

/// The remedies of one reason, the best first.
pub(super) fn of(evidence: &Evidence<'_>, reason: &Reason) -> Vec<Remedy> {
    let try_it = || {
        let tried = evidence
            .trials
            .iter()
            .any(|t| t.target.protocol == reason.protocol);
        (!tried && reason.blocking.is_none()).then_some(Remedy::Try)
    };
    let mut remedies = Vec::new();
    match reason.kind {
        ReasonKind::Listener
        | ReasonKind::ReusePortUser
        | ReasonKind::Udp
        | ReasonKind::Bound
        | ReasonKind::ListenRace
        | ReasonKind::Outgoing
        | ReasonKind::Connection => {
            if reason.blocking != Some(false) {
                remedies.extend(stop(evidence, reason));
                remedies.extend(share(evidence, reason));
            }
            remedies.extend(try_it());
        }
        // They go with the listener, or stay and are then a reason of their own.
        ReasonKind::Accepted => {}
        ReasonKind::TimeWait | ReasonKind::FinWait2 => {
            if reason.blocking != Some(false) {
                remedies.push(
                    reason
                        .until_ms
                        .map_or(Remedy::WaitUnknown, |ms| Remedy::Wait { ms }),
                );
            }
            if reason.blocking != Some(true) {
                remedies.push(Remedy::SetReuseAddr);
            }
            remedies.extend(try_it());
        }
        ReasonKind::Orphan => {
            remedies.push(Remedy::WaitUnknown);
            if reason.blocking != Some(true) {
                remedies.push(Remedy::SetReuseAddr);
            }
            remedies.extend(try_it());
        }
        ReasonKind::Privileged => {
            if evidence.user.is_foreign {
                remedies.push(Remedy::RunOutside);
            } else {
                // Root without the capability is told to get just that.
                if evidence.user.uid != Uid(0) {
                    remedies.push(Remedy::RunAsRoot);
                }
                remedies.push(Remedy::AddCapability);
            }
            remedies.push(Remedy::LowerPrivileged);
        }
        ReasonKind::NotLocal => {
            remedies.extend([Remedy::AddAddress, Remedy::AllowNonlocal { v6: false }]);
        }
        ReasonKind::Tentative => remedies.push(Remedy::WaitForAddress),
        ReasonKind::Duplicate => remedies.push(Remedy::ChangeAddress),
        ReasonKind::NoScope => remedies.push(Remedy::NameScope),
        ReasonKind::Ipv6Disabled | ReasonKind::NoIpv6 => remedies.push(Remedy::EnableIpv6),
        ReasonKind::InvalidAddress => remedies.push(Remedy::OtherAddress),
        ReasonKind::Refused => remedies.push(Remedy::FindPolicy),
        ReasonKind::TakenMeanwhile | ReasonKind::GoneMeanwhile => remedies.push(Remedy::AskAgain),
        ReasonKind::TableMissing | ReasonKind::BoundNotListed | ReasonKind::Undecided => {
            remedies.push(Remedy::Try);
        }
        ReasonKind::Ephemeral => remedies.push(Remedy::ReservePort),
        ReasonKind::UnixSocket => remedies.extend(stop(evidence, reason)),
        ReasonKind::StaleFile | ReasonKind::OtherFile => remedies.push(Remedy::RemoveFile),
        ReasonKind::SocketFile if evidence.user.uid != Uid(0) => {
            remedies.push(Remedy::Look(Barrier::Users));
        }
        ReasonKind::SocketFile => {}
        ReasonKind::Directory => remedies.push(Remedy::OpenDirectory),
        ReasonKind::Redirected => remedies.push(Remedy::ChangeRule),
        ReasonKind::Reserved | ReasonKind::RedirectedHere => {}
    }
    remedies
}

fn sockets<'a>(evidence: &Evidence<'a>, reason: &Reason) -> impl Iterator<Item = &'a Socket> {
    let all = evidence.sockets;
    reason.sockets.iter().filter_map(move |&i| all.get(i))
}

/// What ends the processes that hold the sockets.
fn stop(evidence: &Evidence<'_>, reason: &Reason) -> Vec<Remedy> {
    let mut remedies: Vec<Remedy> = Vec::new();
    let mut bare = Vec::new();
    let certain = reason.pids.iter().copied();
    for pid in certain.filter(|&pid| holds(evidence, reason, pid)) {
        let detail = evidence.details.iter().find(|d| d.pid == pid);
        match detail
            .and_then(stop_one)
            .map(|remedy| named(evidence, reason, remedy))
        {
            Some(known) if remedies.contains(&known) => {}
            Some(known) => remedies.push(known),
            None => {
                bare.push(pid);
                let boss = detail.and_then(supervisor);
                remedies.extend(boss.map(|(pid, name)| Remedy::AskSupervisor { pid, name }));
            }
        }
    }
    let bosses = bare
        .iter()
        .filter_map(|pid| evidence.details.iter().find(|d| d.pid == *pid))
        .filter(|detail| supervisor(detail).is_none())
        .filter_map(|detail| parent_that_may_restart(detail, &reason.pids));
    let bosses: Vec<_> = bosses
        .map(|(pid, name)| Remedy::MindParent { pid, name })
        .collect();
    if !bare.is_empty() {
        remedies.push(Remedy::StopProcesses { pids: bare });
    }
    remedies.extend(bosses);
    remedies.dedup();
    for socket in sockets(evidence, reason) {
        let found = match evidence.owners.of(socket) {
            Owners::Hidden => evidence
                .owners
                .report()
                .barrier()
                .map(Remedy::Look)
                .into_iter()
                .collect(),
            Owners::None {
                reason: NoOwner::Kernel,
                ..
            } => stop_tunnels(evidence.owners.devices(socket)),
            _ => continue,
        };
        for remedy in found {
            if !remedies.contains(&remedy) {
                remedies.push(remedy);
            }
        }
    }
    remedies
}

fn stop_tunnels(devices: &[TunnelDevice]) -> Vec<Remedy> {
    if devices.is_empty() {
        return vec![Remedy::StopTunnel { device: None }];
    }
    let device = devices.iter().cloned().map(Some);
    device.map(|device| Remedy::StopTunnel { device }).collect()
}

/// Whether `pid` is known to hold one of the reason's sockets, and does not just have a queue that a descriptor may be in.
#[must_use]
pub fn holds(evidence: &Evidence<'_>, reason: &Reason, pid: Pid) -> bool {
    sockets(evidence, reason).any(|socket| {
        let (Owners::Known(mut holders)
        | Owners::None {
            reason: NoOwner::IoUring,
            via: mut holders,
            ..
        }) = evidence.owners.of(socket)
        else {
            return false;
        };
        holders.any(|h| h.process.pid == pid)
    })
}

/// The remedy with the name of the socket unit, which systemd puts the socket into the control group of.
fn named(evidence: &Evidence<'_>, reason: &Reason, remedy: Remedy) -> Remedy {
    let Remedy::StopSocketUnit { user, .. } = remedy else {
        return remedy;
    };
    let mut groups = sockets(evidence, reason).filter_map(|socket| socket.cgroup);
    let unit = groups.find_map(|group| {
        let mut units = evidence.units.iter();
        let (_, unit) = units.find(|(known, _)| *known == group)?;
        unit.ends_with(b".socket").then(|| unit.clone())
    });
    Remedy::StopSocketUnit { unit, user }
}

/// The unit or the container that a process is of: what to stop so that it is not started again.
#[must_use]
pub fn stop_one(detail: &ProcessDetail) -> Option<Remedy> {
    if let Some(target) = detail.command.as_deref().and_then(forwards_to) {
        return Some(Remedy::StopProxied { target });
    }
    let place = detail.place.as_ref()?;
    if let Some((engine, id)) = &place.container {
        return Some(Remedy::StopContainer {
            engine: *engine,
            id: id.clone(),
        });
    }
    let unit = place.unit.as_ref()?;
    // The service manager itself, which holds the sockets of socket units.
    if unit == b"init.scope" {
        let manager = detail.pid.0 == 1 || is_named(detail, b"systemd");
        return manager.then_some(Remedy::StopSocketUnit {
            unit: None,
            user: place.user_unit,
        });
    }
    // Sessions and other scopes hold whatever a person started.
    unit.ends_with(b".service").then(|| Remedy::StopUnit {
        unit: unit.clone(),
        user: place.user_unit,
    })
}

fn is_named(detail: &ProcessDetail, name: &[u8]) -> bool {
    let program = detail.command.as_deref().and_then(<[_]>::first);
    program.is_some_and(|p| p.rsplit(|&b| b == b'/').next() == Some(name))
}

/// Parents that start their children again when these end.
const SUPERVISORS: [&[u8]; 14] = [
    b"supervisord",
    b"runsv",
    b"s6-supervise",
    b"runit",
    b"daemontools",
    b"supervise",
    b"circusd",
    b"monit",
    b"god",
    b"forever",
    b"nodemon",
    b"watchexec",
    b"procServ",
    b"immortal",
];

/// The parent of a process, if it is one that would start it again.
#[must_use]
pub fn supervisor(detail: &ProcessDetail) -> Option<(Pid, Vec<u8>)> {
    let parent = detail.parent.as_ref()?;
    let name = parent.name.as_ref()?;
    let known = SUPERVISORS.contains(&&name[..]) || name.starts_with(b"PM2");
    known.then(|| (parent.pid, name.clone()))
}

/// The parent of a process that may start it again, as scripts and servers with workers do: not process 1 and a user's service manager,
/// which get every orphan, not one of `holders`, which is to be stopped itself, and not the shell of a person.
fn parent_that_may_restart(detail: &ProcessDetail, holders: &[Pid]) -> Option<(Pid, Vec<u8>)> {
    let parent = detail.parent.as_ref()?;
    let name = parent.name.as_ref()?;
    let gets_orphans = parent.pid == Pid(1) || name == b"systemd";
    let counts = !gets_orphans && !parent.is_interactive && !holders.contains(&parent.pid);
    counts.then(|| (parent.pid, name.clone()))
}

/// Where a docker-proxy forwards to, by its arguments: they are visible to everybody, and the process's own words.
#[must_use]
pub fn forwards_to(command: &[Vec<u8>]) -> Option<SocketAddr> {
    let (program, arguments) = command.split_first()?;
    if program.rsplit(|&b| b == b'/').next() != Some(b"docker-proxy") {
        return None;
    }
    let value = |name: &[u8]| {
        let at = arguments.iter().position(|a| a == name)?;
        std::str::from_utf8(arguments.get(at + 1)?).ok()
    };
    let address: IpAddr = value(b"-container-ip")?.parse().ok()?;
    Some(SocketAddr::new(
        address,
        value(b"-container-port")?.parse().ok()?,
    ))
}

/// Whether a bind with `SO_REUSEADDR` was tried and refused where nothing but these sockets has the place: then they lack the option.
fn reuse_was_refused(evidence: &Evidence<'_>, reason: &Reason) -> bool {
    let only_these = |target: &BindTarget| {
        let stands = |socket: &Socket| {
            let here = socket.inet().is_some_and(|e| e.local_port == target.port);
            here && socket.protocol == target.protocol && meet(target, socket).meets != Some(false)
        };
        let all = evidence.sockets.iter().enumerate();
        let mut there = all.filter(|(_, s)| stands(s)).peekable();
        there.peek().is_some() && there.all(|(n, _)| reason.sockets.contains(&n))
    };
    let in_use = BindOutcome::Refused(BindError::InUse);
    evidence.trials.iter().any(|trial| {
        trial.variant == BindVariant::ReuseAddr
            && trial.outcome == in_use
            && trial.target.protocol == reason.protocol
            && only_these(&trial.target)
    })
}

/// What lets both have the port.
fn share(evidence: &Evidence<'_>, reason: &Reason) -> Vec<Remedy> {
    use super::Overlap;
    let mut remedies = Vec::new();
    let is_kernels = |socket: &Socket| {
        let reason = NoOwner::Kernel;
        matches!(evidence.owners.of(socket), Owners::None { reason: r, .. } if r == reason)
    };
    // The kernel sets no options of its sockets at anybody's wish.
    let kernels = sockets(evidence, reason).any(is_kernels);
    let uid = sockets(evidence, reason).find_map(|s| s.uid);
    let connected = matches!(reason.kind, ReasonKind::Outgoing | ReasonKind::Connection);
    if let Some(uid) = uid.filter(|uid| *uid == evidence.user.uid && !connected && !kernels) {
        remedies.push(Remedy::SetReusePort { uid });
    }
    if let Some(uid) = uid.filter(|_| reason.kind == ReasonKind::ReusePortUser) {
        remedies.push(Remedy::ShareAsUser { uid });
    }
    let may_share = matches!(
        reason.kind,
        ReasonKind::Bound | ReasonKind::ListenRace | ReasonKind::Connection
    ) || reason.kind == ReasonKind::Udp && reason.protocol == Protocol::Udp;
    if may_share && !kernels && !reuse_was_refused(evidence, reason) {
        remedies.push(Remedy::SetReuseAddr);
    }
    match reason.overlap {
        Some(Overlap::AskedAny | Overlap::StandIn) => remedies.push(Remedy::OtherAddress),
        Some(Overlap::AskedDualStack) => remedies.push(Remedy::SetV6only),
        _ => {}
    }
    let bound = sockets(evidence, reason).any(|s| s.inet().is_some_and(|e| e.interface.is_some()));
    if bound {
        remedies.push(Remedy::OtherDevice);
    }
    remedies
}
