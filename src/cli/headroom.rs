//! `portctl headroom`: its options, and what they mean.

use super::args::{SourceArg, Width};
use super::env::{Env, Terminal};
use super::plan::{self, PlanError, Verbosity};
use crate::filter::{Resolver, brief};
use crate::model::{Port, Protocol, SourceChoice, ipv4_of};
use clap::{Args, ValueEnum};
use std::net::IpAddr;
use std::ops::RangeInclusive;

const FLOW: &str = "Which connections";
const OUTPUT: &str = "How it is shown";
const SOURCE: &str = "Where it comes from";

/// `portctl headroom`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    before_help = "\
Examples:
  portctl headroom --to 127.0.0.1:5432        how many more connections to there
  portctl headroom --to '[::1]:https' --json
  portctl headroom --to 127.0.0.1:53 --proto udp",
    after_help = "What the number means, and what to do about it: portctl help headroom."
)]
pub struct HeadroomArgs {
    /// Where to: HOST:PORT, with an IPv6 address in brackets; names of hosts and services do
    #[arg(long, value_name = "HOST:PORT", help_heading = FLOW)]
    pub to: String,
    /// Where from: an address of this host [default: the one the route prefers]
    #[arg(long, value_name = "ADDRESS", help_heading = FLOW)]
    pub from: Option<String>,
    /// Which protocol
    #[arg(long, value_enum, default_value_t, help_heading = FLOW)]
    pub proto: ProtoArg,
    /// How the client comes to its local port
    #[arg(long, value_enum, default_value_t, help_heading = FLOW)]
    pub mode: ModeArg,
    /// A port range of the client's sockets, as they set it with IP_LOCAL_PORT_RANGE
    #[arg(long, value_name = "LOW-HIGH", help_heading = FLOW)]
    pub port_range: Option<String>,
    /// The interface that the client's sockets are bound to, as with SO_BINDTODEVICE
    #[arg(long, value_name = "NAME", help_heading = FLOW)]
    pub device: Option<String>,
    /// IPv4 only, where a name has both
    #[arg(short = '4', long, help_heading = FLOW, overrides_with = "ipv6")]
    pub ipv4: bool,
    /// IPv6 only, where a name has both
    #[arg(short = '6', long, help_heading = FLOW, overrides_with = "ipv4")]
    pub ipv6: bool,

    /// Ask the kernel about ports of which a list of sockets cannot tell; sends no packet, but makes a socket for each of
    /// them for a moment (portctl help headroom)
    #[arg(long, help_heading = SOURCE)]
    pub probe: bool,
    /// Which kernel interface to read
    #[arg(long, value_enum, default_value_t, help_heading = SOURCE)]
    pub source: SourceArg,
    /// Exit with 4 if anything that was asked for is missing
    #[arg(long, help_heading = SOURCE)]
    pub strict: bool,
    /// Say where rows came from, and other details, on standard error
    #[arg(short = 'v', long, help_heading = SOURCE, overrides_with = "quiet")]
    pub verbose: bool,
    /// No notices on standard error; errors are still told
    #[arg(short = 'q', long, help_heading = SOURCE, overrides_with = "verbose")]
    pub quiet: bool,

    /// One JSON document (portctl schema headroom)
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// Fit into this many columns; 'none' for no limit [default: the terminal's, none in a pipe]
    #[arg(long, value_name = "COLUMNS", value_parser = super::args::width, help_heading = OUTPUT)]
    pub width: Option<Width>,
}

/// `--proto`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ProtoArg {
    /// TCP
    #[default]
    Tcp,
    /// UDP
    Udp,
}

/// `--mode`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    /// connect() chooses it; so it does after bind() with IP_BIND_ADDRESS_NO_PORT
    #[default]
    Connect,
    /// bind() to the source address and port 0 chooses it
    Bind,
    /// bind() to no address and port 0 chooses it
    BindAny,
}

