//! libFuzzer over one of the targets, which the variable `LINNET_FUZZ_TARGET` names. `tests/fuzz/run` builds and starts it.

#![no_main]

#[path = "../targets/mod.rs"]
mod targets;

use std::sync::LazyLock;

use targets::{TARGETS, Target};

static CHOSEN: LazyLock<&Target> = LazyLock::new(|| {
    let name = std::env::var("LINNET_FUZZ_TARGET").unwrap_or_default();
    let found = TARGETS.iter().find(|(target, _)| *target == name);
    found.unwrap_or_else(|| {
        panic!("LINNET_FUZZ_TARGET must be one of {:?}", TARGETS.iter().map(|t| t.0).collect::<Vec<_>>())
    })
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| CHOSEN.1(data));
