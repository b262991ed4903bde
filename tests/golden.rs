//! The engine against scikit-learn's own answers: every model of `tests/golden`, every text of its `expected.jsonl`,
//! through the image and through the plain implementation.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

use std::fs;
use std::path::{Path, PathBuf};

use linnet::model::artifact::Artifact;
use linnet::model::plain::PlainModel;
use linnet::model::{Model, build_image, write_image};
use serde::Deserialize;

/// One line of `expected.jsonl`: the text is each part repeated, one after the other.
#[derive(Deserialize)]
struct Expected {
    parts: Vec<(String, usize)>,
    decision: Vec<f64>,
    label: serde_json::Value,
    probabilities: Option<Vec<f64>>,
}

impl Expected {
    fn text(&self) -> String {
        self.parts.iter().map(|(part, times)| part.repeat(*times)).collect()
    }
}

/// Folder of each golden model, and the lines that belong to it.
fn goldens() -> Vec<(PathBuf, Vec<Expected>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut goldens: Vec<_> = fs::read_dir(root.join("tests/golden"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.join("expected.jsonl").is_file())
        .map(|path| {
            let own = path.join("1");
            let model = if own.is_dir() { own } else { root.join("artifacts/tagifai/1") };
            let lines = fs::read_to_string(path.join("expected.jsonl")).unwrap();
            (model, lines.split_terminator('\n').map(|line| serde_json::from_str(line).unwrap()).collect())
        })
        .collect();
    goldens.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(goldens.len() >= 7, "only {} golden models", goldens.len());
    goldens
}

/// The tolerance of a value whose terms add up to this much.
fn close(found: f64, expected: f64, magnitude: f64) -> bool {
    (found - expected).abs() <= 1e-9 * magnitude.max(1.0)
}

/// Whether scikit-learn's own decision is further from a tie than the tolerance, or an exact tie.
fn label_is_certain(decision: &[f64]) -> bool {
    let gap = match decision {
        [value] => value.abs(),
        values => {
            let mut sorted = values.to_vec();
            sorted.sort_by(f64::total_cmp);
            sorted[sorted.len() - 1] - sorted[sorted.len() - 2]
        }
    };
    gap == 0.0 || gap > 1e-9
}

#[test]
fn every_golden_text_is_answered_as_scikit_learn_answers_it() {
    for (directory, lines) in goldens() {
        let image = build_image(&directory).unwrap();
        let model = Model::from_image(image.as_bytes()).unwrap();
        let artifact = Artifact::open(&directory).unwrap();
        let plain = PlainModel::new(&artifact).unwrap();
        let (mut scratch, mut plain_scratch) = (model.scratch(), plain.scratch());
        let (mut plain_decision, mut probabilities, mut labels) = (Vec::new(), Vec::new(), Vec::new());
        assert!(lines.len() >= 150, "{}: {} texts", directory.display(), lines.len());
        for (at, line) in lines.iter().enumerate() {
            let text = line.text();
            let place = || format!("{} line {}", directory.display(), at + 1);
            let decision = model.decision(&text, &mut scratch);
            plain.decision(&text, &mut plain_scratch, &mut plain_decision);
            assert_eq!(decision.len(), line.decision.len(), "{}", place());
            for (row, &expected) in line.decision.iter().enumerate() {
                // The goldens' decision values are small; where they are not, they are sums of one sign.
                let magnitude = expected.abs();
                assert!(close(decision[row], expected, magnitude), "{}: {decision:?}", place());
                assert!(
                    close(plain_decision[row], expected, magnitude),
                    "{}: plain {plain_decision:?}",
                    place()
                );
            }
            let outcome = model.outcome();
            outcome.labels(decision, &mut probabilities, &mut labels);
            let label: serde_json::Value = serde_json::from_str(&model.classes()[labels[0]].json).unwrap();
            assert!(label == line.label || !label_is_certain(&line.decision), "{}: {label}", place());
            assert_eq!(line.probabilities.is_some(), outcome.has_probabilities(), "{}", place());
            if let Some(expected) = &line.probabilities {
                outcome.probabilities(decision, &mut probabilities);
                assert_eq!(probabilities.len(), expected.len());
                for (&found, &expected) in probabilities.iter().zip(expected) {
                    assert!((found - expected).abs() <= 1e-9, "{}: {probabilities:?}", place());
                }
            }
        }
    }
}

#[test]
fn an_image_is_the_same_every_time() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/word/1");
    let artifact = Artifact::open(&directory).unwrap();
    let [first, second] = [(); 2].map(|()| write_image(&artifact).unwrap());
    assert!(first.as_bytes() == second.as_bytes());
}
