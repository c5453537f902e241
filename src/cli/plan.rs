//! What was meant: options, environment, terminal and filter put together into what to fetch and how to show it.

use super::args::{CollectArgs, ColorWhen, LsArgs, SelectArgs, SourceArg, Width};
use super::asked::Asked;
use super::env::{self, Env, Terminal};
use super::select::{self, SelectError, Selection};
use crate::filter::{self, Filter, FilterError, Resolver, Scope};
use crate::model::{
    Conditions, DetailSet, ExtraMetric, FIELDS, FieldId, Kinds, Protocol, Query, SourceChoice,
    State, StateMasks, StateSet, Table, TableSet,
};
use crate::render::columns::{self, ColumnsError};
use crate::render::{Column, DetailOptions, TextOptions};
use std::ffi::OsString;
use std::io;
use std::path::Path;

/// What `ls` tells of the sockets that match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Answer {
    /// A row of each.
    Rows,
    /// How many there are.
    Count,
    /// Whether there is one, by the exit code.
    Exists,
}

/// How `ls` shows its rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A table.
    Table,
    /// One JSON document.
    Json,
    /// One JSON object a line.
    Ndjson,
    /// Comma-separated values.
    Csv,
}

/// How much to say on standard error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// What concerns what was asked.
    Normal,
    /// Everything.
    Verbose,
}

