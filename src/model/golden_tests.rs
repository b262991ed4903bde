//! scikit-learn's answers to hard texts, replayed; `tests/golden/make_goldens.py` has recorded them.

use std::path::Path;

use serde_json::Value;

use super::artifact::Artifact;
use super::plain::PlainModel;
use super::{Model, write_image};

/// The text of a golden: pieces, each with how often it is repeated.
fn text_of(golden: &Value) -> String {
    let parts = golden["parts"].as_array().unwrap();
    parts.iter().map(|part| part[0].as_str().unwrap().repeat(part[1].as_u64().unwrap() as usize)).collect()
}

/// Replays the goldens of one model with both engines; returns how many there were.
fn replay(artifact: &Path, expected: &Path) -> usize {
    let artifact = Artifact::open(artifact).unwrap();
    let image = write_image(&artifact).unwrap();
    let model = Model::from_image(image.as_bytes()).unwrap();
    model.prove().unwrap();
    let plain = PlainModel::new(&artifact).unwrap();
    let (mut scratch, mut plain_scratch) = (model.scratch(), plain.scratch());
    let (mut plain_decision, mut probabilities) = (Vec::new(), Vec::new());
    let goldens = std::fs::read_to_string(expected).unwrap();
    for golden in goldens.lines() {
        let golden: Value = serde_json::from_str(golden).unwrap();
        let text = text_of(&golden);
        let scored: Vec<f64> =
            golden["decision"].as_array().unwrap().iter().map(|d| d.as_f64().unwrap()).collect();
        plain.decision(&text, &mut plain_scratch, &mut plain_decision);
        let decision = model.decision(&text, &mut scratch);
        let start: String = text.chars().take(40).collect();
        for (found, expected) in decision.iter().chain(&plain_decision).zip(scored.iter().cycle()) {
            let allowed = 1e-9 * expected.abs().max(1.0);
            assert!((found - expected).abs() <= allowed, "{start:?}: {found}, scikit-learn {expected}");
        }
        let label = serde_json::from_str::<Value>(&model.classes()[model.predicted_class(decision)].json);
        assert_eq!(label.unwrap(), golden["label"], "{start:?}");
        if let (Some(kind), Some(expected)) = (model.probability(), golden["probabilities"].as_array()) {
            kind.probabilities(decision, &mut probabilities);
            assert!(
                probabilities.iter().zip(expected).all(|(p, e)| (p - e.as_f64().unwrap()).abs() <= 1e-9),
                "{start:?}: {probabilities:?}"
            );
        }
    }
    goldens.lines().count()
}

#[test]
fn goldens_are_answered_as_scikit_learn_answers_them() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = root.join("tests/golden");
    let mut models = 0;
    for entry in std::fs::read_dir(&golden).unwrap() {
        let directory = entry.unwrap().path();
        let expected = directory.join("expected.jsonl");
        if !expected.exists() {
            continue;
        }
        let own = directory.join("1");
        let artifact = if own.exists() { own } else { root.join("artifacts/tagifai/1") };
        assert!(replay(&artifact, &expected) > 100, "{}", directory.display());
        models += 1;
    }
    assert!(models >= 7, "only {models} golden models in {}", golden.display());
}
