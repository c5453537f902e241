//! What can be typed after `portctl wait`.

use clap::{Args, ValueEnum};
use std::ffi::OsString;
use std::time::Duration;

const OUTPUT: &str = "How it is shown";

/// `portctl wait`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    before_help = "\
Examples:
  portctl wait 5432 --timeout 60s      until something listens on TCP port 5432
  portctl wait udp/53 127.0.0.1:8080 --connect
  portctl wait tcp/8080 --until free   until a server can be started there",
    after_help = "\
Read from the socket table; nothing is connected to unless --connect says so. A port without a protocol means TCP. An \
address is served by a listener on it, or on any address of its family; ::, unless it is IPv6 only, serves IPv4, too.\n\n\
listen: a TCP or unix socket listens; a UDP or unix datagram socket is bound and has no peer. established: a \
connection has that port at this host's end, or the unix name. free: a server could bind it, TCP with SO_REUSEADDR as \
usual, by root: it means that no socket holds it, not that this user may bind it. Where only the kernel can tell (TIME_WAIT and other remains), a bind without listen is tried and undone at \
once. For a unix path: nothing is there.\n\n\
Exit codes: 0 it has come, 1 it has not before the time was over, 3 the sockets cannot be read."
)]
pub struct WaitArgs {
    /// Ports, addresses with ports, service names or unix sockets; with several, until all have come
    #[arg(value_name = "PORT", required = true)]
    pub ports: Vec<OsString>,
    /// What to wait for
    #[arg(long, value_name = "WHAT", value_enum, default_value_t)]
    pub until: UntilArg,
    /// Give up after this time: 30s, 500ms, 2m, 1h; 0 looks once, 'none' waits for ever
    #[arg(long, value_name = "TIME", value_parser = time, default_value = "30s")]
    pub timeout: Patience,
    /// Then connect, and close again: it must answer, too. Not for UDP
    #[arg(long)]
    pub connect: bool,
    /// Say on standard error what has come, and after how long
    #[arg(short = 'v', long, help_heading = OUTPUT, overrides_with = "quiet")]
    pub verbose: bool,
    /// Say nothing on standard error but errors
    #[arg(short = 'q', long, help_heading = OUTPUT, overrides_with = "verbose")]
    pub quiet: bool,
}

/// `wait --until`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum UntilArg {
    /// Something listens there
    #[default]
    Listen,
    /// A server could bind it
    Free,
    /// Something is connected to it
    Established,
}

/// How long to wait, `wait --timeout`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    /// So long.
    Limited(Duration),
    /// For ever.
    Endless,
}

/// More than this is an error of typing: about 30 years.
const LONGEST: f64 = 1e9;

/// Reads a time with its unit; without one it is in seconds.
///
/// # Errors
/// What a time must look like.
pub fn time(text: &str) -> Result<Patience, String> {
    if text == "none" {
        return Ok(Patience::Endless);
    }
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at_checked(digits.len()).unwrap_or((text, ""));
    let scale = match unit {
        "ms" => 0.001,
        "" | "s" => 1.0,
        "m" | "min" => 60.0,
        "h" => 3600.0,
        _ => f64::NAN,
    };
    number
        .parse::<f64>()
        .ok()
        .map(|n| n * scale)
        .filter(|seconds| (0.0..=LONGEST).contains(seconds))
        .map(|seconds| Patience::Limited(Duration::from_secs_f64(seconds)))
        .ok_or_else(|| "a time such as 30s, 500ms, 2m or 1h, or 'none'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        for (text, ms) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("2m", 120_000),
            ("1h", 3_600_000),
            ("1.5", 1500),
            ("0", 0),
        ] {
            let expected = Patience::Limited(Duration::from_millis(ms));
            assert_eq!(time(text), Ok(expected), "{text}");
        }
        assert_eq!(time("none"), Ok(Patience::Endless));
        for bad in [
            "",
            "s",
            "-1s",
            "1d",
            "1e99",
            "nan",
            "inf",
            "\u{202e}1s",
            "1 s",
        ] {
            assert!(time(bad).is_err(), "{bad}");
        }
    }
}
