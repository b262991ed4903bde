//! What the rows have shown: a line each, and the table.

use std::fmt::{self, Display, Formatter, Write as _};
use std::{fs, io};

use serde_json::{Value, json};

use crate::load::counts::Slice;
use crate::options::Options;
use crate::rows::{Expect, Row};
use crate::trial::Finding;

/// The line above the results.
pub(crate) const HEAD: &str = "row                                      requests  lost refused errors crossed   late   \
                               p99 before -> during, ms   full after, s   took, s";

/// What a row has shown, all repetitions together.
pub(crate) struct Result {
    name: &'static str,
    before: Slice,
    during: Slice,
    /// Of all slices.
    all: Slice,
    may_lose: u64,
    full_after: Vec<f64>,
    pub(crate) seconds: f64,
    /// What is wrong with it.
    pub(crate) failures: Vec<String>,
}

impl Result {
    pub(crate) fn new(name: &'static str) -> Self {
        let [before, during, all] = ["before", "during", "all"].map(Slice::new);
        Self {
            name,
            before,
            during,
            all,
            may_lose: 0,
            full_after: Vec::new(),
            seconds: 0.0,
            failures: Vec::new(),
        }
    }

    pub(crate) fn add(&mut self, finding: &Finding) {
        for slice in &finding.slices {
            self.all.add(slice);
            match slice.name.as_str() {
                "before" => self.before.add(slice),
                "during" => self.during.add(slice),
                _ => {}
            }
        }
        self.may_lose += finding.may_lose;
        self.full_after.extend(finding.full_after.map(|after| after.as_secs_f64()));
        self.full_after.sort_by(f64::total_cmp);
    }

    /// Holds the row to what it promises.
    pub(crate) fn judge(&mut self, row: &Row, requests: u64) {
        let counts = &self.all.counts;
        let mut failures = Vec::new();
        let mut hold = |what: &str, found: u64, allowed: u64| {
            if found > allowed {
                failures.push(format!("{found} {what}, where {allowed} may be"));
            }
        };
        if row.expect != Expect::Anything {
            hold("lost", counts.lost(), self.may_lose);
            hold("refused or not connected", counts.turned_away(), 0);
        }
        hold("answered with 5xx", counts.server_errors, 0);
        hold("answered wrongly", counts.wrong, 0);
        if row.expect == Expect::Late && counts.late == 0 {
            failures.push("nothing was late: the event did not happen".to_owned());
        }
        if counts.total() < requests {
            failures.push(format!("only {} of {requests} requests", counts.total()));
        }
        self.failures.extend(failures);
    }

    /// Median and longest.
    fn full_after(&self) -> Option<(f64, f64)> {
        Some((*self.full_after.get(self.full_after.len() / 2)?, *self.full_after.last()?))
    }

    fn p99(&self) -> [Option<f64>; 2] {
        [&self.before, &self.during].map(|slice| slice.quantile(0.99))
    }

    fn lost(&self) -> String {
        let lost = self.all.counts.lost();
        if self.may_lose == 0 { lost.to_string() } else { format!("{lost} (held: {})", self.may_lose) }
    }

    fn json(&self) -> Value {
        let counts = &self.all.counts;
        json!({
            "row": self.name, "requests": counts.total(), "lost": counts.lost(), "may_lose": self.may_lose,
            "counts": counts, "p99_before_ms": self.p99()[0], "p99_during_ms": self.p99()[1],
            "full_after_s": self.full_after().map(|(median, _)| median),
            "full_after_longest_s": self.full_after().map(|(_, longest)| longest),
            "seconds": self.seconds, "failures": self.failures,
        })
    }
}

fn or_dash(number: Option<f64>, digits: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
}

impl Display for Result {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts = &self.all.counts;
        let [before, during] = self.p99().map(|p99| or_dash(p99, 1));
        write!(
            f,
            "{:38} {:>10} {:>5} {:>7} {:>6} {:>7} {:>6}   {:>10} -> {:<10}  {:>13}   {:>7.1}",
            self.name,
            counts.total(),
            self.lost(),
            counts.turned_away(),
            counts.server_errors + counts.wrong,
            counts.crossed,
            counts.late,
            before,
            during,
            or_dash(self.full_after().map(|(median, _)| median), 2),
            self.seconds,
        )?;
        self.failures.iter().try_for_each(|failure| write!(f, "\n    FAILED: {failure}"))
    }
}

/// Writes the results where they are asked for.
pub(crate) fn write(results: &[Result], options: &Options) -> io::Result<()> {
    if let Some(path) = &options.json {
        let rows: Vec<_> = results.iter().map(Result::json).collect();
        let all = json!({"repetitions": options.repetitions, "rate": options.rate, "rows": rows});
        fs::write(path, format!("{all:#}\n"))?;
    }
    if let Some(path) = &options.markdown {
        fs::write(path, markdown(results))?;
    }
    Ok(())
}

fn markdown(results: &[Result]) -> String {
    let mut table =
        "| row | requests | lost | refused | 5xx, wrong | late | p99 before, ms | p99 during, ms \
                     | full capacity after, s (longest) |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|\n"
            .to_owned();
    for result in results {
        let counts = &result.all.counts;
        let [before, during] = result.p99().map(|p99| or_dash(p99, 1));
        let full = result.full_after();
        let full =
            full.map_or_else(|| "-".to_owned(), |(median, longest)| format!("{median:.2} ({longest:.2})"));
        let (name, lost) = (result.name, result.lost());
        writeln!(
            table,
            "| {name} | {} | {lost} | {} | {} | {} | {before} | {during} | {full} |",
            counts.total(),
            counts.turned_away(),
            counts.server_errors + counts.wrong,
            counts.late,
        )
        .unwrap();
    }
    table
}
