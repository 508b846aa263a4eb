//! Lists are derived: what is in the folders, the registry and the READMEs is the same.

use super::root;
use concord_connector::testing::{Generated, Law, Run, Subject, Verdict, with_mapping_table};
use std::{collections::BTreeSet, fs};

/// Folders of `connectors/` that are no connector.
const OTHERS: [&str; 4] = ["sdk", "src", "tests", "docs"];

/// Laws of a connector's folder.
pub(crate) fn laws(subject: &Subject) -> Vec<Law> {
    let files = subject.clone();
    let table = subject.clone();
    vec![
        law("folder::has_every_part", move || has_every_part(&files)),
        law("folder::readme_shows_the_mapping", move || readme_shows_the_mapping(&table)),
    ]
}

fn law(name: &str, run: impl FnOnce() -> Verdict + Send + 'static) -> Law {
    Law { name: name.to_owned(), run: Run::Try(Box::new(run)) }
}

fn has_every_part(subject: &Subject) -> Verdict {
    let missing: Vec<_> = ["connector.toml", "README.md", "src/lib.rs", "src/sandbox.rs", "fixtures"]
        .into_iter()
        .filter(|part| !subject.folder.join(part).exists())
        .collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("{} has no {}", subject.folder.display(), missing.join(", "))) }
}

fn readme_shows_the_mapping(subject: &Subject) -> Verdict {
    let file = subject.folder.join("README.md");
    let readme = fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
    let expected = with_mapping_table(&readme, subject.connector.manifest())
        .ok_or("the README has no `<!-- mapping:begin -->` and `<!-- mapping:end -->`")?;
    match (readme == expected, subject.generated) {
        (true, _) => Ok(()),
        (false, Generated::Rewrite) => fs::write(&file, expected).map_err(|e| e.to_string()),
        (false, Generated::Compare) => Err("the README's mapping table is old; UPDATE=1 rewrites it".into()),
    }
}

fn systems() -> Vec<String> {
    concord_connectors::all().iter().map(|connector| connector.system().to_string()).collect()
}

pub(crate) fn every_folder_is_listed() -> Verdict {
    let entries = fs::read_dir(root()).map_err(|e| e.to_string())?.flatten();
    let folders: BTreeSet<String> = entries
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .filter(|name| !name.starts_with('.') && !OTHERS.contains(&name.as_str()))
        .collect();
    let listed: BTreeSet<String> = systems().into_iter().collect();
    if folders == listed { Ok(()) } else { Err(format!("folders {folders:?}, registry {listed:?}")) }
}

pub(crate) fn names_are_sorted() -> Verdict {
    let systems = systems();
    match systems.is_sorted_by(|a, b| a < b) {
        true => Ok(()),
        false => Err(format!("{systems:?}")),
    }
}

/// A golden file that no connector has is a leftover.
pub(crate) fn no_orphans() -> Verdict {
    let expected: BTreeSet<String> = systems().iter().map(|system| format!("{system}-faults.txt")).collect();
    let entries = fs::read_dir(root().join("tests/golden")).map_err(|e| e.to_string())?.flatten();
    let there: BTreeSet<String> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let orphans: Vec<_> = there.difference(&expected).collect();
    if orphans.is_empty() { Ok(()) } else { Err(format!("nothing reads {orphans:?}")) }
}
