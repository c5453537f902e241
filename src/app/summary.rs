//! `portctl summary`.

use super::{closing, finish, opening, owners_hidden};
use crate::analysis::headroom::{Fresh, PortTable, Severity, Sight, each_once, unsure_ports};
use crate::analysis::summary::{Earlier, EarlierHolder, Seen, Summary};
use crate::cli::env::Env;
use crate::cli::plan::{self, PlanError};
use crate::cli::summary::{self as cli, SummaryArgs, SummaryFormat};
use crate::collect::census::{Census, census};
use crate::collect::names::SystemNames;
use crate::collect::owners::find_holders;
use crate::collect::{Collected, limits, port_probe, route, settings, vitals};
use crate::error::Error;
use crate::exit::Exit;
use crate::model::{
    AllocationSettings, Cookie, Notice, OwnerTable, PortHolder, Protocol, Query, SourceChoice,
};
use crate::render::escape::escape;
use crate::render::{
    CheckStatus, ProbeReport, SummaryReport, Thresholds, check_line, openmetrics, summary_json,
    summary_text,
};
use crate::sys::stdout::Stdout;
use std::collections::{BTreeMap, HashMap};
use std::io::Write as _;
use std::net::{IpAddr, Ipv4Addr};
use std::time::Instant;

/// A page of sentences is no wider than this, however wide the screen is, unless that is asked for.
const PAGE_WIDTH: usize = 100;

pub(super) fn run(args: &SummaryArgs, env: &dyn Env) -> Result<Exit, Error> {
    let format = cli::format(args);
    let result = answer(args, env, format);
    match (result, format) {
        // A monitoring system reads standard output, and knows four exit codes.
        (Err(error), SummaryFormat::Check) if !error.is_closed_pipe() => {
            let message = error.message();
            let line = message.lines().next().unwrap_or_default();
            unknown(line.strip_prefix("error: ").unwrap_or(line))
        }
        (Err(error @ Error::NothingCollected(_)), SummaryFormat::Metrics) => {
            Stdout.write_all(openmetrics(None).as_bytes())?;
            Err(error)
        }
        (result, _) => result,
    }
}

/// Tells a monitoring system that nobody can tell.
pub(super) fn unknown(reason: &str) -> Result<Exit, Error> {
    let reason = escape(reason.as_bytes()).replace('|', "/");
    let line = format!("PORTCTL {} - {reason}\n", CheckStatus::Unknown.word());
    Stdout.write_all(line.as_bytes())?;
    Ok(Exit::Check(CheckStatus::Unknown.number()))
}

fn answer(args: &SummaryArgs, env: &dyn Env, format: SummaryFormat) -> Result<Exit, Error> {
    let thresholds = cli::thresholds(args).map_err(Error::Plan)?;
    let query = plan::everything(&args.collect, env);
    let live = !matches!(query.source, SourceChoice::Dump { .. });
    if !live {
        let twice = args
            .interval
            .map(|_| ("--interval", "it is one look, of when it was saved"));
        let probe = args
            .probe
            .then_some(("--probe", "there is no kernel to ask"));
        if let Some((option, why)) = twice.or(probe) {
            return Err(Error::Plan(PlanError::Usage {
                message: format!("{option} makes no sense of a saved dump: {why}"),
                hint: format!("leave {option} out, or --from and TCPDIAG_FILE"),
            }));
        }
    }
    let world = World {
        query: &query,
        thresholds: &thresholds,
        probe: args.probe,
        live,
    };
    let before = match args.interval {
        Some(interval) => {
            let began = Instant::now();
            let before = world.look(None)?;
            let holders = earlier_holders(&before);
            std::thread::sleep(interval.saturating_sub(began.elapsed()));
            Some((before, holders, began))
        }
        None => None,
    };
    let opening = opening(&query, true);
    let earlier = before.as_ref().map(|(look, _, began)| {
        let seconds = began.elapsed().as_secs_f64();
        look.summary.earlier(seconds, look.vitals)
    });
    let Look {
        mut summary,
        collected,
        no_headroom,
        probe,
        ..
    } = world.look(earlier.as_ref())?;
    let mut closing = closing(&query, collected)?;
    if live {
        let nobody = HashMap::new();
        let known = before.as_ref().map_or(&nobody, |(_, holders, _)| holders);
        closing
            .notices
            .extend(name_holders(&mut summary, known, &thresholds));
    }
    let names = SystemNames::new();
    let report = SummaryReport {
        summary: &summary,
        thresholds: &thresholds,
        no_headroom: no_headroom.as_deref(),
        probe,
        names: &names,
    };
    match format {
        SummaryFormat::Check => {
            let (status, line) = check_line(&report, &closing);
            Stdout.write_all(line.as_bytes())?;
            return Ok(Exit::Check(status.number()));
        }
        SummaryFormat::Metrics => {
            Stdout.write_all(openmetrics(Some((&report, &closing))).as_bytes())?;
        }
        SummaryFormat::Json => summary_json(&mut Stdout, &opening, &report, &closing)?,
        SummaryFormat::Text => {
            let width = match args.width {
                None => plan::screen_width(None, env, super::terminal()).map(|w| w.min(PAGE_WIDTH)),
                asked => plan::screen_width(asked, env, super::terminal()),
            };
            summary_text(&mut Stdout, &report, &closing, width)?;
        }
    }
    Ok(finish(
        &closing,
        plan::verbosity(&args.collect),
        args.collect.strict,
    ))
}

