//! Who does the work: one thread reads, several predict, the caller's writes in order.
//!
//! A fixed number of blocks goes round: reader → any worker → writer → reader. So memory is bounded, the reader waits
//! when the others are behind, and what comes out of turn waits for its turn in a ring of just so many places.
//!
//! Nobody waits for a thread at the end. The reader may be in a read that never returns, and when nobody wants the answers
//! any more the process must end all the same; a thread that finds its channel closed ends, too.

use std::io::{self, Read, Write};
use std::num::NonZeroUsize;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;

use super::block::{Block, Bounds, Summary};
use super::block_reader::{BlockReader, Filled};
use super::line::LineReader;
use super::progress::Progress;

/// What the writer is told.
enum Report {
    /// A block has been answered.
    Answered(Block),
    /// The input has ended, or could not be read any further, after so many blocks.
    Ended(u64, io::Result<()>),
    /// A thread has panicked, and a block may be gone with it.
    Panicked,
}

/// Answers each line of `input` on `output`, in order, with `threads` predictors that `make` makes, each in its thread.
///
/// A predictor appends one JSON object, without line end, for a text. A bad line is answered with `{"error": "…"}`, and
/// `errors` gives its number. An `Err` is a failure to read or write; a reader that has gone away (`linnet predict |
/// head`) is none.
pub(super) fn run<P: FnMut(&str, &mut Vec<u8>)>(
    input: impl Read + Send + 'static,
    output: &mut impl Write,
    errors: &mut impl Write,
    make: impl Fn() -> P + Clone + Send + 'static,
    (threads, bounds): (NonZeroUsize, Bounds),
    progress: &Progress,
) -> io::Result<Summary> {
    // Each worker has a block in hand and one that waits; one is being read, and one written.
    let blocks = 2 * threads.get() + 2;
    let (free, free_blocks) = channel();
    let (filled, filled_blocks) = channel();
    let (report, reports) = channel();
    for _ in 0..blocks {
        let _ = free.send(Block::default()); // the receiver stands above
    }
    let filled_blocks = Arc::new(Mutex::new(filled_blocks));
    for at in 0..threads.get() {
        let (queue, alarm, make) = (filled_blocks.clone(), Alarm(report.clone()), make.clone());
        spawn(format!("predict-{at}"), move || work(&queue, &alarm, &bounds, make()))?;
    }
    let alarm = Alarm(report);
    spawn("predict-read".to_owned(), move || {
        let mut reader = BlockReader::new(input, bounds);
        let outcome = read(&mut reader, bounds, blocks, &free_blocks, &filled);
        let _ = alarm.0.send(Report::Ended(reader.blocks(), outcome));
    })?;
    write(&reports, &free, blocks, bounds, output, errors, progress)
}

fn spawn(name: String, body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let started = thread::Builder::new().name(name).spawn(body).map(drop);
    started.map_err(|error| io::Error::new(error.kind(), format!("cannot start another thread: {error}")))
}

/// Tells the writer if its thread panics: what that thread had in hand will never come.
struct Alarm(Sender<Report>);

impl Drop for Alarm {
    fn drop(&mut self) {
        if thread::panicking() {
            let _ = self.0.send(Report::Panicked);
        }
    }
}

/// Fills free blocks until the input ends, or until nobody takes them any more.
fn read(
    reader: &mut BlockReader<impl Read>,
    bounds: Bounds,
    blocks: usize,
    free: &Receiver<Block>,
    filled: &Sender<Block>,
) -> io::Result<()> {
    let mut spare: Vec<Block> = Vec::with_capacity(blocks);
    while let Some(mut block) = spare.pop().or_else(|| free.recv().ok()) {
        let mut outcome = reader.fill(&mut block, bounds.block_bytes)?;
        if outcome == Filled::Full {
            // A line longer than a block. Memory is bounded by one such line, so it waits until all else is written.
            while spare.len() + 1 < blocks {
                let Ok(other) = free.recv() else { return Ok(()) };
                spare.push(other);
            }
            outcome = reader.fill(&mut block, reader.room_max())?;
        }
        if outcome == Filled::End || filled.send(block).is_err() {
            break;
        }
    }
    Ok(())
}

/// Answers blocks until there are no more.
fn work(
    queue: &Mutex<Receiver<Block>>,
    reports: &Alarm,
    bounds: &Bounds,
    mut predict: impl FnMut(&str, &mut Vec<u8>),
) {
    let mut reader = LineReader::new();
    let next = || queue.lock().ok()?.recv().ok();
    while let Some(mut block) = next() {
        block.answer(&mut reader, bounds, &mut predict);
        if reports.0.send(Report::Answered(block)).is_err() {
            break;
        }
    }
}

/// Writes answers in order until the last one, or until nobody reads them.
fn write(
    reports: &Receiver<Report>,
    free: &Sender<Block>,
    blocks: usize,
    bounds: Bounds,
    output: &mut impl Write,
    errors: &mut impl Write,
    progress: &Progress,
) -> io::Result<Summary> {
    let mut summary = Summary::default();
    let mut waiting: Vec<Option<Block>> = (0..blocks).map(|_| None).collect();
    let (mut written, mut last, mut outcome) = (0, None, Ok(()));
    while last != Some(written) {
        match reports.recv() {
            // Fewer blocks are under way than there are places, so no two want the same.
            Ok(Report::Answered(block)) => {
                let place = block.number as usize % blocks;
                waiting[place] = Some(block);
            }
            Ok(Report::Ended(count, ended)) => (last, outcome) = (Some(count), ended),
            Ok(Report::Panicked) | Err(_) => return Err(io::Error::other("a thread has panicked")),
        }
        while let Some(mut block) = waiting[written as usize % blocks].take() {
            if !block.complaints.is_empty() {
                // A closed standard error must not end the work.
                progress.aside(|| drop(errors.write_all(&block.complaints)));
            }
            if reader_is_gone(output.write_all(&block.answers).and_then(|()| output.flush()))? {
                return Ok(summary);
            }
            summary += block.summary;
            written += 1;
            progress.advance(block.length, summary.lines);
            block.clear(&bounds);
            let _ = free.send(block); // a reader that has come to the end needs none
        }
    }
    outcome.map(|()| summary)
}

/// True if the write failed because nobody reads any more.
fn reader_is_gone(written: io::Result<()>) -> io::Result<bool> {
    match written {
        Ok(()) => Ok(false),
        Err(e) if e.kind() == io::ErrorKind::BrokenPipe => Ok(true),
        Err(e) => Err(e),
    }
}

#[cfg(test)]
mod tests;
