//! Our JSON grammar against CPython's own, document by document: accepted or refused, message, position, line and column,
//! and what is written again.
//!
//! `LINNET_PYTHON` names a CPython 3.11 (other versions word errors differently), `LINNET_CASES` how many documents.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

#[path = "fuzz/damage.rs"]
mod damage;

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use damage::Numbers;
use linnet::json::{DocumentError, Fault, check, compact, decode};

/// Documents compared unless `LINNET_CASES` says how many.
const CASES: usize = 100_000;

/// Documents on their way to Python at once: few enough that neither pipe fills up while the other side writes.
const BATCH: usize = 64;

/// Longest document sent, in bytes.
const LONGEST: usize = 400;

/// What we make of a document, in the words of `tests/contract/json_loads.py`.
fn judge(document: &[u8]) -> Vec<u8> {
    let Ok(text) = decode(document) else { return b"encoding".to_vec() };
    match check(&text) {
        Err(Fault::Syntax(e)) => {
            format!("syntax {} {} {} {}", e.position, e.line, e.column, e.message).into_bytes()
        }
        Err(Fault::TooDeep) => b"deep".to_vec(),
        Err(Fault::IntegerTooLong) => b"digits".to_vec(),
        Ok(()) => match compact(document) {
            Ok(written) => [b"ok ", written.as_slice()].concat(),
            Err(DocumentError::LoneSurrogate | DocumentError::NotFinite) => {
                b"ok, but cannot be sent".to_vec()
            }
            Err(other) => panic!("{other}: {}", document.escape_ascii()),
        },
    }
}

/// Documents by damage to the seeds, and to what damage has made of them.
fn documents(count: usize) -> Vec<Vec<u8>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pool: Vec<Vec<u8>> = Vec::new();
    for folder in ["json", "request"] {
        let entries = fs::read_dir(root.join("tests/fuzz/corpus").join(folder)).unwrap();
        let mut paths: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
        paths.sort();
        pool.extend(paths.iter().map(|path| fs::read(path).unwrap()).filter(|seed| seed.len() <= LONGEST));
    }
    // Bodies stand behind two lines of their own; as documents they are as good with them as without.
    let bodies: Vec<_> =
        pool.iter().filter_map(|seed| seed.splitn(3, |b| *b == b'\n').nth(2).map(<[u8]>::to_vec)).collect();
    pool.extend(bodies);
    let (mut numbers, seeds) = (Numbers(count as u64), pool.len());
    while pool.len() < seeds + count {
        // Mostly the seeds: what has been damaged often is refused at its first byte.
        let among = if numbers.below(4) == 0 { pool.len() } else { seeds };
        let chosen = numbers.below(among);
        let mut document = numbers.damage(&pool[chosen]);
        document.truncate(LONGEST);
        pool.push(document);
    }
    pool
}

#[test]
#[ignore = "needs CPython 3.11: tests/run contract gives it one"]
fn documents_are_judged_as_cpython_judges_them() {
    let python = std::env::var("LINNET_PYTHON").expect("LINNET_PYTHON names a CPython 3.11");
    let count = std::env::var("LINNET_CASES").map_or(CASES, |count| count.parse().unwrap());
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/json_loads.py");
    let mut child =
        Command::new(python).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut to, mut from) = (child.stdin.take().unwrap(), BufReader::new(child.stdout.take().unwrap()));
    let (mut accepted, mut refused) = (0, 0);
    for batch in documents(count).chunks(BATCH) {
        let mut sent = Vec::new();
        for document in batch {
            sent.extend_from_slice(&(document.len() as u32).to_le_bytes());
            sent.extend_from_slice(document);
        }
        to.write_all(&sent).unwrap();
        for document in batch {
            let mut expected = Vec::new();
            from.read_until(b'\n', &mut expected).unwrap();
            expected.pop();
            let found = judge(document);
            let (f, e) = (found.escape_ascii(), expected.escape_ascii());
            assert!(found == expected, "{}\n  found    {f}\n  expected {e}", document.escape_ascii());
            *if found.starts_with(b"ok") { &mut accepted } else { &mut refused } += 1;
        }
    }
    drop(to);
    assert!(child.wait().unwrap().success());
    println!("{accepted} documents accepted, {refused} refused, all as CPython does");
    assert!(accepted >= count / 50 && refused >= count / 50, "{accepted} accepted, {refused} refused");
}
