//! The fuzz targets: each takes any bytes and panics where a promise is broken. They are plain functions, so that
//! `tests/fuzz_corpus.rs` replays the corpus in the ordinary tests and `tests/fuzz/src/main.rs` hands them to libFuzzer.
//!
//! What costs time to make (a model, a server) is made once for each thread.

mod artifact;
mod config;
mod connection;
mod gate;
mod image;
mod json;
mod proxy;
mod request;
mod text;

use std::path::PathBuf;

/// A target: its name, which is also that of its folder in the corpus, and what is done with the bytes.
pub(crate) type Target = (&'static str, fn(&[u8]));

/// All targets.
pub(crate) const TARGETS: &[Target] = &[
    ("request", request::target),
    ("json", json::target),
    ("text", text::target),
    ("artifact", artifact::target),
    ("image", image::target),
    ("config", config::target),
    ("connection", connection::target),
    ("gate", gate::target),
    ("proxy", proxy::target),
];

/// The root of the project, from whichever of its packages the targets are compiled in.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let root = here.ancestors().find(|folder| folder.join("artifacts/tagifai").is_dir());
    root.expect("the model that ships stands in the project").to_owned()
}

/// Texts that every model is asked about: empty, plain, and with characters of one to four bytes.
const TEXTS: [&str; 4] =
    ["", "the cat's ab abab, the end", "ÉéΣσς a\u{301}b 日本😀\u{a0}x", "aaaaaaaaaaaaaaaa 0_1"];
