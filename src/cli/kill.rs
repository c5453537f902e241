//! What can be typed after `portctl kill`.

use super::args::SelectArgs;
use super::wait::{Patience, time};
use clap::Args;

const OUTPUT: &str = "How it is shown";

/// `portctl kill`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    mut_arg("filter", |a| a
        .value_name("PORT|FILTER")
        .help("Ports, addresses with ports, service names or unix sockets; or a filter, as in ls")),
    before_help = "\
Examples:
  portctl kill 8080                         end who listens there, after asking
  portctl kill tcp/8080 --yes --grace 10s   for scripts
  portctl kill --sockets 'dst 10.0.0.9 and dport = :443'",
    after_help = "\
Ends the processes that hold the sockets: listeners (and UDP sockets without a peer) unless -a or 'state' asks for \
others, so clients of a port are left alone. What would be done is printed first; on a terminal it is asked for, \
elsewhere nothing is done without --yes, and the exit code is 2.\n\n\
Each process is held by a pidfd, and must still have its start time and hold the same socket when the signal goes out: \
a process that got the number meanwhile is never hit. It gets SIGTERM, and after --grace SIGKILL. Then the port is \
watched: if it stays taken, or whoever starts the server again, that is said. Process 1 and the kernel's own sockets \
are never touched.\n\n\
--sockets leaves the processes alone and closes sockets in the kernel (SOCK_DESTROY, by cookie; needs CAP_NET_ADMIN): \
connections, and TIME_WAIT with its port. A listener or UDP socket that is destroyed does not free its port, which \
stays with the process until it closes the descriptor; then the exit code is 1.\n\n\
Exit codes: 0 done, and the port is free; 1 nothing matched, the answer was no, or still there; 2 there was nobody to ask, and no --yes; 3 not \
permitted."
)]
pub struct KillArgs {
    /// Which sockets
    #[command(flatten)]
    pub select: SelectArgs,
    /// Close the sockets instead of ending processes; connections unless -l or 'state' asks for listeners
    #[arg(long)]
    pub sockets: bool,
    /// Do it without asking
    #[arg(short = 'y', long)]
    pub yes: bool,
    /// Only print what would be done
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// So long after SIGTERM comes SIGKILL: 5s, 500ms, 1m; 0 sends SIGKILL at once, 'none' never, and waits for ever
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "5s")]
    pub grace: Patience,
    /// No notices on standard error; errors are still told
    #[arg(short = 'q', long, help_heading = OUTPUT)]
    pub quiet: bool,
}
