//! `portctl headroom`.

use super::resolver::SystemResolver;
use super::{finish, terminal};
use crate::analysis::headroom::{
    Headroom, HeadroomFlow, Mode, Note, PortTable, Remedy, Sight, headroom, notes, remedies,
    unsure_ports,
};
use crate::cli::env::Env;
use crate::cli::headroom::{self as cli, HeadroomArgs, HeadroomPlan, ModeArg};
use crate::cli::plan::Verbosity;
use crate::collect::names::SystemNames;
use crate::collect::port_holders::{PortHolders, port_holders};
use crate::collect::port_probe;
use crate::collect::route::{self, RouteError};
use crate::collect::{self, settings};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{AllocationSettings, IfIndex, Names, Protocol, SourceChoice};
use crate::render::{Closing, HeadroomReport, Opening, ProbeReport, headroom_json, headroom_text};
use crate::sys;
use crate::sys::stdout::Stdout;
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::SystemTime;

/// What an answer rests on.
struct Found {
    headroom: Headroom,
    notes: Vec<Note>,
    remedies: Vec<Remedy>,
    probe: Option<ProbeReport>,
}

pub(super) fn run(args: &HeadroomArgs, env: &dyn Env) -> Result<Exit, Error> {
    let names = SystemNames::new();
    let plan =
        cli::headroom(args, env, terminal(), &SystemResolver(&names)).map_err(Error::Plan)?;
    let interface = plan.interface.as_deref().map(interface).transpose()?;
    let flow = flow(&plan, interface)?;
    let opening = Opening {
        captured_at: Some(SystemTime::now()),
        netns: collect::network_namespace(),
    };
    let mut closing = Closing::default();
    let settings = match &plan.sources {
        SourceChoice::Dump { path, .. } => Err(format!(
            "a saved dump ({}, named by TCPDIAG_FILE) does not hold the settings of its host",
            path.display()
        )),
        _ => settings::allocation(),
    };
    let found = match &settings {
        Ok(settings) => answer(
            &plan,
            &rule(&plan, &flow),
            settings,
            args.probe,
            &mut closing,
        )?,
        Err(reason) => Err(reason.clone()),
    };
    let name = interface.and_then(|index| names.interface(index));
    let report = HeadroomReport {
        flow: &flow,
        interface: name.as_deref(),
        source_given: plan.source.is_some(),
        answer: found
            .as_ref()
            .map(|found| &found.headroom)
            .map_err(String::as_str),
        settings: settings.as_ref().ok(),
        notes: found.as_ref().map_or(&[], |found| &found.notes),
        remedies: found.as_ref().map_or(&[], |found| &found.remedies),
        probe: found.as_ref().ok().and_then(|found| found.probe.clone()),
    };
    if args.json {
        headroom_json(&mut Stdout, &opening, &report, &closing)?;
    } else {
        headroom_text(&mut Stdout, &report, &closing, plan.width)?;
    }
    if plan.other_addresses > 0 && plan.verbosity != Verbosity::Quiet {
        super::say(&format!(
            "note: the name has {} more addresses; each has a number of its own\n",
            plan.other_addresses
        ));
    }
    let exit = finish(&closing, plan.verbosity, args.strict);
    Ok(if found.is_err() { Exit::Failed } else { exit })
}

fn interface(name: &str) -> Result<IfIndex, Error> {
    let number = || {
        name.parse()
            .ok()
            .filter(|&n| sys::users::interface_name(n).is_some())
    };
    sys::users::interface_index(name)
        .or_else(number)
        .and_then(IfIndex::new)
        .ok_or_else(|| Error::Unanswerable {
            message: format!("there is no interface '{name}' here"),
            hint: "the interfaces: ip link".to_owned(),
            exit: Exit::Usage,
        })
}

