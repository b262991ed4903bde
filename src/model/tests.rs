//! The engines against the plain one, over every kind of vectorizer.

use std::borrow::Cow;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::artifact::{AccentTables, Artifact, CalibrationTensors, PatternTables, Vocabulary, Weights};
use super::manifest::Manifest;
use super::plain::PlainModel;
use super::score::Model;
use super::testing::{CHARACTERS, Recipe, recipes};
use super::{plan_image, write_image};

const ROWS: usize = 3;
const TERMS: [&str; 13] = ["a", "b", "ab", " a", "b ", "é", "e", "aa", "ab b", "σ", "ς", "the", "a  b"];
/// `[a-b]+` and `[a-b ]+`, whose tokens may hold a space, as a program over different ranges.
const PROGRAM: [[u32; 3]; 3] = [[1, 0, 0], [2, 0, 2], [0, 0, 0]];
const RANGES: [(&str, &[[u32; 2]]); 2] =
    [("[a-b]+", &[[0x61, 0x62]]), ("[a-b ]+", &[[0x20, 0x20], [0x61, 0x62]])];

/// The manifest's entry of a vectorizer, and one factor of each of its columns.
fn vectorizers() -> impl Strategy<Value = (Value, Vec<f64>)> {
    let norm = prop_oneof![Just(json!(null)), Just(json!("l1")), Just(json!("l2"))];
    let words = (
        prop_oneof![Just(r"(?u)\b\w\w+\b"), Just(r"(?u)\b\w+\b"), Just("[a-b]+"), Just("[a-b ]+")],
        any::<bool>(),
    );
    let analyzer = prop_oneof![Just("char"), Just("char_wb"), Just("word")];
    let hashing = proptest::option::of(1..9_usize);
    let accents = prop_oneof![Just(json!(null)), Just(json!("ascii")), Just(json!("unicode"))];
    let flags = any::<[bool; 5]>();
    let then = proptest::collection::vec((any::<bool>(), norm.clone()), 0..3);
    (norm, words, analyzer, hashing, accents, flags, then, 1..3_usize).prop_flat_map(
        |(norm, (pattern, stop), analyzer, hashing, accents, flags, then, low)| {
            let [lowercase, binary, sublinear, idf, alternate] = flags;
            let is_word = analyzer == "word";
            let signed = hashing.is_some() && alternate && !binary;
            let then: Vec<Value> = then
                .iter()
                .map(|(scale, norm)| json!({"sublinear_tf": false, "scale": scale, "norm": norm}))
                .collect();
            let features = hashing.unwrap_or(TERMS.len());
            let mut entry = json!({
                "kind": if hashing.is_some() { "hashing" } else { "vocabulary" },
                "analyzer": analyzer, "ngram_range": [low, low + 1], "lowercase": lowercase,
                "strip_accents": accents, "token_pattern": is_word.then_some(pattern),
                "stop_words": if is_word && stop { vec!["the", "ab"] } else { vec![] },
                "binary": binary, "sublinear_tf": sublinear && !signed, "idf": idf, "norm": norm,
                "then": then, "features": features,
            });
            if hashing.is_some() {
                entry["alternate_sign"] = json!(alternate);
            }
            (Just(entry), proptest::collection::vec(0.1..3.0, features))
        },
    )
}

fn artifact(entries: &[(Value, Vec<f64>)]) -> Artifact {
    let manifest = json!({
        "format": "linnet", "format_version": 1, "name": "n", "version": "1", "files": {},
        "pipeline": {
            "cleaner": null,
            "vectorizers": entries.iter().map(|(entry, _)| entry).collect::<Vec<_>>(),
            "classifier": {"kind": "linear", "rows": ROWS, "probability": null},
            "classes": ["a", "b", "c"],
        },
        "probes": {"tolerance": 1e-9, "texts": [
            {"text": "", "decision": [0.0, 0.0, 0.0], "label": "a", "probabilities": null},
        ]},
    });
    let manifest_bytes = serde_json::to_vec(&manifest).unwrap();
    let manifest = Manifest::parse(&manifest_bytes).unwrap();
    let vocabularies: Vec<_> = manifest
        .pipeline
        .vectorizers
        .iter()
        .zip(entries)
        .map(|(vectorizer, (_, factors))| vocabulary(vectorizer.settings().clone(), factors))
        .collect();
    let columns: usize = vocabularies.iter().map(|vocabulary| vocabulary.settings.features).sum();
    let table = || AccentTables { codes: vec![0xE9, 0x301], ends: vec![1, 1], text: b"e".to_vec() };
    Artifact {
        manifest,
        manifest_bytes,
        args: b"{}".to_vec(),
        performance: b"{}".to_vec(),
        vocabularies,
        weights: Weights::dense(
            columns,
            (0..ROWS * columns).map(|at| ((at * 37 % 19) as f64 - 9.0) / 4.0).collect(),
        ),
        intercepts: vec![0.5, -0.25, 0.0],
        accents: [Some(table()), Some(table())],
        calibration: CalibrationTensors::default(),
        characters: CHARACTERS.clone(),
    }
}

