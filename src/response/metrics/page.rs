//! Prometheus' text format: families with their series.

use std::fmt::{Display, Write as _};

use super::{Durations, LADDER_MICROS};

/// The text so far.
pub(super) struct Page(pub(super) String);

impl Page {
    /// Begins a family. `help` has no line feed and no backslash.
    pub(super) fn head(&mut self, name: &str, kind: &str, help: &str) {
        writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}").expect("a string takes all");
    }

    /// A family of one series.
    pub(super) fn one(
        &mut self,
        name: &str,
        kind: &str,
        help: &str,
        labels: &[(&str, String)],
        value: impl Display,
    ) {
        self.head(name, kind, help);
        self.sample(name, labels, value);
    }

    pub(super) fn sample(&mut self, name: &str, labels: &[(&str, String)], value: impl Display) {
        self.0.push_str(name);
        for (i, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let before = if i == 0 { '{' } else { ',' };
            write!(self.0, "{before}{label}=\"{value}\"").expect("a string takes all");
        }
        let end = if labels.is_empty() { "" } else { "}" };
        writeln!(self.0, "{end} {value}").expect("a string takes all");
    }

    pub(super) fn histogram(&mut self, name: &str, help: &str, durations: &Durations) {
        self.head(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut count = 0;
        for (bound, more) in LADDER_MICROS.iter().zip(&durations.buckets) {
            count += more;
            self.sample(&bucket, &[("le", (*bound as f64 / 1e6).to_string())], count);
        }
        count += durations.buckets[LADDER_MICROS.len()];
        self.sample(&bucket, &[("le", "+Inf".to_owned())], count);
        self.sample(&format!("{name}_sum"), &[], durations.sum_micros as f64 / 1e6);
        self.sample(&format!("{name}_count"), &[], count);
    }
}
