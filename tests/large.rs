//! What a model of some size takes in memory: while it is loaded, and afterwards.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::tensor::TensorView;
use safetensors::{SafeTensors, serialize};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use support::linnet::Start;

/// So many times the classes of the model that ships: 92 MB of weights.
const TIMES: usize = 80;

/// The program itself, what the index is made from, a block of weights, the word cache: without the files, in bytes.
const BESIDE_IMAGE: u64 = 80 << 20;

/// Writes the model that ships with each of its classes so many times; returns the bytes of its files.
fn write_large(directory: &Path) -> u64 {
    let shipped = Path::new(env!("CARGO_MANIFEST_DIR")).join("../artifacts/tagifai/1");
    let file = fs::read(shipped.join("model.safetensors")).unwrap();
    let tensors = SafeTensors::deserialize(&file).unwrap();
    let repeated: BTreeMap<&str, Vec<u8>> = ["classifier.coef", "classifier.intercept"]
        .map(|name| (name, tensors.tensor(name).unwrap().data().repeat(TIMES)))
        .into();
    let larger = tensors.iter().map(|(name, tensor)| {
        let Some(data) = repeated.get(name) else { return (name, tensor) };
        let mut shape = tensor.shape().to_vec();
        shape[0] *= TIMES;
        (name, TensorView::new(tensor.dtype(), shape, data).unwrap())
    });
    let file = serialize(larger, None).unwrap();
    let mut manifest: Value =
        serde_json::from_slice(&fs::read(shipped.join("manifest.json")).unwrap()).unwrap();
    let hex: Vec<_> = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
    manifest["files"] = json!({"model.safetensors": {"bytes": file.len(), "sha256": hex.concat()}});
    let names = manifest["pipeline"]["classes"].as_array().unwrap().clone();
    let name = |copy: usize, name: &Value| match copy {
        0 => name.clone(),
        _ => json!(format!("{} {copy}", name.as_str().unwrap())),
    };
    let names = (0..TIMES).flat_map(|copy| names.iter().map(move |of| name(copy, of)));
    manifest["pipeline"]["classes"] = names.collect();
    manifest["pipeline"]["classifier"]["rows"] = json!(4 * TIMES);
    for probe in manifest["probes"]["texts"].as_array_mut().unwrap() {
        let repeat = |values: &Value, share: f64| -> Value {
            let values: Vec<f64> =
                values.as_array().unwrap().iter().map(|v| v.as_f64().unwrap() * share).collect();
            values.repeat(TIMES).into()
        };
        probe["decision"] = repeat(&probe["decision"], 1.0);
        probe["probabilities"] = repeat(&probe["probabilities"], 1.0 / TIMES as f64);
    }
    let manifest = manifest.to_string();
    fs::write(directory.join("model.safetensors"), &file).unwrap();
    fs::write(directory.join("manifest.json"), &manifest).unwrap();
    (file.len() + manifest.len()) as u64
}

/// The figure behind `name=` in a line of the log.
fn figure(line: &str, name: &str) -> u64 {
    let value = line.split(&format!("{name}=")).nth(1).and_then(|rest| rest.split_whitespace().next());
    value.and_then(|value| value.parse().ok()).unwrap_or_else(|| panic!("no {name} in {line:?}"))
}

#[test]
fn loading_takes_little_more_than_the_image_and_the_image_little_more_than_the_artifact() {
    let folder = tempfile::tempdir().unwrap();
    let artifact = write_large(folder.path());
    let linnet = Start::with_workers(1).set("MODEL", &folder.path().display().to_string()).ready();
    let line = linnet.wait_for("model loaded");
    let (image, peak) = (figure(&line, "image_bytes"), figure(&line, "peak_bytes"));
    assert!(artifact > BESIDE_IMAGE, "the bound below would say nothing");
    assert!(image * 2 <= artifact * 3, "{image} bytes for {artifact}");
    // The files are never in memory whole.
    assert!(peak <= image + BESIDE_IMAGE, "{peak} bytes for an image of {image} and files of {artifact}");
}
