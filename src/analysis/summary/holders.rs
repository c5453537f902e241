//! Whose sockets are in trouble: looked up after it is known which are.

use super::held::{HolderShare, Shares, Via};
use super::limits::{Ages, Leak, leak_severity};
use super::{Summary, Thresholds};
use crate::analysis::headroom::Severity;
use crate::model::{Cookie, Inode, OwnerTable, Pid};
use rustc_hash::FxHashSet;
use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};

/// Of so many flows the holders are looked up.
const FLOWS: usize = 50;

/// A process that held a socket at an earlier look.
pub type EarlierHolder = (Pid, Option<Box<[u8]>>);

impl Summary {
    /// Files of sockets whose holders should be known: those of flows, listeners and CLOSE_WAITs that are in trouble. Empty on a
    /// healthy host, which then is spared a walk over all processes.
    #[must_use]
    pub fn wanted_inodes(&self) -> FxHashSet<Inode> {
        let mut wanted = FxHashSet::default();
        for flow in self.pressed_flows() {
            wanted.extend(flow.sockets.iter().filter_map(|(inode, _)| *inode));
        }
        let listeners = self.listeners.iter().filter(|l| l.is_troubled());
        wanted.extend(listeners.filter_map(|l| l.inode));
        if self.close_wait.is_suspicious() {
            wanted.extend(
                self.close_wait
                    .sockets
                    .iter()
                    .filter_map(|(inode, _)| *inode),
            );
        }
        wanted.extend(self.open.iter().flat_map(|open| &open.inodes));
        wanted
    }

    /// Identities of sockets that a process holds now, with its file: what a later look may find without a process.
    pub fn identities(&self) -> impl Iterator<Item = (Cookie, Inode)> {
        self.pressed_flows()
            .flat_map(|flow| &flow.sockets)
            .filter_map(|(inode, cookie)| Some(((*cookie)?, (*inode)?)))
    }

    fn pressed_flows(&self) -> impl Iterator<Item = &super::FlowReport> {
        let pressed = self.flows.iter().filter(|flow| flow.is_pressed());
        pressed.take(FLOWS)
    }

    /// Says who holds what is in trouble. `earlier` is who held which socket at an earlier look.
    pub fn name_holders(
        &mut self,
        owners: &OwnerTable,
        earlier: &HashMap<Cookie, EarlierHolder>,
        thresholds: &Thresholds,
    ) {
        let hides = owners.report().hides();
        let pressed: Vec<_> = self.pressed_flows().map(super::FlowReport::key).collect();
        for flow in &mut self.flows {
            if pressed.contains(&flow.key()) {
                flow.shares = Some(shares(&flow.sockets, owners, earlier, hides));
            }
        }
        for listener in &mut self.listeners {
            if listener.is_troubled() {
                let socket = [(listener.inode, None)];
                listener.processes = Some(shares(&socket, owners, earlier, hides).processes);
            }
        }
        self.open = self.open_listeners.questionable(Some(owners));
        if self.close_wait.is_suspicious() {
            self.name_leaks(owners, thresholds);
        }
    }

    fn name_leaks(&mut self, owners: &OwnerTable, thresholds: &Thresholds) {
        let mut leaks: BTreeMap<Pid, (Leak, Ages)> = BTreeMap::new();
        for (inode, quiet_ms) in &self.close_wait.sockets {
            let Some(holder) = inode.and_then(|inode| owners.holders(inode).next()) else {
                continue;
            };
            let (leak, ages) = leaks.entry(holder.process.pid).or_insert_with(|| {
                let leak = Leak {
                    holder: HolderShare {
                        pid: holder.process.pid,
                        name: holder.process.name.clone(),
                        sockets: 0,
                        via: Via::Inode,
                    },
                    old: 0,
                    oldest_ms: None,
                    severity: None,
                };
                (leak, Ages::default())
            });
            leak.holder.sockets += 1;
            ages.add(*quiet_ms, thresholds);
            leak.oldest_ms = leak.oldest_ms.max(*quiet_ms);
        }
        let judged = leaks.into_values().map(|(leak, ages)| Leak {
            old: ages.old,
            severity: leak_severity(ages, thresholds),
            ..leak
        });
        let mut leaks: Vec<Leak> = judged.collect();
        leaks.sort_by_key(|leak| {
            (
                Reverse(leak.old),
                Reverse(leak.holder.sockets),
                leak.holder.pid,
            )
        });
        // Each for itself may be below the threshold; where owners are hidden, nobody can tell.
        if !owners.report().hides() {
            let known = leaks.iter().filter_map(|leak| leak.severity).max();
            let worst = known.unwrap_or(Severity::Ok);
            let unknown = leaks.iter().any(|leak| leak.severity.is_none());
            self.close_wait.severity = match unknown && worst == Severity::Ok {
                true => None,
                false => Some(worst),
            };
        }
        self.close_wait.leaks = Some(leaks);
    }
}

fn shares(
    sockets: &[(Option<Inode>, Option<Cookie>)],
    owners: &OwnerTable,
    earlier: &HashMap<Cookie, EarlierHolder>,
    hides: bool,
) -> Shares {
    let mut found = Shares::default();
    let mut processes: BTreeMap<(Pid, Via), HolderShare> = BTreeMap::new();
    let mut count = |pid: Pid, name: Option<&[u8]>, via| {
        let share = processes.entry((pid, via)).or_insert_with(|| HolderShare {
            pid,
            name: name.map(Into::into),
            sockets: 0,
            via,
        });
        share.sockets += 1;
    };
    for (inode, cookie) in sockets {
        let holder = inode.and_then(|inode| owners.holders(inode).next());
        if let Some(holder) = holder {
            count(
                holder.process.pid,
                holder.process.name.as_deref(),
                Via::Inode,
            );
        } else if let Some((pid, name)) = cookie.and_then(|cookie| earlier.get(&cookie)) {
            count(*pid, name.as_deref(), Via::Cookie);
        } else if inode.is_some() && hides {
            found.hidden += 1;
        } else {
            found.nobody += 1;
        }
    }
    found.processes = processes.into_values().collect();
    found
        .processes
        .sort_by_key(|share| (share.via, Reverse(share.sockets), share.pid));
    found
}
