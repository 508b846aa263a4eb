//! `concord subscription`: who is told of changes.

use crate::{
    app::Source,
    args::{At, Subscription},
    failure::Told,
    print,
    session::{Session, segment},
};
use anyhow::Result;
use serde_json::{Value as Json, json};

pub(super) async fn run(verb: &Subscription, wants_json: bool) -> Result<()> {
    match verb {
        Subscription::List { at } => list(at, wants_json).await,
        Subscription::Enable { name, at } => change(name, "enable", at, wants_json).await,
        Subscription::Disable { name, at } => change(name, "disable", at, wants_json).await,
        Subscription::Resend { name, at } => change(name, "resend", at, wants_json).await,
        Subscription::Ping { name, at } => ping(name, at, wants_json).await,
        Subscription::Rotate { name, grace_s, at } => rotate(name, *grace_s, at, wants_json).await,
    }
}

async fn open(at: &At) -> Result<Session> {
    // Before its first start a folder has no configuration in force.
    Session::open_as(at, Source::InForce(at.config.clone())).await
}

async fn list(at: &At, wants_json: bool) -> Result<()> {
    let answer = open(at).await?.get("/api/subscriptions").await?;
    print::either(wants_json, &answer, || table(&answer["subscriptions"]));
    Ok(())
}

/// One line for each subscription, and a sentence for each that is not fine.
pub(super) fn table(subscriptions: &Json) {
    let all = subscriptions.as_array().cloned().unwrap_or_default();
    if all.is_empty() {
        return print::line("No subscriptions.");
    }
    let text = |json: &Json| json.as_str().unwrap_or("-").to_owned();
    let row = |one: &Json| {
        let pending = one["pending"].as_u64().map_or("many".to_owned(), |number| number.to_string());
        let keys: Vec<&str> = one["keys"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        vec![text(&one["name"]), text(&one["host"]), pending, keys.join(" "), text(&one["state"])]
    };
    print::table(&["SUBSCRIPTION", "TO", "PENDING", "KEYS", "STATE"], &all.iter().map(row).collect::<Vec<_>>());
    for one in &all {
        let name = text(&one["name"]);
        if let Some(reason) = one["reason"].as_str() {
            let until = one["until"].as_str().map(|until| format!(" Tried again at {until}.")).unwrap_or_default();
            print::line(format!("{name}: {reason}{until}"));
        }
        if one["state"] == "disabled" {
            print::line(format!(
                "{name}: disabled ({}); `concord subscription enable {name}` tells it again.",
                text(&one["disabled"])
            ));
        }
        if one["state"] == "no secret" {
            print::line(format!("{name}: `concord subscription rotate {name}` makes a signing secret."));
        }
    }
}

async fn change(name: &str, verb: &str, at: &At, wants_json: bool) -> Result<()> {
    let answer = open(at).await?.post(&format!("/api/subscriptions/{}/{verb}", segment(name)), &Json::Null).await?;
    print::either(wants_json, &answer, || table(&json!([answer])));
    Ok(())
}

async fn ping(name: &str, at: &At, wants_json: bool) -> Result<()> {
    let answer = open(at).await?.post(&format!("/api/subscriptions/{}/ping", segment(name)), &Json::Null).await?;
    let accepted = answer["accepted"] == true;
    print::either(wants_json, &answer, || {
        let id = answer["id"].as_str().unwrap_or("-");
        match answer["reason"].as_str() {
            None => print::line(format!("{name} accepted the test event {id}.")),
            Some(reason) => print::line(format!("{name} did not accept the test event {id}: {reason}")),
        }
    });
    if accepted { Ok(()) } else { Err(Told.into()) }
}

async fn rotate(name: &str, grace_s: Option<u64>, at: &At, wants_json: bool) -> Result<()> {
    let body = json!({ "grace_s": grace_s.map(|grace| grace.to_string()) });
    let answer = open(at).await?.post(&format!("/api/subscriptions/{}/rotate", segment(name)), &body).await?;
    print::either(wants_json, &answer, || {
        // The only place that shows a secret: somebody has to tell it to the subscriber.
        print::line(answer["secret"].as_str().unwrap_or_default());
        print::line(format!(
            "That is the new secret of {name} (key {}); it is shown this once.",
            answer["key"].as_str().unwrap_or("-")
        ));
        if let Some(until) = answer["previous_until"].as_str() {
            print::line(format!("Until {until} events are signed by the one before too."));
        }
    });
    Ok(())
}
