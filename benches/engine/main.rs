//! The engine against the plain reference, in one run, turn by turn, so that a noisy machine disturbs both alike. Two
//! scenarios set it against itself instead: without its word cache, and on words that it has never seen.
//!
//!     cargo bench --bench engine [-- [NAME] [--passes N] [--only fast|plain]]
//!
//! NAME picks the scenarios whose name contains it; `large` ones (1,000,000 features) run only when they are named.
//! `--only` runs one engine alone, for a tool that counts instructions:
//! `valgrind --tool=callgrind --toggle-collect='*timed_pass*' target/release/deps/engine-… seen --only fast --passes 3`.
//!
//! The texts are those of `projects.csv` in the folder that `LINNET_DATA` names; without it, texts of the same kind are
//! put together from the shipped model's own words, and the output says so.

#![allow(clippy::print_stdout, reason = "a benchmark talks on standard output")]

mod corpus;
mod models;
mod scenarios;

use std::hint::black_box;
use std::os::fd::AsFd as _;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};

use linnet::model::plain::{PlainModel, PlainScratch};
use linnet::model::probability::Outcome;
use linnet::model::{Model, Scratch, write_image};
use linnet::process::image_file::{map_image, map_to_write};
use linnet::process::shared_memory::{memory_file, seal};

use self::corpus::Corpus;
use self::scenarios::{Against, Scenario, scenarios};

struct Options {
    name: String,
    passes: usize,
    only: Option<String>,
}

fn options() -> Options {
    let mut options = Options { name: String::new(), passes: 21, only: None };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--bench" => {}
            "--passes" => {
                options.passes = arguments.next().and_then(|n| n.parse().ok()).expect("--passes N");
            }
            "--only" => options.only = arguments.next(),
            name => name.clone_into(&mut options.name),
        }
    }
    options
}

fn main() {
    let options = options();
    let corpus = Corpus::load();
    println!("texts: {}", corpus.source);
    println!("{:<42} {:>9} {:>10} {:>7}", "scenario", "fast MB/s", "other MB/s", "ratio");
    for scenario in scenarios(&corpus, &options.name) {
        run(&scenario, &options);
    }
}

/// An image in a memory file, as workers have it: a large one in huge pages.
fn as_served(image: &[u8]) -> std::io::Result<&'static [u8]> {
    let file = memory_file("linnet-model")?;
    map_to_write(file.as_fd(), image.len())?.copy_from_slice(image);
    seal(file.as_fd())?;
    map_image(&file)
}

/// One pass over some texts. Not inlined, so that a profiler can be told to count nothing else.
#[inline(never)]
fn timed_pass(texts: &[String], repeated: usize, engine: &mut dyn Engine) -> f64 {
    let start = cpu_seconds();
    for _ in 0..repeated {
        for text in texts {
            engine.predict(text);
        }
    }
    cpu_seconds() - start
}

/// What this thread has used of a core: others on the machine take turns without it.
fn cpu_seconds() -> f64 {
    let used = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    used.tv_sec() as f64 + used.tv_nsec() as f64 / 1e9
}

fn run(scenario: &Scenario, options: &Options) {
    let artifact = (scenario.model)();
    let built = Instant::now();
    let image = write_image(&artifact).expect("the model is sound");
    let image = as_served(image.as_bytes()).expect("the machine has room for it");
    let model = Model::from_image(image).expect("the image is sound");
    let built = built.elapsed();
    let mut engine = Fast { model: &model, scratch: model.scratch(), answer: Answer::default() };
    let mut other: Box<dyn Engine> = match &scenario.against {
        Against::Plain => {
            let model = PlainModel::new(&artifact).expect("the model is sound");
            let scratch = model.scratch();
            Box::new(Plain { model, scratch, outcome: engine.model.outcome(), answer: Answer::default() })
        }
        Against::WithoutCache => {
            let mut other = Fast { model: &model, scratch: model.scratch(), answer: Answer::default() };
            other.scratch.turn_word_cache_off();
            Box::new(other)
        }
        Against::Texts(_) => {
            Box::new(Fast { model: &model, scratch: model.scratch(), answer: Answer::default() })
        }
    };
    let (mut rates, mut other_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let runs = |engine: &str| options.only.as_deref().is_none_or(|only| only == engine);
    // A set that comes a second time would not be new any more.
    let most = if scenario.timed.len() > 1 { scenario.timed.len() } else { usize::MAX };
    for pass in 0..options.passes.min(most) {
        let texts = &scenario.timed[pass % scenario.timed.len()];
        let other_texts = match &scenario.against {
            Against::Texts(sets) => &sets[pass % sets.len()],
            _ => texts,
        };
        let is_first = scenario.afresh || pass == 0;
        let own = if runs("fast") { rate(&mut engine, scenario, texts, is_first) } else { f64::NAN };
        let others =
            if runs("plain") { rate(&mut *other, scenario, other_texts, is_first) } else { f64::NAN };
        rates.push(own);
        other_rates.push(others);
        ratios.push(own / others);
    }
    let [fast, other, ratio] = [rates, other_rates, ratios].map(median);
    println!("{:<42} {fast:>9.1} {other:>10.1} {ratio:>7.2}", scenario.name);
    if scenario.name.starts_with("large") {
        println!("    image built and opened in {built:.2?}: {} MB", image.len() / 1_000_000);
    }
}

/// MB/s of an engine over some texts, after what it is to read before.
fn rate(engine: &mut dyn Engine, scenario: &Scenario, texts: &[String], is_first: bool) -> f64 {
    if scenario.afresh {
        engine.forget();
    }
    if is_first {
        scenario.warm.iter().for_each(|text| engine.predict(text));
    }
    let bytes = texts.iter().map(String::len).sum::<usize>() * scenario.repeated;
    bytes as f64 / 1e6 / timed_pass(texts, scenario.repeated, engine)
}

/// What is measured.
trait Engine {
    /// Label and probabilities of a text.
    fn predict(&mut self, text: &str);
    /// Forgets what it has kept of texts.
    fn forget(&mut self) {}
}

struct Fast<'m> {
    model: &'m Model<'m>,
    scratch: Scratch,
    answer: Answer,
}

impl Engine for Fast<'_> {
    fn predict(&mut self, text: &str) {
        let decision = self.model.decision(text, &mut self.scratch);
        self.answer.give(self.model.outcome(), decision);
    }

    fn forget(&mut self) {
        self.scratch = self.model.scratch();
    }
}

struct Plain<'m> {
    model: PlainModel<'m>,
    scratch: PlainScratch,
    outcome: Outcome<'m>,
    answer: Answer,
}

impl Engine for Plain<'_> {
    fn predict(&mut self, text: &str) {
        let mut decision = std::mem::take(&mut self.answer.decision);
        self.model.decision(text, &mut self.scratch, &mut decision);
        self.answer.give(self.outcome, &decision);
        self.answer.decision = decision;
    }
}

/// Buffers of an answer.
#[derive(Default)]
struct Answer {
    decision: Vec<f64>,
    labels: Vec<usize>,
    probabilities: Vec<f64>,
}

impl Answer {
    fn give(&mut self, outcome: Outcome<'_>, decision: &[f64]) {
        outcome.labels(decision, &mut self.probabilities, &mut self.labels);
        outcome.probabilities(decision, &mut self.probabilities);
        black_box((&self.labels, &self.probabilities));
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
