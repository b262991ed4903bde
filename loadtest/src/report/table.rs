//! Tables of text: for the terminal, and as Markdown.

use std::fmt::Write as _;

use super::model::{Level, Report, Spread, TargetReport};
use super::ratios::{Ratio, ratios};

/// A table: the first row is the head, the first column holds names, the others figures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    /// What it shows.
    pub(crate) title: String,
    /// Rows of equal length.
    pub(crate) rows: Vec<Vec<String>>,
}

impl Table {
    fn new(title: impl Into<String>, head: &[&str]) -> Self {
        Self { title: title.into(), rows: vec![head.iter().map(|&cell| cell.to_owned()).collect()] }
    }

    /// Columns in line, figures to the right.
    pub(crate) fn text(&self) -> String {
        let columns = self.rows.first().map_or(0, Vec::len);
        let width =
            |column: usize| self.rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..columns).map(width).collect();
        let mut out = format!("\n{}\n", self.title);
        for row in &self.rows {
            let mut line = format!("  {:<1$}", row[0], widths[0]);
            for (cell, width) in row.iter().zip(&widths).skip(1) {
                let _ = write!(line, "  {cell:>width$}"); // to a string: cannot fail
            }
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    /// As Markdown.
    pub(crate) fn markdown(&self) -> String {
        let line = |row: &Vec<String>| format!("| {} |\n", row.join(" | "));
        let columns = self.rows.first().map_or(0, Vec::len);
        let rule = format!("|---|{}\n", "--:|".repeat(columns.saturating_sub(1)));
        let body: String = self.rows.iter().skip(1).map(line).collect();
        format!("### {}\n\n{}{rule}{body}\n", self.title, self.rows.first().map(line).unwrap_or_default())
    }
}

/// All tables of a report.
pub(crate) fn tables(report: &Report) -> Vec<Table> {
    let mut all = vec![ratio_table(&ratios(report)), target_table(&report.targets)];
    all.extend(report.scenarios().iter().map(|scenario| scenario_table(report, scenario)));
    all
}

fn ratio_table(ratios: &[Ratio]) -> Table {
    let mut table = Table::new("Linnet against its goals", &["ratio", "median", "range", "goal", ""]);
    for ratio in ratios {
        let met = if ratio.goal.is_met(ratio.found.median) { "met" } else { "missed" };
        let range = format!("{}–{}", figure(ratio.found.min), figure(ratio.found.max));
        let median = figure(ratio.found.median);
        table.rows.push(vec![ratio.what.clone(), median, range, ratio.goal.describe(), met.to_owned()]);
    }
    table
}

fn target_table(targets: &[TargetReport]) -> Table {
    let head = [
        "target",
        "start ms",
        "PSS ready MB",
        "PSS loaded MB",
        "further worker MB",
        "idle conn kB",
        "calls/request",
        "spread of 4",
    ];
    let mut table = Table::new("Targets by themselves", &head);
    for target in targets {
        if target.absent.is_some() {
            table.rows.push(absent(target.name.name(), head.len()));
            continue;
        }
        let scaled =
            |spread: Option<Spread>, by: f64| spread.map_or(DASH.to_owned(), |s| figure(s.median / by));
        table.rows.push(vec![
            target.name.name().to_owned(),
            scaled(target.start_up_ms, 1.0),
            scaled(target.ready_pss_kib, 1_000.0 / 1.024),
            scaled(target.busy_pss_kib, 1_000.0 / 1.024),
            scaled(target.further_worker_kib, 1_000.0 / 1.024),
            scaled(target.idle_connection_bytes, 1_000.0),
            target.syscalls.as_ref().map_or(DASH.to_owned(), |calls| figure(calls.per_request)),
            scaled(target.worker_spread, 1.0),
        ]);
    }
    table
}

fn scenario_table(report: &Report, scenario: &str) -> Table {
    let head = [
        scenario,
        "requests/s",
        "range",
        "oha",
        "CPU µs",
        "user",
        "system",
        "p50 µs",
        "p90",
        "p99",
        "p99.9",
        "max",
        "p50 µs",
        "p90",
        "p99",
        "p99.9",
        "max",
        "failed",
        "lag p99",
    ];
    let about =
        crate::scenario::SCENARIOS.iter().find(|known| known.name == scenario).map_or("", |s| s.about);
    let title = format!("{scenario}: {about} (latencies at 50 % and at 80 % of saturation)");
    let mut table = Table::new(title, &head);
    for cell in report.cells.iter().filter(|cell| cell.scenario == scenario) {
        let name = cell.target.name();
        let Some(rate) = cell.spread(|run| Some(run.per_second)) else {
            table.rows.push(absent(name, head.len()));
            continue;
        };
        let median = |spread: Option<Spread>| spread.map_or(DASH.to_owned(), |s| figure(s.median));
        let range = format!("{}–{}", figure(rate.min), figure(rate.max));
        let mut row = vec![name.to_owned(), figure(rate.median), range];
        row.push(median(cell.spread(|run| run.oha.as_ref().map(|oha| oha.per_second))));
        row.push(median(cell.spread(|run| Some(run.cpu.total_us()))));
        row.push(median(cell.spread(|run| Some(run.cpu.user_us))));
        row.push(median(cell.spread(|run| Some(run.cpu.system_us))));
        for level in [Level::Half, Level::FourFifths] {
            row.push(median(cell.open_spread(level, |latency| latency.p50_us)));
            row.push(median(cell.open_spread(level, |latency| latency.p90_us)));
            row.push(median(cell.open_spread(level, |latency| latency.p99_us)));
            row.push(median(cell.open_spread(level, |latency| latency.p999_us)));
            row.push(median(cell.open_spread(level, |latency| latency.max_us)));
        }
        let failed: u64 = cell.runs.iter().flat_map(|run| &run.open).map(|open| open.counts.failed()).sum();
        row.push(failed.to_string());
        let lags = cell.runs.iter().flat_map(|run| &run.open).filter_map(|open| open.lag_p99_us);
        row.push(median(Spread::of(lags)));
        table.rows.push(row);
    }
    table
}

const DASH: &str = "–";

fn absent(name: &str, columns: usize) -> Vec<String> {
    let mut row = vec![DASH.to_owned(); columns];
    name.clone_into(&mut row[0]);
    row
}

/// A number with three digits that count, and commas between thousands.
pub(crate) fn figure(value: f64) -> String {
    let digits = match value.abs() {
        0.0 => 0,
        small if small < 0.1 => 3,
        small if small < 10.0 => 2,
        medium if medium < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.digits$}");
    let (whole, fraction) = text.split_at(text.find('.').unwrap_or(text.len()));
    let (sign, whole) = if let Some(rest) = whole.strip_prefix('-') { ("-", rest) } else { ("", whole) };
    let groups: Vec<&str> = whole
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap_or_default())
        .collect();
    format!("{sign}{}{fraction}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_have_the_digits_that_count() {
        let found = [0.0, 0.0123, 0.876, 9.87, 98.76, 987.6, 98_765.4, 1_234_567.0, -1_500.0].map(figure);
        assert_eq!(found, ["0", "0.012", "0.88", "9.87", "98.8", "988", "98,765", "1,234,567", "-1,500"]);
    }

    #[test]
    fn tables_are_aligned() {
        let table = Table {
            title: "T".to_owned(),
            rows: vec![vec!["a".into(), "µs".into()], vec!["long".into(), "1,000".into()]],
        };
        assert_eq!(table.text(), "\nT\n  a        µs\n  long  1,000\n");
        assert_eq!(table.markdown(), "### T\n\n| a | µs |\n|---|--:|\n| long | 1,000 |\n\n");
    }
}
