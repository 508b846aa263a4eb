//! Our requests, and the sandboxes' answers, against the vendors' own models: AWS's service models and the schemas of its
//! change sets, Google's discovery documents and messages, Microsoft's OpenAPI and Swagger documents.
//!
//! The calls are those of the recordings, and every call that the behaviour suite makes. AWS's and Google's models come with
//! packages that `tests/botocore/prepare` and `tests/google-models/prepare` install; Microsoft's documents, and the schemas of
//! change sets, have to lie beside the repository. What is missing makes a trial ignored, with the reason.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "../microsoft-marketplace/tests/spec/schema.rs"]
#[allow(dead_code, reason = "the connector's own tests use the rest")]
mod schema;

use concord_connector::testing::{Calls, Run, Subject, judge, laws};
use libtest_mimic::{Arguments, Failed, Trial};
use schema::Document;
use serde_json::{Value as Json, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::Arc,
};

/// The systems that a judge knows, and the judge.
const JUDGED: [(&str, &str); 3] =
    [("aws-marketplace", "botocore"), ("aws-partner-central", "botocore"), ("google-marketplace", "google-models")];

fn main() -> ExitCode {
    let mut trials = Vec::new();
    for (system, name) in JUDGED {
        let there = judge::found(name).is_some();
        let reason = if there { String::new() } else { format!(" (run tests/{name}/prepare)") };
        let recorded = move || judged(name, &recordings(system));
        let behaved = move || judged(name, &behaviour(system));
        trials.push(Trial::test(format!("{system}_recordings_fit{reason}"), recorded).with_ignored_flag(!there));
        trials.push(Trial::test(format!("{system}_behaviour_fits{reason}"), behaved).with_ignored_flag(!there));
    }
    let schemas = beside("aws").is_some() && judge::found("botocore").is_some();
    let reason =
        if schemas { "" } else { " (no folder shared/specs/aws above the repository, or tests/botocore/prepare)" };
    trials.push(
        Trial::test(format!("a_wrong_change_set_is_noticed{reason}"), wrong_change_set).with_ignored_flag(!schemas),
    );
    let documents = beside("microsoft");
    let reason = if documents.is_some() { "" } else { " (no folder shared/specs/microsoft above the repository)" };
    let (ignored, folder) = (documents.is_none(), documents.unwrap_or_default());
    let specified = move || microsoft(&folder);
    trials.push(Trial::test(format!("microsoft-marketplace_calls_fit{reason}"), specified).with_ignored_flag(ignored));
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// `shared/specs/NAME`, looked for from here upwards.
fn beside(name: &str) -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/specs").join(name)).find(|folder| folder.is_dir())
}

/// The calls of the recordings, to which the behaviour suite holds the connectors, request by request.
fn recordings(system: &str) -> Vec<Json> {
    let mut calls = Vec::new();
    let folder = root().join("connectors").join(system).join("fixtures");
    for entry in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let fixture: Json = serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
        for exchange in fixture["exchanges"].as_array().unwrap() {
            let mut call = exchange.clone();
            call["at"] = entry.file_name().to_string_lossy().into();
            calls.push(call);
        }
    }
    calls
}

/// Every call that the behaviour suite makes at the sandbox, faults and all. Whether its laws hold is the suite's to say.
fn behaviour(system: &'static str) -> Vec<Json> {
    let calls = Calls::default();
    let start = calls.of(Arc::new(move |seed| concord_connectors::sandbox(system, seed).unwrap()));
    let folder = root().join("connectors").join(system);
    let subject = Subject::new(concord_connectors::find(system).unwrap(), folder, Some(start));
    for law in laws(&subject) {
        let calls = ["vendor::", "exchange::", "faults::"].iter().any(|group| law.name.starts_with(group));
        if let (true, Run::Try(law)) = (calls, law.run) {
            drop(law());
        }
    }
    // The suite asks for records that nobody has, by ids of no system's own.
    let mut calls = calls.exchanges(&subject);
    let strange = |text: &str| ["999999999", r#""Identifier":"1""#].iter().any(|id| text.contains(id));
    calls.retain(|call| !strange(&call["request"].to_string()));
    calls
}

fn judged(name: &str, calls: &[Json]) -> Result<(), Failed> {
    if calls.len() < 5 {
        return Err(format!("only {} calls", calls.len()).into());
    }
    let mistakes = judge::mistakes(name, calls).map_err(|cause| cause.to_string())?;
    match mistakes.as_slice() {
        [] => Ok(()),
        mistakes => Err(format!("{} calls:\n{}", calls.len(), mistakes.join("\n")).into()),
    }
}

/// The schemas of change sets are looked at, and say no to what is none.
fn wrong_change_set() -> Result<(), Failed> {
    let change = |document: Json| {
        json!({ "at": "wrong", "response": { "status": 500, "body": null }, "request": { "method": "POST", "path": "/StartChangeSet",
            "body": { "json": { "Catalog": "AWSMarketplace", "ChangeSet": [
                { "ChangeType": "UpdateAvailability", "Entity": { "Type": "Offer@1.0", "Identifier": "offer-1" }, "DetailsDocument": document }
            ] } } } })
    };
    let found = |document: Json| judge::mistakes("botocore", &[change(document)]).unwrap();
    assert_eq!(found(json!({ "AvailabilityEndDate": "2026-12-31" })), Vec::<String>::new());
    assert!(!found(json!({ "AvailabilityEnd": "2026-12-31" })).is_empty());
    assert!(!found(json!({ "AvailabilityEndDate": 7 })).is_empty());
    Ok(())
}

fn microsoft(folder: &Path) -> Result<(), Failed> {
    let read = |name: &str| Document::new(serde_json::from_slice(&fs::read(folder.join(name)).unwrap()).unwrap());
    let documents = [read("saasapi.v2.json"), read("meteringapi.v1.json")];
    let (mut compared, mut mistakes) = (0, Vec::new());
    for call in behaviour("microsoft-marketplace").into_iter().chain(recordings("microsoft-marketplace")) {
        let (request, status) = (&call["request"], call["response"]["status"].as_u64().unwrap_or_default());
        // Product ingestion has no published document, and what goes wrong on the way has no described answer.
        if !request["host"].is_null() || !(200..300).contains(&status) {
            continue;
        }
        let path = request["path"].as_str().unwrap();
        compared += 1;
        if let Err(mistake) = documents[usize::from(!path.starts_with("/saas"))].exchange(request, &call["response"]) {
            mistakes.push(format!("{} {path}: {mistake}", request["method"]));
        }
    }
    match (compared > 10, mistakes.as_slice()) {
        (true, []) => Ok(()),
        (false, []) => Err(format!("only {compared} calls").into()),
        (_, mistakes) => Err(mistakes.join("\n").into()),
    }
}
