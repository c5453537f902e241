//! `portctl summary`: its options, and what they mean.

use super::args::{CollectArgs, Width};
use super::plan::PlanError;
use crate::filter;
use crate::render::{Threshold, ThresholdUnit, Thresholds};
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
  portctl summary                 what runs out, whose it is, and what to do
  portctl summary --interval 2s   with rates, and the time until it has run out
  portctl summary --check         one line and an exit code, for monitoring",
    after_help = "\
Worst first: OK, NOTICE, WARNING, CRITICAL. Who holds what is looked up for what is in trouble only.\n\n\
--check exits with 0 (OK or NOTICE), 1 (WARNING), 2 (CRITICAL) or 3 (UNKNOWN: something could not be read, or what is \
certain and what is possible differ about CRITICAL); so it does for options that make no sense.\n\n\
What it all means: portctl help exhaustion."
)]
pub struct SummaryArgs {
    /// One line with performance data, and the exit code of a monitoring plugin
    #[arg(long, conflicts_with_all = ["json", "format"], help_heading = ANSWER)]
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
    #[arg(long, conflicts_with = "format", help_heading = OUTPUT)]
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
/// If one of them has no such name, its number makes no sense, or it is beyond a severer one.
pub fn thresholds(args: &SummaryArgs) -> Result<Thresholds, PlanError> {
    let mut thresholds = Thresholds::default();
    let mut changed = Vec::new();
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
        let number = self::number(threshold, number).map_err(|wanted| {
            usage(
                format!("--threshold: '{text}': {wanted}"),
                format!("as it is by default: {name}={}", threshold.default()),
            )
        })?;
        thresholds.set(threshold, number);
        changed.push(threshold);
    }
    for (milder, severer) in Threshold::STEPS {
        let [mild, severe] = [milder, severer].map(|threshold| thresholds.of(threshold));
        if !milder.is_beyond(mild, severe) {
            continue;
        }
        // A default gives way.
        if !changed.contains(&milder) {
            thresholds.set(milder, severe);
            continue;
        }
        let [milder, severer] = [milder, severer].map(Threshold::name);
        return Err(usage(
            format!(
                "--threshold: {milder}={mild} is beyond {severer}={severe}, so that nobody would ever see it"
            ),
            format!("give both: --threshold {milder}={severe} --threshold {severer}={mild}"),
        ));
    }
    Ok(thresholds)
}

/// The number of a threshold, or what it must be.
fn number(threshold: Threshold, text: &str) -> Result<f64, &'static str> {
    let (range, wanted) = match threshold.unit() {
        ThresholdUnit::PerCent => (0.0..=100.0, "per cent are a number from 0 to 100"),
        ThresholdUnit::Seconds => (0.0..=f64::MAX, "seconds are a number from 0 on"),
        ThresholdUnit::Sockets => (0.0..=f64::MAX, "so many sockets are a number from 0 on"),
    };
    let number = text.parse::<f64>().ok();
    number.filter(|n| range.contains(n)).ok_or(wanted)
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

    fn with(thresholds: &[&str]) -> Result<Thresholds, PlanError> {
        use clap::Parser as _;
        #[derive(clap::Parser)]
        struct Line {
            #[command(flatten)]
            args: SummaryArgs,
        }
        let options = thresholds.iter().map(|t| format!("--threshold={t}"));
        let line = std::iter::once("x".to_owned()).chain(options);
        super::thresholds(&Line::try_parse_from(line).unwrap().args)
    }

    #[test]
    fn thresholds_make_sense() {
        for bad in [
            "ports.warning=200",
            "ports.warning=-1",
            "ports.warning",
            "ports.warning=nan",
            "close-wait.age=-3",
            "close-wait.warning=inf",
            "ports.waring=70",
            // Critical from 95 on, as nobody changed it.
            "ports.warning=96",
            "exhaustion.warning=30",
        ] {
            let error = with(&[bad]).unwrap_err();
            let PlanError::Usage { message, hint } = &error else {
                panic!("{bad}: {error:?}");
            };
            assert!(
                !hint.is_empty() && message.contains("--threshold: "),
                "{message}"
            );
        }
        let PlanError::Usage { hint, .. } = with(&["ports.waring=70"]).unwrap_err() else {
            panic!();
        };
        assert!(hint.contains("ports.warning"), "{hint}");
        assert!(with(&["files.warning=90", "files.critical=50"]).is_err());
        // In either order, and a default that would never be seen gives way.
        assert!(with(&["files.critical=99", "files.warning=98"]).is_ok());
        let critical = with(&["ports.critical=40"]).unwrap();
        let of = |threshold| critical.of(threshold);
        assert_eq!(
            (of(Threshold::PortsWarning), of(Threshold::PortsCritical)),
            (40.0, 40.0)
        );
    }

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
