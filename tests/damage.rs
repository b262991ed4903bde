//! Damaged artifacts: each is refused at start with one line that names file and defect, and nothing is bound.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};
use support::linnet::Start;

/// A small artifact taken apart, so that one thing in it can be broken and the rest still fits.
struct Artifact {
    manifest: Value,
    tensors: Map<String, Value>,
    data: Vec<u8>,
    /// What the manifest says of the files follows them, unless this is taken away.
    listed: bool,
    /// What is done to the files at the very end.
    finish: fn(&Path),
}

impl Artifact {
    /// A golden model, taken apart.
    fn of(model: &str) -> Self {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
        let folder = golden.join(model).join("1");
        let manifest = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
        let file = fs::read(folder.join("model.safetensors")).unwrap();
        let (length, rest) = file.split_first_chunk().unwrap();
        let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
        let tensors = serde_json::from_slice(header).unwrap();
        Self { manifest, tensors, data: data.to_vec(), listed: true, finish: |_| {} }
    }

    /// The bytes of a tensor.
    fn tensor(&mut self, name: &str) -> &mut [u8] {
        let offsets = &self.tensors[name]["data_offsets"];
        let at = |end: usize| offsets[end].as_u64().unwrap() as usize;
        &mut self.data[at(0)..at(1)]
    }

    fn vectorizer(&mut self) -> &mut Value {
        &mut self.manifest["pipeline"]["vectorizers"][0]
    }

    fn write(mut self, folder: &Path) {
        fs::create_dir_all(folder).unwrap();
        let header = serde_json::to_vec(&self.tensors).unwrap();
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header);
        file.extend(&self.data);
        if self.listed {
            let hex: Vec<_> = Sha256::digest(&file).iter().map(|byte| format!("{byte:02x}")).collect();
            self.manifest["files"]["model.safetensors"] =
                json!({ "bytes": file.len(), "sha256": hex.concat() });
        }
        fs::write(folder.join("model.safetensors"), file).unwrap();
        fs::write(folder.join("manifest.json"), serde_json::to_vec(&self.manifest).unwrap()).unwrap();
        (self.finish)(folder);
    }
}

