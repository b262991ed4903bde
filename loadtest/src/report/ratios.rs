//! The ratios that decide: each from two figures of the same round, so that what disturbs one disturbs both.

use super::model::{Cell, Level, Report, Run, Spread};
use crate::targets::TargetName;

/// A wanted bound of a ratio.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Goal {
    /// Not below this.
    AtLeast(f64),
    /// Not above this.
    AtMost(f64),
}

/// A ratio that was found.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Ratio {
    /// What is divided by what.
    pub(crate) what: String,
    /// Median and range over the rounds.
    pub(crate) found: Spread,
    /// What is wanted.
    pub(crate) goal: Goal,
}

impl Goal {
    /// Whether a ratio meets it.
    pub(crate) fn is_met(self, ratio: f64) -> bool {
        match self {
            Self::AtLeast(bound) => ratio >= bound,
            Self::AtMost(bound) => ratio <= bound,
        }
    }

    /// As the report says it.
    pub(crate) fn describe(self) -> String {
        match self {
            Self::AtLeast(bound) => format!("≥ {bound}"),
            Self::AtMost(bound) => format!("≤ {bound}"),
        }
    }
}

type Figure = fn(&Run) -> Option<f64>;

struct Rule {
    what: &'static str,
    scenario: &'static str,
    linnet: Figure,
    other: TargetName,
    others: Figure,
    goal: Goal,
}

#[expect(clippy::unnecessary_wraps, reason = "one of several figures, most of which may be missing")]
fn rate(run: &Run) -> Option<f64> {
    Some(run.per_second)
}

fn per_cpu_second(run: &Run) -> Option<f64> {
    let cost = run.cpu.total_us();
    (cost > 0.0).then(|| 1e6 / cost)
}

fn p999_at_half(run: &Run) -> Option<f64> {
    Some(run.open(Level::Half)?.latency.as_ref()?.p999_us)
}

fn p99_at_half(run: &Run) -> Option<f64> {
    Some(run.open(Level::Half)?.latency.as_ref()?.p99_us)
}

fn p99_of_singles_alone(run: &Run) -> Option<f64> {
    Some(run.open(Level::SinglesAlone)?.latency.as_ref()?.p99_us)
}

fn p99_at_the_lessons_rate(run: &Run) -> Option<f64> {
    let level = run.open(Level::LessonFourFifths).or_else(|| run.open(Level::FourFifths));
    Some(level?.latency.as_ref()?.p99_us)
}

const RULES: &[Rule] = {
    use Goal::{AtLeast, AtMost};
    use TargetName::{Afternoon, Ceiling, Lesson, Linnet};
    &[
        rule("requests/s, single text ÷ ceiling", "single", rate, Ceiling, rate, AtLeast(0.85)),
        rule("requests/s, GET / ÷ ceiling", "get-index", rate, Ceiling, rate, AtLeast(0.93)),
        rule("requests/s, single text ÷ lesson", "single", rate, Lesson, rate, AtLeast(150.0)),
        rule(
            "p99 at 80 % of the lesson's saturation ÷ lesson",
            "single",
            p99_at_the_lessons_rate,
            Lesson,
            p99_at_the_lessons_rate,
            AtMost(0.05),
        ),
        rule(
            "requests a CPU-second, single text ÷ afternoon",
            "single",
            per_cpu_second,
            Afternoon,
            per_cpu_second,
            AtLeast(1.6),
        ),
        rule(
            "requests a CPU-second, 1,000 texts ÷ afternoon",
            "batch1000",
            per_cpu_second,
            Afternoon,
            per_cpu_second,
            AtLeast(4.0),
        ),
        rule(
            "p99.9 at 50 %, single text ÷ ceiling",
            "single",
            p999_at_half,
            Ceiling,
            p999_at_half,
            AtMost(1.5),
        ),
        rule(
            "p99 of single texts in the mix ÷ without the batches",
            "mix",
            p99_at_half,
            Linnet,
            p99_of_singles_alone,
            AtMost(2.5),
        ),
    ]
};

