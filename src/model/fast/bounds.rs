//! What a text may cost: counted in steps of the engine, which nothing else on a machine can disturb. The benchmark
//! measures the same in time.

use std::path::Path;
use std::sync::LazyLock;

use proptest::prelude::*;

use super::super::artifact::Artifact;
use super::super::testing::Random;
use super::super::{ImageBuffer, Model, write_image};
use crate::text::work::spent;

fn artifact(model: &str) -> Artifact {
    Artifact::open(&Path::new(env!("CARGO_MANIFEST_DIR")).join(model)).unwrap()
}

const SHIPPED: &str = "artifacts/tagifai/1";

/// Steps a byte of some texts, one after the other, by a worker that has just started.
fn cost(model: &Model<'_>, texts: &[String]) -> f64 {
    let mut scratch = model.scratch();
    let steps = spent(|| texts.iter().for_each(|text| _ = model.decision(text, &mut scratch)));
    steps as f64 / texts.iter().map(String::len).sum::<usize>() as f64
}

/// Texts of words that never come twice: beginnings and ends of what the model knows.
fn unseen_texts(artifact: &Artifact, count: usize, words: usize) -> Vec<String> {
    let terms = artifact.vocabularies[0].terms().map(String::from_utf8_lossy);
    let parts: Vec<String> = terms
        .map(|term| term.replace(|c: char| !c.is_alphanumeric(), ""))
        .filter(|term| term.len() > 2)
        .collect();
    let mut random = Random(7);
    let mut part = || parts[random.below(parts.len())].clone();
    let mut word = |at: usize| format!("{}{at}{}", part(), part());
    (0..count)
        .map(|text| (0..words).map(|at| word(text * words + at)).collect::<Vec<_>>().join(" "))
        .collect()
}

#[test]
fn time_is_linear_in_the_text() {
    for name in [SHIPPED, "tests/golden/char/1", "tests/golden/char_wb/1", "tests/golden/word/1"] {
        let artifact = artifact(name);
        let image = write_image(&artifact).unwrap();
        let model = Model::from_image(image.as_bytes()).unwrap();
        let size: usize = if name == SHIPPED { 1 << 20 } else { 1 << 17 };
        let unseen = unseen_texts(&artifact, 1, size / 15).remove(0);
        let repeated = unseen[..5_000].repeat(size / 5_000);
        let same = ["a", "Σ\u{301}ẞ", " \t", "ΑΣ'"].map(|part| part.repeat((1 << 17) / part.len()));
        let kinds = [unseen, repeated].into_iter().chain(same);
        for whole in kinds {
            let end = |at: usize| whole.ceil_char_boundary(at.min(whole.len()));
            let cuts: Vec<usize> = (0..=whole.len() / 1_000).map(|kilobyte| end(kilobyte * 1_000)).collect();
            let pieces: Vec<String> = cuts.windows(2).map(|cut| whole[cut[0]..cut[1]].to_owned()).collect();
            let (short, long) = (cost(&model, &pieces), cost(&model, &[whole]));
            let start: String = pieces[0].chars().take(20).collect();
            assert!(long <= 1.3 * short, "{name}, {start:?}: {long} steps a byte, {short} in short texts");
        }
    }
}

/// Steps a byte of words that were never seen, on the shipped model: half of the texts cost less.
fn median_of_unseen(artifact: &Artifact, model: &Model<'_>) -> f64 {
    let mut costs: Vec<f64> =
        unseen_texts(artifact, 100, 20).into_iter().map(|text| cost(model, &[text])).collect();
    costs.sort_by(f64::total_cmp);
    costs[costs.len() / 2]
}

