//! The engine against the plain reference, in one run, turn by turn, so that a noisy machine disturbs both alike.
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

use std::hint::black_box;
use std::os::fd::AsFd as _;
use std::time::Instant;

use nix::time::{ClockId, clock_gettime};

use linnet::model::artifact::Artifact;
use linnet::model::plain::PlainModel;
use linnet::model::{Model, write_image};
use linnet::process::image_file::{map_image, map_to_write};
use linnet::process::shared_memory::{memory_file, seal};

use self::corpus::Corpus;

/// What is read before the clock runs, and what while it runs.
struct Scenario {
    name: &'static str,
    model: fn() -> Artifact,
    warm: Vec<String>,
    /// One set of texts a turn; the next turn takes the next one.
    timed: Vec<Vec<String>>,
    /// How often the set is read in a turn. The engines use the processor's caches in turn, as no server would.
    repeated: usize,
    /// Whether each turn starts with an empty word cache.
    afresh: bool,
}

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
    println!("{:<34} {:>10} {:>10} {:>7}", "scenario", "fast MB/s", "plain MB/s", "ratio");
    for scenario in scenarios(&corpus, &options.name) {
        run(&scenario, &options);
    }
}

fn scenarios(corpus: &Corpus, name: &str) -> Vec<Scenario> {
    let Corpus { raw, cleaned, .. } = corpus;
    let unseen = "cleaned, never-seen words".contains(name);
    let unseen = if unseen { corpus.never_seen(60) } else { Vec::new() };
    let unseen = unseen.chunks(5).map(<[_]>::concat).collect();
    let (first, second) = cleaned.split_at(cleaned.len() / 2);
    let halves = |texts: &[String]| (texts[..texts.len() / 2].to_vec(), texts[texts.len() / 2..].to_vec());
    let (raw_first, raw_second) = halves(raw);
    let middle = |name, model| Scenario {
        name,
        model,
        warm: first.to_vec(),
        timed: vec![second.to_vec()],
        repeated: 1,
        afresh: true,
    };
    let seen = |name, model, texts: Vec<String>| Scenario {
        name,
        model,
        warm: [&texts[..], &texts[..]].concat(),
        timed: vec![texts],
        repeated: 6,
        afresh: false,
    };
    let mut all = vec![
        seen("cleaned, seen words", models::shipped_without_cleaner, cleaned.clone()),
        middle("cleaned, honest middle", models::shipped_without_cleaner),
        Scenario {
            name: "cleaned, never-seen words",
            model: models::shipped_without_cleaner,
            warm: first.to_vec(),
            timed: unseen,
            repeated: 1,
            afresh: false,
        },
        seen("raw, seen words", models::shipped, raw.clone()),
        Scenario {
            name: "raw, honest middle",
            model: models::shipped,
            warm: raw_first,
            timed: vec![raw_second],
            repeated: 1,
            afresh: true,
        },
        middle("cleaned, honest middle, 50 classes", || models::shipped_with_classes(50)),
        middle("cleaned, honest middle, 300 classes", || models::shipped_with_classes(300)),
        middle("300 classes, 90 % of weights 0", || {
            models::mostly_zero(models::shipped_with_classes(300), 90)
        }),
        middle("300 classes, 99 % of weights 0", || {
            models::mostly_zero(models::shipped_with_classes(300), 99)
        }),
        seen("cleaned, 1 kB texts", models::shipped_without_cleaner, corpus.joined(1 << 10, 256)),
        seen("cleaned, 1 MB texts", models::shipped_without_cleaner, corpus.joined(1 << 20, 2)),
        seen("hostile, aaaa…", models::shipped_without_cleaner, vec!["a".repeat(1 << 16)]),
        seen("char analyzer", || models::shipped_as("char"), cleaned.clone()),
    ];
    if name.contains("large") {
        let words = models::large_words();
        let texts = corpus::zipf_texts(&words[..60_000], 4000);
        let (warm, timed) = halves(&texts);
        let model = || models::large(50);
        let name = "large, 1 M × 50, honest middle";
        all.push(Scenario { name, model, warm, timed: vec![timed], repeated: 1, afresh: true });
    }
    all.retain(|scenario| scenario.name.contains(name));
    all
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
fn timed_pass(texts: &[String], repeated: usize, mut predict: impl FnMut(&str)) -> f64 {
    let start = cpu_seconds();
    for _ in 0..repeated {
        for text in texts {
            predict(text);
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
    let plain = PlainModel::new(&artifact).expect("the model is sound");
    let (mut scratch, mut plain_scratch) = (model.scratch(), plain.scratch());
    let (mut probabilities, mut decision) = (Vec::new(), Vec::new());
    let (mut fast_rates, mut plain_rates, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    let runs = |engine: &str| options.only.as_deref().is_none_or(|only| only == engine);
    let (outcome, mut labels) = (model.outcome(), Vec::new());
    // A set that comes a second time would not be new any more.
    let most = if scenario.timed.len() > 1 { scenario.timed.len() } else { usize::MAX };
    for pass in 0..options.passes.min(most) {
        let texts = &scenario.timed[pass % scenario.timed.len()];
        let bytes = (texts.iter().map(String::len).sum::<usize>() * scenario.repeated) as f64 / 1e6;
        if scenario.afresh {
            scratch = model.scratch();
        }
        if scenario.afresh || pass == 0 {
            for text in &scenario.warm {
                black_box(model.decision(text, &mut scratch));
            }
        }
        let mut both = [f64::NAN; 2];
        if runs("fast") {
            both[0] = timed_pass(texts, scenario.repeated, |text| {
                let decision = model.decision(text, &mut scratch);
                outcome.labels(decision, &mut probabilities, &mut labels);
                outcome.probabilities(decision, &mut probabilities);
                black_box((&labels, &probabilities));
            });
        }
        if runs("plain") {
            if scenario.afresh {
                for text in &scenario.warm {
                    plain.decision(text, &mut plain_scratch, &mut decision);
                }
            }
            both[1] = timed_pass(texts, scenario.repeated, |text| {
                plain.decision(text, &mut plain_scratch, &mut decision);
                outcome.labels(&decision, &mut probabilities, &mut labels);
                outcome.probabilities(&decision, &mut probabilities);
                black_box((&labels, &probabilities));
            });
        }
        fast_rates.push(bytes / both[0]);
        plain_rates.push(bytes / both[1]);
        ratios.push(both[1] / both[0]);
    }
    let [fast, plain, ratio] = [fast_rates, plain_rates, ratios].map(median);
    println!("{:<34} {fast:>10.1} {plain:>10.1} {ratio:>7.2}", scenario.name);
    if scenario.name.starts_with("large") {
        println!("    image built and opened in {built:.2?}: {} MB", image.len() / 1_000_000);
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