fn vocabulary(settings: super::vectorizer::NgramVectorizer, factors: &[f64]) -> Vocabulary {
    let terms = if settings.alternate_sign.is_some() { &[][..] } else { &TERMS[..] };
    let mut ends = Vec::new();
    for term in terms {
        ends.push(ends.last().copied().unwrap_or(0) + term.len() as u32);
    }
    let scales = settings.then.iter().map(|next| if next.scale { factors.to_vec() } else { Vec::new() });
    Vocabulary {
        terms: terms.concat().into_bytes(),
        ends,
        idf: settings.idf.then(|| factors.to_vec()),
        scales: scales.collect(),
        pattern: RANGES.iter().find(|(pattern, _)| settings.token_pattern.as_deref() == Some(pattern)).map(
            |(_, ranges)| PatternTables {
                program: PROGRAM.to_vec(),
                ranges: ranges.to_vec(),
                set_ends: vec![ranges.len() as u32],
            },
        ),
        settings,
    }
}

#[test]
fn what_a_long_text_has_needed_is_given_back() {
    let cases = [(None, "char", false), (None, "char_wb", true), (Some(r"(?u)\b\w+\b"), "word", true)];
    for (pattern, analyzer, hashing) in cases {
        let mut entry = json!({
            "kind": "vocabulary", "analyzer": analyzer, "ngram_range": [1, 2], "lowercase": true,
            "strip_accents": "unicode", "token_pattern": pattern, "binary": false, "sublinear_tf": false,
            "idf": false, "norm": "l2", "features": TERMS.len(),
        });
        if hashing {
            entry["kind"] = json!("hashing");
            entry["alternate_sign"] = json!(true);
        }
        let mut artifact = artifact(&[(entry, vec![1.0; TERMS.len()])]);
        artifact.manifest_bytes = with_cleaner(&artifact.manifest_bytes);
        let image = write_image(&artifact).unwrap();
        let model = Model::from_image(image.as_bytes()).unwrap();
        let mut scratch = model.scratch();
        for text in ["ab the é ".repeat(200_000), "É".repeat(1 << 20), "a".repeat(1 << 20)] {
            model.decision(&text, &mut scratch);
            // Eight buffers of 256 KiB at most.
            assert!(scratch.memory() <= 8 * (256 << 10), "{analyzer}: {} bytes", scratch.memory());
        }
    }
}

/// A manifest with the lesson's cleaner.
fn with_cleaner(manifest: &[u8]) -> Vec<u8> {
    let mut manifest: Value = serde_json::from_slice(manifest).unwrap();
    manifest["pipeline"]["cleaner"] = json!({"kind": "lesson", "lower": true, "stop_words": ["the", "'s"]});
    serde_json::to_vec(&manifest).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn every_vectorizer_is_scored_as_plainly(
        entries in proptest::collection::vec(vectorizers(), 1..3),
        texts in proptest::collection::vec("[abeéΣσ\u{301} \t]{0,24}|(the |ab |b ){0,6}", 1..20),
    ) {
        let artifact = artifact(&entries);
        let image = write_image(&artifact).unwrap();
        let (model, plain) = (Model::from_image(image.as_bytes()).unwrap(), PlainModel::new(&artifact).unwrap());
        let (mut scratch, mut plain_scratch) = (model.scratch(), plain.scratch());
        let mut expected = Vec::new();
        for text in &texts {
            let decision = model.decision(text, &mut scratch);
            plain.decision(text, &mut plain_scratch, &mut expected);
            for (found, expected) in decision.iter().zip(&expected) {
                // A cell of at most 24 n-grams of small weight: the terms add up to less than 1e5.
                prop_assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{text:?}: {decision:?}");
            }
        }
    }
}

