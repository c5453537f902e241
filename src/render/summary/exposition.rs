//! The text that metrics are written in: OpenMetrics, and the older text format of Prometheus at once.
//!
//! The two disagree about counters: OpenMetrics has help and type at a name without `_total` and the samples at one with it, the text
//! format wants all of them at the samples' own name, and what pleases one is an error to the other. Here it is the name of the
//! samples: that is what a node exporter's textfile directory and `promtool` take without complaint, and both parsers of Prometheus.

use std::fmt::{Display, Write as _};

/// One family of metrics after the other.
#[derive(Default)]
pub(super) struct Exposition(String);

impl Exposition {
    /// Begins a family. `unit` is the end of its name.
    pub(super) fn family(&mut self, name: &str, kind: &str, unit: Option<&str>, help: &str) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.0, "# HELP portctl_{name} {help}");
        let _ = writeln!(self.0, "# TYPE portctl_{name} {kind}");
        if let Some(unit) = unit {
            let _ = writeln!(self.0, "# UNIT portctl_{name} {unit}");
        }
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl Display) {
        let labels: Vec<_> = labels
            .iter()
            .map(|(label, value)| format!("{label}=\"{}\"", quoted(value)))
            .collect();
        let labels = match labels.is_empty() {
            true => String::new(),
            false => format!("{{{}}}", labels.join(",")),
        };
        let _ = writeln!(self.0, "portctl_{name}{labels} {value}");
    }

    /// A family of one sample, if its value is known.
    pub(super) fn gauge(
        &mut self,
        name: &str,
        unit: Option<&str>,
        help: &str,
        value: Option<impl Display>,
    ) {
        if let Some(value) = value {
            self.family(name, "gauge", unit, help);
            self.sample(name, &[], value);
        }
    }

    /// Begins a family of counters. `name` ends in `_total`.
    pub(super) fn counters(&mut self, name: &str, help: &str) {
        self.family(name, "counter", None, help);
    }

    pub(super) fn counter(&mut self, name: &str, help: &str, value: Option<u64>) {
        if let Some(value) = value {
            self.counters(name, help);
            self.sample(name, &[], value);
        }
    }

    /// All of it.
    pub(super) fn into_text(mut self) -> String {
        self.0.push_str("# EOF\n");
        self.0
    }
}

/// The value of a label: valid UTF-8 without what ends it. Names from outside come escaped already.
fn quoted(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