/// Texts that are made to cost much.
fn hostile_texts() -> Vec<Vec<String>> {
    // Words that are kept at their second occurrence and forgotten again, of the most that is kept.
    let long = |at: usize| {
        format!(
            "{}{at:06}",
            "machinelearningtransformerslanguageprocessingconvolution".get(..58).unwrap_or_default()
        )
    };
    let learned: Vec<String> = (0..6_000).map(|at| format!("{0} {0}", long(at))).collect();
    let kinds = [
        "machinelearning",
        "a",
        "ab ",
        "learning ",
        "Σ",
        "ΑΣ'",
        "İ",
        "ẞ",
        "e\u{301}",
        "\u{1ab0}",
        " ",
        "\t\u{a0}",
        "http",
        "the ",
        "don't ",
        "the_",
        "_",
        "²",
        "日本",
        "\u{ff}\0",
        "...",
        "x http",
    ];
    let repeated = kinds.iter().map(|kind| vec![kind.repeat(30_000 / kind.len())]);
    repeated.chain([learned, vec!["s".repeat(65) + " "; 200]]).collect()
}

#[test]
fn no_byte_costs_more_than_twenty_of_never_seen_words() {
    let artifact = artifact(SHIPPED);
    let image = write_image(&artifact).unwrap();
    let model = Model::from_image(image.as_bytes()).unwrap();
    let median = median_of_unseen(&artifact, &model);
    for texts in hostile_texts() {
        let worst = cost(&model, &texts);
        let start: String = texts[0].chars().take(20).collect();
        assert!(worst <= 20.0 * median, "{start:?}…: {worst} steps a byte, the median is {median}");
    }
}

/// The shipped model, and the median of its costs.
static ARTIFACT: LazyLock<Artifact> = LazyLock::new(|| artifact(SHIPPED));
static IMAGE: LazyLock<ImageBuffer> = LazyLock::new(|| write_image(&ARTIFACT).unwrap());
static MEDIAN: LazyLock<f64> =
    LazyLock::new(|| median_of_unseen(&ARTIFACT, &Model::from_image(IMAGE.as_bytes()).unwrap()));

proptest! {
    #[test]
    fn no_text_costs_more_than_twenty_of_never_seen_words(
        text in "(\\PC{1,3}|[a-z]{1,9}|learning|[ \t_'.-]|Σ|\u{301}|http){1,60}", times in 1..50_usize,
    ) {
        let model = Model::from_image(IMAGE.as_bytes()).unwrap();
        prop_assert!(cost(&model, &[text.repeat(times)]) <= 20.0 * *MEDIAN);
    }
}

#[test]
fn words_that_never_come_again_cost_little_more_than_without_a_cache() {
    let artifact = artifact(SHIPPED);
    let image = write_image(&artifact).unwrap();
    let model = Model::from_image(image.as_bytes()).unwrap();
    let texts = unseen_texts(&artifact, 1_000, 20);
    let steps = |is_on: bool| {
        let mut scratch = model.scratch();
        if !is_on {
            scratch.turn_word_cache_off();
        }
        let steps = spent(|| texts.iter().for_each(|text| _ = model.decision(text, &mut scratch)));
        (steps as f64, scratch.word_cache_hits())
    };
    let ((with, (hits, lookups)), (without, _)) = (steps(true), steps(false));
    assert!(with <= 1.02 * without, "{with} steps, {without} without the cache");
    // At first all words are looked up, then an eighth of them.
    assert!(hits == 0 && lookups < 20_000 / 4, "{hits} of {lookups}");
}

#[test]
fn the_cache_is_back_when_words_come_again() {
    let artifact = artifact(SHIPPED);
    let image = write_image(&artifact).unwrap();
    let model = Model::from_image(image.as_bytes()).unwrap();
    let mut scratch = model.scratch();
    let mut read = |texts: &[String]| {
        let before = scratch.word_cache_hits();
        for text in texts {
            model.decision(text, &mut scratch);
        }
        let after = scratch.word_cache_hits();
        (after.0 - before.0, after.1 - before.1)
    };
    read(&unseen_texts(&artifact, 1_000, 20));
    let again = vec!["transfer learning with transformers for text classification".to_owned(); 2_000];
    read(&again);
    assert_eq!(read(&again[..100]), (500, 500));
}