/// The artifact of a recipe with so few weights that its rows are stored without their zeros.
fn mostly_zero(recipe: &Recipe, seed: u64) -> Artifact {
    let mut artifact = recipe.artifact();
    let hash = |at: usize| (at as u64 ^ seed).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 60;
    let all = artifact.weights.by_column(recipe.rows).unwrap();
    let columns = artifact.columns();
    let value = |at: usize| {
        let (row, column) = (at / columns, at % columns);
        // In few rows: then a feature and its suffixes have weights at the same places.
        let is_kept = row as u64 % 6 == seed % 6 && hash(at) < 12;
        if is_kept { all[column * recipe.rows + row] } else { 0.0 }
    };
    artifact.weights = Weights::dense(columns, (0..recipe.rows * columns).map(value).collect());
    artifact
}

fn image_of(plan: super::ImagePlan<'_>) -> super::ImageBuffer {
    let mut image = super::ImageBuffer::zeroed(plan.size());
    plan.write(&mut image).unwrap();
    image
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn rows_without_their_zeros_give_the_same_scores(
        recipe in recipes(),
        analyzer in prop_oneof![Just("char_wb"), Just("char"), Just("word")],
        rows in prop_oneof![Just(7usize), Just(13), Just(50)],
        seed in any::<u64>(),
        texts in prop::collection::vec(super::testing::texts(), 1..8),
    ) {
        let recipe = Recipe {
            binary: false,
            sublinear_tf: false, analyzer, rows, ..recipe };
        let mut artifact = mostly_zero(&recipe, seed);
        let sparse = artifact.weights.sparse_form().unwrap().map(Cow::into_owned);
        let sparse = sparse.expect("two rows in seven at most have weights");
        let padded = image_of(plan_image(&artifact, None).unwrap());
        let from_dense = image_of(plan_image(&artifact, Some(&sparse)).unwrap());
        let is_small = recipe.rows < 50 || recipe.terms.len() < 8;
        prop_assert!(is_small || from_dense.len() < padded.len(), "not sparse");
        artifact.weights = Weights::Sparse(sparse.clone());
        let padded_from_sparse = image_of(plan_image(&artifact, None).unwrap());
        let from_sparse = write_image(&artifact).unwrap();
        prop_assert!(padded.as_bytes() == padded_from_sparse.as_bytes());
        prop_assert!(from_dense.as_bytes() == from_sparse.as_bytes());
        let (dense, sparse) = (Model::from_image(&padded).unwrap(), Model::from_image(&from_sparse).unwrap());
        let plain = PlainModel::new(&artifact).unwrap();
        let (mut scratch, mut sparse_scratch) = (dense.scratch(), sparse.scratch());
        let (mut plain_scratch, mut expected) = (plain.scratch(), Vec::new());
        for text in texts.iter().chain(&texts).chain(&texts) {
            let found = sparse.decision(text, &mut sparse_scratch);
            prop_assert_eq!(dense.decision(text, &mut scratch), found, "{:?}", text);
            plain.decision(text, &mut plain_scratch, &mut expected);
            for (found, expected) in found.iter().zip(&expected) {
                prop_assert!((found - expected).abs() <= 1e-9 * expected.abs().max(1.0), "{text:?}");
            }
        }
    }
}

#[test]
fn a_model_that_is_mostly_zero_takes_less_room() {
    let terms = (0..500).map(|at| format!("t{at}")).collect();
    let recipe = Recipe {
        analyzer: "char_wb",
        ngram_range: (2, 4),
        binary: false,
        sublinear_tf: false,
        norm: None,
        idf: true,
        lowercase: true,
        rows: 300,
        terms,
    };
    let artifact = mostly_zero(&recipe, 7);
    let padded = plan_image(&artifact, None).unwrap().size();
    let sparse = plan_image(&artifact, artifact.weights.sparse_form().unwrap().as_deref()).unwrap().size();
    assert!(sparse * 3 < padded, "{sparse} bytes, {padded} with padded rows");
}
