//! Poison.

use super::{dead_letters, make};
use crate::stage::{STACK, Stage};
use serde_json::json;

/// Messages of a queue, in whatever state, as `concord status` says it.
fn held(stage: &Stage, queue: &str) -> u64 {
    let depth = stage.concord(&["status"], "")["queues"][queue].clone();
    let count = |state: &str| depth[state].as_u64().unwrap_or_else(|| panic!("no queue {queue}"));
    count("waiting") + count("hidden")
}

/// What an admin types. The emulator cannot move messages: they are moved for it.
fn redrive(stage: &Stage) {
    let (did, _, told) = stage.concord_says(&["dlq", "redrive", "--all"], "");
    if !did {
        assert!(told.contains("InvalidAction"), "only what the emulator has not: {told}");
        stage.cloud("redrive", &json!([Stage::queue("observations-dead"), Stage::queue("observations")]));
    }
}

pub(crate) fn unreadable(stage: &mut Stage) {
    let before = dead_letters(stage).len();
    stage.cloud("send", &json!([Stage::queue("observations"), "{\"no_such_message_v9\":{}}"]));
    make(stage, "hubspot-eu", "beside.example", "Beside the poison");
    stage.until_all_have("beside.example", "Beside the poison");
    stage.until("the message is kept as a dead letter", || dead_letters(stage).len() == before + 1);
    let letter = dead_letters(stage).pop().unwrap_or_default();
    let reason = letter["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("no known shape"), "a sentence says why: {letter}");
    assert_eq!(
        held(stage, "observations-dead"),
        0,
        "the service's own dead-letter queue is for what cannot be given up"
    );
    // There is nothing to look at again: it stays, and the sentence says so.
    let id = letter["id"].as_str().unwrap_or_default();
    let answer = stage.concord(&["dlq", "redrive", id], "");
    assert_eq!((&answer["redriven"], &answer["kept"][0][0]), (&json!([]), &letter["id"]), "{answer}");
    assert_eq!(dead_letters(stage).len(), before + 1, "it is still there");
}

pub(crate) fn deadly(stage: &mut Stage) {
    let reconcile = format!("{STACK}-reconcile");
    // A sweep takes in by itself what it finds, so none may begin: one that a kill had left standing would, by the clock.
    assert_eq!(stage.cloud("schedules", &json!([STACK, "DISABLED"])), json!(1));
    stage.kill("scheduler");
    stage.cloud("hurry", &json!([Stage::queue("observations"), 1, 2]));
    // A broken release: the function dies on every message.
    let before = stage.cloud("variables", &json!([reconcile, { "CONCORD_TABLE": "" }]));
    // An environment that was starting meanwhile is still of the release before: it is over before anything is made.
    stage.until("nothing is on its way to the function, and nobody sweeps", || {
        ["observations", "signals-hubspot", "signals-salesforce"].iter().all(|queue| held(stage, queue) == 0)
    });
    stage.kill("reconcile");
    let dead = held(stage, "observations-dead");
    make(stage, "hubspot-eu", "deadly.example", "Deadly");
    stage.until("the message is in its dead-letter queue", || held(stage, "observations-dead") > dead);
    assert!(!stage.cast.companies()["salesforce"].contains_key("deadly.example"), "nobody took it in");
    // The fix, and the redrive.
    stage.cloud("variables", &json!([reconcile, before]));
    stage.cloud("hurry", &json!([Stage::queue("observations"), 5, 12]));
    stage.until("it is redriven and dealt with", || {
        redrive(stage);
        stage.cast.companies()["salesforce"].contains_key("deadly.example")
    });
    stage.until_all_have("deadly.example", "Deadly");
    assert_eq!(held(stage, "observations-dead"), 0);
    stage.cloud("schedules", &json!([STACK, "ENABLED"]));
}
