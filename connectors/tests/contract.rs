//! Our requests, and the sandboxes' answers, against AWS's own service models.
//!
//! The calls are those of the recordings: the behaviour suite holds the connectors to them, request by request. The models
//! come with botocore, which `tests/botocore/prepare` installs; without it the test is ignored with the reason.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use libtest_mimic::{Arguments, Trial};
use serde_json::{Value as Json, json};
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode, Stdio},
};

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
    let python = root.join(".venv/botocore/bin/python");
    let trials = ["aws-marketplace", "aws-partner-central"].map(|system| {
        let (root, python, there) = (root.clone(), python.clone(), python.exists());
        let name = format!("{system}_calls_fit_the_models");
        let name = if there { name } else { format!("{name} (run tests/botocore/prepare)") };
        Trial::test(name, move || fits(&root, &python, system).map_err(Into::into)).with_ignored_flag(!there)
    });
    libtest_mimic::run(&Arguments::from_args(), trials.into()).exit_code()
}

fn fits(root: &Path, python: &PathBuf, system: &str) -> Result<(), String> {
    let mut calls = Vec::new();
    let folder = root.join("connectors").join(system).join("fixtures");
    for entry in fs::read_dir(folder).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        let fixture: Json = serde_json::from_slice(&fs::read(entry.path()).unwrap()).unwrap();
        for exchange in fixture["exchanges"].as_array().unwrap() {
            calls.extend(told(&entry.file_name().to_string_lossy(), exchange));
        }
    }
    assert!(calls.len() > 20, "{} calls", calls.len());
    let mut validator = Command::new(python)
        .arg(root.join("tests/botocore/validate.py"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let mut input = validator.stdin.take().unwrap();
    let lines: String = calls.iter().map(|call| format!("{call}\n")).collect();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = validator.wait_with_output().map_err(|e| e.to_string())?;
    writer.join().unwrap().map_err(|e| e.to_string())?;
    let mistakes = String::from_utf8_lossy(&output.stdout).into_owned();
    match (output.status.success(), mistakes.is_empty()) {
        (true, true) => Ok(()),
        (true, false) => Err(mistakes),
        (false, _) => Err(format!("the validator ended with {}", output.status)),
    }
}

/// A request and its answer as the validator takes them.
fn told(file: &str, exchange: &Json) -> Vec<Json> {
    let request = &exchange["request"];
    let path = request["path"].as_str().unwrap();
    let target = request["headers"].as_array().into_iter().flatten().find(|header| header[0] == "x-amz-target");
    let target = target.and_then(|header| header[1].as_str());
    let (service, operation) = match (target, request["host"].as_str()) {
        (Some(target), Some("metering")) => ("meteringmarketplace", target.rsplit('.').next().unwrap()),
        (Some(target), _) => ("partnercentral-selling", target.rsplit('.').next().unwrap()),
        (None, Some("agreement")) => ("marketplace-agreement", path.rsplit('/').next().unwrap()),
        (None, Some("entitlement")) => ("marketplace-entitlement", path.rsplit('/').next().unwrap()),
        _ => ("marketplace-catalog", path.trim_start_matches('/')),
    };
    let body = &request["body"];
    let sent = ["json", "cbor"].iter().find_map(|form| body.get(form).cloned());
    let sent = sent.or_else(|| body["json_as"].get(1).cloned()).unwrap_or_else(|| {
        let query = request["query"].as_array().cloned().unwrap_or_default();
        query.into_iter().map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone())).collect()
    });
    let call = |shape: &str, value: &Json| json!({ "at": file, "service": service, "operation": operation, "shape": shape, "value": value });
    let mut calls = vec![call("input", &sent)];
    if exchange["response"]["status"] == 200 {
        calls.push(call("output", &exchange["response"]["body"]));
    }
    calls
}
