//! The models of the benchmark: the shipped one, changed as each scenario asks.

use std::collections::BTreeSet;
use std::path::Path;

use linnet::model::artifact::{Artifact, Vocabulary, Weights};
use linnet::model::manifest::Manifest;
use serde_json::{Value, json};

use super::corpus::Random;

/// The model that ships with the product.
pub(super) fn shipped() -> Artifact {
    // Two packages use this file: one stands at the root, the other below it.
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let directory = folders.map(|folder| folder.join("artifacts/tagifai/1")).find(|model| model.exists());
    Artifact::open(&directory.expect("a model ships with the product")).expect("it is sound")
}

/// The shipped model for texts that are clean already.
pub(super) fn shipped_without_cleaner() -> Artifact {
    changed(shipped(), |pipeline| pipeline["cleaner"] = Value::Null)
}

/// The shipped model, without cleaner, with another value of a setting of its vectorizer.
pub(super) fn shipped_with(setting: &str, value: &Value) -> Artifact {
    changed(shipped_without_cleaner(), |pipeline| pipeline["vectorizers"][0][setting] = value.clone())
}

/// A model over all n-grams of 1 to `most` words of some texts, with four classes and arbitrary weights.
pub(super) fn of_words(texts: &[String], most: usize) -> Artifact {
    let mut terms = BTreeSet::new();
    for text in texts {
        let words: Vec<&str> = text.split(' ').filter(|word| word.len() > 1).collect();
        for n in 1..=most {
            terms.extend(words.windows(n).map(|ngram| ngram.join(" ")));
        }
    }
    let artifact = changed(shipped_without_cleaner(), |pipeline| {
        let vectorizer = &mut pipeline["vectorizers"][0];
        vectorizer["analyzer"] = json!("word");
        vectorizer["token_pattern"] = json!(r"(?u)\b\w\w+\b");
        vectorizer["ngram_range"] = json!([1, most]);
        vectorizer["features"] = json!(terms.len());
    });
    over_terms(artifact, &terms, 4)
}

/// A model that hashes words and pairs of words to 2¹⁸ columns.
pub(super) fn hashing() -> Artifact {
    let features = 1 << 18;
    let mut artifact = changed(shipped_without_cleaner(), |pipeline| {
        let vectorizer = &mut pipeline["vectorizers"][0];
        vectorizer["kind"] = json!("hashing");
        vectorizer["analyzer"] = json!("word");
        vectorizer["token_pattern"] = json!(r"(?u)\b\w\w+\b");
        vectorizer["ngram_range"] = json!([1, 2]);
        vectorizer["alternate_sign"] = json!(true);
        vectorizer["idf"] = json!(false);
        vectorizer["features"] = json!(features);
    });
    let settings = artifact.vocabularies[0].settings.clone();
    artifact.vocabularies = vec![Vocabulary {
        settings,
        terms: Vec::new(),
        ends: Vec::new(),
        idf: None,
        scales: Vec::new(),
        pattern: None,
    }];
    with_classes(artifact, 4)
}

/// The shipped model's vocabulary, without cleaner, with this many classes and arbitrary weights.
pub(super) fn shipped_with_classes(classes: usize) -> Artifact {
    with_classes(shipped_without_cleaner(), classes)
}

fn with_classes(artifact: Artifact, classes: usize) -> Artifact {
    let mut artifact = changed(artifact, |pipeline| {
        pipeline["classes"] = (0..classes).collect();
        pipeline["classifier"]["rows"] = json!(classes);
    });
    let mut random = Random(7);
    let mut weight = || random.below(1 << 20) as f64 / f64::from(1 << 20) - 0.5;
    let weights = (0..classes * artifact.columns()).map(|_| weight()).collect();
    artifact.weights = Weights::dense(artifact.columns(), weights);
    artifact.intercepts = (0..classes).map(|_| weight()).collect();
    artifact
}

