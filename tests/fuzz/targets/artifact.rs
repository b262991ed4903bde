//! A model directory: `manifest.json NUL model.safetensors`.

use std::fs;
use std::path::Path;

use linnet::model::artifact::Artifact;
use linnet::model::plain::PlainModel;
use linnet::model::{Model, write_image};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::TEXTS;

thread_local! {
    static FOLDER: TempDir = TempDir::new().expect("room for a few kilobytes");
}

/// Opens the directory. Either there is one line that says what is wrong, or there is a model that answers, and as
/// the plain implementation does.
pub(super) fn target(data: &[u8]) {
    let artifact = FOLDER.with(|folder| {
        write(folder.path(), data);
        Artifact::open(folder.path())
    });
    let artifact = match artifact {
        Ok(artifact) => artifact,
        Err(error) => {
            let line = error.to_string();
            assert!(!line.is_empty() && !line.contains('\n'), "{line:?}");
            return;
        }
    };
    let Ok(image) = write_image(&artifact) else { return };
    let model = Model::from_image(image.as_bytes()).expect("an image just made");
    let _ = model.prove();
    let plain = PlainModel::new(&artifact).expect("an artifact that has been checked");
    let (mut scratch, mut plain_scratch, mut expected) = (model.scratch(), plain.scratch(), Vec::new());
    let (mut labels, mut probabilities) = (Vec::new(), Vec::new());
    for text in TEXTS {
        let decision = model.decision(text, &mut scratch);
        plain.decision(text, &mut plain_scratch, &mut expected);
        assert_eq!(decision.len(), expected.len());
        model.outcome().labels(decision, &mut probabilities, &mut labels);
        model.outcome().probabilities(decision, &mut probabilities);
        assert!(labels.iter().all(|&label| label < model.classes().len()), "{labels:?}");
    }
}

/// Writes the two files; the manifest gets the checksum of the other, else no damage would get beyond that.
fn write(folder: &Path, data: &[u8]) {
    let nul = data.iter().position(|&byte| byte == 0).unwrap_or(data.len());
    let (manifest, tensors) = (&data[..nul], data.get(nul + 1..).unwrap_or_default());
    let listed = match serde_json::from_slice::<serde_json::Value>(manifest) {
        Ok(mut manifest) if manifest["files"].is_object() => {
            let hex: Vec<_> = Sha256::digest(tensors).iter().map(|byte| format!("{byte:02x}")).collect();
            manifest["files"]["model.safetensors"] = json!({"bytes": tensors.len(), "sha256": hex.concat()});
            manifest.to_string().into_bytes()
        }
        _ => manifest.to_vec(),
    };
    fs::write(folder.join("manifest.json"), listed).expect("room for a few kilobytes");
    fs::write(folder.join("model.safetensors"), tensors).expect("room for a few kilobytes");
}

/// The artifact of a seed of this target: for [`super::image`].
pub(super) fn of_seed(seed: &[u8]) -> Artifact {
    FOLDER.with(|folder| {
        write(folder.path(), seed);
        Artifact::open(folder.path()).expect("a sound artifact")
    })
}
