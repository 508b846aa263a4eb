//! What is tried on the deployed stack.

pub(crate) mod life;
pub(crate) mod market;
pub(crate) mod poison;
pub(crate) mod trouble;
pub(crate) mod webhooks;

use crate::stage::Stage;
use concord_connector::sandbox::Act;
use serde_json::{Value as Json, json};

/// A person makes a company in a HubSpot; its id there.
fn make(stage: &Stage, at: &str, domain: &str, name: &str) -> String {
    let fields = json!({ "properties": { "name": name, "domain": domain, "website": format!("https://{domain}") } });
    stage.cast.act(at, Act::Create { object: "companies".into(), fields })
}

/// A person gives it another name.
fn rename(stage: &Stage, at: &str, id: &str, name: &str) {
    let fields = json!({ "properties": { "name": name } });
    stage.cast.act(at, Act::Update { object: "companies".into(), id: id.into(), fields });
}

/// Items of the table whose partition begins so.
fn items(stage: &Stage, prefix: &str) -> Vec<Json> {
    let table = crate::stage::STACK;
    stage.cloud("items", &json!([table, prefix])).as_array().cloned().unwrap_or_default()
}

/// What was given up, as `concord dlq list` says it.
fn dead_letters(stage: &Stage) -> Vec<Json> {
    stage.concord(&["dlq", "list"], "")["dead_letters"].as_array().cloned().unwrap_or_default()
}
