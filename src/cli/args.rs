//! What can be typed. Options keep `ss`'s letters and long names.

use clap::error::ErrorKind;
use clap::{
    ArgAction, ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// Options that may appear anywhere share these headings.
const SOCKETS: &str = "Which sockets";
const DETAILS: &str = "What is shown of them";
const OUTPUT: &str = "How it is shown";
const SOURCE: &str = "Where it comes from";

const EXAMPLES: &str = "\
Examples:
  portctl                                     what listens here, and whose it is
  portctl ls -tn dport = :443                 connections to port 443
  portctl ls -tanp state close-wait --json    leaked connections, for a script";

/// Shows the sockets of this host, who owns them, and what holds a port.
#[derive(Debug, Parser)]
#[command(
    name = "portctl",
    version,
    about = "Shows the sockets of this host, who owns them, and what holds a port",
    before_help = EXAMPLES,
    after_help = "Without a command: portctl ls -tulnp",
    disable_help_subcommand = true,
    args_override_self = true,
    max_term_width = 100
)]
pub struct Cli {
    /// What to do
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List sockets
    Ls(Box<LsArgs>),
    /// Count sockets in groups: by process, port, address, state or any other field
    Top(Box<TopArgs>),
    /// Say what runs out: local ports of each flow, accept queues, descriptors and more; whose that is, and what to do
    Summary(super::summary::SummaryArgs),
    /// Say how many more connections to somewhere can be made, and why no more
    Headroom(super::headroom::HeadroomArgs),
    /// Say who has a port, whether it can be bound, why not, and what would free it
    Why(WhyArgs),
    /// Name ports that can be bound now
    Free(super::free::FreeArgs),
    /// Wait until something listens on a port, or until it is free
    Wait(super::wait::WaitArgs),
    /// End the processes that hold a port, or close sockets
    Kill(Box<super::kill::KillArgs>),
    /// Explain a topic: filter, columns, json, states, headroom, exhaustion, exit-codes, capabilities; or a command
    Help {
        /// Topic or command
        topic: Option<String>,
    },
    /// Print the JSON Schema of a document: ls, top, summary, headroom, why, free
    Schema {
        /// Document
        #[arg(value_parser = clap::builder::PossibleValuesParser::new(crate::render::SCHEMAS))]
        document: String,
    },
    /// Print the completion script of a shell
    Completions {
        /// Shell
        shell: Shell,
    },
    /// What can follow the words of a command line; completion scripts ask this
    #[command(hide = true)]
    Complete {
        /// Shell, whose script says how it reads the answer
        shell: Shell,
        /// bash: the line up to the cursor, and the word there as bash sees it. Others: the words up to the cursor
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        words: Vec<OsString>,
    },
}

/// Shells with a completion script.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "their names say it")]
pub enum Shell {
    Bash,
    Fish,
    Zsh,
}

/// `portctl ls`.
#[derive(Debug, Default, Args)]
#[command(
    version,
    display_name = "portctl",
    args_override_self = true,
    // As ss has it: --num, --proc, --list.
    infer_long_args = true,
    before_help = "\
Examples:
  portctl ls -tulnp                           what listens here, and whose it is
  portctl ls -t '( dport = :443 or sport = :22 )'
  portctl ls -tan --sort recv_queue:desc --columns state,local,peer,recv_queue",
    after_help = "The filter language: portctl help filter. Fields: portctl help columns."
)]
pub struct LsArgs {
    /// Which sockets
    #[command(flatten)]
    pub select: SelectArgs,

