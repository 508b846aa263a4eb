//! Following what was sent until the vendors are through.

use super::{sentence, text};
use crate::{
    print, run,
    session::{Session, segment},
};
use anyhow::Result;
use serde_json::{Value as Json, json};
use std::time::{Duration, Instant};

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// A vendor's job takes minutes; what takes longer goes on without anybody watching.
const PATIENCE: Duration = Duration::from_secs(30 * 60);
/// Plain lines come this seldom.
const SAY_EVERY: u32 = 20;

/// Looks until nothing of what was ordered is open any more; how it stands then, by connection.
pub(super) async fn to_the_end(session: &Session, pushed: &Json) -> Result<Json> {
    let ordered: Vec<String> = pushed["ordered"].as_array().into_iter().flatten().map(text).collect();
    if ordered.is_empty() {
        return Ok(json!([]));
    }
    // On an idle folder nobody else does the work.
    let loops = match session {
        Session::Idle(app) if app.folder().is_ok() => Some((run::start(app)?, app)),
        _ => None,
    };
    let watched = watch(session, &text(&pushed["record"]), &ordered).await;
    if let Some((mut loops, app)) = loops {
        app.stop.send_replace(true);
        loops.ended().await;
    }
    watched
}

async fn watch(session: &Session, record: &str, ordered: &[String]) -> Result<Json> {
    let progress = print::Progress::new();
    let began = Instant::now();
    let mut looks = 0_u32;
    loop {
        let preview = session.get(&format!("/api/preview/{}", segment(record))).await?;
        let all = preview["connections"].as_array().cloned().unwrap_or_default();
        let ours: Vec<Json> = all.into_iter().filter(|one| ordered.contains(&text(&one["connection"]))).collect();
        let open: Vec<&Json> = ours.iter().filter(|one| is_open(one)).collect();
        if open.is_empty() || began.elapsed() > PATIENCE {
            progress.finish();
            return Ok(Json::Array(ours));
        }
        let state = |one: &&Json| {
            let operation = &one["operation"];
            let state = if operation.is_object() { text(&operation["state"]) } else { "on its way".to_owned() };
            format!("{} {state}", text(&one["connection"]))
        };
        let states: Vec<String> = open.iter().map(state).collect();
        progress.say(states.join(", "), looks.is_multiple_of(SAY_EVERY));
        looks += 1;
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Whether something is still to be written there that nothing stands in the way of.
fn is_open(one: &Json) -> bool {
    let running = matches!(one["operation"]["state"].as_str(), Some("sent" | "unknown" | "running"));
    let refused = matches!(one["operation"]["state"].as_str(), Some("refused" | "broken"));
    let stopped = one["closed"].is_string() || one["write"]["held_back"].is_string() || refused;
    running || one["write"].is_object() && !stopped
}

pub(super) fn told(ended: &Json) {
    for one in ended.as_array().into_iter().flatten() {
        let name = text(&one["connection"]);
        let id = one["external"].as_str().map(|id| format!(" as {id}")).unwrap_or_default();
        match (one["write"].is_object(), one["operation"]["state"].as_str()) {
            (false, _) => print::line(format!("{name}: done{id}.")),
            (true, Some(state @ ("refused" | "broken"))) => print::line(format!("{name}: {state}.")),
            (true, _) => print::line(format!("{name}: not through yet; `concord operations` shows how it goes on.")),
        }
        super::standing(one);
        one["mistakes"].as_array().into_iter().flatten().for_each(|told| print::line(format!("  {}", sentence(told))));
    }
}

/// Whether everything that was ordered is there.
pub(super) fn is_good(ended: &Json) -> bool {
    ended.as_array().into_iter().flatten().all(|one| !one["write"].is_object() || one["closed"].is_string())
}
