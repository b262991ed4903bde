//! What is wrong with what was typed: one line each, all of them at once.

use std::fmt;

use super::{SETTINGS, Source};

/// One defect, with what a person needs to mend it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// A value that the setting does not take.
    #[error("{}: expected {allowed}", place.with_value(key, given))]
    Value {
        /// Where it stands.
        place: Source,
        /// The setting.
        key: &'static str,
        /// What was given, as it was typed.
        given: String,
        /// What is allowed.
        allowed: String,
    },
    /// A value that is allowed, but not beside the value of another setting, or not on this machine.
    #[error("{}: {reason}", place.with_value(key, given))]
    Conflict {
        /// Where it stands.
        place: Source,
        /// The setting.
        key: &'static str,
        /// Its value.
        given: String,
        /// What stands against it.
        reason: String,
    },
    /// A name that is no setting's.
    #[error("{place}: unknown setting{}", Hint(near))]
    Unknown {
        /// Where it stands, and the name.
        place: String,
        /// The setting that was probably meant, as it is written there.
        near: Option<String>,
    },
    /// The file is not TOML.
    #[error("{file}:{line}: not TOML: {message}")]
    Syntax {
        /// The file.
        file: String,
        /// The line, from 1.
        line: usize,
        /// What the parser found.
        message: String,
    },
    /// The file cannot be read.
    #[error("{file}: {message}")]
    File {
        /// The file.
        file: String,
        /// Why not.
        message: String,
    },
}

struct Hint<'a>(&'a Option<String>);

impl fmt::Display for Hint<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(near) => write!(f, "; did you mean {near}?"),
            None => f.write_str("; `linnet check --print` lists all settings"),
        }
    }
}

/// Everything that is wrong with what was typed; at least one problem, printed one a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            write!(f, "{}{problem}", if i == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The setting that `name` was probably meant to be: equal but for case and hyphens, or few edits away.
pub(super) fn nearest(name: &str) -> Option<&'static str> {
    /// No setting's name is as long; bounds the work on a name that came from outside.
    const LONGEST: usize = 64;
    let name = name.to_ascii_lowercase().replace('-', "_");
    if name.len() > LONGEST {
        return None;
    }
    let ranked = SETTINGS.iter().map(|setting| (edits(&name, setting.key), setting.key));
    let (distance, key) = ranked.min()?;
    (distance <= if key.len() <= 4 { 1 } else { 2 }).then_some(key)
}

/// Characters to insert, delete, replace or swap with their neighbour to make `a` into `b` (optimal string alignment).
fn edits(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let mut rows = vec![(0..=b.len()).collect::<Vec<_>>()];
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let replaced = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            let mut least = replaced.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(rows[i - 2][j - 2] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_misses_are_found_and_strangers_are_not() {
        let cases = [
            ("workrs", Some("workers")),
            ("wrokers", Some("workers")),
            ("Workers", Some("workers")),
            ("log_level", Some("loglevel")),
            ("graceful-timeout", Some("graceful_timeout")),
            ("binds", Some("bind")),
            ("bnd", Some("bind")),
            ("band_", None),
            ("threads", None),
            ("", None),
            (&"w".repeat(100_000), None),
        ];
        for (name, expected) in cases {
            assert_eq!(nearest(name), expected, "{name:.20}");
        }
    }
}