    /// Every process that holds a socket, or why none does
    #[arg(short = 'p', long, help_heading = DETAILS)]
    pub processes: bool,
    /// Threads that use the descriptor table, with their names
    #[arg(short = 'T', long, help_heading = DETAILS)]
    pub threads: bool,
    /// SELinux contexts of those processes
    #[arg(short = 'Z', long, help_heading = DETAILS)]
    pub context: bool,
    /// Those and the SELinux contexts of the sockets themselves
    #[arg(short = 'z', long, help_heading = DETAILS)]
    pub contexts: bool,
    /// User, inode, cookie, mark and more; files of unix sockets, rings and groups of other families
    #[arg(short = 'e', long, help_heading = DETAILS)]
    pub extended: bool,
    /// All that TCP tells of a connection: round-trip times, windows, losses, rates, congestion control, TLS; MPTCP, SCTP;
    /// counters that are 0 are only counted, with --record every one has its line
    #[arg(short = 'i', long, help_heading = DETAILS)]
    pub info: bool,
    /// Buffers, and packets dropped for want of them
    #[arg(short = 'm', long, help_heading = DETAILS)]
    pub memory: bool,
    /// Filter programs of packet sockets, disassembled
    #[arg(short = 'b', long, help_heading = DETAILS)]
    pub bpf: bool,
    /// Of TIPC sockets: queues, congestion, drops, published names, the group
    #[arg(long, help_heading = DETAILS)]
    pub tipcinfo: bool,
    /// What BPF programs keep with TCP, MPTCP and DCCP sockets (socket-local storage), as bytes: what they mean
    /// only those programs know. The kernel tells it to CAP_BPF or CAP_SYS_ADMIN
    #[arg(long, help_heading = DETAILS, conflicts_with = "bpf_map_id")]
    pub bpf_maps: bool,
    /// The same, of the map with this id only; up to 32 times. The ids: bpftool map show
    #[arg(long, value_name = "ID", action = ArgAction::Append, help_heading = DETAILS)]
    pub bpf_map_id: Vec<u32>,
    /// Type of service, IPv6 traffic class, class id
    #[arg(long, help_heading = DETAILS)]
    pub tos: bool,
    /// Flags that setsockopt() set
    #[arg(long, help_heading = DETAILS)]
    pub inet_sockopt: bool,
    /// Control groups
    #[arg(long, help_heading = DETAILS)]
    pub cgroup: bool,
    /// Timers
    #[arg(short = 'o', long, help_heading = DETAILS)]
    pub options: bool,
    /// No queue columns
    #[arg(short = 'Q', long, help_heading = DETAILS)]
    pub no_queues: bool,
    /// Show these fields, separated by commas (portctl help columns); '+inode,-peer' adds to what is shown without
    /// this option, or takes away
    #[arg(long, value_name = "FIELDS", allow_hyphen_values = true, help_heading = DETAILS)]
    pub columns: Option<String>,

    /// Port numbers instead of service names
    #[arg(short = 'n', long, help_heading = OUTPUT)]
    pub numeric: bool,
    /// Host names instead of addresses; asks the network
    #[arg(short = 'r', long, help_heading = OUTPUT)]
    pub resolve: bool,
    /// Order by fields, each with :asc or :desc, separated by commas; by a queue, listeners follow by their own;
    /// 'none' shows rows as they come, before reasons for missing owners are known
    #[arg(long, value_name = "FIELDS", help_heading = OUTPUT)]
    pub sort: Option<String>,
    /// Show this many rows, and say how many more there are; with '--sort none' stop after them
    #[arg(long, value_name = "ROWS", value_parser = clap::value_parser!(u64).range(1..), help_heading = OUTPUT)]
    pub limit: Option<u64>,
    /// How many sockets match: a bare number
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "ndjson", "csv", "limit", "exists"])]
    pub count: bool,
    /// Show nothing; exit with 0 if a socket matches, 1 if none does, 4 if that cannot be told
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "ndjson", "csv", "limit"])]
    pub exists: bool,
    /// One JSON document (portctl help json)
    #[arg(long, help_heading = OUTPUT, overrides_with = "ndjson")]
    pub json: bool,
    /// One JSON object a line
    #[arg(long, help_heading = OUTPUT, overrides_with = "json")]
    pub ndjson: bool,
    /// Comma-separated values
    #[arg(long, help_heading = OUTPUT, conflicts_with_all = ["json", "ndjson", "record"])]
    pub csv: bool,
    /// Save the rows instead of showing them: netlink messages, of which 'ss' (TCPDIAG_FILE) reads TCP and --from all;
    /// '-' is standard output. A new file is for its owner only: what root is told may have keys of TCP-MD5 in it
    #[arg(short = 'D', long, visible_alias = "diag", value_name = "FILE", help_heading = OUTPUT,
        conflicts_with_all = ["json", "ndjson", "csv", "count", "exists", "limit", "columns", "sort", "record", "width"])]
    pub dump: Option<PathBuf>,
    /// No heading
    #[arg(short = 'H', long, help_heading = OUTPUT)]
    pub no_header: bool,
    /// One field a line, and every field of the details that were asked for
    #[arg(long, help_heading = OUTPUT)]
    pub record: bool,
    /// Each socket on one line, however long
    #[arg(short = 'O', long, help_heading = OUTPUT, conflicts_with = "record")]
    pub oneline: bool,
    /// Fit into this many columns; 'none' for no limit [default: the terminal's, none in a pipe]
    #[arg(long, value_name = "COLUMNS", value_parser = width, help_heading = OUTPUT)]
    pub width: Option<Width>,
    /// When to use colour
    #[arg(long, value_name = "WHEN", value_enum, help_heading = OUTPUT)]
    pub color: Option<ColorWhen>,

    /// Options of every command that collects
    #[command(flatten)]
    pub collect: CollectArgs,
}

