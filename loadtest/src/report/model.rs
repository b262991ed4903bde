//! A report as data: what is written as JSON, and what the other forms are made from.

use serde::{Deserialize, Serialize};

use crate::drivers::oha::OhaReport;
use crate::drivers::outcome::Counts;
use crate::histogram::Summary;
use crate::measure::machine::Machine;
use crate::measure::process_tree::CpuTime;
use crate::measure::syscalls::Syscalls;
use crate::targets::TargetName;

/// A whole comparison.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Report {
    /// Where it ran.
    pub(crate) machine: Machine,
    /// How it ran.
    pub(crate) method: Method,
    /// What was compared, absent targets included.
    pub(crate) targets: Vec<TargetReport>,
    /// One for each scenario and target.
    pub(crate) cells: Vec<Cell>,
}

/// How a comparison ran.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
pub(crate) struct Method {
    /// When it began, UTC.
    pub(crate) began: String,
    /// How long it took, in seconds.
    pub(crate) took_s: f64,
    /// The command line.
    pub(crate) command_line: String,
    /// Workers (or threads) of each target.
    pub(crate) workers: usize,
    /// Runs of each scenario and target; those in Python have at most three.
    pub(crate) runs: usize,
    /// Length of one measurement, in seconds.
    pub(crate) seconds: f64,
    /// Where servers ran.
    pub(crate) server_cores: String,
    /// Where drivers ran.
    pub(crate) client_cores: String,
}

/// A target by itself.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct TargetReport {
    /// Which one.
    pub(crate) name: TargetName,
    /// Why it was not measured, if it was not.
    pub(crate) absent: Option<String>,
    /// Its version.
    pub(crate) version: String,
    /// How it was started.
    pub(crate) command_line: String,
    /// From start to first answer, in milliseconds.
    pub(crate) start_up_ms: Option<Spread>,
    /// PSS of the tree when just ready, in KiB.
    pub(crate) ready_pss_kib: Option<Spread>,
    /// PSS of the tree after a load at saturation, in KiB.
    pub(crate) busy_pss_kib: Option<Spread>,
    /// What each worker after the first adds to the PSS when just ready, in KiB.
    pub(crate) further_worker_kib: Option<Spread>,
    /// What an idle keep-alive connection adds to the PSS, in bytes.
    pub(crate) idle_connection_bytes: Option<Spread>,
    /// Hottest ÷ mean CPU time of four workers on one core.
    pub(crate) worker_spread: Option<Spread>,
    /// System calls for a request.
    pub(crate) syscalls: Option<Syscalls>,
    /// Figures that could not be had, and why.
    pub(crate) missing: Vec<String>,
}

/// One scenario on one target.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Cell {
    /// The scenario's name.
    pub(crate) scenario: String,
    /// The target.
    pub(crate) target: TargetName,
    /// Why there are no runs, if there are none.
    pub(crate) absent: Option<String>,
    /// Command lines of the drivers.
    pub(crate) commands: Vec<String>,
    /// The runs, in order.
    pub(crate) runs: Vec<Run>,
}

/// One run of a cell.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Run {
    /// What found saturation: wrk, or the generator of our own.
    pub(crate) driver: String,
    /// Good answers a second at saturation.
    pub(crate) per_second: f64,
    /// CPU time of the tree for a request at saturation.
    pub(crate) cpu: CpuTime,
    /// What went wrong at saturation, in words; empty if nothing did.
    pub(crate) failures: String,
    /// oha's figures; in the first run only.
    pub(crate) oha: Option<OhaReport>,
    /// Open-loop runs at lower rates.
    pub(crate) open: Vec<OpenRun>,
}

/// At which rate an open-loop run drives.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Level {
    /// 50 % of the target's own saturation.
    Half,
    /// 80 % of it.
    FourFifths,
    /// 80 % of the saturation of the lesson's stack.
    LessonFourFifths,
    /// Only the single texts of a mix at 50 %, at the rate that they have in it.
    SinglesAlone,
}

/// One open-loop run.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct OpenRun {
    /// Which rate.
    pub(crate) level: Level,
    /// Arrivals a second.
    pub(crate) rate: f64,
    /// Outcomes.
    pub(crate) counts: Counts,
    /// Latencies from the moment at which requests were due.
    pub(crate) latency: Option<Summary>,
    /// Those of the batches of a mix.
    pub(crate) large: Option<Summary>,
    /// CPU time of the tree for a request.
    pub(crate) cpu: CpuTime,
    /// 99th percentile of the generator's own lateness, in microseconds.
    pub(crate) lag_p99_us: Option<f64>,
}

/// Median and range of a few values.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Spread {
    /// The median; of an even number of values the mean of the middle two.
    pub(crate) median: f64,
    /// The smallest.
    pub(crate) min: f64,
    /// The largest.
    pub(crate) max: f64,
}

impl Level {
    /// As the report says it.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            Self::Half => "50 % of saturation",
            Self::FourFifths => "80 % of saturation",
            Self::LessonFourFifths => "80 % of the lesson's saturation",
            Self::SinglesAlone => "the mix's single texts alone",
        }
    }
}

impl Spread {
    /// Of these values; `None` if there are none.
    pub(crate) fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = values.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let (min, max) = (*sorted.first()?, *sorted.last()?);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Some(Self { median, min, max })
    }
}

impl Report {
    /// The cell of a scenario and target, if it was measured.
    pub(crate) fn cell(&self, scenario: &str, target: TargetName) -> Option<&Cell> {
        self.cells
            .iter()
            .find(|cell| cell.scenario == scenario && cell.target == target && !cell.runs.is_empty())
    }

    /// The scenarios' names, in order.
    pub(crate) fn scenarios(&self) -> Vec<&str> {
        let mut names: Vec<&str> = Vec::new();
        for cell in &self.cells {
            if !names.contains(&cell.scenario.as_str()) {
                names.push(&cell.scenario);
            }
        }
        names
    }
}

impl Cell {
    /// A figure over the runs.
    pub(crate) fn spread(&self, figure: impl Fn(&Run) -> Option<f64>) -> Option<Spread> {
        Spread::of(self.runs.iter().filter_map(figure))
    }

    /// A figure of one level's open-loop runs.
    pub(crate) fn open_spread(&self, level: Level, figure: impl Fn(&Summary) -> f64) -> Option<Spread> {
        self.spread(|run| run.open(level)?.latency.as_ref().map(&figure))
    }
}

impl Run {
    /// The open-loop run at a level.
    pub(crate) fn open(&self, level: Level) -> Option<&OpenRun> {
        self.open.iter().find(|open| open.level == level)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_spread_is_median_and_range() {
        assert_eq!(Spread::of([]), None);
        assert_eq!(Spread::of([3.0, 1.0, 2.0]), Some(Spread { median: 2.0, min: 1.0, max: 3.0 }));
        assert_eq!(Spread::of([4.0, 1.0]), Some(Spread { median: 2.5, min: 1.0, max: 4.0 }));
    }
}