/// What `headroom` will do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeadroomPlan {
    /// TCP or UDP.
    pub protocol: Protocol,
    /// Where to; IPv4 for a v4-mapped address.
    pub destination: IpAddr,
    /// Whether it was given as a v4-mapped address, as IPv6 sockets call it.
    pub mapped: bool,
    /// Which port there.
    pub port: Port,
    /// How many other addresses the name has that was given.
    pub other_addresses: usize,
    /// Where from, if that was said.
    pub source: Option<IpAddr>,
    /// The interface by name or number.
    pub interface: Option<String>,
    /// How the client comes to its port.
    pub mode: ModeArg,
    /// The client's own range.
    pub socket_range: Option<RangeInclusive<u16>>,
    /// Which sources may be used.
    pub sources: SourceChoice,
    /// Columns of the screen.
    pub width: Option<usize>,
    /// How much to say.
    pub verbosity: Verbosity,
}

/// Plans `portctl headroom`.
///
/// # Errors
/// If an address, a port, a range or a name makes no sense.
pub fn headroom(
    args: &HeadroomArgs,
    env: &dyn Env,
    terminal: Terminal,
    resolver: &dyn Resolver,
) -> Result<HeadroomPlan, PlanError> {
    let protocol = match args.proto {
        ProtoArg::Tcp => Protocol::Tcp,
        ProtoArg::Udp => Protocol::Udp,
    };
    let source = args.from.as_deref().map(source_address).transpose()?;
    let (host, port) = split(&args.to)?;
    let port = port_number(port, protocol, resolver)?;
    let (host, scope) = match host.split_once('%') {
        Some((host, scope)) => (host, Some(scope.to_owned())),
        None => (host, None),
    };
    let fits = |address: &IpAddr| {
        let v4 = ipv4_of(*address).is_some();
        source.is_none_or(|source| source.is_ipv4() == v4)
            && (v4 && !args.ipv6 || !v4 && !args.ipv4)
    };
    let mut addresses = addresses(host, resolver)?.into_iter().filter(fits);
    let Some(destination) = addresses.next() else {
        return Err(usage(
            format!(
                "--to: '{}' has no address of the family that is wanted",
                brief(host)
            ),
            "--from, -4 and -6 must agree with it",
        ));
    };
    let mapped = destination.is_ipv6() && ipv4_of(destination).is_some();
    let destination = plain(destination);
    if destination.is_unspecified() {
        return Err(usage(
            format!(
                "--to: '{}' stands for any address, not for one to connect to",
                brief(host)
            ),
            "for this host itself: 127.0.0.1 or [::1]",
        ));
    }
    let link_local = matches!(destination, IpAddr::V6(v6) if v6.is_unicast_link_local());
    // The kernel looks at the scope of such addresses only (`__tcp_v6_connect`), and binds the socket to it.
    let interface = args.device.clone().or(scope.filter(|_| link_local));
    if link_local && interface.is_none() {
        return Err(usage(
            format!(
                "--to: '{}' is an address of one link, and there may be several",
                brief(host)
            ),
            "say which: '[fe80::1%eth0]:80'",
        ));
    }
    Ok(HeadroomPlan {
        protocol,
        destination,
        mapped,
        port: Port(port),
        other_addresses: addresses.count(),
        source,
        interface,
        mode: args.mode,
        socket_range: args.port_range.as_deref().map(port_range).transpose()?,
        sources: match args.source {
            SourceArg::Auto => plan::inherited_dump(env).unwrap_or_default(),
            SourceArg::Netlink => SourceChoice::Netlink,
            SourceArg::Proc => SourceChoice::Proc,
        },
        width: plan::screen_width(args.width, env, terminal),
        verbosity: match (args.quiet, args.verbose) {
            (true, _) => Verbosity::Quiet,
            (_, true) => Verbosity::Verbose,
            _ => Verbosity::Normal,
        },
    })
}

fn usage(message: String, hint: &str) -> PlanError {
    PlanError::Usage {
        message,
        hint: hint.to_owned(),
    }
}

fn plain(address: IpAddr) -> IpAddr {
    ipv4_of(address).map_or(address, IpAddr::V4)
}

