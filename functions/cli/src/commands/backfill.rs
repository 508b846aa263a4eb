//! `concord backfill`: reads everything that a connection has, and watches it being taken in.

use crate::{
    args::At,
    print, run,
    session::{Session, segment},
};
use anyhow::{Result, bail};
use serde_json::{Value as Json, json};
use std::time::Duration;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Plain lines come this seldom.
const SAY_EVERY: u32 = 10;

pub(super) async fn backfill(name: &str, at: &At, wants_json: bool) -> Result<()> {
    let session = Session::open(at).await?;
    let started = session.post(&format!("/api/connections/{}/backfill", segment(name)), &Json::Null).await?;
    // On an idle folder nobody else does the work.
    let loops = match &session {
        Session::Idle(app) if app.folder().is_ok() => Some((run::start(app)?, app)),
        _ => None,
    };
    let watched = watch(&session, name, &started).await;
    if let Some((mut loops, app)) = loops {
        app.stop.send_replace(true);
        loops.ended().await;
    }
    let records = watched?;
    print::either(wants_json, &json!({ "connection": name, "observed": records }), || {
        print::line(format!("Read everything at {name}; looked at {records} records."));
    });
    Ok(())
}

/// Until every entity was read to its end since the backfill began, and nothing waits in a queue.
async fn watch(session: &Session, name: &str, started: &Json) -> Result<u64> {
    let since = started["started_at"].as_str().unwrap_or_default();
    let progress = print::Progress::new();
    let mut first: Option<u64> = None;
    let mut looks = 0_u32;
    loop {
        let status = session.get("/api/status").await?;
        let total = status["counts"]["observations"].as_u64().unwrap_or_default();
        let observed = total.saturating_sub(*first.get_or_insert(total));
        let connections = status["connections"].as_array().cloned().unwrap_or_default();
        let Some(one) = connections.iter().find(|one| one["name"] == name) else {
            bail!("The connection `{name}` is gone.")
        };
        let speaks = looks.is_multiple_of(SAY_EVERY);
        if let Some(reason) = one["trouble"]["reason"].as_str().filter(|_| speaks) {
            eprintln!("{name} is in trouble: {reason} Waiting.");
        }
        let entities = one["entities"].as_array().cloned().unwrap_or_default();
        // Times of one form sort as texts.
        let sweep = &one["sweep"];
        let current = sweep["started_at"].as_str().is_some_and(|started| started >= since);
        let complete = |entity: &&Json| {
            current && entity.as_str().is_some_and(|entity| sweep["entities"][entity]["phase"] == "done")
        };
        let done = entities.iter().filter(complete).count();
        let listed: u64 =
            sweep["entities"].as_object().into_iter().flatten().filter_map(|(_, part)| part["listed"].as_u64()).sum();
        let waiting: u64 = status["queues"]
            .as_object()
            .into_iter()
            .flatten()
            // What a queue's own dead letters are is nobody's work.
            .filter(|(queue, _)| !queue.contains("-dead"))
            .filter_map(|(_, depth)| Some(depth["waiting"].as_u64()? + depth["hidden"].as_u64()?))
            .sum();
        let message = format!(
            "{name}: {done} of {} entities read, {listed} records listed, {observed} looked at, {waiting} messages wait",
            entities.len()
        );
        progress.say(message, speaks);
        if done == entities.len() && waiting == 0 {
            progress.finish();
            return Ok(observed);
        }
        looks += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
