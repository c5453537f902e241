//! What can be typed after `portctl free`.

use crate::model::Protocol;
use clap::{Args, ValueEnum};
use std::ops::RangeInclusive;

const OUTPUT: &str = "How it is shown";

/// `portctl free`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    before_help = "\
Examples:
  portctl free                          a TCP port that is free at any address
  portctl free --range 3000-3999 -n 2   two of these
  portctl free --proto tcp,udp --address ::1 --json",
    after_help = "\
A port is free if a bind without options succeeds at every address that is asked for, and for every protocol: no \
listener, no bound socket, no connection from it, no TIME_WAIT is in the way. This is read from the socket tables and \
then tried with a bind that is undone at once, because a sandbox, or a socket that the kernel does not list, shows only \
there. Ports that the kernel gives to connections (ip_local_port_range) and reserved ones (ip_local_reserved_ports) are \
left out unless asked for; those below ip_unprivileged_port_start if the caller may not bind them.\n\n\
Another process may take a port before you do. A program that can bind port 0 and tell which port it got has no such \
gap.\n\n\
Exit codes: 0 as many as were asked for, 1 fewer or none."
)]
pub struct FreeArgs {
    /// Ports from A to B, both included; lowest first
    #[arg(long, value_name = "A-B", value_parser = range, default_value = "1024-65535")]
    pub range: RangeInclusive<u16>,
    /// So many ports
    #[arg(short = 'n', long = "count", value_name = "PORTS", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..))]
    pub count: u16,
    /// Protocols that must all have it free, separated by commas
    #[arg(
        long,
        value_name = "PROTOCOLS",
        value_enum,
        value_delimiter = ',',
        default_value = "tcp"
    )]
    pub proto: Vec<ProtoArg>,
    /// Free at this address of this host, or its name; several times for several [default: any address, IPv4 and IPv6]
    #[arg(long, value_name = "ADDRESS")]
    pub address: Vec<String>,
    /// Any of the range instead of the lowest: processes that ask at the same moment seldom get the same
    #[arg(long)]
    pub random: bool,
    /// Also ports that the kernel gives to connections
    #[arg(long)]
    pub ephemeral: bool,
    /// Also ports that the administrator has reserved
    #[arg(long)]
    pub reserved: bool,
    /// One JSON document (portctl schema free)
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// Say where rows came from, and other details, on standard error
    #[arg(short = 'v', long, help_heading = OUTPUT, overrides_with = "quiet")]
    pub verbose: bool,
    /// No notices on standard error; errors are still told
    #[arg(short = 'q', long, help_heading = OUTPUT, overrides_with = "verbose")]
    pub quiet: bool,
}

/// A protocol that has ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
#[allow(missing_docs, reason = "their names say it")]
pub enum ProtoArg {
    Tcp,
    Udp,
}

impl FreeArgs {
    /// The protocols, each once.
    #[must_use]
    pub fn protocols(&self) -> Vec<Protocol> {
        let has = |wanted| self.proto.contains(&wanted);
        [
            (ProtoArg::Tcp, Protocol::Tcp),
            (ProtoArg::Udp, Protocol::Udp),
        ]
        .into_iter()
        .filter(|(typed, _)| has(*typed))
        .map(|(_, protocol)| protocol)
        .collect()
    }
}

fn range(text: &str) -> Result<RangeInclusive<u16>, String> {
    let (low, high) = text.split_once('-').unwrap_or((text, text));
    match (low.trim().parse(), high.trim().parse()) {
        (Ok(low), Ok(high)) if 0 < low && low <= high => Ok(low..=high),
        _ => Err("two ports from 1 to 65535, the lower one first, as 3000-3999".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read() {
        assert_eq!(range("3000-3999"), Ok(3000..=3999));
        assert_eq!(range("80"), Ok(80..=80));
        for bad in ["", "-", "2-1", "0-5", "1-65536", "a-b", "1-2-3", "-5"] {
            assert!(range(bad).is_err(), "{bad}");
        }
    }
}
