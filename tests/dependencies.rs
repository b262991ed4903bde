//! The dependencies: permissive licences, one source, none in two versions. `tests/deny.toml` has the lists.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should fail where it stands")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Command;

use serde::Deserialize;

/// What is read of `tests/deny.toml`.
#[derive(Deserialize)]
struct Rules {
    licenses: Licenses,
    bans: Bans,
}

#[derive(Deserialize)]
struct Licenses {
    allow: Vec<String>,
}

#[derive(Deserialize)]
struct Bans {
    skip: Vec<String>,
}

/// What is read of `cargo metadata`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    license: Option<String>,
    /// None for the project's own.
    source: Option<String>,
}

fn dependencies() -> (Rules, Vec<Package>) {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let rules = std::fs::read_to_string(root.join("tests/deny.toml")).unwrap();
    let platform = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version=1", "--locked", "--filter-platform", &platform])
        .current_dir(root)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let metadata: Metadata = serde_json::from_slice(&output.stdout).unwrap();
    (toml::from_str(&rules).unwrap(), metadata.packages)
}

/// Whether an SPDX expression leaves a choice of allowed licences. `OR` binds less than `AND`; in old manifests a slash
/// stands for `OR`. An exception (`WITH`) only permits more.
fn is_allowed(expression: &str, allowed: &[String]) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (verdict, rest) = any_of(&words, allowed);
    verdict && rest.is_empty()
}

fn any_of<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let (mut verdict, mut rest) = all_of(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (next, after) = all_of(after, allowed);
        (verdict, rest) = (verdict | next, after);
    }
    (verdict, rest)
}

fn all_of<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    let (mut verdict, mut rest) = license(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (next, after) = license(after, allowed);
        (verdict, rest) = (verdict & next, after);
    }
    (verdict, rest)
}

fn license<'w>(words: &'w [&'w str], allowed: &[String]) -> (bool, &'w [&'w str]) {
    match words {
        ["(", inner @ ..] => match any_of(inner, allowed) {
            (verdict, [")", rest @ ..]) => (verdict, rest),
            (_, rest) => (false, rest),
        },
        [name, "WITH", _, rest @ ..] | [name, rest @ ..] => (allowed.iter().any(|known| known == name), rest),
        [] => (false, words),
    }
}

#[test]
fn expressions_of_licences_are_read() {
    let allowed = ["MIT", "Zlib"].map(String::from);
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-3.0", false),
        ("GPL-3.0 OR MIT", true),
        ("GPL-3.0/MIT", true),
        ("GPL-3.0 AND MIT", false),
        ("GPL-3.0 OR MIT AND Zlib", true),
        ("(GPL-3.0 OR MIT) AND Zlib", true),
        ("(GPL-3.0 OR MIT) AND BSD-3-Clause", false),
        ("MIT WITH X OR GPL-3.0", true),
        ("", false),
        ("MIT)", false),
    ] {
        assert_eq!(is_allowed(expression, &allowed), expected, "{expression}");
    }
}

#[test]
fn every_dependency_has_an_allowed_licence() {
    let (rules, packages) = dependencies();
    assert!(packages.len() > 50, "only {} packages", packages.len());
    let fits =
        |license: &Option<String>| license.as_ref().is_some_and(|l| is_allowed(l, &rules.licenses.allow));
    for package in packages {
        let Package { name, version, license, .. } = package;
        assert!(fits(&license), "{name} {version}: {license:?} is not in tests/deny.toml");
    }
}

#[test]
fn every_dependency_is_from_the_one_registry_in_one_version() {
    let (rules, packages) = dependencies();
    let sources: BTreeSet<_> = packages.iter().filter_map(|package| package.source.as_ref()).collect();
    assert!(
        sources.len() == 1 && sources.iter().all(|source| source.starts_with("registry+")),
        "{sources:?}"
    );
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in &packages {
        versions.entry(&package.name).or_default().push(&package.version);
    }
    versions.retain(|name, versions| versions.len() > 1 && !rules.bans.skip.iter().any(|skip| skip == name));
    assert!(versions.is_empty(), "in several versions, and not in tests/deny.toml: {versions:?}");
}