/// The flow, with the source address that the kernel would give it.
fn flow(plan: &HeadroomPlan, interface: Option<IfIndex>) -> Result<HeadroomFlow, Error> {
    let source = route::source_address(
        plan.protocol,
        plan.destination,
        plan.port,
        plan.source,
        interface,
    );
    let unanswerable = |message: String, hint: &str, exit| Error::Unanswerable {
        message,
        hint: hint.to_owned(),
        exit,
    };
    let destination = plan.destination;
    let source = source.map_err(|error| match error {
        RouteError::None(reason) => unanswerable(
            format!("there is no route to {destination} from here: {reason}"),
            "the routing table: ip route get",
            Exit::Failed,
        ),
        RouteError::NotOneHost => unanswerable(
            format!("{destination} stands for many hosts, and TCP connects to one"),
            "for datagrams: --proto udp",
            Exit::Usage,
        ),
        RouteError::NotLocal => unanswerable(
            format!(
                "--from: {} is not an address of {}",
                plan.source.map(|s| s.to_string()).unwrap_or_default(),
                plan.interface.as_ref().map_or_else(
                    || "this host".to_owned(),
                    |name| format!("this host that sockets bound to '{name}' can have")
                ),
            ),
            "its addresses: ip address; without --from the route's is taken",
            Exit::Usage,
        ),
        RouteError::Unknown(reason) => unanswerable(
            format!("the source address of connections to {destination} is unknown: {reason}"),
            "outside of a sandbox both can be asked",
            Exit::Failed,
        ),
    })?;
    Ok(HeadroomFlow {
        protocol: plan.protocol,
        source,
        destination,
        destination_port: plan.port,
        interface,
        mode: match plan.mode {
            ModeArg::Connect => Mode::Connect,
            ModeArg::Bind => Mode::Bind,
            ModeArg::BindAny => Mode::BindAny,
        },
        socket_range: plan.socket_range.clone(),
        mapped: plan.mapped,
    })
}

/// The flow whose rule counts. A UDP socket that connect() finds at an address gets its port there, as bind() would give it one
/// (`inet_autobind` after bind() with `IP_BIND_ADDRESS_NO_PORT`), and not at the wildcard.
fn rule(plan: &HeadroomPlan, flow: &HeadroomFlow) -> HeadroomFlow {
    let at_address = plan.protocol == Protocol::Udp && plan.source.is_some();
    let mode = match flow.mode {
        Mode::Connect if at_address => Mode::Bind,
        mode => mode,
    };
    HeadroomFlow {
        mode,
        ..flow.clone()
    }
}

/// The answer, or the reason why there is none.
fn answer(
    plan: &HeadroomPlan,
    flow: &HeadroomFlow,
    settings: &AllocationSettings,
    may_probe: bool,
    closing: &mut Closing,
) -> Result<Result<Found, String>, Error> {
    let look = |ports: &RangeInclusive<u16>| {
        port_holders(plan.protocol, ports, &plan.sources).map_err(Error::Source)
    };
    let holders = look(&settings.ports.range)?;
    closing.tables.extend_from_slice(&holders.tables);
    closing.notices.extend_from_slice(&holders.notices);
    if holders.tables.is_empty() {
        let reasons: Vec<_> = holders.notices.iter().map(ToString::to_string).collect();
        return Ok(Err(format!(
            "the sockets cannot be listed ({})",
            reasons.join("; ")
        )));
    }
    let table = table(plan, settings, holders, BTreeMap::new());
    // What the routing table says of UDP's peers tells nothing.
    let (sources, unasked) = if plan.protocol == Protocol::Tcp {
        route::sources(table.peers_in_question())
    } else {
        (BTreeMap::new(), 0)
    };
    let mut table = table.with_sources(sources.clone(), unasked);
    let mut now = headroom(&table, flow);
    let probe = may_probe.then(|| {
        let asked = unsure_ports(&table, flow);
        let probed = port_probe::probe(plan.protocol, &asked, |port| table.on(port));
        let open = probed.open.values().filter(|&&open| open).count();
        let report = ProbeReport {
            asked: asked.len(),
            open,
            closed: probed.open.len() - open,
            refused: probed.refused,
        };
        (report, probed.open)
    });
    let mut answers = BTreeMap::new();
    let probe = probe.map(|(report, open)| {
        answers = open;
        report
    });
    if !answers.is_empty() {
        table = table.with_probed(answers.clone());
        now = headroom(&table, flow);
    }
    // What else is on the host matters only to the question what a wider range would bring.
    let pressed = now.used().is_none_or(|used| used >= 0.5);
    let remedies = if pressed {
        let everywhere = look(&(1..=u16::MAX))?;
        let wide = self::table(plan, settings, everywhere, answers).with_sources(sources, unasked);
        remedies(&wide, flow, &headroom(&wide, flow), true)
    } else {
        remedies(&table, flow, &now, false)
    };
    Ok(Ok(Found {
        headroom: now,
        notes: notes(&table, flow),
        remedies,
        probe,
    }))
}

fn table(
    plan: &HeadroomPlan,
    settings: &AllocationSettings,
    found: PortHolders,
    probed: BTreeMap<u16, bool>,
) -> PortTable {
    let sight = Sight {
        bound: found.bound_are_listed,
        whole: found.is_whole(),
        interfaces: found.interfaces_are_listed,
        routes_unasked: 0,
    };
    PortTable::new(
        plan.protocol,
        settings.clone(),
        found.holders,
        sight,
        probed,
    )
}
