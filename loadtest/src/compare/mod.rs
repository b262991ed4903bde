//! The comparison: each target by itself, then all of them scenario by scenario.

mod answers;
mod rounds;
mod solo;

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::error::{Error, Result};
use crate::measure::machine::Machine;
use crate::pin::{Pin, server_and_client};
use crate::progress::Progress;
use crate::report::model::{Method, Report, TargetReport};
use crate::report::{self, table};
use crate::scenario::{self, Scenario};
use crate::targets::TargetName;
use crate::targets::workshop::{Workshop, WorkshopArgs};

/// Rounds of a target in Python: it is slow enough that more would only take time.
const PYTHON_RUNS: usize = 3;

/// The command line of a comparison.
#[derive(Args, Clone, Debug)]
pub(crate) struct CompareArgs {
    /// Targets to compare, with commas between them [default: all]
    #[arg(long, value_delimiter = ',', value_enum)]
    targets: Vec<TargetName>,
    /// Scenarios to run, with commas between them [default: all]
    #[arg(long, value_delimiter = ',')]
    scenarios: Vec<String>,
    /// A few minutes: four scenarios, one round, one second each
    #[arg(long)]
    quick: bool,
    /// Rounds of each scenario and target [default: 5, quick 1]; targets in Python get at most 3
    #[arg(long)]
    runs: Option<usize>,
    /// Seconds of one measurement, whole ones for wrk and oha [default: 3, quick 1]
    #[arg(long, value_name = "SECONDS")]
    duration: Option<u64>,
    /// Workers (or threads) of each target
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Leave oha out
    #[arg(long)]
    no_oha: bool,
    /// Where report.json, report.html and RESULTS.md go [default: target/loadtest]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    #[command(flatten)]
    workshop: WorkshopArgs,
}

/// All that the phases of a comparison share.
pub(crate) struct Session {
    workshop: Workshop,
    scenarios: Vec<Scenario>,
    runs: usize,
    workers: usize,
    oha: bool,
    duration: Duration,
    server: Pin,
    client: Pin,
    progress: Progress,
}

impl Session {
    /// Rounds that a target gets.
    fn runs_of(&self, target: TargetName) -> usize {
        match target {
            TargetName::Linnet | TargetName::Ceiling | TargetName::Afternoon => self.runs,
            _ => self.runs.min(PYTHON_RUNS),
        }
    }
}

/// Compares, writes the reports, and returns the tables as text.
pub(crate) fn run(args: CompareArgs) -> Result<String> {
    let progress = Progress::start();
    let began = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M").to_string();
    let scenarios = scenario::select(&args.scenarios, args.quick).map_err(|name| {
        let known: Vec<_> = scenario::SCENARIOS.iter().map(|scenario| scenario.name).collect();
        Error::Usage(format!("no scenario {name}; there are {}", known.join(", ")))
    })?;
    let mut workshop = args.workshop.open()?;
    workshop.ceiling = answers::sizes(&workshop, &scenarios)?;
    let machine = Machine::describe(&workshop.root); // before this thread is bound to one core
    let (server, client) = server_and_client();
    let session = Session {
        scenarios,
        runs: args.runs.unwrap_or(if args.quick { 1 } else { 5 }).max(1),
        workers: args.workers.max(1),
        oha: !args.no_oha,
        duration: Duration::from_secs(args.duration.unwrap_or(if args.quick { 1 } else { 3 }).max(1)),
        server,
        client,
        progress,
        workshop,
    };
    session.client.apply();
    let names = if args.targets.is_empty() { TargetName::ALL.to_vec() } else { args.targets };
    let targets: Vec<TargetReport> = names.iter().map(|&name| solo::measure(&session, name)).collect();
    let cells = rounds::measure(&session, &targets);
    let report = Report { machine, method: method(&session, began), targets, cells };
    let folder = args.out.unwrap_or_else(|| session.workshop.root.join("target/loadtest"));
    report::write(&report, &folder)?;
    session.progress.say(&format!("written: {}/report.html, report.json, RESULTS.md", folder.display()));
    Ok(table::tables(&report).iter().map(table::Table::text).collect())
}

fn method(session: &Session, began: String) -> Method {
    let typed: Vec<String> = std::env::args().skip(1).collect();
    Method {
        began,
        took_s: session.progress.seconds(),
        command_line: session.workshop.plain(&format!("loadtest {}", typed.join(" "))),
        workers: session.workers,
        runs: session.runs,
        seconds: session.duration.as_secs_f64(),
        server_cores: session.server.describe(),
        client_cores: session.client.describe(),
    }
}
