//! What `kill` would do, did and could not do, in lines: every name in them is somebody else's, and escaped.

use super::escape::{escape, quote_into};
use super::line;
use super::why::{Told, devices, look, tell};
use crate::analysis::kill::{Spared, Victim};
use crate::analysis::why::{Remedy, stop_one, supervisor};
use crate::model::{Barrier, Context, Names, OwnerTable, Parent, Pid, ProcessDetail, Row, Socket};

/// So many sockets of one process are named.
const NAMED: usize = 4;

/// Everything that the lines are taken from.
#[derive(Clone, Copy)]
pub struct KillView<'a> {
    /// The sockets that were chosen.
    pub sockets: &'a [Socket],
    /// Who holds them, if that was looked for.
    pub owners: Option<&'a OwnerTable>,
    /// More about the processes that hold them.
    pub details: &'a [ProcessDetail],
    /// Names for numbers.
    pub names: &'a dyn Names,
}

impl std::fmt::Debug for KillView<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KillView")
            .field("sockets", &self.sockets)
            .finish_non_exhaustive()
    }
}

impl KillView<'_> {
    /// One socket, such as `tcp LISTEN 127.0.0.1:80`.
    #[must_use]
    pub fn socket(&self, socket: &Socket) -> String {
        let context = Context {
            owners: None,
            names: self.names,
        };
        line(Row { socket, context })
    }

    /// A process with its unit or container: `nginx[812], nginx.service`.
    #[must_use]
    pub fn process(&self, pid: Pid, name: Option<&[u8]>) -> String {
        let mut out = Vec::new();
        match name {
            Some(name) => quote_into(&mut out, name),
            None => out.push(b'?'),
        }
        out.extend_from_slice(format!("[{}]", pid.0).as_bytes());
        let place = self.detail(pid).and_then(|detail| detail.place.as_ref());
        if let Some(place) = place {
            if let Some((engine, id)) = &place.container {
                out.extend_from_slice(format!(", {} container ", engine.word()).as_bytes());
                quote_into(&mut out, id);
            }
            if let Some(unit) = &place.unit {
                out.extend_from_slice(b", ");
                quote_into(&mut out, unit);
            }
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    /// A process, what it holds of what was chosen, and the other listeners that end with it.
    #[must_use]
    pub fn victim(&self, victim: &Victim, others: &[&Socket]) -> String {
        let chosen: Vec<_> = victim
            .sockets
            .iter()
            .filter_map(|&n| self.sockets.get(n))
            .collect();
        let process = self.process(victim.pid, victim.name.as_deref());
        let mut text = format!("{process}: {}", self.list(&chosen));
        if !others.is_empty() {
            text.push_str(&format!("; with it goes {}", self.list(others)));
        }
        text
    }

    fn list(&self, sockets: &[&Socket]) -> String {
        let mut named: Vec<_> = sockets.iter().take(NAMED).map(|s| self.socket(s)).collect();
        if let Some(more) = sockets.len().checked_sub(NAMED + 1) {
            named.push(format!("and {} more", more + 1));
        }
        named.join(", ")
    }

    /// Why nothing is ended for a socket, and what to do instead.
    #[must_use]
    pub fn spared(&self, place: usize, why: Spared) -> String {
        let Some(socket) = self.sockets.get(place) else {
            return String::new();
        };
        let why = match why {
            Spared::Init => {
                "process 1 holds it, which is not ended: stop the socket unit (systemctl list-sockets) or the container"
                    .to_owned()
            }
            Spared::Own => "this program holds it itself".to_owned(),
            Spared::Hidden(barrier) => {
                format!("who holds it cannot be seen: {}", look(barrier))
            }
            Spared::Idle => {
                "the kernel does not close such: it is bound and does nothing, and stays so until its process closes it or \
                 ends (portctl kill -a, without --sockets)"
                    .to_owned()
            }
            Spared::Unclaimed => {
                "no process was found that holds it, so it may be the kernel's own, which is never closed".to_owned()
            }
            Spared::NoProcess("kernel") => self.the_kernels(socket),
            Spared::NoProcess("in-transit") => {
                "no process holds it, its descriptor is on its way through a unix socket: 'portctl why' says whose"
                    .to_owned()
            }
            Spared::NoProcess("accept-queue") => self.queued(socket),
            Spared::NoProcess("half-open") => {
                "it is half open, and no process has it yet; --sockets closes it".to_owned()
            }
            Spared::NoProcess("time-wait" | "orphan") => {
                "no process holds it any more; --sockets closes it".to_owned()
            }
            Spared::NoProcess(_) => "no process was found that holds it".to_owned(),
        };
        format!("{}: {why}", self.socket(socket))
    }

    fn the_kernels(&self, socket: &Socket) -> String {
        match self.owners.map_or(&[][..], |owners| owners.devices(socket)) {
            [] => "the kernel holds it, for a tunnel device, the NFS server or a storage target: take that down"
                .to_owned(),
            found => format!("it is held by {}: take that down", devices(found)),
        }
    }

    fn queued(&self, socket: &Socket) -> String {
        let listener = self.owners.and_then(|owners| owners.queue_of(socket));
        let whose = listener.map_or_else(
            || "a listener".to_owned(),
            |place| format!("the listener on {place}"),
        );
        format!(
            "it is in the accept queue of {whose}, and ends with that; no process has it yet, --sockets closes it alone"
        )
    }

    /// That a process may not be ended, whose it is, and what is missing.
    #[must_use]
    pub fn refused(&self, victim: &Victim, barrier: Barrier) -> String {
        let process = self.process(victim.pid, victim.name.as_deref());
        let user = victim.uid.map_or_else(
            || "another user".to_owned(),
            |uid| match self.names.user(uid) {
                Some(name) => format!("user {}", escape(&name)),
                None => format!("user {}", uid.0),
            },
        );
        let missing = match barrier {
            Barrier::Capability => "this root lacks CAP_KILL",
            Barrier::UserNamespace => {
                "it is of another user namespace, where no right of this one counts: run this there"
            }
            Barrier::Policy => "a security module or a sandbox forbids it even to root",
            Barrier::Users | Barrier::PidNamespace | Barrier::Failure => {
                "that takes CAP_KILL: run this as root, or as that user"
            }
        };
        format!("{process}: not permitted to end it, which is a process of {user}: {missing}")
    }

    /// Who would start a process again, and what to do about that; nothing if nothing says so.
    #[must_use]
    pub fn restarts(&self, pid: Pid) -> Option<String> {
        let detail = self.detail(pid)?;
        let remedy = stop_one(detail).or_else(|| {
            supervisor(detail).map(|(pid, name)| Remedy::AskSupervisor { pid, name })
        })?;
        let Told { command, text, .. } = tell(&remedy, self.names, None);
        Some(match command {
            Some(command) => format!("{text}: {command}"),
            None => text,
        })
    }

    /// The parent of a process, unless it is process 1, which gets every orphan.
    #[must_use]
    pub fn parent(&self, pid: Pid) -> Option<&Parent> {
        let parent = self.detail(pid)?.parent.as_ref();
        parent.filter(|parent| parent.pid != Pid(1))
    }

    fn detail(&self, pid: Pid) -> Option<&ProcessDetail> {
        self.details.iter().find(|detail| detail.pid == pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{NoNames, Place};

    #[test]
    fn names_are_no_lines_of_ours() {
        let details = [ProcessDetail {
            pid: Pid(8),
            command: None,
            started_at: None,
            place: Some(Place {
                unit: Some(b"a\nend 1.service".to_vec()),
                ..Place::default()
            }),
            parent: None,
        }];
        let view = KillView {
            sockets: &[],
            owners: None,
            details: &details,
            names: &NoNames,
        };
        let victim = Victim {
            pid: Pid(8),
            name: Some(b"x[1]\n\x1b[31m"[..].into()),
            uid: None,
            sockets: Vec::new(),
        };
        let text = view.victim(&victim, &[]);
        assert_eq!(text, "\"x[1]\\x0a\\x1b[31m\"[8], \"a\\x0aend 1.service\": ");
        let again = view.restarts(Pid(8)).unwrap();
        assert!(
            !again.contains('\n') && again.contains("Restart="),
            "{again}"
        );
        assert_eq!(view.restarts(Pid(9)), None);
        assert!(view.process(Pid(9), None).starts_with("?[9]"));
    }
}