/// Options and words of every command that chooses sockets.
#[derive(Clone, Debug, Default, Args)]
pub struct SelectArgs {
    /// TCP sockets
    #[arg(short = 't', long, help_heading = SOCKETS)]
    pub tcp: bool,
    /// UDP sockets
    #[arg(short = 'u', long, help_heading = SOCKETS)]
    pub udp: bool,
    /// Raw IP sockets
    #[arg(short = 'w', long, help_heading = SOCKETS)]
    pub raw: bool,
    /// Multipath TCP sockets; their subflows are TCP sockets
    #[arg(short = 'M', long, help_heading = SOCKETS)]
    pub mptcp: bool,
    /// SCTP endpoints and associations
    #[arg(short = 'S', long, help_heading = SOCKETS)]
    pub sctp: bool,
    /// DCCP sockets
    #[arg(short = 'd', long, help_heading = SOCKETS)]
    pub dccp: bool,
    /// UDP-Lite sockets
    #[arg(long, help_heading = SOCKETS)]
    pub udplite: bool,
    /// Unix sockets
    #[arg(short = 'x', long, help_heading = SOCKETS)]
    pub unix: bool,
    /// Packet sockets, which see whole frames
    #[arg(short = '0', long, help_heading = SOCKETS)]
    pub packet: bool,
    /// Netlink sockets
    #[arg(long, help_heading = SOCKETS)]
    pub netlink: bool,
    /// Sockets between virtual machines and their host
    #[arg(long, help_heading = SOCKETS)]
    pub vsock: bool,
    /// XDP sockets
    #[arg(long, help_heading = SOCKETS)]
    pub xdp: bool,
    /// TIPC sockets
    #[arg(long, help_heading = SOCKETS)]
    pub tipc: bool,
    /// IPv4 only; with -6, both
    #[arg(short = '4', long, help_heading = SOCKETS)]
    pub ipv4: bool,
    /// IPv6 only; with -4, both
    #[arg(short = '6', long, help_heading = SOCKETS)]
    pub ipv6: bool,
    /// Sockets of this family; may be given several times
    #[arg(short = 'f', long, value_name = "FAMILY", value_enum, help_heading = SOCKETS)]
    pub family: Vec<FamilyArg>,
    /// Sockets of these tables, separated by commas, '!' before one takes it away: all inet tcp udp udplite raw mptcp
    /// sctp dccp unix unix_stream unix_dgram unix_seqpacket packet packet_raw packet_dgram netlink vsock xdp tipc
    #[arg(short = 'A', long, visible_alias = "socket", value_name = "TABLES", help_heading = SOCKETS)]
    pub query: Vec<String>,
    /// Sockets in every state
    #[arg(short = 'a', long, help_heading = SOCKETS, overrides_with_all = ["listening", "bound_inactive"])]
    pub all: bool,
    /// Listening sockets, and unconnected ones of protocols that do not listen
    #[arg(short = 'l', long, help_heading = SOCKETS, overrides_with_all = ["all", "bound_inactive"])]
    pub listening: bool,
    /// TCP sockets that hold a port but neither listen nor are connected
    #[arg(short = 'B', long, help_heading = SOCKETS, overrides_with_all = ["all", "listening"])]
    pub bound_inactive: bool,

