//! The guide's connector keeps every law; a connector with a defect does not keep the law about it.

mod connector;
mod sabotage;
mod sandbox;

use concord_connector::{
    Connector,
    testing::{Generated, Law, Run, Subject, laws},
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/acme")
}

pub(crate) fn subject(connector: Arc<dyn Connector>) -> Subject {
    let start = Arc::new(|_seed| Box::new(sandbox::Server::default()) as _);
    // As in the conformance suite, UPDATE=1 rewrites what is generated.
    let generated = std::env::var_os("UPDATE").map_or(Generated::Compare, |_| Generated::Rewrite);
    Subject::new(connector, folder(), Some(start)).golden(folder().join("faults.txt"), generated)
}

/// Names and sentences of the laws that are broken.
fn broken(subject: &Subject) -> Vec<(String, String)> {
    let fails = |law: Law| match law.run {
        Run::Try(run) => run().err().map(|sentence| (law.name, sentence)),
        Run::Ignored(_) => None,
    };
    laws(subject).into_iter().filter_map(fails).collect()
}

#[test]
fn the_connector_of_the_guide_keeps_every_law() {
    let subject = subject(Arc::new(connector::connector()));
    let broken = broken(&subject);
    assert!(broken.is_empty(), "{broken:#?}");
}

#[test]
fn what_is_not_tried_says_why() {
    let subject = subject(Arc::new(connector::connector()));
    let ignored: Vec<_> = laws(&subject)
        .into_iter()
        .filter_map(|law| match law.run {
            Run::Ignored(reason) => Some(format!("{}: {reason}", law.name)),
            Run::Try(_) => None,
        })
        .collect();
    let expected = [
        "vendor::organization_deleted_record_is_gone: `deletes` is not declared",
        "vendor::organization_archived_record_is_answered: `archives` is not declared",
    ];
    assert_eq!(ignored, expected);
}

#[test]
fn every_defect_breaks_the_law_about_it() {
    for (defect, expected) in sabotage::ALL {
        let subject = subject(Arc::new(sabotage::Sabotaged { inner: connector::connector(), defect: *defect }));
        let broken = broken(&subject);
        let named = broken.iter().any(|(name, _)| name == expected);
        assert!(
            named,
            "{defect:?} should break {expected}; broken: {:?}",
            broken.iter().map(|b| &b.0).collect::<Vec<_>>()
        );
    }
}

#[test]
fn a_fixture_that_is_gone_and_one_that_nobody_reads_are_told() {
    let copy = Path::new(env!("CARGO_TARGET_TMPDIR")).join("acme-fixtures");
    let from = folder().join("fixtures");
    std::fs::create_dir_all(copy.join("fixtures/hooks")).unwrap();
    for name in
        ["describe.json", "fetch.json", "create.json", "update.json", "poll_full_page.json", "hooks/changed.json"]
    {
        std::fs::copy(from.join(name), copy.join("fixtures").join(name)).unwrap();
    }
    std::fs::write(copy.join("fixtures/notes.txt"), "left behind").unwrap();
    let mut subject = subject(Arc::new(connector::connector()));
    subject.folder = copy;
    let broken = broken(&subject);
    let says = |law: &str, part: &str| broken.iter().any(|(name, sentence)| name == law && sentence.contains(part));
    assert!(says("exchange::every_capability_has_a_fixture", "no fixture shows: find"), "{broken:#?}");
    assert!(says("exchange::every_fixture_is_read", "notes.txt"), "{broken:#?}");
}
