//! Which processes must end for sockets to be closed, and which sockets no process can be ended for.

use crate::model::{
    Barrier, Ends, Exposure, NoOwner, OwnerTable, Owners, Pid, Protocol, Socket, SocketKind, State,
    Uid, UnixName,
};
use std::collections::BTreeMap;

/// A process that holds sockets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Victim {
    /// Its id.
    pub pid: Pid,
    /// Its command name, the process's own words.
    pub name: Option<Box<[u8]>>,
    /// Its effective user, if it was there to be asked.
    pub uid: Option<Uid>,
    /// The sockets, by their place in the list.
    pub sockets: Vec<usize>,
}

/// Why nothing can be ended for a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Spared {
    /// Process 1 holds it: the service manager for a socket unit, or all that a container is.
    Init,
    /// This program itself holds it.
    Own,
    /// Who holds it cannot be seen, because of this.
    Hidden(Barrier),
    /// It is bound, and neither listens nor is connected: the kernel closes no such socket for others.
    Idle,
    /// No process was found that holds it, and the kernel may hold it for itself.
    Unclaimed,
    /// No process holds it.
    NoProcess(Word),
}

/// The reason why no process holds it, [`NoOwner::word`].
pub type Word = &'static str;

/// What ending processes would take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The processes, by id.
    pub victims: Vec<Victim>,
    /// Sockets for which none is ended, by their place in the list.
    pub spared: Vec<(usize, Spared)>,
}

/// Whether others can reach it without having been reached: a listener, or a bound socket of a protocol that does not listen. What a
/// program talks to the kernel or to a log with is none.
#[must_use]
pub fn waits_for_others(socket: &Socket) -> bool {
    match &socket.ends {
        Ends::Inet(_) => Exposure::of(socket).is_some(),
        Ends::Unix(unix) if unix.kind == SocketKind::Dgram => {
            socket.state == State::Close && unix.name != UnixName::Unnamed
        }
        _ => socket.state == State::Listen,
    }
}

/// Whether it is a TCP socket that is bound, and neither listens nor is connected.
#[must_use]
pub fn is_idle(socket: &Socket) -> bool {
    socket.protocol == Protocol::Tcp && matches!(socket.state, State::BoundInactive | State::Close)
}

/// Finds the processes that hold `sockets`; `own` is this program.
///
/// A socket that process 1 holds too would stay open whoever else ended, so for that one nobody is.
#[must_use]
pub fn plan(sockets: &[Socket], owners: &OwnerTable, own: Pid) -> Plan {
    let mut victims: BTreeMap<Pid, Victim> = BTreeMap::new();
    let mut spared = Vec::new();
    for (place, socket) in sockets.iter().enumerate() {
        let holders = match owners.of(socket) {
            Owners::Known(holders)
            // Registered with an io_uring, which ends with its process.
            | Owners::None { reason: NoOwner::IoUring, via: holders, .. } => holders,
            Owners::None { reason, .. } => {
                spared.push((place, Spared::NoProcess(reason.word())));
                continue;
            }
            Owners::Hidden | Owners::NotAsked => {
                spared.push((place, hidden(owners)));
                continue;
            }
        };
        let untouchable = |pid: Pid| match pid {
            Pid(1) => Some(Spared::Init),
            pid if pid == own => Some(Spared::Own),
            _ => None,
        };
        if let Some(reason) = holders.clone().find_map(|h| untouchable(h.process.pid)) {
            spared.push((place, reason));
            continue;
        }
        for holder in holders {
            let pid = holder.process.pid;
            let victim = victims.entry(pid).or_insert_with(|| Victim {
                pid,
                name: holder.process.name.clone(),
                uid: holder.process.uid,
                sockets: Vec::new(),
            });
            if victim.sockets.last() != Some(&place) {
                victim.sockets.push(place);
            }
        }
    }
    Plan {
        victims: victims.into_values().collect(),
        spared,
    }
}

/// Why holders were not seen.
fn hidden(owners: &OwnerTable) -> Spared {
    Spared::Hidden(owners.report().barrier().unwrap_or_default())
}

