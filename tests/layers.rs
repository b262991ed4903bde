//! The direction of imports: a file of the worker imports only from lower layers.
//!
//! Read off the `use crate::` lines and inline `crate::` paths of `src/`, so the drawing in `ARCHITECTURE.md` stays true.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The layers, lowest first; the modules of one layer in the order of `lib.rs`.
const LAYERS: [&[&str]; 5] = [
    &["config", "limits", "scoreboard"],
    &["json", "text", "model", "request", "response"],
    &["pipeline"],
    &["wire"],
    &["process"],
];

/// What each layer must not name: crates and modules that do I/O, take time, or run something beside it.
const ABSENT: [&[&str]; 5] = [
    &["tokio", "hyper", "std::thread::spawn", "std::net::Tcp"],
    &["tokio", "hyper", "std::net", "std::thread", "std::time", "std::env", "nix::", "std::io::std"],
    &["tokio", "hyper", "std::net", "std::thread", "std::time", "std::env", "std::fs", "std::io"],
    &["std::thread"],
    &["std::thread"],
];

/// Files of layer 1 that read files: the loader's side of the model.
const READS_FILES: [&str; 2] = ["src/model/artifact/file.rs", "src/model/error.rs"];

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The code of a file: without comments, and without its unit tests.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let code = text.split("#[cfg(test)]\nmod ").next().unwrap();
    code.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The modules that a piece of code names behind `crate::`.
fn imported(code: &str) -> Vec<String> {
    let mut modules = Vec::new();
    for rest in code.split("crate::").skip(1) {
        let names = rest.strip_prefix('{').map_or_else(
            || vec![rest],
            |list| list.split('}').next().unwrap_or_default().split(',').map(str::trim).collect(),
        );
        for name in names {
            let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
            modules.push(name[..end].to_owned());
        }
    }
    modules
}

#[test]
fn imports_go_down_the_layers() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let layer_of: BTreeMap<&str, usize> = LAYERS
        .iter()
        .enumerate()
        .flat_map(|(layer, modules)| modules.iter().map(move |module| (*module, layer)))
        .collect();
    let mut files = Vec::new();
    rust_files(&root.join("src"), &mut files);
    assert!(files.len() > 30, "only {} files", files.len());
    let mut wrong = Vec::new();
    for path in files {
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        let module = relative["src/".len()..].split(['/', '.']).next().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let Some(&layer) = layer_of.get(module.as_str()) else {
            wrong.push(format!("{relative}: module {module} is in no layer"));
            continue;
        };
        let is_test = relative.ends_with("tests.rs") || relative.ends_with("testing.rs");
        let code = code(&path);
        for target in imported(&code) {
            match layer_of.get(target.as_str()) {
                Some(&below) if below <= layer => {}
                Some(_) => wrong.push(format!("{relative} imports crate::{target}, which is a higher layer")),
                None => wrong.push(format!("{relative} imports crate::{target}, which is in no layer")),
            }
        }
        for absent in ABSENT[layer] {
            if !is_test && code.contains(absent) && !(READS_FILES.contains(&relative.as_str())) {
                wrong.push(format!("{relative} names {absent}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn unsafe_stands_only_in_the_files_that_architecture_names() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let architecture = fs::read_to_string(root.join("src/ARCHITECTURE.md")).unwrap();
    let mut files = Vec::new();
    for folder in ["src", "supervisor/src"] {
        rust_files(&root.join(folder), &mut files);
    }
    for path in files {
        let relative = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if code(&path).contains("unsafe ") {
            assert!(architecture.contains(&format!("`{relative}`")), "{relative} has unsafe code");
        }
    }
}
