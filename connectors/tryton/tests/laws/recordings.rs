//! The sandbox against recordings of a real server, where the folder with them is there.

use concord_connector::{
    Instant,
    sandbox::{Act, Sandbox, WireRequest},
};
use concord_tryton::sandbox::{KEY, PASSWORD, Server, USERNAME};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};
use std::path::{Path, PathBuf};

const NAME: &str = "recordings::the_sandbox_answers_as_the_real_server_did";

pub(super) fn trial() -> Trial {
    match file() {
        Some(file) => Trial::test(NAME, move || replay(&file).map_err(Into::into)),
        None => Trial::test(format!("{NAME} (../shared/specs is not there)"), || Ok(())).with_ignored_flag(true),
    }
}

fn file() -> Option<PathBuf> {
    let folders = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    folders.map(|folder| folder.join("shared/specs/tryton/recordings.json")).find(|file| file.exists())
}

fn replay(file: &Path) -> Result<(), String> {
    let text = std::fs::read_to_string(file).map_err(|e| e.to_string())?;
    let recordings: Vec<Json> = serde_json::from_str(&text).map_err(|e| e.to_string())?;
    let mut server = Server::new();
    let mut now = Instant::from_ms(1_795_340_000_000);
    // The recorded database had a second party, without an address.
    let other = Act::Create { object: "party.party".into(), fields: json!({ "name": "Other" }) };
    server.act(now, other)?;
    let mut mistakes = Vec::new();
    let mut stamps = Vec::new();
    for recording in &recordings {
        now = now.plus(std::time::Duration::from_secs(1));
        let name = recording["name"].as_str().unwrap_or_default();
        // Leads are not synced, so that the sandbox has none.
        if name == "create opportunity" {
            continue;
        }
        let response = server.handle(now, &request(&recording["request"], &stamps));
        let body = serde_json::from_slice(&response.body)
            .unwrap_or_else(|_| Json::String(String::from_utf8_lossy(&response.body).into_owned()));
        if let Some(stamp) = body.pointer("/result/0/_timestamp").and_then(Json::as_str) {
            stamps.push(stamp.to_owned());
        }
        let expected = &recording["response"];
        if expected["status"] != response.status {
            mistakes.push(format!("{name}: status {}, recorded {}: {body}", response.status, expected["status"]));
        } else if let Err(mistake) = alike("", &body, &expected["body"]) {
            mistakes.push(format!("{name}: {mistake}"));
        }
        let range = response.headers.get("content-range").map(String::as_str).unwrap_or_default();
        if range.split('/').next()
            != expected["headers"]["Content-Range"].as_str().unwrap_or_default().split('/').next()
        {
            mistakes.push(format!("{name}: range {range}"));
        }
    }
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
}

/// The recorded request, with the sandbox's own credentials and the stamps that it gave.
fn request(recorded: &Json, stamps: &[String]) -> WireRequest {
    let mut body = recorded["body"].clone();
    if let (Some(stamp), Some(place)) = (stamps.last(), body.pointer_mut("/params/2/_timestamp/party.party,3")) {
        *place = stamp.as_str().into();
    }
    if body.pointer("/params/0") == Some(&json!("admin")) {
        body["params"][0] = USERNAME.into();
        if body.pointer("/params/1/password") == Some(&json!("admin")) {
            body["params"][1]["password"] = PASSWORD.into();
        }
    }
    let headers = recorded["headers"].as_object().into_iter().flatten().map(|(name, value)| {
        let value = value.as_str().unwrap_or_default();
        let session = super::scenario::encode(&format!("{USERNAME}:1:sandbox-session"));
        let value = match value.split_once(' ') {
            Some(("Bearer", _)) => format!("Bearer {KEY}"),
            Some(("Session", _)) => format!("Session {session}"),
            _ => value.to_owned(),
        };
        (name.to_lowercase(), value)
    });
    WireRequest {
        method: recorded["method"].as_str().unwrap_or_default().to_owned(),
        target: recorded["path"].as_str().unwrap_or_default().to_owned(),
        headers: headers.collect(),
        body: if body.is_null() { Vec::new() } else { body.to_string().into_bytes() },
    }
}

/// Whether two answers have one shape: the same names, and values of the same kind. Sentences are equal.
fn alike(at: &str, ours: &Json, theirs: &Json) -> Result<(), String> {
    match (ours, theirs) {
        (Json::Object(ours), Json::Object(theirs)) => {
            for name in ours.keys().chain(theirs.keys()) {
                let (Some(ours), Some(theirs)) = (ours.get(name), theirs.get(name)) else {
                    return Err(format!("`{at}/{name}` is on one side only"));
                };
                if matches!(name.as_str(), "message" | "__class__" | "__name__" | "state") && ours != theirs {
                    return Err(format!("`{at}/{name}` is {ours}, recorded {theirs}"));
                }
                alike(&format!("{at}/{name}"), ours, theirs)?;
            }
            Ok(())
        }
        (Json::Array(ours), Json::Array(theirs)) => {
            if ours.len() != theirs.len() {
                return Err(format!("`{at}` has {} elements, recorded {}", ours.len(), theirs.len()));
            }
            ours.iter().zip(theirs).enumerate().try_for_each(|(i, (a, b))| alike(&format!("{at}/{i}"), a, b))
        }
        (Json::String(ours), Json::String(theirs)) if ours.starts_with('<') => {
            let title =
                |page: &str| page.split("<h1>").nth(1).and_then(|rest| rest.split("</h1>").next()).map(str::to_owned);
            if title(ours) == title(theirs) { Ok(()) } else { Err(format!("a page {ours}, recorded {theirs}")) }
        }
        _ if std::mem::discriminant(ours) == std::mem::discriminant(theirs) => Ok(()),
        _ => Err(format!("`{at}` is {ours}, recorded {theirs}")),
    }
}