/// The two halves of `HOST:PORT`.
fn split(text: &str) -> Result<(&str, &str), PlanError> {
    let halves = match text.strip_prefix('[') {
        Some(rest) => rest
            .split_once(']')
            .and_then(|(host, port)| Some((host, port.strip_prefix(':')?))),
        None => text.rsplit_once(':'),
    };
    let hint = "HOST:PORT, as in 10.0.0.7:443 or '[2001:db8::7]:443'";
    match halves {
        Some((host, _)) if host.contains(':') && !text.starts_with('[') => Err(usage(
            format!(
                "--to: where the address ends in '{}' cannot be told",
                brief(text)
            ),
            "an IPv6 address needs brackets, as in '[2001:db8::7]:443'",
        )),
        Some((host, port)) if !host.is_empty() && !port.is_empty() => Ok((host, port)),
        _ => Err(usage(
            format!("--to: '{}' is not a host and a port", brief(text)),
            hint,
        )),
    }
}

fn port_number(text: &str, protocol: Protocol, resolver: &dyn Resolver) -> Result<u16, PlanError> {
    if text.bytes().all(|b| b.is_ascii_digit()) {
        return match text.parse() {
            Ok(0) | Err(_) => Err(usage(
                format!("--to: {} is no port", brief(text)),
                "ports are numbers from 1 to 65535",
            )),
            Ok(port) => Ok(port),
        };
    }
    let ports = resolver.service(text).unwrap_or_default();
    let of = |wanted| {
        ports
            .iter()
            .find(|(p, _)| wanted == *p)
            .map(|(_, port)| *port)
    };
    of(protocol).ok_or_else(|| {
        let similar = resolver.similar_services(text);
        let hint = if similar.is_empty() {
            "a number, or a name from /etc/services".to_owned()
        } else {
            format!("did you mean {}?", similar.join(" or "))
        };
        usage(
            format!(
                "--to: '{}' is no {protocol} service that is known here",
                brief(text)
            ),
            &hint,
        )
    })
}

fn addresses(host: &str, resolver: &dyn Resolver) -> Result<Vec<IpAddr>, PlanError> {
    if let Ok(address) = host.parse() {
        return Ok(vec![address]);
    }
    resolver.host(host).map_err(|reason| {
        usage(
            format!("--to: '{}' has no address: {reason}", brief(host)),
            "an address, or the name of a host",
        )
    })
}

fn source_address(text: &str) -> Result<IpAddr, PlanError> {
    let inner = text
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .unwrap_or(text);
    match inner.parse::<IpAddr>() {
        Ok(address) if address.is_unspecified() => Err(usage(
            format!("--from: {} stands for any address", brief(text)),
            "leave --from out; for bind() to no address: --mode bind-any",
        )),
        Ok(address) => Ok(plain(address)),
        Err(_) => Err(usage(
            format!("--from: '{}' is not an address", brief(text)),
            "an address of this host, without a port",
        )),
    }
}

