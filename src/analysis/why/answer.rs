//! The answer about a port: which addresses were meant, what each bind would answer, and the reasons together.

use super::beside::beside;
use super::kind::{Newcomer, conflict, is_half_open, is_here, kind};
use super::meet::{Overlap, meet};
use super::outcome::{bind, concluded, has_gaps, is_shared, trial, user_of, usual};
use super::redirected::redirected;
use super::refusal::refusal;
use super::{Answer, As, Bind, Evidence, Part, Reason, ReasonKind, Verdict, remedy};
use crate::model::{
    BindError, BindOutcome, BindTarget, BindVariant, IfIndex, OwnerTable, Owners, Pid, Port,
    Protocol, Socket,
};
use std::net::IpAddr;

/// More addresses of this host than these are not judged one by one.
const MAX_SPECIFIC: usize = 64;

/// Answers for `port` at `addresses`, or at any address if there are none.
#[must_use]
pub fn port(
    evidence: &Evidence<'_>,
    protocols: &[Protocol],
    port: Port,
    addresses: &[(IpAddr, Option<IfIndex>)],
) -> Answer {
    let mut answer = Answer {
        verdict: Verdict::Free,
        root: Verdict::Free,
        parts: Vec::new(),
        reasons: Vec::new(),
        binds: Vec::new(),
        holders: Vec::new(),
        clients: Vec::new(),
        elsewhere: 0,
    };
    sort_sockets(evidence, protocols, port, &mut answer);
    for &protocol in protocols {
        let targets = Targets::new(evidence, protocol, port, addresses);
        let inquiry = Inquiry {
            evidence,
            holders: &answer.holders,
            protocol,
            targets: &targets,
        };
        let reasons = inquiry.reasons(port);
        let (part, binds) = (inquiry.part(), inquiry.binds());
        answer.parts.push(part);
        answer.binds.extend(binds);
        answer.reasons.extend(reasons);
    }
    let worst = |of: fn(&Part) -> Verdict| answer.parts.iter().map(of).max();
    answer.verdict = worst(|p| p.verdict).unwrap_or(Verdict::Free);
    answer.root = worst(|p| p.root).unwrap_or(Verdict::Free);
    let rank = |blocking| match blocking {
        Some(true) => 0,
        None => 1,
        Some(false) => 2,
    };
    answer
        .reasons
        .sort_by_key(|r| (rank(r.blocking), r.protocol, r.kind));
    answer
}

/// Tells apart who has the port here, who talks to it here, and who talks to that port of others.
fn sort_sockets(evidence: &Evidence<'_>, protocols: &[Protocol], port: Port, answer: &mut Answer) {
    for (index, socket) in evidence.sockets.iter().enumerate() {
        let Some(ends) = socket.inet() else { continue };
        if !protocols.contains(&socket.protocol) {
            continue;
        }
        if ends.local_port == port {
            answer.holders.push(index);
        } else if ends.peer_port == port {
            if is_here(evidence, ends.peer) {
                answer.clients.push(index);
            } else {
                answer.elsewhere += 1;
            }
        }
    }
    // Listeners first, then the rest as lists have it.
    answer.holders.sort_by_key(|&index| {
        let socket = evidence.sockets.get(index);
        socket.map(|s| (s.protocol, kind(evidence, s)))
    });
}

/// The addresses that the verdict is about, and others that are worth knowing.
struct Targets {
    asked: Vec<BindTarget>,
    others: Vec<BindTarget>,
}

impl Targets {
    fn new(
        evidence: &Evidence<'_>,
        protocol: Protocol,
        port: Port,
        addresses: &[(IpAddr, Option<IfIndex>)],
    ) -> Self {
        let v6only = evidence.facts.bindv6only == Some(true);
        if !addresses.is_empty() {
            let asked = addresses.iter().map(|&(address, interface)| BindTarget {
                protocol,
                address,
                port,
                interface,
                v6only: v6only && address.is_ipv6() && address.is_unspecified(),
            });
            return Self {
                asked: asked.collect(),
                others: Vec::new(),
            };
        }
        let mut asked = vec![BindTarget::any_v4(protocol, port)];
        let mut others = Vec::new();
        if evidence.facts.ipv6 {
            asked.push(BindTarget::any_v6(protocol, port, false));
            others.push(BindTarget::any_v6(protocol, port, true));
        }
        let known = evidence.facts.addresses.as_deref().unwrap_or_default();
        for local in known.iter().take(MAX_SPECIFIC) {
            let link_local = matches!(local.address, IpAddr::V6(v6) if v6.is_unicast_link_local());
            let target = BindTarget {
                protocol,
                address: local.address,
                port,
                interface: link_local.then_some(local.interface),
                v6only: false,
            };
            if !others.contains(&target) {
                others.push(target);
            }
        }
        Self { asked, others }
    }
}

