//! The fast engine against the plain one.

use proptest::prelude::*;

use super::super::artifact::Artifact;
use super::super::image::Image;
use super::super::plain::PlainModel;
use super::super::score::lanes;
use super::super::testing::{CHARACTERS, Recipe, recipes, texts};
use super::super::{Model, write_image};
use super::{FastVectorizer, Processor};

/// Scores `texts` with both engines, each engine's buffers kept from text to text, and compares.
fn assert_same(artifact: &Artifact, texts: &[String]) {
    let image = write_image(artifact).unwrap();
    let model = Model::from_image(image.as_bytes()).unwrap();
    let plain = PlainModel::new(artifact).unwrap();
    let (mut scratch, mut plain_scratch) = (model.scratch(), plain.scratch());
    let mut expected = Vec::new();
    let rows = artifact.intercepts.len();
    let weights = artifact.weights.by_column(rows).unwrap();
    for text in texts {
        plain.decision(text, &mut plain_scratch, &mut expected);
        let found = model.decision(text, &mut scratch);
        assert_eq!(found.len(), expected.len());
        for (row, (found, expected)) in found.iter().zip(&expected).enumerate() {
            // All weights of a row bound Σ|wᵢxᵢ| from above where the vector is normed; texts are short elsewhere.
            let weights = weights.iter().skip(row).step_by(rows);
            let most: f64 = weights.map(|weight| weight.abs()).sum();
            let allowed = 1e-9 * most.clamp(1.0, 10.0);
            assert!((found - expected).abs() <= allowed, "row {row} of {text:?}: {found}, plain {expected}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn scores_are_those_of_the_plain_model(recipe in recipes(), texts in prop::collection::vec(texts(), 1..8)) {
        // Each text comes three times, so that its words are new, then seen again, then known.
        assert_same(&recipe.artifact(), &[&texts[..], &texts[..], &texts[..]].concat());
    }
}

/// A vocabulary of all n-grams of some words.
fn recipe_of(words: &[&str], (min, max): (usize, usize), analyzer: &'static str) -> Recipe {
    let mut terms = std::collections::BTreeSet::new();
    for word in words {
        if analyzer == "word" {
            terms.insert((*word).to_owned());
            continue;
        }
        let characters: Vec<char> = format!(" {word} ").chars().collect();
        for n in min..=max {
            terms.extend(characters.windows(n).map(|window| window.iter().collect::<String>()));
        }
    }
    let terms = terms.into_iter().collect();
    Recipe {
        analyzer,
        ngram_range: (min, max),
        binary: false,
        sublinear_tf: false,
        norm: Some("l2"),
        idf: true,
        lowercase: true,
        rows: 4,
        terms,
    }
}

#[test]
fn long_and_repetitive_texts_are_scored_exactly() {
    let words = ["aaaaaaaaaa", "abababababab", "learning", "machine", "machines", "neural", "日本語の本"];
    let range = |analyzer| if analyzer == "word" { (1, 1) } else { (2, 8) };
    for (analyzer, sublinear_tf) in [("char", false), ("char_wb", false), ("char_wb", true), ("word", false)]
    {
        let recipe = Recipe { sublinear_tf, ..recipe_of(&words, range(analyzer), analyzer) };
        let texts = [
            "a".repeat(5000),
            "ab".repeat(5000),
            "a ".repeat(5000),
            "learning machines ".repeat(700),
            format!("{} learning {}", "machine".repeat(9), "learning".repeat(12)),
            words.join(" "),
            words.join(" \t\n "),
            "日本語の本の日本".repeat(30),
            String::new(),
        ];
        assert_same(&recipe.artifact(), &[&texts[..], &texts[..], &texts[..]].concat());
    }
}

#[test]
fn a_vocabulary_of_which_nothing_can_occur_scores_the_intercept() {
    let mut recipe = recipe_of(&["abc"], (2, 3), "char_wb");
    recipe.ngram_range = (7, 8);
    assert_same(&recipe.artifact(), &["abc".into(), "ab".into(), String::new()]);
}

#[test]
fn every_compilation_sums_to_the_same_bits() {
    for rows in [1, 3, 4, 7, 50] {
        let recipe = Recipe { rows, ..recipe_of(&["learning", "machines", "neural"], (2, 8), "char_wb") };
        let artifact = recipe.artifact();
        let image = write_image(&artifact).unwrap();
        let sections = Image::open(image.as_bytes()).unwrap();
        let settings = &artifact.vocabularies[0].settings;
        let mut vectorizer = FastVectorizer::from_image(sections, 0, settings, lanes(rows)).unwrap();
        let mut sum = |processor: Processor| {
            vectorizer.processor = processor;
            let (mut scratch, mut sums) = (vectorizer.scratch(), Vec::new());
            let mut bits = Vec::new();
            for text in
                ["learning machines", "learning", "learn neural learning machine", "é learning neural"]
            {
                bits.push(vectorizer.sum(CHARACTERS.view(), text, &mut scratch, &mut sums).to_bits());
                bits.extend(sums.iter().map(|sum| sum.to_bits()));
            }
            bits
        };
        assert_eq!(sum(Processor::detect()), sum(Processor::Portable), "{rows} rows");
    }
}
