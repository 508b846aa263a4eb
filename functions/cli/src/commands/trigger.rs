//! `concord trigger`: sends a correctly signed sample webhook to a hook of a running hub.

use crate::{
    args::Trigger,
    failure::{Told, Usage},
    print,
    session::Session,
};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value as Json, json};

pub(super) async fn trigger(args: &Trigger, wants_json: bool) -> Result<()> {
    if args.list {
        let answer = Session::open(&args.at).await?.get("/api/trigger").await?;
        print::either(wants_json, &answer, || listed(&answer));
        return Ok(());
    }
    let Some(system) = &args.system else {
        bail!(Usage("Name a system and an event, such as `concord trigger hubspot deal.updated`, or --list.".into()))
    };
    let body = match &args.body {
        Some(file) => Some(
            std::fs::read_to_string(file).with_context(|| format!("The body {} cannot be read.", file.display()))?,
        ),
        None => None,
    };
    if body.is_none() && args.event.is_none() {
        bail!(Usage(format!("Name an event of {system}; `concord trigger --list` shows them.")))
    }
    let asked = json!({
        "system": system,
        "event": args.event,
        "connection": args.connection,
        "id": args.id,
        "body": body,
    });
    let answer = Session::open(&args.at).await?.post("/api/trigger", &asked).await?;
    let accepted = answer["accepted"] == true;
    print::either(wants_json, &answer, || {
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let about = answer["id"].as_str().map(|id| format!(" about {id}")).unwrap_or_default();
        let what = if text("event").is_empty() { "a webhook".to_owned() } else { text("event") };
        print::line(format!(
            "Sent {what}{about} to {}, signed as `{}`: answered {}.",
            text("hook"),
            text("scheme"),
            answer["status"]
        ));
    });
    if accepted { Ok(()) } else { Err(Told.into()) }
}

fn listed(answer: &Json) {
    let names = |list: &Json| -> Vec<String> {
        list.as_array().into_iter().flatten().filter_map(|name| name.as_str().map(str::to_owned)).collect()
    };
    for one in answer["connections"].as_array().into_iter().flatten() {
        let (schemes, events) = (names(&one["schemes"]), names(&one["events"]));
        let what = match (schemes.is_empty(), events.is_empty()) {
            (true, _) => "takes no webhooks".to_owned(),
            (false, true) => "any body, with --body FILE".to_owned(),
            (false, false) => events.join(", "),
        };
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        print::line(format!("{} ({}): {what}", text("connection"), text("system")));
    }
}