    /// Only sockets for which this holds: 'state established', 'dport = :443', 'src 10.0.0.0/8', with and, or, not and parentheses
    #[arg(value_name = "FILTER")]
    pub filter: Vec<OsString>,
    /// Read a filter from a file, where # begins a comment; '-' is standard input. With FILTER, both must hold
    #[arg(short = 'F', long = "filter", value_name = "FILE", help_heading = SOCKETS, action = ArgAction::Append)]
    pub filter_file: Option<PathBuf>,
}

/// Options about sources and messages.
#[derive(Debug, Default, Args)]
pub struct CollectArgs {
    /// Which kernel interface to read
    #[arg(long, value_enum, default_value_t, help_heading = SOURCE)]
    pub source: SourceArg,
    /// Read a saved dump, as 'ss -D' writes it, instead of this host; '-' is standard input
    #[arg(long, value_name = "FILE", help_heading = SOURCE, conflicts_with = "source")]
    pub from: Option<PathBuf>,
    /// In this network namespace: a name under /run/netns, the id of a process in it, or the path of its file
    #[arg(short = 'N', long, value_name = "NAMESPACE", help_heading = SOURCE, conflicts_with = "from")]
    pub net: Option<OsString>,
    /// Exit with 4 if anything that was asked for is missing, or may be
    #[arg(long, help_heading = SOURCE)]
    pub strict: bool,
    /// Say where rows came from, and other details, on standard error
    #[arg(short = 'v', long, help_heading = SOURCE, overrides_with = "quiet")]
    pub verbose: bool,
    /// No notices on standard error; errors are still told
    #[arg(short = 'q', long, help_heading = SOURCE, overrides_with = "verbose")]
    pub quiet: bool,
}

/// `portctl top`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    before_help = "\
Examples:
  portctl top --by dport                      which services this host talks to
  portctl top --by process state close-wait   who does not close its connections
  portctl top -t --by dst,state -n 5          the peers with most connections
  portctl top -i 1 --by process               where sockets come and go",
    after_help = "\
A socket that several processes hold counts once in the group of each, and once in the total. Sockets without a process, \
or whose process cannot be seen, are groups of their own, with the reason. An IPv4 address that IPv6 carries counts as \
that IPv4 address; 'process' is the command name, 'pid' one process; a timer counts by its kind.\n\n\
Without -A, -f or a letter of a protocol or family, sockets of protocols that have no such field are left out, as unix sockets are with \
--by dport. States are those of ls, but all of them with --by state.\n\n\
With -i, a socket is new if it matches now and did not at the first look, and gone the other way round; what came and \
went in between is not seen. in and out are the bytes that connections received and had acknowledged \
in all the time between the looks, not per second.\n\n\
The filter language: portctl help filter. Fields: portctl help columns."
)]
pub struct TopArgs {
    /// Which sockets
    #[command(flatten)]
    pub select: SelectArgs,

    /// Group by these fields, separated by commas (portctl help columns)
    #[arg(long, value_name = "FIELDS", default_value = "process", help_heading = OUTPUT)]
    pub by: String,
    /// Show the first so many groups, or 'all' [default: 20 in a table, all in JSON]
    #[arg(short = 'n', long, value_name = "GROUPS", value_parser = groups, help_heading = OUTPUT)]
    pub limit: Option<Groups>,
    /// Look twice, so many seconds apart, and rank by the bytes that came and went meanwhile, and the sockets
    #[arg(short = 'i', long, value_name = "SECONDS", value_parser = seconds, help_heading = OUTPUT)]
    pub interval: Option<Duration>,
    /// Order by these, each with :asc or :desc, separated by commas: sockets, a state, recv_queue, send_queue,
    /// accept_queue, bytes_received, bytes_acked, a field of --by; with -i in, out, traffic (both), new, gone, churn (both)
    /// [default: sockets; with -i traffic,churn,sockets]
    #[arg(long, value_name = "COLUMNS", help_heading = OUTPUT)]
    pub sort: Option<String>,
    /// One JSON document (portctl schema top)
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// No heading, and no line of totals
    #[arg(short = 'H', long, help_heading = OUTPUT)]
    pub no_header: bool,
    /// Fit into this many columns; 'none' for no limit [default: the terminal's, none in a pipe]
    #[arg(long, value_name = "COLUMNS", value_parser = width, help_heading = OUTPUT)]
    pub width: Option<Width>,

