//! `portctl free`: one look at the tables, then a bind for each port before it is named.

use super::gather::missing;
use super::resolver::SystemResolver;
use super::{closing, finish, opening, say};
use crate::analysis::why::free::{self, Claims, LeftOut, Wanted};
use crate::cli::free::FreeArgs;
use crate::cli::plan::Verbosity;
use crate::cli::question;
use crate::collect::names::SystemNames;
use crate::collect::{self, Sink};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{
    BindError, BindFacts, BindOutcome, BindTarget, BindVariant, Condition, Conditions, DetailSet,
    Family, IfIndex, Kinds, Notice, Port, Protocol, Query, Side, Socket, SourceChoice, SourceKind,
    StateMasks, StateSet, Table, TableSet,
};
use crate::render::{Closing, FreeView, free_json, free_text};
use crate::sys::stdout::Stdout;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::ops::ControlFlow;

/// Where ports must be free.
struct Places {
    protocols: Vec<Protocol>,
    addresses: Vec<(IpAddr, Option<IfIndex>)>,
}

pub(super) fn run(args: &FreeArgs) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let places = Places {
        protocols: args.protocols(),
        addresses: addresses(args, &names)?,
    };
    let wanted = Wanted {
        range: args.range.clone(),
        ephemeral: args.ephemeral,
        reserved: args.reserved,
    };
    let asked: Vec<_> = places.addresses.iter().map(|(a, _)| *a).collect();
    let mut facts = collect::binding::facts(&asked);
    let user = collect::binding::caller();
    let query = query(&places, &facts, &wanted);
    let opening = opening(&query, args.json);
    let claims = Claims::new(places.targets(&facts, 1), user);
    let mut noted = Noted {
        done: claims.clone(),
        table: claims,
    };
    let collected = collect::collect(&query, &mut noted).map_err(Error::Source)?;
    let mut closing = closing(&query, collected)?;
    let claims = noted.finish();
    if closing
        .tables
        .iter()
        .any(|t| t.table.protocol == Protocol::Tcp && t.source == SourceKind::Proc)
    {
        // /proc does not list them, whatever the kernel could.
        facts.lists_bound = Some(false);
    }
    let missing = missing(&query, &closing);
    let (mut candidates, mut left_out) = free::candidates(&claims, &wanted, &facts, &missing);
    if args.random {
        let seed = RandomState::new();
        candidates.sort_by_cached_key(|port| seed.hash_one(port));
    }
    let mut ports = tried(&places, &facts, &candidates, args.count, &mut left_out);
    ports.sort_unstable();
    note_unknown_settings(&facts, &wanted, &mut closing);
    // What the tables left open, the bind has decided.
    closing.notices.retain(|n| !n.means_incomplete());
    let view = FreeView {
        ports: &ports,
        wanted: &wanted,
        count: args.count,
        protocols: &places.protocols,
        addresses: &asked,
        left_out,
        facts: &facts,
        names: &names,
    };
    if args.json {
        free_json(&mut Stdout, &opening, &view, &closing)?;
    } else {
        free_text(&mut Stdout, &view)?;
    }
    let verbosity = match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    };
    finish(&closing, verbosity, false);
    if !args.quiet {
        say(&view.remarks());
    }
    Ok(if view.is_enough() {
        Exit::Done
    } else {
        Exit::No
    })
}

fn addresses(
    args: &FreeArgs,
    names: &SystemNames,
) -> Result<Vec<(IpAddr, Option<IfIndex>)>, Error> {
    let resolver = SystemResolver(names);
    let mut addresses = Vec::new();
    for typed in &args.address {
        addresses.extend(question::parse_address(typed, &resolver).map_err(Error::Question)?);
    }
    addresses.sort_unstable();
    addresses.dedup();
    Ok(addresses)
}

impl Places {
    /// Every bind that must succeed.
    fn targets(&self, facts: &BindFacts, port: u16) -> Vec<BindTarget> {
        free::targets(facts, &self.protocols, &self.addresses, Port(port))
    }
}

/// All sockets of these protocols and ports. Both families: IPv6 sockets can hold IPv4 ports.
fn query(places: &Places, facts: &BindFacts, wanted: &Wanted) -> Query {
    let all: TableSet = Table::ALL.into_iter().collect();
    let tables = all.filter(|t| {
        places.protocols.contains(&t.protocol) && (facts.ipv6 || t.family != Family::Inet6)
    });
    let range = || Condition::Port {
        side: Side::Local,
        from: *wanted.range.start(),
        to: *wanted.range.end(),
    };
    Query {
        tables,
        named: TableSet::EMPTY,
        everything: false,
        states: StateMasks::same(StateSet::ALL),
        kinds: Kinds::ALL,
        conditions: Conditions {
            tcp: range(),
            udp: range(),
            raw: Condition::Anything,
        },
        owners: false,
        details: DetailSet::NONE,
        bpf_maps: Vec::new(),
        source: SourceChoice::Auto,
    }
}

/// The first `count` candidates that can really be bound.
fn tried(
    places: &Places,
    facts: &BindFacts,
    candidates: &[u16],
    count: u16,
    left_out: &mut LeftOut,
) -> Vec<u16> {
    let mut ports = Vec::new();
    for &port in candidates {
        if ports.len() >= usize::from(count) {
            break;
        }
        let outcomes = places
            .targets(facts, port)
            .into_iter()
            .map(|target| collect::binding::try_variant(target, BindVariant::Plain));
        match outcomes.into_iter().find(|o| *o != BindOutcome::Ok) {
            None => ports.push(port),
            Some(BindOutcome::Refused(BindError::InUse)) => left_out.taken += 1,
            Some(_) => left_out.refused += 1,
        }
    }
    ports
}

fn note_unknown_settings(facts: &BindFacts, wanted: &Wanted, closing: &mut Closing) {
    let known = facts.ephemeral.as_ref();
    let explanation = match known {
        None if !(wanted.ephemeral && wanted.reserved) => {
            "which ports are ephemeral or reserved cannot be read here, so none is left out for that"
        }
        Some(ports) if ports.reserved.is_none() && !wanted.reserved => {
            "which ports are reserved cannot be read here, so none is left out for that"
        }
        _ => return,
    };
    closing.notices.push(Notice::NotComputed {
        explanation: explanation.to_owned(),
    });
}

/// Notes what sockets hold; what the table being read says apart, in case it must be forgotten.
struct Noted {
    done: Claims,
    table: Claims,
}

impl Noted {
    fn finish(mut self) -> Claims {
        self.done.merge(&mut self.table);
        self.done
    }
}

impl Sink for Noted {
    fn push(&mut self, socket: &mut Socket) -> ControlFlow<()> {
        self.table.add(socket);
        ControlFlow::Continue(())
    }

    fn mark(&mut self) -> usize {
        self.done.merge(&mut self.table);
        0
    }

    fn take_back(&mut self, _: usize) -> bool {
        self.table.clear();
        true
    }
}
