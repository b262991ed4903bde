//! The arguments.

use std::path::PathBuf;

/// What to run.
#[derive(Debug)]
pub(crate) struct Options {
    /// Of each row.
    pub(crate) repetitions: u64,
    /// At least so many in a row, all repetitions together.
    pub(crate) requests: u64,
    /// Requests due a second; none: as fast as they are answered.
    pub(crate) rate: Option<u32>,
    pub(crate) markdown: Option<PathBuf>,
    pub(crate) json: Option<PathBuf>,
    /// Only say which rows there are, as cargo's own harness does.
    pub(crate) list: bool,
    /// Rows whose names contain one of these; all if there are none.
    filters: Vec<String>,
    /// Of those, only rows whose names contain all of these…
    only: Vec<String>,
    /// … and none of these.
    skipped: Vec<String>,
}

impl Options {
    /// Reads them; those of cargo's own harness that change nothing here are passed over, so that
    /// `cargo test -- --nocapture` reaches this test, too.
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut options = Self {
            repetitions: 1,
            requests: 20_000,
            rate: None,
            markdown: None,
            json: None,
            list: false,
            filters: Vec::new(),
            only: Vec::new(),
            skipped: Vec::new(),
        };
        let mut arguments = arguments.iter();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().cloned().ok_or(format!("{argument} wants a value"));
            match argument.as_str() {
                "--repetitions" => options.repetitions = number(argument, &value()?)?,
                "--requests" => options.requests = number(argument, &value()?)?,
                "--rate" => options.rate = Some(number(argument, &value()?)?),
                "--markdown" => options.markdown = Some(value()?.into()),
                "--json" => options.json = Some(value()?.into()),
                "--only" => options.only.push(value()?),
                "--skip" => options.skipped.push(value()?),
                "--list" => options.list = true,
                "--nocapture" | "--no-capture" | "--show-output" | "--quiet" | "-q" | "--exact" => {}
                "--test-threads" | "--format" | "--color" => drop(value()?),
                _ if argument.starts_with("--test-threads=") => {}
                _ if argument.starts_with('-') => return Err(format!("{argument}: unknown argument")),
                _ => options.filters.push(argument.clone()),
            }
        }
        Ok(options)
    }

    /// Whether the row with this name is asked for.
    pub(crate) fn wants(&self, name: &str) -> bool {
        let is_named = |text: &String| name.contains(text.as_str());
        (self.filters.is_empty() || self.filters.iter().any(is_named))
            && self.only.iter().all(is_named)
            && !self.skipped.iter().any(is_named)
    }
}

fn number<N: std::str::FromStr + PartialOrd + From<u8>>(name: &str, text: &str) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    number.ok_or(format!("{name} wants a number from 1 on, not {text:?}"))
}
