//! `portctl summary`: its options, and what they mean.

use super::args::{CollectArgs, Width};
use super::plan::PlanError;
use crate::filter;
use crate::render::{Threshold, Thresholds};
use clap::{Args, ValueEnum};
use std::time::Duration;

const ANSWER: &str = "What is told";
const OUTPUT: &str = "How it is shown";
const SOURCE: &str = "Where it comes from";

/// `portctl summary`.
#[derive(Debug, Args)]
#[command(
    args_override_self = true,
    before_help = "\
Examples:
  portctl summary                             what runs out, whose it is, and what to do
  portctl summary --interval 2s               with rates, and the time until it has run out
  portctl summary --check                     one line and an exit code, for monitoring",
    after_help = "\
Worst first: OK, NOTICE, WARNING, CRITICAL. Who holds what is looked up for what is in trouble only.\n\n\
--check exits with 0 (OK or NOTICE), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN: something could not be read, or what is \
certain and what is possible differ about CRITICAL); so it does for options that make no sense.\n\n\
What it all means: portctl help exhaustion."
)]
pub struct SummaryArgs {
    /// One line with performance data, and the exit code of a monitoring plugin
    #[arg(long, help_heading = ANSWER)]
    pub check: bool,
    /// Look twice, so far apart: '2s', '500ms', '1m'
    #[arg(short = 'i', long, value_name = "TIME", value_parser = interval, help_heading = ANSWER)]
    pub interval: Option<Duration>,
    /// Change from which number on it is bad: 'ports.warning=70', 'close-wait.age=300'; may be given several times
    #[arg(long = "threshold", value_name = "NAME=NUMBER", help_heading = ANSWER)]
    pub thresholds: Vec<String>,

    /// Which format
    #[arg(long, value_enum, default_value_t, help_heading = OUTPUT)]
    pub format: FormatArg,
    /// One JSON document (portctl schema summary)
    #[arg(long, help_heading = OUTPUT)]
    pub json: bool,
    /// Fit into this many columns; 'none' for no limit [default: the terminal's, none in a pipe]
    #[arg(long, value_name = "COLUMNS", value_parser = super::args::width, help_heading = OUTPUT)]
    pub width: Option<Width>,

    /// Ask the kernel about ports of which a list of sockets cannot tell; sends no packet, but makes a socket for each of
    /// them for a moment (portctl help headroom)
    #[arg(long, help_heading = SOURCE)]
    pub probe: bool,
    /// Options of every command that collects
    #[command(flatten)]
    pub collect: CollectArgs,
}

/// `--format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum FormatArg {
    /// For people
    #[default]
    Text,
    /// One JSON document
    Json,
    /// Metrics, for a node exporter's textfile directory or for scraping
    Openmetrics,
}

/// How a summary is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SummaryFormat {
    /// For people.
    Text,
    /// One JSON document.
    Json,
    /// Metrics.
    Metrics,
    /// One line and an exit code.
    Check,
}

/// Which format was asked for.
#[must_use]
pub const fn format(args: &SummaryArgs) -> SummaryFormat {
    match (args.check, args.json, args.format) {
        (true, ..) => SummaryFormat::Check,
        (_, true, _) | (_, _, FormatArg::Json) => SummaryFormat::Json,
        (_, _, FormatArg::Openmetrics) => SummaryFormat::Metrics,
        (_, _, FormatArg::Text) => SummaryFormat::Text,
    }
}

/// The thresholds, with those that were changed.
///
/// # Errors
/// If one of them has no such name, or its number makes no sense.
pub fn thresholds(args: &SummaryArgs) -> Result<Thresholds, PlanError> {
    let mut thresholds = Thresholds::default();
    for text in &args.thresholds {
        let (name, number) = text.split_once('=').unwrap_or((text, ""));
        let Some(threshold) = Threshold::ALL.into_iter().find(|t| t.name() == name) else {
            let names = Threshold::ALL.map(Threshold::name);
            let similar = filter::closest(name, names);
            let hint = match similar.first() {
                Some(similar) => format!("did you mean '{similar}'?"),
                None => format!("those there are: {}", names.join(", ")),
            };
            return Err(usage(format!("--threshold: there is no '{name}'"), hint));
        };
        let number = number
            .parse::<f64>()
            .ok()
            .filter(|n| n.is_finite() && *n >= 0.0);
        let Some(number) = number else {
            return Err(usage(
                format!("--threshold: '{text}' has no number that makes sense"),
                format!("as it is by default: {name}={}", threshold.default()),
            ));
        };
        thresholds.set(threshold, number);
    }
    Ok(thresholds)
}

const fn usage(message: String, hint: String) -> PlanError {
    PlanError::Usage { message, hint }
}

/// Reads a time: a number of seconds, or one with a unit.
fn interval(text: &str) -> Result<Duration, String> {
    let units = [("ms", 0.001), ("s", 1.0), ("m", 60.0)];
    let (number, unit) = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)))
        .unwrap_or((text, 1.0));
    number
        .parse::<f64>()
        .ok()
        .map(|number| number * unit)
        .filter(|seconds| (0.1..=3600.0).contains(seconds))
        .map(Duration::from_secs_f64)
        .ok_or_else(|| "a time from 100ms to 60m, such as '2s'".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_units() {
        assert_eq!(interval("2s"), Ok(Duration::from_secs(2)));
        assert_eq!(interval("2"), Ok(Duration::from_secs(2)));
        assert_eq!(interval("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(interval("1m"), Ok(Duration::from_secs(60)));
        for bad in ["", "s", "0", "-1s", "1h", "nan", "1e9"] {
            assert!(interval(bad).is_err(), "{bad}");
        }
    }
}
