//! The recordings against the vendor's own specification, when that lies beside the repository: every request has a path
//! there and a body of its schema, and so has every answer of our sandbox. Without it each check is ignored, and says so.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "spec/schema.rs"]
mod schema;
#[path = "spec/vectors.rs"]
mod vectors;

use libtest_mimic::{Arguments, Failed, Trial};
use schema::Specification;
use serde_json::Value as Json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Paths that the subset leaves out.
const ELSEWHERE: [&str; 1] = ["/account-info/v3/details"];

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let specs = find();
    let ignored = specs.is_none();
    let name = |what: String| match ignored {
        true => format!("{what} (no folder shared/specs/hubspot above the repository)"),
        false => what,
    };
    let mut trials = Vec::new();
    for file in recordings() {
        let specs = specs.clone();
        let stem = file.file_stem().unwrap().to_string_lossy().into_owned();
        let check = move || check(&specs.unwrap(), &file);
        trials.push(Trial::test(name(format!("recording::{stem}")), check).with_ignored_flag(ignored));
    }
    let check = move || vectors::check(&specs.unwrap().join("signature-vectors.json"));
    trials.push(Trial::test(name("signature_vectors".into()), check).with_ignored_flag(ignored));
    trials.push(Trial::test("a_wrong_body_is_noticed", schema::notices));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// `shared/specs/hubspot`, looked for from the crate upwards.
fn find() -> Option<PathBuf> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join("shared/specs/hubspot")).find(|folder| folder.is_dir())
}

fn recordings() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    files
}

fn read(file: &Path) -> Json {
    serde_json::from_str(&fs::read_to_string(file).unwrap()).unwrap()
}

fn check(specs: &Path, file: &Path) -> Result<(), Failed> {
    let specification = Specification::new(read(&specs.join("hubspot-subset.openapi.json")));
    for exchange in read(file)["exchanges"].as_array().unwrap() {
        let (request, response) = (&exchange["request"], &exchange["response"]);
        let (method, path) = (request["method"].as_str().unwrap(), request["path"].as_str().unwrap());
        if ELSEWHERE.contains(&path) {
            continue;
        }
        let at = format!("{method} {path}");
        let operation = specification.operation(method, path).ok_or_else(|| format!("{at} is not specified"))?;
        let said = |mistake: String| format!("{at}: {mistake}");
        specification.body(operation.get("requestBody"), &request["body"]["json"]).map_err(said)?;
        let status = response["status"].as_u64().unwrap().to_string();
        // What the vendor's gateways answer (HTML, throttles) is in no specification.
        if let (true, Some(answer)) = (response["body"].is_object(), operation["responses"].get(&status)) {
            specification
                .body(Some(answer), &response["body"])
                .map_err(|mistake| format!("{at}: {status}: {mistake}"))?;
        }
    }
    Ok(())
}