fn port_range(text: &str) -> Result<RangeInclusive<u16>, PlanError> {
    let ends = text.split_once(['-', ':']).map(|(low, high)| {
        let end = |text: &str| text.trim().parse::<u16>().ok().filter(|&port| port > 0);
        (end(low), end(high))
    });
    match ends {
        Some((Some(low), Some(high))) if low <= high => Ok(low..=high),
        _ => Err(usage(
            format!("--port-range: '{}' is not a range of ports", brief(text)),
            "two ports from 1 to 65535, the lower one first, as in 40000-40999",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::{Cli, Command};
    use crate::cli::env::ProcessEnv;
    use crate::model::{IfIndex, Uid};
    use clap::Parser;

    struct Fixed;

    impl Resolver for Fixed {
        fn service(&self, name: &str) -> Option<Vec<(Protocol, u16)>> {
            (name == "https").then(|| vec![(Protocol::Tcp, 443)])
        }
        fn similar_services(&self, _: &str) -> Vec<String> {
            vec!["https".to_owned()]
        }
        fn host(&self, name: &str) -> Result<Vec<IpAddr>, String> {
            match name {
                "db" => Ok(["10.0.0.7", "10.0.0.8", "2001:db8::7"]
                    .map(|a| a.parse().unwrap())
                    .to_vec()),
                _ => Err("Name or service not known".to_owned()),
            }
        }
        fn interface(&self, _: &str) -> Option<IfIndex> {
            None
        }
        fn similar_interfaces(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn user(&self, _: &str) -> Option<Uid> {
            None
        }
        fn similar_users(&self, _: &str) -> Vec<String> {
            Vec::new()
        }
        fn cgroup(&self, _: &[u8]) -> Result<u64, String> {
            Err("none".to_owned())
        }
        fn ephemeral_ports(&self) -> Option<RangeInclusive<u16>> {
            None
        }
    }

    fn plan(arguments: &str) -> Result<HeadroomPlan, String> {
        let words = ["portctl", "headroom"].into_iter();
        let cli = Cli::try_parse_from(words.chain(arguments.split(' '))).unwrap();
        let Some(Command::Headroom(args)) = cli.command else {
            panic!("headroom")
        };
        headroom(&args, &ProcessEnv, Terminal::default(), &Fixed).map_err(|error| match error {
            PlanError::Usage { message, .. } => message,
            other => panic!("{other:?}"),
        })
    }

    #[test]
    fn destinations_are_read() {
        let to = |text: &str| {
            let plan = plan(&format!("--to {text}")).unwrap();
            let address = plan.destination.to_string();
            (address, plan.port.0, plan.other_addresses, plan.interface)
        };
        let plain = |address: &str, port| (address.to_owned(), port, 0, None);
        assert_eq!(to("10.0.0.7:443"), plain("10.0.0.7", 443));
        assert_eq!(to("[2001:db8::7]:443"), plain("2001:db8::7", 443));
        assert_eq!(to("[::ffff:10.0.0.7]:https"), plain("10.0.0.7", 443));
        let scoped = ("fe80::1".to_owned(), 80, 0, Some("eth0".to_owned()));
        assert_eq!(to("[fe80::1%eth0]:80"), scoped);
        assert_eq!(to("[::1%lo]:80"), plain("::1", 80));
        assert_eq!(to("db:1"), ("10.0.0.7".to_owned(), 1, 2, None));
        assert_eq!(to("db:1 -6"), plain("2001:db8::7", 1));
        assert_eq!(to("db:1 --from 2001:db8::1"), plain("2001:db8::7", 1));
    }

    #[test]
    fn mistakes_are_named() {
        for (arguments, words) in [
            ("--to 10.0.0.7", "is not a host and a port"),
            ("--to 10.0.0.7:", "is not a host and a port"),
            ("--to 10.0.0.7:70000", "70000 is no port"),
            ("--to 10.0.0.7:0", "0 is no port"),
            ("--to 10.0.0.7:htps", "'htps' is no tcp service"),
            ("--to 10.0.0.7:https --proto udp", "is no udp service"),
            ("--to ::1:443", "cannot be told"),
            ("--to [::1]443", "is not a host and a port"),
            ("--to nobody:443", "Name or service not known"),
            ("--to 0.0.0.0:443", "any address"),
            ("--to [fe80::1]:443", "one link"),
            ("--to 10.0.0.7:443 -6", "no address of the family"),
            ("--to 10.0.0.7:443 --from ::1", "no address of the family"),
            ("--to 10.0.0.7:443 --from eth0", "is not an address"),
            ("--to 10.0.0.7:443 --from 0.0.0.0", "any address"),
            ("--to 10.0.0.7:443 --port-range 9-1", "not a range"),
            ("--to 10.0.0.7:443 --port-range 0-1", "not a range"),
            ("--to 10.0.0.7:443 --port-range 1-70000", "not a range"),
        ] {
            let message = plan(arguments).unwrap_err();
            assert!(message.contains(words), "{arguments}: {message}");
        }
    }
}
