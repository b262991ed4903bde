//! The fuzz targets in the ordinary tests, without libFuzzer: every file of `tests/fuzz/corpus`, as it is and damaged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

#[path = "fuzz/damage.rs"]
mod damage;
#[path = "fuzz/targets/mod.rs"]
mod targets;

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;

use damage::Numbers;
use targets::{TARGETS, Target, root};

/// Damaged copies of each file. libFuzzer does this better; here it only keeps the targets from rotting.
const DAMAGED: u64 = 60;

/// The corpus of a target: names and contents.
fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("tests/fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

fn replay((name, target): &Target) -> usize {
    let corpus = corpus(name);
    assert!(!corpus.is_empty(), "no seeds for {name}");
    let mut broken = Vec::new();
    for (path, bytes) in &corpus {
        let mut numbers = Numbers(bytes.len() as u64);
        let damaged = (0..DAMAGED).map(|_| numbers.damage(bytes));
        for bytes in std::iter::once(bytes.clone()).chain(damaged) {
            if catch_unwind(AssertUnwindSafe(|| target(&bytes))).is_err() {
                broken.push(format!("{}: {}", path.display(), bytes.escape_ascii()));
                break;
            }
        }
    }
    assert!(broken.is_empty(), "{name}:\n{}", broken.join("\n"));
    corpus.len()
}

/// One test a target, so that they run side by side and a failure names its own.
macro_rules! replayed {
    ($($target:ident),*) => {
        $(#[test]
        fn $target() {
            let name = stringify!($target);
            replay(TARGETS.iter().find(|(target, _)| *target == name).unwrap());
        })*

        #[test]
        fn every_target_is_replayed_and_every_seed_has_a_target() {
            let replayed = [$(stringify!($target)),*];
            assert_eq!(TARGETS.iter().map(|(name, _)| *name).collect::<Vec<_>>(), replayed);
            for folder in fs::read_dir(root().join("tests/fuzz/corpus")).unwrap() {
                let name = folder.unwrap().file_name();
                assert!(replayed.contains(&name.to_str().unwrap()), "{} is no target's", name.display());
            }
        }
    };
}

replayed!(request, json, text, artifact, image, config, connection, gate, proxy);