/// What is looked at, and how.
struct World<'a> {
    query: &'a Query,
    thresholds: &'a Thresholds,
    probe: bool,
    /// Whether it is this host, of which more than sockets can be seen.
    live: bool,
}

/// One look.
struct Look {
    summary: Summary,
    vitals: Option<crate::model::Vitals>,
    collected: Collected,
    no_headroom: Option<String>,
    probe: Option<ProbeReport>,
}

impl World<'_> {
    fn look(&self, earlier: Option<&Earlier>) -> Result<Look, Error> {
        let settings = if self.live {
            settings::allocation()
        } else {
            Err("a saved dump does not hold the settings of its host".to_owned())
        };
        let mut census = census(self.query).map_err(Error::Source)?;
        let sight = Sight {
            bound: census.bound_are_listed,
            whole: census.ports_are_whole(),
            interfaces: census.interfaces_are_listed,
            routes_unasked: 0,
        };
        let tcp = std::mem::take(&mut census.tcp);
        let udp = std::mem::take(&mut census.udp);
        let mut probe = None;
        let mut alone = Vec::new();
        let tables = if let Ok(settings) = &settings {
            let tcp = table(Protocol::Tcp, settings, tcp, sight);
            let (sources, unasked) = route::sources(tcp.peers_in_question());
            let mut tcp = tcp.with_sources(sources, unasked);
            if self.probe {
                let (report, probed) = probed(tcp);
                probe = Some(report);
                tcp = probed;
            }
            Some((tcp, table(Protocol::Udp, settings, udp, sight)))
        } else {
            alone = each_once(tcp);
            None
        };
        let tcp = tables.as_ref().map_or(&*alone, |(tcp, _)| tcp.holders());
        let vitals = self.live.then(vitals::vitals);
        let seen = Seen {
            tcp,
            tcp_table: tables.as_ref().map(|(tcp, _)| tcp),
            udp_table: tables.as_ref().map(|(_, udp)| udp),
            listeners: &census.listeners,
            unconnected: &census.unconnected,
            counts: &census.counts,
            ephemeral: self.live.then(limits::ephemeral_ports).flatten(),
            vitals,
            descriptors: self.live.then(vitals::descriptors).flatten(),
        };
        let summary = Summary::new(seen, earlier, self.thresholds);
        let Census {
            tables, notices, ..
        } = census;
        Ok(Look {
            summary,
            vitals,
            collected: Collected {
                tables,
                notices,
                ..Collected::default()
            },
            no_headroom: settings.err(),
            probe,
        })
    }
}

fn table(
    protocol: Protocol,
    settings: &AllocationSettings,
    holders: Vec<PortHolder>,
    sight: Sight,
) -> PortTable {
    PortTable::new(protocol, settings.clone(), holders, sight, BTreeMap::new())
}

/// Asks about every port whose bucket is not known.
fn probed(table: PortTable) -> (ProbeReport, PortTable) {
    let asked = unsure_ports(&table, &Fresh::flow(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    let probed = port_probe::probe(Protocol::Tcp, &asked, |port| table.on(port));
    let open = probed.open.values().filter(|&&open| open).count();
    let report = ProbeReport {
        asked: asked.len(),
        open,
        closed: probed.open.len() - open,
        refused: probed.refused,
    };
    (report, table.with_probed(probed.open))
}

/// Who holds the sockets of flows that are in trouble now: a later look may find them in TIME_WAIT.
fn earlier_holders(look: &Look) -> HashMap<Cookie, EarlierHolder> {
    let wanted = look.summary.wanted_inodes();
    if wanted.is_empty() {
        return HashMap::new();
    }
    let owners = find_holders(&wanted);
    let holder = |(cookie, inode)| {
        let holder = owners.holders(inode).next()?;
        Some((cookie, (holder.process.pid, holder.process.name.clone())))
    };
    look.summary.identities().filter_map(holder).collect()
}

/// Looks up whose the sockets in trouble are; the notice says of how many nobody can tell.
fn name_holders(
    summary: &mut Summary,
    earlier: &HashMap<Cookie, EarlierHolder>,
    thresholds: &Thresholds,
) -> Option<Notice> {
    let wanted = summary.wanted_inodes();
    // Where all that is in trouble has no file, nobody needs to be looked for.
    let owners = if wanted.is_empty() {
        OwnerTable::new()
    } else {
        find_holders(&wanted)
    };
    if wanted.is_empty() && summary.verdict() == Some(Severity::Ok) {
        return None;
    }
    summary.name_holders(&owners, earlier, thresholds);
    let unseen = wanted.iter().filter(|inode| !owners.holds(**inode)).count();
    (unseen > 0 && owners.report().hides()).then(|| owners_hidden(unseen as u64, owners.report()))
}
