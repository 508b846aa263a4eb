//! `concord status`.

use crate::{args::At, print, session::Session};
use anyhow::Result;
use serde_json::Value as Json;

pub(super) async fn status(at: &At, wants_json: bool) -> Result<()> {
    let session = Session::open(at).await?;
    let mut status = session.get("/api/status").await?;
    let is_folder = matches!(&session, Session::Idle(app) if app.folder().is_ok());
    let running = !is_folder;
    status["running"] = running.into();
    print::either(wants_json, &status, || told(&status, running));
    Ok(())
}

fn told(status: &Json, running: bool) {
    if !running {
        print::line("No Concord runs on this folder; this is how it stands.");
    }
    if status["connections"].as_array().is_some_and(Vec::is_empty) {
        print::line("No connection is in the configuration in force; `concord config push` puts one into force.");
    }
    let text = |json: &Json| json.as_str().unwrap_or("-").to_owned();
    let number = |json: &Json| json.as_u64().map_or("many".to_owned(), |number| number.to_string());
    let connections = status["connections"].as_array().cloned().unwrap_or_default();
    let rows: Vec<Vec<String>> = connections
        .iter()
        .map(|one| {
            let state = match one {
                _ if one["trouble"]["state"] == "catching_up" => "catching up",
                _ if one["trouble"]["state"] == "probing" => "being tried",
                _ if one["trouble"].is_object() => "in trouble",
                _ if one["missing_secrets"].as_array().is_some_and(|missing| !missing.is_empty()) => "no credentials",
                _ => "fine",
            };
            let row = [
                text(&one["name"]),
                text(&one["system"]),
                text(&one["mode"]),
                number(&one["pending"]),
                number(&one["parked"]),
                one["minutes_behind"].as_u64().map_or("first reading".to_owned(), |minutes| format!("{minutes} min")),
            ];
            row.into_iter().chain([state.to_owned()]).collect()
        })
        .collect();
    print::table(&["CONNECTION", "SYSTEM", "MODE", "PENDING", "PARKED", "BEHIND", "STATE"], &rows);
    for one in &connections {
        let trouble = one["trouble"]["reason"].as_str();
        if let Some(reason) = trouble.filter(|_| one["trouble"]["state"] != "catching_up") {
            print::line(format!("{}: {reason} Tried again at {}.", text(&one["name"]), text(&one["trouble"]["until"])));
        }
    }
    for one in &connections {
        for line in swept(one) {
            print::line(line);
        }
    }
    for (name, would) in status["would"].as_object().into_iter().flatten() {
        let listed = |what: &str| -> String {
            let counts = would[what].as_object().into_iter().flatten();
            let parts: Vec<String> = counts.map(|(entity, count)| format!("{count} {entity}")).collect();
            if parts.is_empty() { "nothing".to_owned() } else { parts.join(", ") }
        };
        print::line(format!(
            "{name} is only observed. `sync` would create {} and change {} there.",
            listed("creates"),
            listed("changes")
        ));
    }
    if status["subscriptions"].as_array().is_some_and(|all| !all.is_empty()) {
        super::subscriptions::table(&status["subscriptions"]);
    }
    let records = status["records"].as_object().into_iter().flatten();
    let records: Vec<String> = records
        .filter(|(_, count)| **count != 0)
        .map(|(entity, count)| format!("{} {entity}", number(count)))
        .collect();
    print::line(format!("Records: {}.", if records.is_empty() { "none".to_owned() } else { records.join(", ") }));
    let oldest =
        status["oldest_message_s"].as_u64().map_or_else(|| waiting(status), |s| format!("oldest message {s} s"));
    print::line(format!(
        "{} questions to decide (concord review list), {} dead letters (concord dlq list), {oldest}.",
        number(&status["reviews"]),
        number(&status["dead_letters"]),
    ));
}

/// How many messages wait, where nobody knows for how long.
fn waiting(status: &Json) -> String {
    let queues = status["queues"].as_object().into_iter().flatten();
    let (dead, alive): (Vec<_>, Vec<_>) = queues.partition(|(name, _)| name.contains("-dead"));
    let sum = |queues: Vec<(&String, &Json)>| -> u64 {
        queues.iter().filter_map(|(_, depth)| Some(depth["waiting"].as_u64()? + depth["hidden"].as_u64()?)).sum()
    };
    format!("{} messages on their way, {} in the queues of what was given up", sum(alive), sum(dead))
}

/// What the last sweep of a connection found that somebody should know.
fn swept(connection: &Json) -> Vec<String> {
    let (name, sweep) = (connection["name"].as_str().unwrap_or("-"), &connection["sweep"]);
    let entities = sweep["entities"].as_object().into_iter().flatten();
    let mut lines = Vec::new();
    let mut listed = 0;
    for (entity, part) in entities {
        let number = |field: &str| part[field].as_u64().unwrap_or_default();
        listed += number("listed");
        if number("gaps") > 0 {
            lines.push(format!("{name}: the last sweep closed {} gaps of {entity}.", number("gaps")));
        }
        if part["braked"] == true {
            let sentence = "wait for a decision (concord review list)";
            lines.push(format!("{name}: {} deletes of {entity} {sentence}.", number("deleted")));
        }
        if number("not_visible") > 0 {
            let sentence = "are not visible there any more, which is not taken for deleted; look at the user's rights";
            lines.push(format!("{name}: {} of {entity} {sentence}.", number("not_visible")));
        }
    }
    if sweep.is_object() && sweep["finished_at"].is_null() {
        lines.push(format!("{name}: everything is being read; {listed} records so far."));
    }
    lines
}