/// A defect: its name, how it is made, and what the one line must say.
type Defect = (&'static str, fn(&mut Artifact), &'static [&'static str]);

const TENSORS: &str = "model.safetensors";
const MANIFEST: &str = "manifest.json";

fn edit(folder: &Path, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
    let path = folder.join(name);
    let mut bytes = fs::read(&path).unwrap();
    change(&mut bytes);
    fs::write(path, bytes).unwrap();
}

const DEFECTS: &[Defect] = &[
    (
        "no manifest",
        |a| a.finish = |f| fs::remove_file(f.join(MANIFEST)).unwrap(),
        &[MANIFEST, "No such file"],
    ),
    ("no tensors", |a| a.finish = |f| fs::remove_file(f.join(TENSORS)).unwrap(), &[TENSORS, "No such file"]),
    (
        "truncated tensors",
        |a| a.finish = |f| edit(f, TENSORS, |b| b.truncate(b.len() - 7)),
        &[TENSORS, "truncated"],
    ),
    ("flipped byte", |a| a.finish = |f| edit(f, TENSORS, |b| b[4_000] ^= 1), &[TENSORS, "SHA-256"]),
    ("truncated manifest", |a| a.finish = |f| edit(f, MANIFEST, |b| b.truncate(200)), &[MANIFEST, "EOF"]),
    ("empty manifest", |a| a.finish = |f| edit(f, MANIFEST, Vec::clear), &[MANIFEST, "EOF"]),
    (
        "manifest of another program",
        |a| a.manifest["format"] = json!("onnx"),
        &[MANIFEST, "\"onnx\"", "\"linnet\""],
    ),
    ("future version", |a| a.manifest["format_version"] = json!(99), &[MANIFEST, "99", "reads version 1"]),
    ("unknown key", |a| a.manifest["extra"] = json!(1), &[MANIFEST, "unknown field `extra`"]),
    (
        "unlisted tensors",
        |a| {
            a.manifest["files"] = json!({});
            a.listed = false;
        },
        &[MANIFEST, "does not list"],
    ),
    (
        "unknown file",
        |a| a.manifest["files"]["../../etc/passwd"] = json!({"bytes": 1, "sha256": ""}),
        &[MANIFEST, "passwd"],
    ),
    (
        "absurd length",
        |a| {
            a.manifest["files"][TENSORS]["bytes"] = json!(u64::MAX);
            a.listed = false;
        },
        &[TENSORS, "18446744073709551615"],
    ),
    (
        "absurd number of features",
        |a| a.vectorizer()["features"] = json!(2_000_000_000),
        &[TENSORS, "F64 [331]", "F64 [2000000000]"],
    ),
    (
        "more features than can be counted",
        |a| a.vectorizer()["features"] = json!(u64::MAX),
        &[MANIFEST, "features"],
    ),
    ("no features", |a| a.vectorizer()["features"] = json!(0), &[MANIFEST, "features"]),
    (
        "inverted n-gram range",
        |a| a.vectorizer()["ngram_range"] = json!([3, 2]),
        &[MANIFEST, "ngram_range", "[3, 2]"],
    ),
    (
        "endless n-grams",
        |a| a.vectorizer()["ngram_range"] = json!([1, 1_000_000]),
        &[MANIFEST, "ngram_range"],
    ),
    (
        "unknown analyzer",
        |a| a.vectorizer()["analyzer"] = json!("syllable"),
        &[MANIFEST, "syllable", "char_wb"],
    ),
    ("no vectorizer", |a| a.manifest["pipeline"]["vectorizers"] = json!([]), &[MANIFEST, "vectorizer"]),
    (
        "unknown classifier",
        |a| a.manifest["pipeline"]["classifier"]["kind"] = json!("forest"),
        &[MANIFEST, "forest", "linear"],
    ),
    (
        "rows that are not the classes'",
        |a| a.manifest["pipeline"]["classifier"]["rows"] = json!(7),
        &[MANIFEST, "rows", "7"],
    ),
    ("one class", |a| a.manifest["pipeline"]["classes"] = json!(["a"]), &[MANIFEST, "classes"]),
    ("a label that is a list", |a| a.manifest["pipeline"]["classes"][0] = json!(["a"]), &[MANIFEST, "label"]),
    ("no probes", |a| a.manifest["probes"]["texts"] = json!([]), &[MANIFEST, "probe"]),
    (
        "a probe of another model",
        |a| a.manifest["probes"]["texts"][0]["decision"] = json!([9.0, 9.0, 9.0]),
        &[MANIFEST, "probe text 0", "scikit-learn said 9"],
    ),
    (
        "a probe with too few values",
        |a| a.manifest["probes"]["texts"][0]["decision"] = json!([9.0]),
        &[MANIFEST, "decision", "3 values"],
    ),
    (
        "a tolerance that tolerates all",
        |a| a.manifest["probes"]["tolerance"] = json!(1e9),
        &[MANIFEST, "tolerance"],
    ),
    (
        "missing tensor",
        |a| {
            a.tensors.remove("vectorizer.0.idf");
        },
        &[TENSORS],
    ),
    (
        "renamed tensor",
        |a| {
            let tensor = a.tensors.remove("vectorizer.0.idf").unwrap();
            a.tensors.insert("vectorizer.0.fdi".to_owned(), tensor);
        },
        &[TENSORS, "no tensor", "vectorizer.0.idf"],
    ),
    (
        "wrong type",
        |a| a.tensors["vectorizer.0.idf"]["dtype"] = json!("I64"),
        &[TENSORS, "vectorizer.0.idf", "I64", "F64"],
    ),
    (
        "wrong shape",
        |a| a.tensors["classifier.coef"]["shape"] = json!([331, 3]),
        &[TENSORS, "classifier.coef", "[331, 3]", "[3, 331]"],
    ),
    (
        "overflowing shape",
        |a| a.tensors["classifier.coef"]["shape"] = json!([1_u64 << 62, 1_u64 << 62]),
        &[TENSORS],
    ),
    ("overlapping offsets", |a| a.tensors["classifier.coef"]["data_offsets"] = json!([8, 7_952]), &[TENSORS]),
    (
        "overflowing offsets",
        |a| a.tensors["classifier.coef"]["data_offsets"] = json!([0, u64::MAX]),
        &[TENSORS],
    ),
    (
        "a weight that is no number",
        |a| a.tensor("classifier.coef")[..8].copy_from_slice(&f64::NAN.to_le_bytes()),
        &[TENSORS, "classifier.coef", "NaN"],
    ),
    (
        "an infinite idf",
        |a| a.tensor("vectorizer.0.idf")[8..16].copy_from_slice(&f64::INFINITY.to_le_bytes()),
        &[TENSORS, "vectorizer.0.idf", "value 1 is inf"],
    ),
    (
        "term ends that go back",
        |a| a.tensor("vectorizer.0.term_ends")[4..8].fill(0),
        &[TENSORS, "term_ends", "term 1"],
    ),
    (
        "a term end outside",
        |a| {
            let ends = a.tensor("vectorizer.0.term_ends");
            let last = ends.len() - 4;
            ends[last..].fill(0xFF);
        },
        &[TENSORS, "term_ends", "4294967295"],
    ),
    ("a term that is not UTF-8", |a| a.tensor("vectorizer.0.terms")[0] = 0xFF, &[TENSORS, "term 0", "UTF-8"]),
    (
        "a character range outside Unicode",
        |a| {
            let word = a.tensor("characters.word");
            let last = word.len() - 4;
            word[last..].fill(0xFF);
        },
        &[TENSORS, "characters.word"],
    ),
    (
        "a lower case of nothing",
        |a| a.tensor("characters.lower")[4..8].fill(0xFF),
        &[TENSORS, "characters.lower"],
    ),
    (
        "arguments that are no object",
        |a| {
            a.manifest["files"]["args.json"] = json!({"bytes": 2, "sha256": "4f53cda18c2baa0c0354bb5f9a3ecbe5ed12ab4d8e11ba873c2f11161202b945"});
            a.finish = |f| fs::write(f.join("args.json"), "[]").unwrap();
        },
        &["args.json"],
    ),
];

/// The same of a model whose weights are listed.
const DEFECTS_OF_LISTS: &[Defect] = &[
    (
        "a storage that does not exist",
        |a| a.manifest["pipeline"]["classifier"]["weights"] = json!("magic"),
        &[MANIFEST, "magic", "sparse"],
    ),
    (
        "a list called dense",
        |a| a.manifest["pipeline"]["classifier"]["weights"] = json!("dense"),
        &[TENSORS, "no tensor", "\"classifier.coef\""],
    ),
    (
        "ends of columns that go back",
        |a| a.tensor("classifier.coef.ends")[..4].fill(0x7F),
        &[TENSORS, "classifier.coef.ends", "below"],
    ),
    (
        "more weights than are there",
        |a| {
            let ends = a.tensor("classifier.coef.ends");
            let last = ends.len() - 4;
            ends[last..].fill(0xFF);
        },
        &[TENSORS, "classifier.coef.rows", "4294967295"],
    ),
    (
        "a weight of a row that is not there",
        |a| a.tensor("classifier.coef.rows")[..4].fill(0xFF),
        &[TENSORS, "classifier.coef.rows", "below 12"],
    ),
    (
        "two weights at one place",
        |a| a.tensor("classifier.coef.rows").fill(0),
        &[TENSORS, "classifier.coef.rows", "ascend"],
    ),
    (
        "a listed weight that is no number",
        |a| a.tensor("classifier.coef.values")[..8].copy_from_slice(&f64::INFINITY.to_le_bytes()),
        &[TENSORS, "classifier.coef.values", "value 0 is inf"],
    ),
    (
        "magnitudes of another model",
        |a| a.manifest["probes"]["texts"][0]["magnitudes"] = json!([1.0]),
        &[MANIFEST, "probes.texts[0].magnitudes", "12 values"],
    ),
];

/// Starts Linnet on a model folder and an address that is taken: a start that binds nothing does not notice.
fn start_on(model: &Path) -> (Option<i32>, Vec<String>) {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let start = Start::with_workers(1).set("MODEL", &model.display().to_string()).set("BIND", &address);
    let mut linnet = start.spawn();
    (linnet.wait().code(), linnet.log())
}

#[test]
fn every_defect_is_named_in_one_line_and_nothing_is_bound() {
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    let all = DEFECTS.iter().map(|defect| ("word", defect));
    for (golden, (name, damage, says)) in
        all.chain(DEFECTS_OF_LISTS.iter().map(|defect| ("char_wb_sparse", defect)))
    {
        let model: PathBuf = folder.path().join(name.replace(' ', "-"));
        let mut artifact = Artifact::of(golden);
        damage(&mut artifact);
        artifact.write(&model);
        let (status, log) = start_on(&model);
        let said = log.join("\n");
        if status != Some(1) || log.len() != 1 || !says.iter().all(|what| said.contains(what)) {
            wrong.push(format!("{name}: status {status:?}, expected {says:?}, said:\n    {said}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_artifact_taken_apart_and_put_together_is_sound() {
    for golden in ["word", "char_wb_sparse"] {
        let folder = tempfile::tempdir().unwrap();
        Artifact::of(golden).write(folder.path());
        let start = Start::with_workers(1).set("MODEL", &folder.path().display().to_string());
        start.ready();
    }
}