/// The artifact with a change in its manifest's pipeline; its probe texts become void.
fn changed(mut artifact: Artifact, change: impl FnOnce(&mut Value)) -> Artifact {
    let mut manifest: Value = serde_json::from_slice(&artifact.manifest_bytes).expect("it was read before");
    change(&mut manifest["pipeline"]);
    let rows = manifest["pipeline"]["classifier"]["rows"].as_u64().unwrap_or(1) as usize;
    let label = manifest["pipeline"]["classes"][0].clone();
    manifest["probes"]["texts"] =
        json!([{"text": "", "decision": vec![0.0; rows], "label": label, "probabilities": null}]);
    artifact.manifest_bytes = manifest.to_string().into_bytes();
    artifact.manifest = Manifest::parse(&artifact.manifest_bytes).expect("the change is sound");
    let settings = &artifact.manifest.pipeline.vectorizers;
    for (vocabulary, vectorizer) in artifact.vocabularies.iter_mut().zip(settings) {
        vocabulary.settings = vectorizer.settings().clone();
        vocabulary.scales = vec![Vec::new(); vocabulary.settings.then.len()];
    }
    artifact
}

/// Invented words, the most frequent first.
pub(super) fn large_words() -> Vec<String> {
    let syllables: Vec<String> =
        ["b", "c", "d", "f", "g", "l", "m", "n", "p", "r", "s", "st", "t", "tr", "v"]
            .iter()
            .flat_map(|head| {
                ["a", "e", "i", "o", "u", "an", "er", "in", "on"].map(|tail| format!("{head}{tail}"))
            })
            .collect();
    let mut random = Random(99);
    let mut word = || (0..=random.below(4)).map(|_| &*syllables[random.below(syllables.len())]).collect();
    let mut seen = BTreeSet::new();
    std::iter::repeat_with(&mut word)
        .filter(|word: &String| seen.insert(word.clone()))
        .take(200_000)
        .collect()
}

/// A model of 1,000,000 n-grams of 2 to 8 characters, those of [`large_words`].
pub(super) fn large(classes: usize) -> Artifact {
    let mut terms = BTreeSet::new();
    'words: for word in large_words() {
        let padded = format!(" {word} ");
        for n in 2..=8usize.min(padded.len()) {
            for start in 0..=padded.len() - n {
                terms.insert(padded[start..start + n].to_owned());
                if terms.len() == 1_000_000 {
                    break 'words;
                }
            }
        }
    }
    let artifact = changed(shipped_without_cleaner(), |pipeline| {
        pipeline["vectorizers"][0]["features"] = json!(terms.len());
    });
    over_terms(artifact, &terms, classes)
}

/// The artifact with this vocabulary, arbitrary inverse document frequencies and weights.
fn over_terms(mut artifact: Artifact, terms: &BTreeSet<String>, classes: usize) -> Artifact {
    let mut end = 0;
    let ends = terms.iter().map(|term| {
        end += term.len() as u32;
        end
    });
    artifact.vocabularies = vec![Vocabulary {
        settings: artifact.vocabularies[0].settings.clone(),
        ends: ends.collect(),
        idf: Some((0..terms.len()).map(|at| 1.0 + (at % 89) as f64 / 10.0).collect()),
        terms: terms.iter().map(String::as_str).collect::<String>().into_bytes(),
        scales: Vec::new(),
        pattern: None,
    }];
    with_classes(artifact, classes)
}

/// The artifact with this many percent of its weights 0, here and there.
pub(super) fn mostly_zero(mut artifact: Artifact, percent: usize) -> Artifact {
    let mut random = Random(11);
    let mut weight = |weight: f64| if random.below(100) < percent { 0.0 } else { weight };
    let (rows, columns) = (artifact.intercepts.len(), artifact.columns());
    let all = artifact.weights.by_column(rows).expect("it was made in memory");
    let by_row = (0..rows).flat_map(|row| all.iter().skip(row).step_by(rows));
    artifact.weights = Weights::dense(columns, by_row.map(|&value| weight(value)).collect());
    artifact
}