    /// Options of every command that collects
    #[command(flatten)]
    pub collect: CollectArgs,
}

/// `top --limit`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Groups {
    /// Every group.
    All,
    /// The first so many.
    First(usize),
}

/// `--family`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "their names say it")]
pub enum FamilyArg {
    Inet,
    Inet6,
    #[value(alias = "packet")]
    Link,
    Unix,
    Netlink,
    Vsock,
    Tipc,
    Xdp,
}

/// `portctl why`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    before_help = "\
Examples:
  portctl why 8080                            TCP and UDP, any address
  portctl why tcp/8080 127.0.0.1:53/udp '[::1]:80' http
  portctl why /run/app.sock @abstract-name    unix sockets",
    after_help = "Exit codes: 0 all can be bound, 1 something cannot, 3 for something nobody can tell. \
TCP is judged as for a server that sets SO_REUSEADDR, UDP as for one that does not; JSON has every variant.\n\n\
A port can be bound, and its listener get nothing, because the firewall redirects it: rules of nftables (iptables-nft, \
too) are read with CAP_NET_ADMIN, and where not every one can be followed, as through a verdict map, that is said; those of the older iptables, of IPVS and of BPF programs are not looked at."
)]
pub struct WhyArgs {
    /// Ports, addresses with ports, service names or unix sockets
    #[arg(value_name = "PORT", required = true)]
    pub ports: Vec<OsString>,
    /// Also try to bind, with each option and without listening, and undo it at once: for an instant another program's bind may fail
    #[arg(long = "try")]
    pub try_bind: bool,
    /// One JSON document a question, each on one line (portctl schema why)
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// Fit into this many columns; 'none' for no limit [default: the terminal's, none in a pipe]
    #[arg(long, value_name = "COLUMNS", value_parser = width, help_heading = OUTPUT)]
    pub width: Option<Width>,
    /// Say where rows came from, and other details, on standard error
    #[arg(short = 'v', long, help_heading = OUTPUT, overrides_with = "quiet")]
    pub verbose: bool,
    /// No notices on standard error; errors are still told
    #[arg(short = 'q', long, help_heading = OUTPUT, overrides_with = "verbose")]
    pub quiet: bool,
}

/// `--source`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum SourceArg {
    /// netlink, and /proc for each table that it cannot deliver
    #[default]
    Auto,
    /// sock_diag over netlink only
    Netlink,
    /// text files under /proc/net only
    Proc,
}

/// `--color`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ColorWhen {
    /// On a terminal, unless the environment says no
    Auto,
    /// Always
    Always,
    /// Never
    Never,
}

/// `--width`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// No limit.
    Unlimited,
    /// Columns.
    Columns(usize),
}

