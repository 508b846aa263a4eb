//! The behaviour suite over every connector of the registry: `<system>::<group>::<law>`.
//!
//! `UPDATE=1` rewrites what is generated: `tests/golden/` and the mapping tables in the READMEs.

// The crate root of a test looks for its modules beside itself.
#[path = "conformance/folders.rs"]
mod folders;

use concord_connector::testing::{Generated, Law, Run, Subject, Verdict, laws};
use libtest_mimic::{Arguments, Trial};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let generated = match std::env::var_os("UPDATE") {
        Some(_) => Generated::Rewrite,
        None => Generated::Compare,
    };
    let mut trials = Vec::new();
    for connector in concord_connectors::all() {
        let system = connector.system().to_string();
        let sandbox = concord_connectors::sandbox(&system, 0).map(|_| {
            let system = system.clone();
            Arc::new(move |seed| concord_connectors::sandbox(&system, seed).expect("was there a moment ago")) as _
        });
        let golden = root().join(format!("tests/golden/{system}-faults.txt"));
        let subject = Subject::new(connector, root().join(&system), sandbox).golden(golden, generated);
        trials.extend(laws(&subject).into_iter().map(|law| trial(&system, law)));
        trials.extend(folders::laws(&subject).into_iter().map(|law| trial(&system, law)));
    }
    trials.push(Trial::test("registry::every_folder_is_listed", || verdict(folders::every_folder_is_listed())));
    trials.push(Trial::test("registry::names_are_unique_and_sorted", || verdict(folders::names_are_sorted())));
    trials.push(Trial::test("registry::no_golden_file_is_an_orphan", || verdict(folders::no_orphans())));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// The folder `connectors/`.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn trial(system: &str, law: Law) -> Trial {
    let name = format!("{system}::{}", law.name);
    match law.run {
        Run::Try(run) => Trial::test(name, move || verdict(run())),
        Run::Ignored(reason) => Trial::test(format!("{name} ({reason})"), || Ok(())).with_ignored_flag(true),
    }
}

fn verdict(verdict: Verdict) -> Result<(), libtest_mimic::Failed> {
    verdict.map_err(libtest_mimic::Failed::from)
}
