//! Artifacts made in memory, for tests that need a model but no files.

use std::sync::LazyLock;

use proptest::prelude::*;
use serde_json::json;

use super::artifact::{Artifact, Vocabulary, Weights};
use super::manifest::Manifest;
use crate::text::characters::{CharacterTables, rust_tables};

/// Made once: it takes longer than most tests.
pub(crate) static CHARACTERS: LazyLock<CharacterTables> = LazyLock::new(rust_tables);

/// A small generator of pseudo-random numbers (xorshift), so that every run has the same texts.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// A number below `bound`.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) as usize % bound
    }
}

/// What a test model is made of.
#[expect(clippy::struct_excessive_bools, reason = "they are scikit-learn's parameters, one by one")]
#[derive(Clone, Debug)]
pub(crate) struct Recipe {
    /// `char`, `char_wb` or `word`.
    pub(crate) analyzer: &'static str,
    /// Smallest and largest n.
    pub(crate) ngram_range: (usize, usize),
    /// Whether counts above 1 become 1.
    pub(crate) binary: bool,
    /// Whether a count becomes 1 plus its logarithm.
    pub(crate) sublinear_tf: bool,
    /// `l1`, `l2` or none.
    pub(crate) norm: Option<&'static str>,
    /// Whether there are inverse document frequencies.
    pub(crate) idf: bool,
    /// Whether the vectorizer lowers the text.
    pub(crate) lowercase: bool,
    /// Number of decision values: 1, or at least 3.
    pub(crate) rows: usize,
    /// The vocabulary, in column order; none twice.
    pub(crate) terms: Vec<String>,
}

impl Recipe {
    /// The artifact, with weights and inverse document frequencies that are different for every feature.
    pub(crate) fn artifact(&self) -> Artifact {
        let classes: Vec<usize> = (0..self.rows.max(2)).collect();
        let manifest = json!({
            "format": "linnet", "format_version": 1, "name": "test", "version": "1", "files": {},
            "pipeline": {
                "cleaner": null,
                "vectorizers": [{
                    "kind": "vocabulary", "analyzer": self.analyzer, "ngram_range": self.ngram_range,
                    "lowercase": self.lowercase,
                    "token_pattern": (self.analyzer == "word").then_some(r"(?u)\b\w+\b"),
                    "binary": self.binary, "sublinear_tf": self.sublinear_tf, "idf": self.idf, "norm": self.norm,
                    "features": self.terms.len(),
                }],
                "classifier": {"kind": "linear", "rows": self.rows, "probability": null},
                "classes": classes,
            },
            "probes": {"tolerance": 1e-9, "texts": [
                {"text": "", "decision": vec![0.5; self.rows], "label": 0, "probabilities": null}
            ]},
        });
        let manifest_bytes = manifest.to_string().into_bytes();
        let manifest = Manifest::parse(&manifest_bytes).unwrap();
        let settings = manifest.pipeline.vectorizers[0].settings();
        let mut end = 0;
        let ends = self.terms.iter().map(|term| {
            end += term.len() as u32;
            end
        });
        // Any numbers that do not repeat: the fractional parts of multiples of irrational ones.
        let spread = |at: usize, step: f64| (at as f64 * step).fract();
        let vocabulary = Vocabulary {
            settings: settings.clone(),
            pattern: None,
            scales: Vec::new(),
            ends: ends.collect(),
            terms: self.terms.concat().into_bytes(),
            idf: self
                .idf
                .then(|| (0..self.terms.len()).map(|at| 1.0 + 5.0 * spread(at, 0.618_034)).collect()),
        };
        Artifact {
            weights: Weights::dense(
                self.terms.len(),
                (0..self.rows * self.terms.len()).map(|at| spread(at, 0.732_051) - 0.5).collect(),
            ),
            intercepts: vec![0.5; self.rows],
            accents: [None, None],
            calibration: super::artifact::CalibrationTensors::default(),
            characters: CHARACTERS.clone(),
            vocabularies: vec![vocabulary],
            args: b"{}".to_vec(),
            performance: b"{}".to_vec(),
            manifest,
            manifest_bytes,
        }
    }
}

/// Texts over a small alphabet, so that n-grams repeat, with characters of one to four bytes and every kind of gap.
pub(crate) fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "([abé日😀]{1,5}[ ]){0,12}",
        2 => "[ab \t\u{a0}é日A]{0,40}",
        1 => "(ab){0,60}",
        1 => "a{0,90}",
        1 => "(a |ab |abab ){0,30}",
        1 => "\\PC{0,20}",
    ]
}

/// Models over n-grams of [`texts`]: vocabularies with overlaps, gaps, and terms that cannot occur.
pub(crate) fn recipes() -> impl Strategy<Value = Recipe> {
    let of_characters = prop::collection::btree_set("[ab é日😀\t]{1,7}| [ab]{1,3} ", 1..60);
    let of_words = prop::collection::btree_set("([abé日]{1,2} ){0,3}[abé日]{1,5}|(ab ){1,5}ab", 1..60);
    let terms = prop_oneof![
        3 => (Just("char_wb"), of_characters.clone()),
        2 => (Just("char"), of_characters),
        3 => (Just("word"), of_words),
    ];
    let range = (1usize..6, 0usize..5).prop_map(|(min, more)| (min, min + more));
    let norm = prop_oneof![3 => Just(Some("l2")), 1 => Just(Some("l1")), 1 => Just(None)];
    let rows = prop_oneof![Just(1usize), Just(3), Just(4), Just(7)];
    let counts = prop_oneof![3 => Just([false; 2]), 1 => any::<[bool; 2]>()];
    (terms, any::<prop::sample::Index>(), range, norm, rows, counts, any::<[bool; 2]>()).prop_map(
        |((analyzer, terms), turn, (min, max), norm, rows, [binary, sublinear_tf], [idf, lowercase])| {
            let mut terms: Vec<String> = terms.into_iter().collect();
            let turn = turn.index(terms.len());
            terms.rotate_left(turn); // columns need not ascend with the terms
            // Sequences of more than three words are rare.
            let ngram_range = if analyzer == "word" { (min.min(3), max.min(4)) } else { (min, max) };
            Recipe { analyzer, ngram_range, binary, sublinear_tf, norm, idf, lowercase, rows, terms }
        },
    )
}