/// One protocol of one question.
struct Inquiry<'a> {
    evidence: &'a Evidence<'a>,
    holders: &'a [usize],
    protocol: Protocol,
    targets: &'a Targets,
}

impl Inquiry<'_> {
    fn sockets(&self) -> impl Iterator<Item = (usize, &Socket)> {
        let all = self.evidence.sockets;
        self.holders
            .iter()
            .filter_map(move |&index| Some((index, all.get(index)?)))
            .filter(|(_, socket)| socket.protocol == self.protocol)
    }

    /// A bind by `user`. What the caller's trial told of other sockets' `SO_REUSEADDR` holds for root, too.
    fn bind(&self, target: BindTarget, user: As, variant: BindVariant) -> Bind {
        let mut found = bind(self.evidence, self.holders, target, user, variant);
        if user == As::Root
            && found.outcome == BindOutcome::Unknown
            && variant != BindVariant::ReusePort
            && let Some(tried) = self.trial(target, variant)
            && matches!(
                tried,
                BindOutcome::Ok | BindOutcome::Refused(BindError::InUse)
            )
        {
            found.outcome = tried;
        }
        found
    }

    fn trial(&self, target: BindTarget, variant: BindVariant) -> Option<BindOutcome> {
        trial(self.evidence, target, variant).map(|(outcome, _)| outcome)
    }

    fn binds(&self) -> Vec<Bind> {
        let targets = self.targets.asked.iter().chain(&self.targets.others);
        let mut binds = Vec::new();
        for &target in targets {
            for user in [As::Caller, As::Root] {
                for variant in BindVariant::ALL {
                    binds.push(self.bind(target, user, variant));
                }
            }
        }
        binds
    }

    fn part(&self) -> Part {
        let caller: Vec<_> = self
            .targets
            .asked
            .iter()
            .map(|&target| self.verdict(target, As::Caller))
            .collect();
        let root = self.targets.asked.iter();
        let root = root.map(|&target| self.verdict(target, As::Root).0).max();
        let verdict = caller.iter().map(|v| v.0).max().unwrap_or(Verdict::Free);
        let error = self.targets.asked.iter().find_map(|&target| {
            match self.bind(target, As::Caller, BindVariant::Plain).outcome {
                BindOutcome::Refused(error) => Some(error),
                _ => None,
            }
        });
        Part {
            protocol: self.protocol,
            verdict,
            root: root.unwrap_or(Verdict::Free),
            needs_reuseaddr: verdict == Verdict::Free && caller.iter().any(|v| v.1),
            error,
        }
    }

    /// Whether `target` is free, and whether only so for a program that sets `SO_REUSEADDR`.
    fn verdict(&self, target: BindTarget, user: As) -> (Verdict, bool) {
        let plain = self.bind(target, user, BindVariant::Plain).outcome;
        let variant = usual(self.protocol);
        let usual = self.bind(target, user, variant).outcome;
        let verdict = match (plain, usual) {
            (BindOutcome::Ok, _) => Verdict::Free,
            (_, BindOutcome::Ok) => return (Verdict::Free, true),
            (BindOutcome::Refused(error), _) if error != BindError::InUse => Verdict::Blocked,
            (_, BindOutcome::Refused(_)) => Verdict::Blocked,
            (BindOutcome::Refused(_), BindOutcome::Unknown) if self.is_in_use_by_client(target) => {
                Verdict::Blocked
            }
            _ => Verdict::Unknown,
        };
        (verdict, false)
    }

    /// Whether a client has the port: that those set `SO_REUSEADDR` is possible, and not to be expected.
    fn is_in_use_by_client(&self, target: BindTarget) -> bool {
        let meets = |socket| meet(&target, socket).meets == Some(true);
        self.sockets()
            .any(|(_, s)| kind(self.evidence, s) == ReasonKind::Outgoing && meets(s))
    }

    fn reasons(&self, port: Port) -> Vec<Reason> {
        let mut reasons = Vec::new();
        for (index, socket) in self.sockets() {
            self.add_socket(&mut reasons, index, socket);
        }
        self.add_refusals(&mut reasons);
        self.add_surprises(&mut reasons);
        self.add_gaps(&mut reasons);
        self.add_notes(&mut reasons, port);
        for reason in &mut reasons {
            reason.pids = pids(self.evidence, &reason.sockets);
            reason.remedies = remedy::of(self.evidence, reason);
        }
        reasons
    }

    fn add_socket(&self, reasons: &mut Vec<Reason>, index: usize, socket: &Socket) {
        let kind = beside(self.evidence, self.holders, index, socket);
        let blocking = self.blocks(socket, kind, As::Caller);
        let blocking_root = self.blocks(socket, kind, As::Root);
        let overlap = self.overlap(socket);
        let until_ms = match kind {
            ReasonKind::TimeWait | ReasonKind::FinWait2 => socket.timer.map(|t| t.expires_ms),
            _ => None,
        };
        let place = |s: &Socket| s.inet().map(|e| (e.local, e.interface));
        // Listeners at different places are different reasons; of the rest there may be thousands.
        let together = |reason: &&mut Reason| {
            let first = reason.sockets.first();
            let first = first.and_then(|&i| self.evidence.sockets.get(i));
            let stands = matches!(
                kind,
                ReasonKind::Listener
                    | ReasonKind::ReusePortUser
                    | ReasonKind::Bound
                    | ReasonKind::ListenRace
                    | ReasonKind::Udp
            );
            reason.kind == kind
                && (reason.blocking, reason.blocking_root) == (blocking, blocking_root)
                && reason.overlap == Some(overlap)
                && (!stands || first.and_then(place) == place(socket))
        };
        if let Some(reason) = reasons.iter_mut().find(together) {
            reason.sockets.push(index);
            reason.until_ms = reason.until_ms.max(until_ms);
            return;
        }
        let error =
            (blocking != Some(false) || blocking_root != Some(false)).then_some(BindError::InUse);
        reasons.push(Reason {
            error,
            overlap: Some(overlap),
            shared: is_shared(self.evidence, self.holders, socket),
            sockets: vec![index],
            until_ms,
            ..self.reason(kind, blocking, blocking_root)
        });
    }

    fn reason(
        &self,
        kind: ReasonKind,
        blocking: Option<bool>,
        blocking_root: Option<bool>,
    ) -> Reason {
        Reason {
            kind,
            protocol: self.protocol,
            blocking,
            blocking_root,
            error: None,
            overlap: None,
            shared: false,
            sockets: Vec::new(),
            redirect: None,
            pids: Vec::new(),
            until_ms: None,
            remedies: Vec::new(),
        }
    }

    /// How a socket meets what was asked for: at the first address that it does, if there is one.
    fn overlap(&self, socket: &Socket) -> Overlap {
        let meetings = || self.targets.asked.iter().map(|t| meet(t, socket));
        meetings()
            .find(|m| m.meets == Some(true))
            .or_else(|| meetings().find(|m| m.meets.is_none()))
            .or_else(|| meetings().next())
            .map_or(Overlap::OtherAddress, |m| m.overlap)
    }

    /// Whether a socket keeps the usual server of `user` from any address that was asked for.
    fn blocks(&self, socket: &Socket, kind: ReasonKind, user: As) -> Option<bool> {
        let variant = usual(self.protocol);
        let judged = user_of(self.evidence, user);
        let answers = self.targets.asked.iter().map(|target| {
            let newcomer = Newcomer {
                target,
                variant,
                uid: judged.uid,
            };
            let shared = is_shared(self.evidence, self.holders, socket);
            let concluded = match conflict(socket, newcomer, shared) {
                None if kind == ReasonKind::Outgoing => meet(target, socket).meets,
                other => other,
            };
            let tried = self.trial(*target, variant);
            match (concluded, tried) {
                // It was there when the tables were read, and is gone, or shares.
                (_, Some(BindOutcome::Ok)) => Some(false),
                (None, Some(BindOutcome::Refused(BindError::InUse))) => Some(true),
                (concluded, _) => concluded,
            }
        });
        any(answers)
    }

    /// What stands in the way besides sockets.
    fn add_refusals(&self, reasons: &mut Vec<Reason>) {
        let facts = self.evidence.facts;
        for &target in &self.targets.asked {
            let of = |user| refusal(facts, &target, user_of(self.evidence, user));
            let (caller, root) = (of(As::Caller), of(As::Root));
            let Some(found) = caller.or(root) else {
                continue;
            };
            let tried = self.trial(target, BindVariant::Plain);
            let decided =
                matches!(tried, Some(BindOutcome::Ok)) || found.error.is_none() && tried.is_some();
            if decided || reasons.iter().any(|r| r.kind == found.kind) {
                continue;
            }
            let blocks = |refusal: Option<super::refusal::Refusal>| match refusal {
                None => Some(false),
                Some(refusal) => refusal.error.map(|_| true),
            };
            reasons.push(Reason {
                error: found.error,
                ..self.reason(found.kind, blocks(caller), blocks(root))
            });
        }
    }

    /// Where a trial ended otherwise than everything that was read says.
    fn add_surprises(&self, reasons: &mut Vec<Reason>) {
        for &target in &self.targets.asked {
            for variant in [BindVariant::Plain, usual(self.protocol)] {
                let Some(tried) = self.trial(target, variant) else {
                    continue;
                };
                let expected = concluded(self.evidence, self.holders, target, As::Caller, variant);
                let found = match (expected, tried) {
                    (BindOutcome::Ok, BindOutcome::Refused(BindError::InUse)) => {
                        let kind = ReasonKind::TakenMeanwhile;
                        (kind, Some(true), Some(BindError::InUse))
                    }
                    (BindOutcome::Refused(BindError::InUse), BindOutcome::Ok) => {
                        (ReasonKind::GoneMeanwhile, Some(false), None)
                    }
                    (BindOutcome::Refused(e), BindOutcome::Refused(error)) if e == error => {
                        continue;
                    }
                    (_, BindOutcome::Refused(BindError::InUse)) => continue,
                    (_, BindOutcome::Refused(error)) => {
                        (ReasonKind::Refused, Some(true), Some(error))
                    }
                    _ => continue,
                };
                let (kind, blocking, error) = found;
                if !reasons.iter().any(|r| r.kind == kind) {
                    // A sandbox or a cgroup is of who asks; sockets are everybody's.
                    let root = blocking.filter(|_| kind != ReasonKind::Refused);
                    reasons.push(Reason {
                        error,
                        ..self.reason(kind, blocking, root)
                    });
                }
            }
        }
    }

    /// Sockets that may exist and cannot be seen; they matter where none was seen that blocks for certain.
    fn add_gaps(&self, reasons: &mut Vec<Reason>) {
        if !has_gaps(self.evidence.missing, self.evidence.facts, self.protocol)
            || reasons.iter().any(|r| r.blocking == Some(true))
        {
            return;
        }
        let tried = |target: &BindTarget| self.trial(*target, BindVariant::Plain).is_some();
        if self.targets.asked.iter().all(tried) {
            return;
        }
        let missing = self.evidence.missing.iter();
        let kind = if missing.clone().any(|t| t.protocol == self.protocol) {
            ReasonKind::TableMissing
        } else {
            ReasonKind::BoundNotListed
        };
        reasons.push(self.reason(kind, None, None));
    }

    /// What does not keep anybody from binding, and may surprise later.
    fn add_notes(&self, reasons: &mut Vec<Reason>, port: Port) {
        let asked: Vec<_> = self.targets.asked.iter().map(|t| t.address).collect();
        for (rule, kind) in redirected(self.evidence, self.protocol, port, &asked) {
            reasons.push(Reason {
                redirect: Some(rule),
                ..self.reason(kind, Some(false), Some(false))
            });
        }
        let Some(ports) = &self.evidence.facts.ephemeral else {
            return;
        };
        let reserved = ports
            .reserved
            .as_ref()
            .is_some_and(|list| list.iter().any(|range| range.contains(&port.0)));
        let kind = match (ports.contains(port), reserved) {
            (_, true) => ReasonKind::Reserved,
            (true, false) => ReasonKind::Ephemeral,
            (false, false) => return,
        };
        reasons.push(self.reason(kind, Some(false), Some(false)));
    }
}

/// Yes if one says yes, otherwise unknown if one does not know.
fn any(answers: impl Iterator<Item = Option<bool>>) -> Option<bool> {
    let mut unknown = false;
    for answer in answers {
        match answer {
            Some(true) => return Some(true),
            Some(false) => {}
            None => unknown = true,
        }
    }
    (!unknown).then_some(false)
}

/// The processes that hold sockets, ascending; also those through whom a socket is held that no descriptor refers to.
pub(super) fn pids(evidence: &Evidence<'_>, sockets: &[usize]) -> Vec<Pid> {
    let mut pids: Vec<Pid> = Vec::new();
    for socket in sockets.iter().filter_map(|&i| evidence.sockets.get(i)) {
        pids.extend(holders_of(evidence.owners, socket));
    }
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// The processes of one socket.
fn holders_of(owners: &OwnerTable, socket: &Socket) -> Vec<Pid> {
    match owners.of(socket) {
        Owners::Known(holders) | Owners::None { via: holders, .. } if !is_half_open(socket) => {
            holders.map(|h| h.process.pid).collect()
        }
        _ => Vec::new(),
    }
}
