//! Settings: the file, then after each NUL a variable of the environment, `NAME=value`.

use linnet::config::{ConfigFile, Inputs, Problem, SETTINGS, Settings, resolve};

const FILE: &str = "fuzz.toml";

/// Resolves the settings. Either every problem says where it stands, in one line, or what `linnet check --print` shows
/// means the same when it is read again.
pub(super) fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut parts = text.split('\0');
    let file = ConfigFile { name: FILE.to_owned(), text: parts.next().unwrap_or_default().to_owned() };
    let environment = parts
        .filter_map(|entry| entry.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()));
    let lines = file.text.split('\n').count();
    let inputs =
        Inputs { file: Some(file), environment: environment.collect(), cpus: 2, ..Inputs::default() };
    match resolve(&inputs) {
        Ok(effective) => {
            let printed = ConfigFile { name: FILE.to_owned(), text: effective.print() };
            let again = resolve(&Inputs { file: Some(printed), cpus: 2, ..Inputs::default() });
            let again = again.unwrap_or_else(|problems| panic!("{}\n{problems}", effective.print()));
            assert_same(&again.settings, &effective.settings);
            for setting in SETTINGS {
                let _ = effective.source(setting.key).to_string();
            }
        }
        Err(problems) => {
            assert!(!problems.0.is_empty());
            for problem in &problems.0 {
                assert_has_place(problem, lines);
            }
        }
    }
}

fn assert_same(found: &Settings, expected: &Settings) {
    assert_eq!(found, expected, "{:?}", expected.changed(found));
}

/// A line of the file that exists, or the environment; and one line in all.
fn assert_has_place(problem: &Problem, lines: usize) {
    let said = problem.to_string();
    assert!(!said.contains('\n'), "{said:?}");
    let line = said.strip_prefix(FILE).and_then(|rest| rest.strip_prefix(':')).and_then(|rest| {
        let digits = rest.split(|c: char| !c.is_ascii_digit()).next()?;
        digits.parse::<usize>().ok()
    });
    match line {
        Some(line) => assert!((1..=lines).contains(&line), "{said:?} of {lines} lines"),
        None => assert!(said.starts_with("environment ") || said.starts_with("default"), "{said:?}"),
    }
}
