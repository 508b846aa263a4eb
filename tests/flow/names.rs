//! RELIABILITY.md names tests; each of them is there.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The links of the form ``[`name`](path/to/file.rs)``.
fn named(text: &str) -> Vec<(&str, &str)> {
    let mut found = Vec::new();
    for piece in text.split("[`").skip(1) {
        let Some((name, rest)) = piece.split_once("`](") else { continue };
        let Some((path, _)) = rest.split_once(')') else { continue };
        if path.ends_with(".rs") {
            found.push((name, path));
        }
    }
    found
}

/// Whether a source has a test of this name: a function, a line of a table of tests, or a share that a macro makes one of.
fn has(source: &str, name: &str) -> bool {
    let shapes = [format!("fn {name}("), format!("\"{name}\""), format!(" {name}: ("), format!("fn {name}<")];
    shapes.iter().any(|shape| source.contains(shape))
}

#[test]
fn every_test_that_reliability_names_exists() {
    let text = fs::read_to_string(root().join("RELIABILITY.md")).expect("RELIABILITY.md");
    let named = named(&text);
    assert!(named.len() > 60, "only {} tests are named", named.len());
    let mut missing = Vec::new();
    for (name, path) in named {
        let source = fs::read_to_string(root().join(path)).unwrap_or_default();
        if !has(&source, name) {
            missing.push(format!("{path}: {name}"));
        }
    }
    assert_eq!(missing, Vec::<String>::new(), "named in RELIABILITY.md and not there");
}

#[test]
fn every_failure_and_every_line_of_the_checklist_has_a_row() {
    let text = fs::read_to_string(root().join("RELIABILITY.md")).expect("RELIABILITY.md");
    let rows: BTreeSet<&str> =
        text.lines().filter_map(|line| line.strip_prefix("| ")?.split_once(" |").map(|(first, _)| first)).collect();
    for number in 1..=18 {
        assert!(rows.contains(format!("F{number}").as_str()), "F{number} has no row");
    }
    for number in 1..=24 {
        assert!(rows.contains(format!("S{number}").as_str()), "S{number} has no row");
    }
}

/// The other way round: a test with a number is named.
#[test]
fn every_numbered_test_is_named_in_reliability() {
    let text = fs::read_to_string(root().join("RELIABILITY.md")).expect("RELIABILITY.md");
    let named: BTreeSet<&str> = named(&text).into_iter().map(|(name, _)| name).collect();
    let mut folders: Vec<PathBuf> =
        ["tests", "functions", "connectors"].iter().map(|folder| root().join(folder)).collect();
    let mut unnamed = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("a readable folder").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let source = fs::read_to_string(&path).expect("a readable source");
                let names = source
                    .lines()
                    .filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
                let names = names.filter_map(|rest| rest.split_once("()").map(|(name, _)| name));
                unnamed.extend(names.filter(|name| is_numbered(name) && !named.contains(name)).map(str::to_owned));
            }
        }
    }
    assert_eq!(unnamed, Vec::<String>::new(), "has a number and is not in RELIABILITY.md");
}

/// `f05_...`, `s17_...`.
fn is_numbered(name: &str) -> bool {
    let (letter, rest) = name.split_at(name.len().min(1));
    let number = rest.split('_').next().unwrap_or_default();
    matches!(letter, "f" | "s") && number.len() == 2 && number.bytes().all(|byte| byte.is_ascii_digit())
}