/// Sockets that are not closed behind the back of who holds them, by their place in the list: those that the kernel closes for their
/// holder only, its own, and those that stand open to strangers, may be the kernel's, and have no process that was seen. Processes hold such sockets, and a part of the kernel that
/// has lost its one cannot make another.
#[must_use]
pub fn kept_open(sockets: &[Socket], owners: &OwnerTable) -> Vec<(usize, Spared)> {
    let mut kept = Vec::new();
    for (place, socket) in sockets.iter().enumerate() {
        let spared = match owners.of(socket) {
            // `tcp_diag_destroy` finds none of these: they are in neither of its tables.
            _ if is_idle(socket) => Spared::Idle,
            Owners::None {
                reason: NoOwner::Kernel,
                ..
            } => Spared::NoProcess(NoOwner::Kernel.word()),
            Owners::None {
                reason: NoOwner::Other,
                ..
            } if waits_for_others(socket) => Spared::Unclaimed,
            Owners::Hidden | Owners::NotAsked if waits_for_others(socket) => hidden(owners),
            _ => continue,
        };
        kept.push((place, spared));
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{
        Family, Held, InetEnds, Inode, Port, Process, Protocol, Queues, ScanReport,
    };
    use std::net::IpAddr;

    fn listener(inode: u64) -> Socket {
        let any = IpAddr::from([0; 4]);
        Socket {
            protocol: Protocol::Tcp,
            family: Family::Inet,
            state: State::Listen,
            v6only: None,
            shutdown: None,
            ends: Ends::Inet(InetEnds {
                local: any,
                peer: any,
                local_port: Port(80),
                peer_port: Port(0),
                interface: None,
            }),
            queues: Queues::Unknown,
            timer: None,
            uid: None,
            inode: Inode::new(inode),
            cookie: None,
            mark: None,
            cgroup: None,
            details: None,
        }
    }

    fn table(holders: &[(u32, &[u64])]) -> OwnerTable {
        let mut table = OwnerTable::new();
        for (pid, inodes) in holders {
            let process = Process {
                pid: Pid(*pid),
                name: Some(b"x"[..].into()),
                uid: None,
            };
            let held: Vec<_> = inodes
                .iter()
                // Two descriptors each.
                .flat_map(|n| [3, 4].map(|fd| Held::descriptor(Inode::new(*n).unwrap(), fd)))
                .collect();
            table.add(process, None, &held);
        }
        table
    }

    #[test]
    fn every_holder_must_end_and_each_once() {
        let owners = table(&[(9, &[5, 6]), (8, &[5])]);
        let plan = plan(&[listener(5), listener(6)], &owners, Pid(99));
        let victims: Vec<_> = plan
            .victims
            .iter()
            .map(|v| (v.pid.0, &v.sockets[..]))
            .collect();
        assert_eq!(victims, [(8, &[0][..]), (9, &[0, 1])]);
        assert!(plan.spared.is_empty());
    }

    #[test]
    fn some_are_never_ended() {
        let owners = table(&[(1, &[5]), (8, &[5, 6]), (99, &[7])]);
        let plan = plan(
            &[listener(5), listener(6), listener(7), listener(8)],
            &owners,
            Pid(99),
        );
        assert_eq!(plan.victims.len(), 1);
        assert_eq!(plan.victims[0].sockets, [1]);
        assert_eq!(
            plan.spared,
            [
                (0, Spared::Init),
                (2, Spared::Own),
                (3, Spared::NoProcess("other"))
            ]
        );
    }

    #[test]
    fn what_may_be_the_kernels_stays_open() {
        let mut owners = table(&[(8, &[5])]);
        owners.set_reason(Inode::new(6).unwrap(), NoOwner::Kernel);
        let mut connection = listener(7);
        connection.state = State::Established;
        let sockets = [listener(5), listener(6), connection, listener(8)];
        let kept = kept_open(&sockets, &owners);
        let expected = [(1, Spared::NoProcess("kernel")), (3, Spared::Unclaimed)];
        assert_eq!(kept, expected);
        owners.set_report(ScanReport {
            hidden_processes: 1,
            ..ScanReport::default()
        });
        assert!(kept_open(&sockets, &owners).contains(&(3, Spared::Hidden(Barrier::Users))));
    }

    #[test]
    fn hidden_holders_are_not_nobody() {
        let mut owners = table(&[]);
        owners.set_report(ScanReport {
            hidden_processes: 1,
            ..ScanReport::default()
        });
        let plan = plan(&[listener(5)], &owners, Pid(99));
        assert_eq!(plan.spared, [(0, Spared::Hidden(Barrier::Users))]);
    }
}
