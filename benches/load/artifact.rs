//! Writes a model made in memory as an artifact directory.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use linnet::model::artifact::Artifact;
use linnet::model::plain::PlainModel;
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors, serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// Makes `directory`, with probe texts that the plain implementation has answered.
pub(super) fn write(directory: &Path, model: &Artifact) {
    fs::create_dir_all(directory).unwrap();
    let tensors = tensors(model);
    let mut manifest: Value = serde_json::from_slice(&model.manifest_bytes).unwrap();
    let hex: Vec<_> = Sha256::digest(&tensors).iter().map(|byte| format!("{byte:02x}")).collect();
    manifest["files"] = json!({"model.safetensors": {"bytes": tensors.len(), "sha256": hex.concat()}});
    manifest["probes"]["texts"] = probes(model);
    fs::write(directory.join("model.safetensors"), tensors).unwrap();
    fs::write(directory.join("manifest.json"), manifest.to_string()).unwrap();
}

fn tensors(model: &Artifact) -> Vec<u8> {
    let vocabulary = &model.vocabularies[0];
    let features = vocabulary.settings.features;
    let rows = model.intercepts.len();
    let bytes = |values: &[f64]| values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>();
    let ends: Vec<u8> = vocabulary.ends.iter().flat_map(|end| end.to_le_bytes()).collect();
    let all = model.weights.by_column(rows).unwrap();
    let by_row: Vec<f64> = (0..rows).flat_map(|row| all.iter().skip(row).step_by(rows).copied()).collect();
    let idf = bytes(vocabulary.idf.as_deref().unwrap());
    let (weights, intercepts) = (bytes(&by_row), bytes(&model.intercepts));
    let shipped = concat!(env!("CARGO_MANIFEST_DIR"), "/../artifacts/tagifai/1/model.safetensors");
    let shipped = fs::read(shipped).unwrap();
    let shipped = SafeTensors::deserialize(&shipped).unwrap();
    let tables = shipped.iter().filter(|(name, _)| name.starts_with("characters."));
    let mut all: BTreeMap<String, TensorView<'_>> =
        tables.map(|(name, view)| (name.to_owned(), view)).collect();
    for (name, dtype, shape, data) in [
        ("vectorizer.0.terms", Dtype::U8, vec![vocabulary.terms.len()], &vocabulary.terms),
        ("vectorizer.0.term_ends", Dtype::U32, vec![features], &ends),
        ("vectorizer.0.idf", Dtype::F64, vec![features], &idf),
        ("classifier.coef", Dtype::F64, vec![rows, features], &weights),
        ("classifier.intercept", Dtype::F64, vec![rows], &intercepts),
    ] {
        all.insert(name.to_owned(), TensorView::new(dtype, shape, data).unwrap());
    }
    serialize(all, None).unwrap()
}

fn probes(model: &Artifact) -> Value {
    let plain = PlainModel::new(model).unwrap();
    let (mut scratch, mut decision) = (plain.scratch(), Vec::new());
    let classes = model.manifest.pipeline.classes.len();
    let mut probe = |text: &&str| {
        plain.decision(text, &mut scratch, &mut decision);
        let best = (0..classes).max_by(|&a, &b| decision[a].total_cmp(&decision[b])).unwrap();
        json!({"text": text, "decision": decision, "label": best, "probabilities": null})
    };
    ["banana strata", "", "trinon gan lipero", "x"].iter().map(&mut probe).collect()
}
