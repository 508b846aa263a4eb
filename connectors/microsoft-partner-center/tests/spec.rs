//! What the connector sends and what our sandbox answers, against the Swagger document of referrals when it lies beside the
//! repository: paths, parameters, bodies and answers. Without it the check is ignored, and says so.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "main/bench.rs"]
#[allow(dead_code, reason = "the other tests use the rest")]
mod bench;

use bench::{Bench, create, deal, fields, text, update, word};
use concord_connector::{Entity::CosellDeal, Operation};
use libtest_mimic::{Arguments, Failed, Trial};
use serde_json::{Value as Json, json};
use std::{path::Path, process::ExitCode};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let file = "shared/specs/microsoft/partner-center-referrals.swagger2.json";
    let file = above.map(|folder| folder.join(file)).find(|file| file.is_file());
    let ignored = file.is_none();
    let reason = if ignored { " (no folder shared/specs/microsoft above the repository)" } else { "" };
    let trials = vec![
        Trial::test("a_wrong_body_is_noticed", notices),
        Trial::test(format!("every_exchange_is_specified{reason}"), move || specified(&file.unwrap()))
            .with_ignored_flag(ignored),
    ];
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn specified(file: &Path) -> Result<(), Failed> {
    let document: Json = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    let mut bench = Bench::new();
    let mut exchanges = Vec::new();
    bench.run(&Operation::Describe);
    exchanges.append(&mut bench.exchanges.clone());
    let made = bench.done(create("deal-1", deal()));
    exchanges.append(&mut bench.exchanges.clone());
    let mut change =
        fields([("stage", word("committed")), ("duns", text("123456789")), ("industry", text("Manufacturing"))]);
    change.extend(fields([("given_name", text("Bo")), ("lost_reason", text("none")), ("problem", text("Why now"))]));
    bench.done(update(&made, change));
    exchanges.append(&mut bench.exchanges.clone());
    for cursor in [None, Some("{\"since\":1767139200000}".into())] {
        bench.run(&Operation::Poll { entity: CosellDeal, cursor, until: bench.now });
        exchanges.append(&mut bench.exchanges.clone());
    }
    let mistakes: Vec<String> = exchanges.iter().filter_map(|exchange| compare(&document, exchange).err()).collect();
    match mistakes.as_slice() {
        [] if exchanges.len() >= 7 => Ok(()),
        [] => Err(format!("only {} exchanges", exchanges.len()).into()),
        mistakes => Err(mistakes.join("\n").into()),
    }
}

fn compare(document: &Json, exchange: &Json) -> Result<(), String> {
    let request = &exchange["request"];
    let method = request["method"].as_str().unwrap_or_default().to_lowercase();
    let path = request["path"].as_str().unwrap_or_default();
    let template = if path == "/referrals" { "/referrals" } else { "/referrals/{id}" };
    let operation = &document["paths"][template][&method];
    let told = |what: String| Err(format!("{method} {path}: {what}"));
    if operation.is_null() {
        return told("is not specified".into());
    }
    let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
    for (list, place) in [("query", "query"), ("headers", "header")] {
        let sent: Vec<&str> =
            request[list].as_array().into_iter().flatten().filter_map(|pair| pair[0].as_str()).collect();
        let known = |name: &str| {
            parameters
                .iter()
                .any(|one| one["in"] == place && one["name"].as_str().is_some_and(|n| n.eq_ignore_ascii_case(name)))
        };
        if let Some(name) = sent.iter().find(|name| !known(name)) {
            return told(format!("has no {place} parameter `{name}`"));
        }
        for one in parameters.iter().filter(|one| one["in"] == place && one["required"] == true) {
            let name = one["name"].as_str().unwrap_or_default();
            if !sent.iter().any(|sent| sent.eq_ignore_ascii_case(name)) {
                return told(format!("lacks the {place} parameter `{name}`"));
            }
        }
    }
    let name = "Microsoft.Partner.Service.PartnerReferrals.Contracts.V3.Referral";
    if let Some(body) = request.pointer("/body/json") {
        value(document, &document["definitions"][name], body, "").or_else(told)?;
    }
    let said = &operation["responses"][exchange["response"]["status"].to_string()];
    if said.is_null() {
        return told(format!("answers no {}", exchange["response"]["status"]));
    }
    value(document, &said["schema"], &exchange["response"]["body"], "").or_else(told)
}

fn value(document: &Json, schema: &Json, value_: &Json, at: &str) -> Result<(), String> {
    if let Some(name) = schema["$ref"].as_str() {
        let target = document["definitions"].get(name.trim_start_matches("#/definitions/")).ok_or("leads nowhere")?;
        return value(document, target, value_, at);
    }
    let fits = match schema["type"].as_str() {
        _ if value_.is_null() => true,
        Some("object") => value_.is_object(),
        Some("array") => value_.is_array(),
        Some("string") => value_.is_string(),
        Some("number") => value_.is_number(),
        Some("boolean") => value_.is_boolean(),
        _ => true,
    };
    if !fits || schema["enum"].as_array().is_some_and(|allowed| !value_.is_null() && !allowed.contains(value_)) {
        return Err(format!("`{at}` is {value_}"));
    }
    for (name, member) in value_.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(schema) => value(document, schema, member, &format!("{at}/{name}"))?,
            None if schema["properties"].is_object() => return Err(format!("`{at}/{name}` is not specified")),
            None => {}
        }
    }
    for (place, element) in value_.as_array().into_iter().flatten().enumerate() {
        value(document, &schema["items"], element, &format!("{at}/{place}"))?;
    }
    Ok(())
}

/// The check itself can fail.
fn notices() -> Result<(), Failed> {
    let schema = json!({ "type": "object", "properties": { "a": { "type": "number" }, "b": { "enum": ["x"] } } });
    let wrong = [json!({ "a": "1" }), json!({ "b": "y" }), json!({ "c": 1 }), json!([])];
    value(&Json::Null, &schema, &json!({ "a": 1, "b": "x" }), "")?;
    match wrong.iter().find(|body| value(&Json::Null, &schema, body, "").is_ok()) {
        None => Ok(()),
        Some(body) => Err(format!("passes: {body}").into()),
    }
}
