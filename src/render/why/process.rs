//! One process of an answer: what was found of it, together.

use super::WhyView;
use crate::analysis::why::{forwards_to, supervisor};
use crate::model::{Owners, Pid, Place, Process, ProcessDetail};
use std::net::SocketAddr;

/// A process that holds sockets of an answer.
pub(super) struct Known<'a> {
    pub(super) pid: Pid,
    pub(super) process: Option<&'a Process>,
    pub(super) detail: Option<&'a ProcessDetail>,
}

impl<'a> Known<'a> {
    /// What is known of `pid`, which holds one of `sockets`.
    pub(super) fn new(view: &WhyView<'a>, pid: Pid, sockets: &'a [usize]) -> Self {
        let owners = view.evidence.owners;
        let process = view.sockets(sockets).find_map(|socket| {
            let (Owners::Known(holders) | Owners::None { via: holders, .. }) = owners.of(socket)
            else {
                return None;
            };
            holders.map(|h| h.process).find(|p| p.pid == pid)
        });
        let detail = view.evidence.details.iter().find(|d| d.pid == pid);
        Self {
            pid,
            process,
            detail,
        }
    }

    pub(super) fn place(&self) -> Option<&'a Place> {
        self.detail?.place.as_ref()
    }

    pub(super) fn command(&self) -> Option<&'a [Vec<u8>]> {
        self.detail?.command.as_deref().filter(|c| !c.is_empty())
    }

    /// Where it forwards connections to, if it is a docker-proxy.
    pub(super) fn forwards_to(&self) -> Option<SocketAddr> {
        self.command().and_then(forwards_to)
    }

    /// Who would start it again, by the customs of its place and its parent.
    pub(super) fn restarted_by(&self) -> Option<(&'static str, Vec<u8>)> {
        let supervised = || {
            let (_, name) = supervisor(self.detail?)?;
            Some(("supervisor", name))
        };
        if self.forwards_to().is_some() {
            return Some(("docker", b"dockerd".to_vec()));
        }
        let Some(place) = self.place() else {
            return supervised();
        };
        if let Some((engine, id)) = &place.container {
            return Some((engine.word(), id.clone()));
        }
        let unit = place
            .unit
            .as_ref()
            .filter(|unit| unit.ends_with(b".service"));
        unit.map_or_else(supervised, |unit| Some(("systemd", unit.clone())))
    }
}
