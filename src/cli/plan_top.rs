//! What `top` was meant to do.

use super::args::{Groups, TopArgs};
use super::asked::Asked;
use super::env::{Env, Terminal};
use super::plan::{self, Choice, PlanError, Verbosity};
use crate::filter::{Filter, Resolver};
use crate::model::{
    DetailSet, ExtraMetric, Family, FieldId, Query, SourceChoice, StateSetName, TcpMetric,
    field_by_name,
};
use std::time::Duration;

/// How many groups a table shows without being told.
const GROUPS: usize = 20;

/// What `top` will do.
#[derive(Debug)]
pub struct TopPlan {
    /// What to fetch.
    pub query: Query,
    /// What to keep of it.
    pub filter: Filter,
    /// The fields to group by.
    pub by: Vec<FieldId>,
    /// What was asked for of each socket.
    pub asked: Asked,
    /// The order, as typed; `None` for the usual one.
    pub sort: Option<String>,
    /// How many groups to show.
    pub limit: usize,
    /// Time between two looks, if there are to be two.
    pub interval: Option<Duration>,
    /// Whether to print JSON.
    pub json: bool,
    /// Whether there are a heading and totals.
    pub header: bool,
    /// Columns of the screen.
    pub width: Option<usize>,
    /// Whether to fail when something is missing.
    pub strict: bool,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Plans `portctl top`.
///
/// # Errors
/// If the filter or the list of fields makes no sense, or two looks are asked of a saved dump.
pub fn top(
    args: &TopArgs,
    env: &dyn Env,
    terminal: Terminal,
    resolver: &dyn Resolver,
) -> Result<TopPlan, PlanError> {
    let by = fields(&args.by)?;
    let mut chosen = args.select.clone();
    if by.contains(&FieldId::State) && !chosen.listening && !chosen.bound_inactive {
        // Who asks for states would be misled by a list that leaves most of them out.
        chosen.all = true;
    }
    if by.contains(&FieldId::Exposure) && !chosen.all {
        // Only they have one.
        chosen.listening = true;
    }
    let ranks_by = |name: &str| {
        let name = name.split(':').next().unwrap_or_default().trim();
        StateSetName::find(name).is_some()
            || field_by_name(name).is_some_and(|field| field.id == FieldId::AcceptQueue)
    };
    if args
        .sort
        .iter()
        .flat_map(|sort| sort.split(','))
        .any(ranks_by)
        && !chosen.listening
        && !chosen.bound_inactive
    {
        // A state by which groups are ranked must be among those that are counted.
        chosen.all = true;
    }
    let Choice {
        mut query,
        filter,
        selection,
    } = plan::select(&chosen, &args.collect, env, resolver)?;
    if !selection.is_chosen {
        let able = query
            .tables
            .filter(|table| by.iter().all(|field| has(*field, table.family)));
        if !able.is_empty() {
            query.tables = able;
        }
    }
    if args.interval.is_some() && matches!(query.source, SourceChoice::Dump { .. }) {
        return Err(PlanError::Option {
            option: "-i",
            problem: "a saved dump cannot be looked at twice".to_owned(),
            hint: "leave out --from and the variable TCPDIAG_FILE, or -i",
        });
    }
    query.owners |= by.iter().any(|id| id.field().needs_owners);
    query.details = by
        .iter()
        .map(|id| id.field().needs_details)
        .fold(query.details, DetailSet::or)
        // The byte counters are summed for every group.
        .or(DetailSet::INFO);
    Ok(TopPlan {
        asked: asked(args),
        query,
        filter,
        by,
        sort: args.sort.clone(),
        limit: match args.limit {
            Some(Groups::First(n)) => n,
            None if !args.json => GROUPS,
            Some(Groups::All) | None => usize::MAX,
        },
        interval: args.interval,
        json: args.json,
        header: !args.no_header,
        width: plan::screen_width(args.width, env, terminal),
        strict: args.collect.strict,
        verbosity: plan::verbosity(&args.collect),
    })
}

/// What the lists of names ask for, and the bytes that are summed for every group.
fn asked(args: &TopArgs) -> Asked {
    const BYTES: [(&str, &str, TcpMetric); 2] = [
        ("RECEIVED", "received", TcpMetric::BytesReceived),
        ("ACKED", "acked", TcpMetric::BytesAcked),
    ];
    let mut asked = Asked::default();
    asked.by_names(&args.by, "--by");
    let sort = args.sort.as_deref().unwrap_or_default();
    asked.by_names(sort, "--sort");
    let keys = || {
        sort.split(',')
            .map(|key| key.split(':').next().unwrap_or(key).trim())
    };
    for (heading, word, metric) in BYTES {
        let field = FieldId::Tcp(metric);
        asked.along_with(field, heading);
        // As the table heads them, which is no name of the field.
        if let Some(typed) = keys().find(|key| key.eq_ignore_ascii_case(word)) {
            asked.by_word(field, "--sort", typed);
        }
    }
    asked
}

fn fields(list: &str) -> Result<Vec<FieldId>, PlanError> {
    let mut fields = Vec::new();
    for name in list.split(',').map(str::trim) {
        let field =
            field_by_name(name).ok_or_else(|| plan::unknown_field("--by", name.to_owned()))?;
        // Twice the same says nothing more.
        if !fields.contains(&field.id) {
            fields.push(field.id);
        }
    }
    Ok(fields)
}

/// Whether sockets of a family can have a value in a field, and one that means the same as in others: the numbers that netlink and
/// TIPC have instead of ports are no ports.
const fn has(field: FieldId, family: Family) -> bool {
    match field {
        FieldId::Src | FieldId::Sport | FieldId::Dst | FieldId::Dport => {
            family.is_ip() || matches!(family, Family::Vsock)
        }
        FieldId::Timer
        | FieldId::TimerExpires
        | FieldId::Retransmits
        | FieldId::Exposure
        | FieldId::Mark
        | FieldId::Cgroup
        | FieldId::CgroupId
        | FieldId::Extra(ExtraMetric::BpfMaps | ExtraMetric::BpfStorage) => family.is_ip(),
        FieldId::Interface => family.is_ip() || matches!(family, Family::Packet | Family::Xdp),
        FieldId::V6only => matches!(family, Family::Inet6),
        FieldId::Type => !family.is_ip() && !matches!(family, Family::Xdp),
        FieldId::Path | FieldId::PeerPath | FieldId::PeerInode | FieldId::PeerProcess => {
            matches!(family, Family::Unix)
        }
        _ => true,
    }
}
