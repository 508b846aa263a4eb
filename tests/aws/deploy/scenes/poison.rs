//! Poison.

use super::{items, make};
use crate::stage::{STACK, Stage};
use serde_json::json;

/// Messages of a queue, in whatever state.
fn held(stage: &Stage, queue: &str) -> i64 {
    let counts = stage.cloud("waiting", &json!([Stage::queue(queue)]));
    counts.as_array().into_iter().flatten().filter_map(serde_json::Value::as_i64).sum()
}

pub(crate) fn unreadable(stage: &mut Stage) {
    let before = items(stage, "D#").len();
    stage.cloud("send", &json!([Stage::queue("observations"), "{\"no_such_message_v9\":{}}"]));
    make(stage, "hubspot-eu", "beside.example", "Beside the poison");
    stage.until_all_have("beside.example", "Beside the poison");
    stage.until("the message is kept as a dead letter", || items(stage, "D#").len() == before + 1);
    let letter = items(stage, "D#").pop().unwrap_or_default().to_string();
    assert!(letter.contains("no known shape"), "a sentence says why: {letter}");
    assert_eq!(
        held(stage, "observations-dead"),
        0,
        "the service's own dead-letter queue is for what cannot be given up"
    );
}

pub(crate) fn deadly(stage: &mut Stage) {
    let reconcile = format!("{STACK}-reconcile");
    stage.cloud("hurry", &json!([Stage::queue("observations"), 1, 2]));
    // A broken release: the function dies on every message.
    let before = stage.cloud("variables", &json!([reconcile, { "CONCORD_TABLE": "" }]));
    make(stage, "hubspot-eu", "deadly.example", "Deadly");
    stage.until("the message is in its dead-letter queue", || held(stage, "observations-dead") > 0);
    assert!(!stage.cast.companies()["salesforce"].contains_key("deadly.example"), "nobody took it in");
    // The fix, and the redrive.
    stage.cloud("variables", &json!([reconcile, before]));
    stage.cloud("hurry", &json!([Stage::queue("observations"), 5, 12]));
    stage.until("it is redriven and dealt with", || {
        stage.cloud("redrive", &json!([Stage::queue("observations-dead"), Stage::queue("observations")]));
        stage.cast.companies()["salesforce"].contains_key("deadly.example")
    });
    stage.until_all_have("deadly.example", "Deadly");
    assert_eq!(held(stage, "observations-dead"), 0);
}
