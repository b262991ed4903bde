//! `linnet predict`: one JSON object a line in, one a line out, in order.
//!
//! Standard input → blocks of whole lines (`block_reader.rs`) → their texts (`line.rs`) → answers (`block.rs`) → standard
//! output. `threads.rs` has the threads that do it, `progress.rs` tells a person how far they are.

mod block;
mod block_reader;
mod line;
mod progress;
mod threads;

use std::io::{self, Write};
use std::num::NonZeroUsize;
use std::path::Path;
use std::process::ExitCode;

use linnet::config::usable_cpus;
use linnet::model::{self, Model};
use linnet::pipeline::Pipeline;

use self::block::{Bounds, Summary};
use self::progress::Progress;
use crate::cli::PredictArgs;

/// Longest line, in bytes: HTTP's limits do not hold here, but memory has an end. A longer line is a bad line.
const LINE_BYTES: usize = 64 << 20;

/// Bytes read at once: small enough for a processor's cache, large enough that threads seldom wait for each other.
const BLOCK_BYTES: usize = 128 << 10;

/// About how many bytes the answers to one block may have.
const ANSWERS_BYTES: usize = 4 << 20;

/// `linnet predict`: standard input to standard output. Exit status 1 if the model cannot be used, if a line was bad,
/// or if reading or writing failed.
pub(crate) fn command(args: &PredictArgs) -> ExitCode {
    let threads = args.threads.unwrap_or_else(usable_cpus);
    match predict_all(&args.model, threads) {
        Ok(Summary { bad: 0, .. }) => ExitCode::SUCCESS,
        Ok(_) => ExitCode::FAILURE,
        Err(reason) => {
            let _ = writeln!(io::stderr(), "{reason}");
            ExitCode::FAILURE
        }
    }
}

fn predict_all(directory: &Path, threads: NonZeroUsize) -> Result<Summary, String> {
    let image = model::build_image(directory).map_err(|error| error.to_string())?;
    // All threads read it, and nobody waits for them at the end: it lives as long as the process.
    let image: &'static [u8] = Box::leak(Box::new(image)).as_bytes();
    let open = move || Model::from_image(image);
    let longest = Pipeline::new(open().map_err(|defect| defect.of(directory).to_string())?).line_bytes_max();
    let bounds = Bounds {
        line_bytes: LINE_BYTES,
        block_bytes: BLOCK_BYTES,
        block_lines: (ANSWERS_BYTES / longest).max(1),
    };
    let make = move || {
        let mut pipeline = Pipeline::new(open().expect("the same image has been opened before"));
        move |text: &str, answer: &mut Vec<u8>| pipeline.predict_line(text, answer)
    };
    let progress = Progress::of_standard_streams();
    let (mut output, mut errors) = (io::stdout().lock(), io::stderr());
    let done = threads::run(io::stdin(), &mut output, &mut errors, make, (threads, bounds), &progress);
    progress.finish();
    done.map_err(|error| format!("linnet predict: {error}"))
}
