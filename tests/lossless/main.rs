//! Nothing lost: each thing that can happen to a fleet happens to one under load, and every request is accounted for.
//!
//!     cargo test -p linnet-supervisor --test lossless                      each row once, some 20,000 requests a row
//!     cargo test -p linnet-supervisor --test lossless -- HUP               only rows whose name contains this
//!     cargo test … -- --repetitions 20 --requests 1000000 --rate 8000 --markdown FILE --json FILE
//!
//! `rows.rs` is the table; `tests/endurance` runs the long form. This test has its own `main`, since its rows run one
//! after another, print a line each, and take arguments, and since the load is this program in another process.
#![allow(clippy::unwrap_used, reason = "a trial that cannot go on should fail where it stands")]
#![allow(clippy::print_stdout, reason = "the results are what this program is for")]

mod census;
mod events;
mod fleet;
mod load;
mod options;
mod proxy;
mod report;
mod rows;
mod selfcheck;
#[path = "../support/mod.rs"]
mod support;
mod trial;

use std::process::ExitCode;
use std::time::Instant;

use options::Options;
use report::Result;
use rows::{Clients, ROWS, Row};
use support::linnet::leave_out;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    if let [command, plan] = arguments.as_slice()
        && command == "load"
    {
        load::driver::run(serde_json::from_str(plan).unwrap()).unwrap();
        return ExitCode::SUCCESS;
    }
    let options = match Options::parse(&arguments) {
        Ok(options) => options,
        Err(why) => {
            eprintln!("lossless: {why}");
            return ExitCode::from(2);
        }
    };
    let wanted = ROWS.iter().filter(|row| options.wants(row.name));
    if options.list {
        wanted.for_each(|row| println!("{}: test", row.name));
        return ExitCode::SUCCESS;
    }
    let is_possible = |row: &&Row| row.clients != Clients::ThroughProxy || proxy::is_installed();
    let (possible, left_out): (Vec<_>, Vec<_>) = wanted.partition(is_possible);
    selfcheck::run();
    println!("\n{}", report::HEAD);
    let results: Vec<_> = possible.into_iter().map(|row| run(row, &options)).collect();
    for row in left_out {
        let why = "haproxy is not installed (Debian: apt-get install haproxy)";
        leave_out(&format!("{}: {why}", row.name));
    }
    if let Err(error) = report::write(&results, &options) {
        eprintln!("lossless: cannot write the results: {error}");
        return ExitCode::FAILURE;
    }
    let failed = results.iter().filter(|result| !result.failures.is_empty()).count();
    println!("\nlossless: {} rows, {failed} failed\n", results.len());
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// One row: all its repetitions, then its line.
fn run(row: &Row, options: &Options) -> Result {
    let began = Instant::now();
    let mut result = Result::new(row.name);
    for repetition in 1..=options.repetitions {
        let quota = options.requests.div_ceil(options.repetitions);
        match std::panic::catch_unwind(|| trial::run(row, quota, options.rate)) {
            Ok(finding) => result.add(&finding),
            // The hook has told why.
            Err(_) => result.failures.push(format!("repetition {repetition} broke off")),
        }
    }
    result.judge(row, options.requests);
    result.seconds = began.elapsed().as_secs_f64();
    println!("{result}");
    result
}
