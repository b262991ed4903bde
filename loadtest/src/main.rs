//! The outside view: everything that pushes on Linnet and compares it with others. `README.md` says how to run it.

mod compare;
mod drivers;
mod error;
mod histogram;
mod listen;
mod measure;
mod pin;
mod progress;
mod report;
mod requests;
mod scale;
mod scenario;
mod schedule;
mod servers;
mod targets;
mod texts;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use error::Result;
use mimalloc::MiMalloc;
use nix::sys::resource::{Resource, getrlimit, setrlimit};

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// Compares Linnet with what else one could serve a text classifier with.
#[derive(Debug, Parser)]
#[command(name = "loadtest", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start all targets, drive them with the same load, write a report
    Compare(compare::CompareArgs),
    /// Measure how Linnet's throughput depends on workers, texts, and the size of the model
    Scale(scale::ScaleArgs),
    /// Compare one listening socket per worker with a shared one: throughput, latency, how evenly workers are loaded
    Listen(listen::ListenArgs),
    /// Write report.html and RESULTS.md anew from a report.json
    Report {
        /// The report.json
        json: PathBuf,
        /// Where the pages go [default: beside it]
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
    /// Write a scenario's requests as `wrk/replay.lua` reads them
    Requests {
        /// The scenario
        scenario: String,
        /// The Host header
        #[arg(long, default_value = "127.0.0.1:8000")]
        host: String,
        /// The file
        file: PathBuf,
    },
    /// Serve as the ceiling: bare hyper
    #[command(hide = true)]
    ServeCeiling(servers::ceiling::CeilingArgs),
    /// Serve as an afternoon's work: axum and a hash map
    #[command(hide = true)]
    ServeAfternoon(servers::afternoon::AfternoonArgs),
}

fn main() -> ExitCode {
    raise_descriptor_limit();
    match run(Cli::parse().command) {
        Ok(text) => {
            // A closed standard output is no failure of the run.
            let _ = writeln!(std::io::stdout(), "{text}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "loadtest: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<String> {
    match command {
        Command::Compare(args) => compare::run(args),
        Command::Scale(args) => scale::run(args),
        Command::Listen(args) => listen::run(args),
        Command::Report { json, out } => {
            let read = report::read(&json)?;
            let beside = json.parent().unwrap_or(&json).to_owned();
            report::write(&read, &out.unwrap_or(beside))?;
            Ok(report::table::tables(&read).iter().map(report::table::Table::text).collect())
        }
        Command::Requests { scenario, host, file } => {
            let chosen = scenario::select(&[scenario], false);
            let chosen = chosen.map_err(|name| error::Error::Usage(format!("no scenario {name}")))?;
            let dialect = targets::TargetName::Linnet.dialect();
            let requests = chosen.iter().filter_map(|one| dialect.requests(&one.load, &host)).flatten();
            drivers::wrk::write_requests(&file, &requests.collect::<Vec<_>>())?;
            Ok(format!("written: {}", file.display()))
        }
        Command::ServeCeiling(args) => Ok(servers::ceiling::run(&args).map(|()| String::new())?),
        Command::ServeAfternoon(args) => servers::afternoon::run(&args).map(|()| String::new()),
    }
}

/// 1,000 connections want more descriptors than the usual soft limit; servers inherit the higher one.
fn raise_descriptor_limit() {
    if let Ok((_, hard)) = getrlimit(Resource::RLIMIT_NOFILE) {
        // With a lower limit the scenarios of many connections report what fails.
        let _ = setrlimit(Resource::RLIMIT_NOFILE, hard, hard);
    }
}