/// What `ls` will do.
#[derive(Debug)]
pub struct LsPlan {
    /// What to fetch.
    pub query: Query,
    /// What to keep of it.
    pub filter: Filter,
    /// Its columns.
    pub columns: Vec<Column>,
    /// Whether the user named them.
    pub columns_named: bool,
    /// What to tell of the sockets.
    pub answer: Answer,
    /// The order, as typed; `None` for the default.
    pub sort: Option<String>,
    /// How many rows to show at most.
    pub limit: Option<u64>,
    /// The format.
    pub format: Format,
    /// Whether there is a heading.
    pub header: bool,
    /// Columns of the screen.
    pub width: Option<usize>,
    /// Whether to use colour.
    pub colour: bool,
    /// How numbers with names are shown.
    pub text: TextOptions,
    /// What stands below each row of a table.
    pub details: DetailOptions,
    /// What was asked for, wherever it is shown.
    pub asked: Asked,
    /// Whether a table has a line for each field.
    pub record: bool,
    /// Whether to fail when something is missing.
    pub strict: bool,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Why there is no plan.
#[derive(Debug)]
pub enum PlanError {
    /// The filter makes no sense.
    Filter(FilterError),
    /// The file with a filter cannot be read.
    FilterFile {
        /// Its name.
        name: String,
        /// Why not.
        source: io::Error,
    },
    /// The tables make no sense.
    Select(SelectError),
    /// A name that no field has.
    UnknownField {
        /// The option it was given to.
        option: &'static str,
        /// The name.
        name: String,
        /// Names close to it.
        similar: Vec<String>,
    },
    /// A value of an option makes no sense.
    Usage {
        /// What is wrong with which option.
        message: String,
        /// What would make sense.
        hint: String,
    },
    /// A name that groups cannot be sorted by.
    UnknownOrder {
        /// The name.
        name: String,
        /// Names close to it.
        similar: Vec<String>,
    },
    /// A word behind the colon of a key of `--sort` that says no direction.
    UnknownDirection {
        /// The key without it.
        key: String,
        /// The word.
        word: String,
        /// The direction that may have been meant.
        similar: Vec<String>,
    },
    /// A value that an option does not take.
    Option {
        /// The option.
        option: &'static str,
        /// What is wrong.
        problem: String,
        /// What to try.
        hint: &'static str,
    },
}

/// Which sockets a command is about.
#[derive(Debug)]
pub struct Choice {
    /// What to fetch.
    pub query: Query,
    /// What to keep of it.
    pub filter: Filter,
    /// What the options selected.
    pub selection: Selection,
}

/// Reads the options and words that choose sockets. Owners are asked for only if the filter needs them.
///
/// # Errors
/// If the filter or the list of tables makes no sense.
pub fn select(
    args: &SelectArgs,
    collect: &CollectArgs,
    env: &dyn Env,
    resolver: &dyn Resolver,
) -> Result<Choice, PlanError> {
    let is_stdin = |path: &Path| path == Path::new("-");
    if args.filter_file.as_deref().is_some_and(is_stdin)
        && matches!(source(collect, env), SourceChoice::Dump { path, .. } if is_stdin(&path))
    {
        return Err(PlanError::Option {
            option: "-F",
            problem: "standard input cannot be the filter and the saved dump".to_owned(),
            hint: "read one of them from a file",
        });
    }
    let selection = select::select(args).map_err(PlanError::Select)?;
    let tables = selection.tables;
    let file = args.filter_file.as_deref();
    let scope = Scope {
        tables,
        only_listeners: args.listening && !args.all,
    };
    let filter = filter(&args.filter, file, &scope, env, resolver)?;
    let states = states(args, &selection, &filter);
    Ok(Choice {
        query: Query {
            // Tables whose sockets are all in a state that nobody wants need not be asked for.
            tables: filter
                .tables(tables)
                .filter(|t| !t.protocol.is_stateless() || states.stateless.contains(State::Close)),
            named: selection.named,
            everything: selection.is_everything,
            states,
            kinds: selection.kinds,
            conditions: filter.conditions(),
            owners: filter.needs_owners,
            details: filter.needs_details,
            bpf_maps: Vec::new(),
            source: source(collect, env),
        },
        filter,
        selection,
    })
}

/// Plans `portctl ls`.
///
/// # Errors
/// If the filter or a list of columns makes no sense.
pub fn ls(
    args: &LsArgs,
    env: &dyn Env,
    terminal: Terminal,
    resolver: &dyn Resolver,
) -> Result<LsPlan, PlanError> {
    let Choice {
        mut query,
        filter,
        selection,
    } = select(&args.select, &args.collect, env, resolver)?;
    let shown = shown_details(args, &selection);
    query.bpf_maps = chosen_maps(&args.bpf_map_id)?;
    let mut columns = match &args.columns {
        Some(list) => {
            columns::choose(list, &default_columns(args, &selection)).map_err(columns_error)?
        }
        None => default_columns(args, &selection),
    };
    if (args.csv || args.record) && args.columns.is_none() {
        let of_details = FIELDS
            .iter()
            .filter(|f| shown.of_the_kernel().has(f.needs_details))
            // Each family has many that no other has.
            .filter(|f| f.id.protocol().is_none_or(|p| selection.has(p)));
        columns.extend(of_details.map(|f| Column::of(f.id)));
    }
    let answer = match (args.exists, args.count) {
        (true, _) => Answer::Exists,
        (_, true) => Answer::Count,
        _ => Answer::Rows,
    };
    if answer == Answer::Rows {
        let fields = || columns.iter().map(|c| c.field.field());
        query.owners |= args.processes
            || args.threads
            || args.context
            || args.contexts
            || fields().any(|field| field.needs_owners);
        query.details = fields()
            .map(|field| field.needs_details)
            .fold(query.details.or(shown), DetailSet::or);
    }
    Ok(LsPlan {
        query,
        columns,
        columns_named: args.columns.is_some(),
        answer,
        sort: args.sort.clone(),
        limit: args.limit,
        format: match (args.json, args.ndjson, args.csv) {
            (true, _, _) => Format::Json,
            (_, true, _) => Format::Ndjson,
            (_, _, true) => Format::Csv,
            _ => Format::Table,
        },
        header: !args.no_header,
        width: if args.oneline {
            None
        } else {
            screen_width(args.width, env, terminal)
        },
        colour: colour(args.color, env, terminal),
        text: TextOptions {
            numeric: args.numeric,
            resolve: args.resolve,
        },
        details: DetailOptions {
            // As columns they are not wanted twice.
            shown: if args.csv || args.record {
                DetailSet::NONE
            } else {
                shown.of_the_kernel()
            },
            oneline: args.oneline,
        },
        asked: asked(args, shown),
        record: args.record,
        strict: args.collect.strict,
        verbosity: verbosity(&args.collect),
        filter,
    })
}

/// The filter of the words on the command line, and of a file, if one was named.
///
/// # Errors
/// If one of them makes no sense, or the file cannot be read.
pub fn filter(
    words: &[OsString],
    file: Option<&Path>,
    scope: &Scope,
    env: &dyn Env,
    resolver: &dyn Resolver,
) -> Result<Filter, PlanError> {
    let typed =
        filter::compile(&filter::words(words), scope, resolver).map_err(PlanError::Filter)?;
    let Some(path) = file else {
        return Ok(typed);
    };
    let name = match path == Path::new("-") {
        true => "standard input".to_owned(),
        false => path.to_string_lossy().into_owned(),
    };
    match env.file(path) {
        Ok(contents) => filter::compile_file(&name, &contents, scope, resolver)
            .map(|read| typed.and(read))
            .map_err(PlanError::Filter),
        Err(source) => Err(PlanError::FilterFile { name, source }),
    }
}

/// A query for every socket that `summary` counts.
#[must_use]
pub fn everything(args: &CollectArgs, env: &dyn Env) -> Query {
    Query {
        tables: Table::ALL
            .into_iter()
            .filter(|table| {
                matches!(
                    table.protocol,
                    Protocol::Tcp | Protocol::Udp | Protocol::Raw | Protocol::Unix
                )
            })
            .collect(),
        named: TableSet::EMPTY,
        everything: false,
        states: StateMasks::same(StateSet::ALL),
        kinds: Kinds::ALL,
        conditions: Conditions::default(),
        owners: false,
        details: DetailSet::NONE,
        bpf_maps: Vec::new(),
        source: source(args, env),
    }
}

/// How much to say.
#[must_use]
pub const fn verbosity(args: &CollectArgs) -> Verbosity {
    match (args.quiet, args.verbose) {
        (true, _) => Verbosity::Quiet,
        (_, true) => Verbosity::Verbose,
        _ => Verbosity::Normal,
    }
}

/// The error for a name that no field has.
#[must_use]
pub fn unknown_field(option: &'static str, name: String) -> PlanError {
    let known = FIELDS
        .iter()
        .flat_map(|f| std::iter::once(&f.name).chain(f.aliases))
        .copied();
    let similar = filter::closest(&name, known);
    PlanError::UnknownField {
        option,
        name,
        similar,
    }
}

/// The error for a name that groups cannot be sorted by; `names` are those of the columns that are no fields.
#[must_use]
pub fn unknown_order(name: String, names: impl Iterator<Item = &'static str>) -> PlanError {
    let similar = filter::closest(&name, names);
    PlanError::UnknownOrder { name, similar }
}

/// The error for a word that says no direction of the sort key `key`.
#[must_use]
pub fn unknown_direction(key: String, word: String) -> PlanError {
    // What is typed for a direction elsewhere, and what it is called here.
    const WORDS: [(&str, &str); 6] = [
        ("asc", "asc"),
        ("desc", "desc"),
        ("ascending", "asc"),
        ("descending", "desc"),
        ("up", "asc"),
        ("down", "desc"),
    ];
    let similar = filter::closest(&word, WORDS.map(|(typed, _)| typed))
        .iter()
        .filter_map(|near| WORDS.iter().find(|(typed, _)| typed == near))
        .map(|(_, ours)| (*ours).to_owned())
        .take(1)
        .collect();
    PlanError::UnknownDirection { key, word, similar }
}

/// The error for `none` beside other keys, or with a direction.
#[must_use]
pub fn none_among_keys() -> PlanError {
    PlanError::Option {
        option: "--sort",
        problem: "'none' is the order of the kernel, and stands alone".to_owned(),
        hint: "leave out 'none', or everything else",
    }
}

/// The error for groups that are to be sorted by what only two looks tell.
#[must_use]
pub fn one_look(name: &str) -> PlanError {
    PlanError::Option {
        option: "--sort",
        problem: format!("'{name}' compares two looks at the sockets, and this is one"),
        hint: "add -i SECONDS, the time between two looks, as in: portctl top -i 5 --sort churn",
    }
}

fn columns_error(error: ColumnsError) -> PlanError {
    let (problem, hint) = match error {
        ColumnsError::Unknown(name) => return unknown_field("--columns", name),
        ColumnsError::Mixed => (
            "some names have a sign and some have none".to_owned(),
            "either name every column, or amend the usual ones: --columns +inode,-peer",
        ),
        ColumnsError::Empty => (
            "no column is left".to_owned(),
            "name those to show: --columns state,local",
        ),
    };
    PlanError::Option {
        option: "--columns",
        problem,
        hint,
    }
}

/// The states to ask for. `state` and `exclude` override the options, as in `ss`.
fn states(args: &SelectArgs, selection: &Selection, filter: &Filter) -> StateMasks {
    let unconnected = StateSet::LISTEN.or(StateSet::CLOSE);
    let masks = if filter.mentions_state || args.all {
        StateMasks::same(StateSet::ALL)
    } else if args.listening {
        StateMasks {
            // No closed socket is ever in TCP's table, and looking for one walks every connection.
            tcp: StateSet::LISTEN,
            ..StateMasks::same(unconnected)
        }
    } else if args.bound_inactive {
        StateMasks::same(StateSet::BOUND_INACTIVE)
    } else {
        StateMasks {
            // What is always unconnected is shown to those who name it; `ss -A` hides even that.
            stateless: if selection.names_stateless() {
                StateSet::CLOSE
            } else {
                StateSet::DEFAULT
            },
            tipc: StateSet::of(State::Established).or(unconnected),
            ..StateMasks::same(StateSet::DEFAULT)
        }
    };
    let possible = filter.states();
    let by_default = !(filter.mentions_state || args.all || args.listening || args.bound_inactive);
    let choose = |mask: StateSet| match mask.and(possible) {
        // Nothing that is shown by default can match: the filter asks for other states, without naming them.
        none if none.is_empty() && by_default => possible,
        some => some,
    };
    masks.map(choose)
}

/// The details that options ask to show of every socket.
fn shown_details(args: &LsArgs, selection: &Selection) -> DetailSet {
    let families = [
        Protocol::Unix,
        Protocol::Packet,
        Protocol::Netlink,
        Protocol::Xdp,
    ];
    let has_own = families.into_iter().any(|family| selection.has(family));
    [
        (args.info, DetailSet::INFO),
        (args.memory, DetailSet::MEMORY),
        (args.tos, DetailSet::TOS),
        (args.inet_sockopt, DetailSet::SOCKET_OPTIONS),
        (args.info, DetailSet::CONGESTION),
        // For JSON, which has no columns.
        (args.cgroup || args.extended, DetailSet::CGROUP),
        (args.threads, DetailSet::THREADS),
        (args.context || args.contexts, DetailSet::CONTEXT),
        (args.contexts, DetailSet::SOCKET_CONTEXT),
        (args.extended && has_own, DetailSet::EXTENDED),
        (
            args.bpf && selection.has(Protocol::Packet),
            DetailSet::FILTER,
        ),
        (
            args.tipcinfo && selection.has(Protocol::Tipc),
            DetailSet::TIPC,
        ),
        (
            args.bpf_maps || !args.bpf_map_id.is_empty(),
            DetailSet::BPF_STORAGE,
        ),
    ]
    .into_iter()
    .filter(|(asked, _)| *asked)
    .map(|(_, set)| set)
    .fold(DetailSet::NONE, DetailSet::or)
}

/// The maps of `--bpf-map-id`, each once.
fn chosen_maps(ids: &[u32]) -> Result<Vec<u32>, PlanError> {
    /// As many as `ss` takes.
    const MOST: usize = 32;
    let mut maps = ids.to_vec();
    maps.sort_unstable();
    maps.dedup();
    if maps.len() > MOST {
        return Err(PlanError::Option {
            option: "--bpf-map-id",
            problem: format!("{} maps are more than {MOST}", maps.len()),
            hint: "--bpf-maps shows the values of all maps",
        });
    }
    Ok(maps)
}

/// What options and lists of names ask for, in the words of the user.
fn asked(args: &LsArgs, shown: DetailSet) -> Asked {
    let by_name = match args.bpf_map_id.is_empty() {
        true => DetailSet::NONE,
        false => DetailSet::BPF_STORAGE,
    };
    let mut asked = Asked::by_options(shown.of_the_kernel().without(by_name));
    if !args.bpf_map_id.is_empty() {
        asked.by_option(FieldId::Extra(ExtraMetric::BpfStorage), "--bpf-map-id");
    }
    if args.cgroup {
        asked.by_option(FieldId::Cgroup, "--cgroup");
    }
    if args.extended {
        for field in EXTENDED {
            asked.along_with(field, "-e");
        }
    }
    if let Some(list) = &args.columns {
        asked.by_names(list, "--columns");
    }
    if let Some(list) = &args.sort {
        asked.by_names(list, "--sort");
    }
    asked
}

/// The columns that `-e` adds.
const EXTENDED: [FieldId; 7] = [
    FieldId::User,
    FieldId::Inode,
    FieldId::Cookie,
    FieldId::Mark,
    FieldId::Cgroup,
    FieldId::V6only,
    FieldId::Shutdown,
];

fn default_columns(args: &LsArgs, selection: &Selection) -> Vec<Column> {
    let mut fields = vec![FieldId::Protocol];
    if args.csv {
        fields.push(FieldId::Type);
    }
    fields.push(FieldId::State);
    if !args.no_queues {
        fields.extend([FieldId::RecvQueue, FieldId::SendQueue]);
    }
    if args.csv && !args.no_queues {
        // In a table two columns hold four things; a cell that programs read holds one.
        fields.extend([FieldId::AcceptQueue, FieldId::AcceptLimit]);
    }
    fields.extend([FieldId::Local, FieldId::Peer]);
    if args.select.listening {
        fields.push(FieldId::Exposure);
    }
    // As in `ss`, -b has timers, too.
    if args.options || args.extended || args.bpf {
        fields.push(FieldId::Timer);
    }
    if args.cgroup && !args.extended {
        fields.push(FieldId::Cgroup);
    }
    if args.extended {
        fields.extend(EXTENDED);
    }
    let contexts = args.context || args.contexts;
    if args.processes || args.threads || contexts {
        fields.push(FieldId::Process);
        // Who is at the other end, where there is one to be known.
        if selection.is_unix_only() {
            fields.push(FieldId::PeerProcess);
        }
    }
    if args.threads {
        fields.push(FieldId::Threads);
    }
    if contexts {
        fields.push(FieldId::Context);
    }
    if args.contexts {
        fields.push(FieldId::SocketContext);
    }
    fields.into_iter().map(Column::of).collect()
}

/// Whether the sockets are those of a saved dump, and with it perhaps of another host.
#[must_use]
pub fn reads_dump(args: &CollectArgs, env: &dyn Env) -> bool {
    matches!(source(args, env), SourceChoice::Dump { .. })
}

fn source(args: &CollectArgs, env: &dyn Env) -> SourceChoice {
    match (&args.from, args.source) {
        (Some(path), _) => SourceChoice::Dump {
            path: path.clone(),
            inherited: false,
        },
        // Whoever names a namespace of this host means this host.
        (None, SourceArg::Auto) if args.net.is_some() => SourceChoice::Auto,
        (None, SourceArg::Auto) => inherited_dump(env).unwrap_or_default(),
        (None, SourceArg::Netlink) => SourceChoice::Netlink,
        (None, SourceArg::Proc) => SourceChoice::Proc,
    }
}

/// The saved dump that the environment names, as for `ss`.
#[must_use]
pub fn inherited_dump(env: &dyn Env) -> Option<SourceChoice> {
    let path = env
        .var(env::TCPDIAG_FILE)
        .filter(|name| !name.is_empty())?
        .into();
    Some(SourceChoice::Dump {
        path,
        inherited: true,
    })
}

/// The columns of the screen, or those that `asked` says. Pipes have no width; `COLUMNS`, which some programs export, counts only
/// for a terminal that does not know its own.
#[must_use]
pub fn screen_width(asked: Option<Width>, env: &dyn Env, terminal: Terminal) -> Option<usize> {
    match asked {
        Some(Width::Unlimited) => None,
        Some(Width::Columns(columns)) => Some(columns),
        None if terminal.is_terminal => terminal.width.or_else(|| {
            let columns = env.var(env::COLUMNS)?;
            columns.to_str()?.parse().ok().filter(|&n| n > 0)
        }),
        None => None,
    }
}

/// `--color` beats the environment; there `NO_COLOR` beats `CLICOLOR_FORCE`.
fn colour(when: Option<ColorWhen>, env: &dyn Env, terminal: Terminal) -> bool {
    let is = |name: &str, value: &str| env.var(name).is_some_and(|v| v == value);
    let set = |name: &str| env.var(name).is_some_and(|v| !v.is_empty());
    match when {
        Some(ColorWhen::Always) => true,
        Some(ColorWhen::Never) => false,
        Some(ColorWhen::Auto) | None => {
            !set(env::NO_COLOR)
                && (set(env::CLICOLOR_FORCE) && !is(env::CLICOLOR_FORCE, "0")
                    || terminal.is_terminal && !is(env::CLICOLOR, "0") && !is(env::TERM, "dumb"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use std::ffi::OsString;

    #[derive(Default)]
    struct FakeEnv(HashMap<&'static str, &'static str>);

    impl Env for FakeEnv {
        fn var(&self, name: &str) -> Option<OsString> {
            self.0.get(name).map(OsString::from)
        }
    }

    const TTY: Terminal = Terminal {
        is_terminal: true,
        width: None,
    };
    const PIPE: Terminal = Terminal {
        is_terminal: false,
        width: None,
    };

    #[test]
    fn colour_follows_flag_then_environment_then_terminal() {
        let auto = |vars: &[(&'static str, &'static str)], terminal| {
            colour(None, &FakeEnv(vars.iter().copied().collect()), terminal)
        };
        assert!(auto(&[], TTY));
        assert!(!auto(&[], PIPE));
        assert!(!auto(&[("NO_COLOR", "1")], TTY));
        assert!(auto(&[("NO_COLOR", "")], TTY));
        assert!(!auto(&[("TERM", "dumb")], TTY));
        assert!(!auto(&[("CLICOLOR", "0")], TTY));
        assert!(auto(&[("CLICOLOR_FORCE", "1")], PIPE));
        assert!(!auto(&[("CLICOLOR_FORCE", "0")], PIPE));
        assert!(!auto(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")], TTY));
        assert!(colour(
            Some(ColorWhen::Always),
            &FakeEnv([("NO_COLOR", "1")].into_iter().collect()),
            PIPE
        ));
    }

    #[test]
    fn columns_of_the_environment_count_only_on_a_terminal() {
        let env = FakeEnv([("COLUMNS", "40")].into_iter().collect());
        assert_eq!(screen_width(None, &env, TTY), Some(40));
        assert_eq!(screen_width(None, &env, PIPE), None);
        let wide = Terminal {
            width: Some(120),
            ..TTY
        };
        assert_eq!(screen_width(None, &env, wide), Some(120));
    }
}