const fn rule(
    what: &'static str,
    scenario: &'static str,
    linnet: Figure,
    other: TargetName,
    others: Figure,
    goal: Goal,
) -> Rule {
    Rule { what, scenario, linnet, other, others, goal }
}

/// All ratios that a report has the figures for.
pub(crate) fn ratios(report: &Report) -> Vec<Ratio> {
    let mut found: Vec<Ratio> = RULES.iter().filter_map(|rule| apply(rule, report)).collect();
    let target = |name| report.targets.iter().find(|target| target.name == name);
    if let (Some(linnet), Some(lesson)) = (target(TargetName::Linnet), target(TargetName::Lesson))
        && let (Some(own), Some(lessons)) = (linnet.busy_pss_kib, lesson.busy_pss_kib)
    {
        let what = "memory after load ÷ lesson".to_owned();
        let (min, max) = (own.min / lessons.max, own.max / lessons.min);
        let found_memory = Spread { median: own.median / lessons.median, min, max };
        found.push(Ratio { what, found: found_memory, goal: Goal::AtMost(0.05) });
    }
    found
}

fn apply(rule: &Rule, report: &Report) -> Option<Ratio> {
    let ours = report.cell(rule.scenario, TargetName::Linnet)?;
    let theirs = report.cell(rule.scenario, rule.other)?;
    Some(Ratio {
        what: rule.what.to_owned(),
        found: paired(ours, rule.linnet, theirs, rule.others)?,
        goal: rule.goal,
    })
}

/// The ratio round by round; rounds that lack a figure are left out.
fn paired(ours: &Cell, figure: Figure, theirs: &Cell, other: Figure) -> Option<Spread> {
    let pairs = ours.runs.iter().zip(&theirs.runs);
    Spread::of(pairs.filter_map(|(a, b)| Some(figure(a)? / other(b)?)).filter(|ratio| ratio.is_finite()))
}

#[cfg(test)]
mod tests {
    use super::super::model::{Method, OpenRun};
    use super::*;
    use crate::drivers::outcome::Counts;
    use crate::histogram::Latencies;
    use crate::measure::machine::Machine;
    use crate::measure::process_tree::CpuTime;

    fn run(per_second: f64, p99_us: u64) -> Run {
        let mut latencies = Latencies::default();
        latencies.record(std::time::Duration::from_micros(p99_us));
        let open = OpenRun {
            level: Level::Half,
            rate: 1.0,
            counts: Counts::default(),
            latency: latencies.summary(),
            large: None,
            cpu: CpuTime::default(),
            lag_p99_us: None,
        };
        let cpu = CpuTime { user_us: 1e6 / per_second, system_us: 0.0 };
        Run { driver: "wrk".into(), per_second, cpu, failures: String::new(), oha: None, open: vec![open] }
    }

    fn cell(target: TargetName, runs: Vec<Run>) -> Cell {
        Cell { scenario: "single".into(), target, absent: None, commands: Vec::new(), runs }
    }

    #[test]
    fn ratios_pair_the_rounds() {
        let report = Report {
            machine: Machine::default(),
            method: Method::default(),
            targets: Vec::new(),
            cells: vec![
                cell(TargetName::Linnet, vec![run(90.0, 30), run(160.0, 20), run(80.0, 20)]),
                cell(TargetName::Ceiling, vec![run(100.0, 20), run(200.0, 20), run(100.0, 20)]),
            ],
        };
        let found = ratios(&report);
        assert_eq!(found.len(), 2, "{found:?}");
        assert_eq!(found[0].found, Spread { median: 0.8, min: 0.8, max: 0.9 });
        assert!(!found[0].goal.is_met(found[0].found.median));
        assert!((found[1].found.max - 1.5).abs() < 0.01 && found[1].goal.is_met(1.5));
    }
}