fn groups(text: &str) -> Result<Groups, String> {
    match text.parse() {
        _ if text == "all" => Ok(Groups::All),
        Ok(n) if n > 0 => Ok(Groups::First(n)),
        _ => Err("a number of groups, or 'all'".to_owned()),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    text.parse()
        .ok()
        .filter(|seconds| (0.01..=86_400.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a number of seconds, from 0.01 to 86400".to_owned())
}

/// Reads `--width`.
pub(super) fn width(text: &str) -> Result<Width, String> {
    match text {
        "none" | "0" => Ok(Width::Unlimited),
        _ => text
            .parse()
            .map(Width::Columns)
            .map_err(|_| "a number of columns, or 'none'".to_owned()),
    }
}

impl Cli {
    /// Reads a command line, the program's name first.
    ///
    /// # Errors
    /// As clap, and what clap calls errors: help and the version.
    pub fn read(words: impl Iterator<Item = OsString>) -> Result<Self, clap::Error> {
        let mut command = Self::command();
        let matches = command.try_get_matches_from_mut(words)?;
        // Of other options the last one counts; of two filters, one would silently not hold.
        let files = |(_, matches): (_, &ArgMatches)| {
            let files = matches.try_get_many::<PathBuf>("filter_file");
            files.ok().flatten().map_or(0, |files| files.len())
        };
        if matches.subcommand().map_or(0, files) > 1 {
            return Err(command.error(
                ErrorKind::ArgumentConflict,
                "more than one filter file: -F can be given once, and words after the options hold beside it",
            ));
        }
        let mut cli = Self::from_arg_matches(&matches).map_err(|e| e.format(&mut command))?;
        let select = match &mut cli.command {
            Some(Command::Ls(args)) => Some(&mut args.select),
            Some(Command::Top(args)) => Some(&mut args.select),
            _ => None,
        };
        if let (Some(select), Some((_, matches))) = (select, matches.subcommand()) {
            select.forget_tables_before_query(matches);
        }
        Ok(cli)
    }
}

impl SelectArgs {
    /// The first `-A` wipes what letters have chosen before it, as in `ss`: `-t -A udp` is UDP, `-A udp -t` both.
    fn forget_tables_before_query(&mut self, matches: &ArgMatches) {
        let place = |id: &str| matches.indices_of(id).and_then(|mut all| all.next());
        let Some(query) = place("query") else { return };
        for (id, given) in [
            ("tcp", &mut self.tcp),
            ("udp", &mut self.udp),
            ("udplite", &mut self.udplite),
            ("raw", &mut self.raw),
            ("mptcp", &mut self.mptcp),
            ("sctp", &mut self.sctp),
            ("dccp", &mut self.dccp),
        ] {
            // Of a repeated letter the last place counts.
            let last = matches.indices_of(id).and_then(Iterator::last);
            *given &= last.is_none_or(|place| place > query);
        }
    }
}

impl LsArgs {
    /// What bare `portctl` means: `ls -tulnp`.
    #[must_use]
    pub fn listeners() -> Self {
        Self {
            select: SelectArgs {
                tcp: true,
                udp: true,
                listening: true,
                ..SelectArgs::default()
            },
            numeric: true,
            processes: true,
            ..Self::default()
        }
    }

    /// Those of the options that ask for what no dump holds, and are given out of habit: that is said, and no error.
    #[must_use]
    pub fn unsaved(&self) -> Vec<&'static str> {
        [
            (self.processes, "-p"),
            (self.threads, "-T"),
            (self.context, "-Z"),
            (self.contexts, "-z"),
            (self.resolve, "-r"),
        ]
        .into_iter()
        .filter_map(|(given, option)| given.then_some(option))
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn examples_fit_a_terminal() {
        let cli = Cli::command();
        for command in std::iter::once(&cli).chain(cli.get_subcommands()) {
            let examples = command.get_before_help().map(ToString::to_string);
            for line in examples.unwrap_or_default().lines() {
                assert!(line.chars().count() <= 80, "{line}");
            }
        }
    }

    #[test]
    fn letters_cluster_and_options_may_follow_the_filter() {
        let cli = Cli::try_parse_from(["portctl", "ls", "-tulnp", "dport", "=", ":443", "-e"]);
        let Some(Command::Ls(args)) = cli.unwrap().command else {
            panic!("ls")
        };
        assert!(args.select.tcp && args.select.udp && args.select.listening);
        assert!(args.numeric && args.processes);
        assert!(args.extended);
        assert_eq!(args.select.filter, ["dport", "=", ":443"]);
    }

    #[test]
    fn one_filter_file_is_enough() {
        let read = |words: &[&str]| {
            let words = ["portctl", "ls", "-t"].iter().chain(words);
            Cli::read(words.map(OsString::from))
        };
        let Some(Command::Ls(args)) = read(&["-F", "a", "sport", "=", "1"]).unwrap().command else {
            panic!("ls")
        };
        assert_eq!(args.select.filter_file, Some(PathBuf::from("a")));
        for words in [["-F", "a", "-F", "b"], ["-F", "a", "--filter", "a"]] {
            let error = read(&words).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::ArgumentConflict);
            assert!(error.to_string().contains("more than one filter file"));
        }
    }

    #[test]
    fn the_last_of_all_and_listening_wins() {
        let cli = Cli::try_parse_from(["portctl", "ls", "-la"]).unwrap();
        let Some(Command::Ls(args)) = cli.command else {
            panic!("ls")
        };
        assert!(args.select.all && !args.select.listening);
    }
}
