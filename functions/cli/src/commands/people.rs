//! What people decide.

use crate::{
    actor,
    args::At,
    print,
    session::{Session, segment},
};
use anyhow::{Context as _, Result};
use concord_connector::Instant;
use serde_json::{Value as Json, json};
use std::io::Read as _;

pub(super) async fn reviews(at: &At, wants_json: bool) -> Result<()> {
    let session = Session::open(at).await?;
    let mut reviews = Vec::new();
    let mut after = String::new();
    loop {
        let page = session.get(&format!("/api/reviews?limit=500&after={}", segment(&after))).await?;
        reviews.extend(page["reviews"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    print::either(wants_json, &json!({ "reviews": reviews }), || {
        for review in &reviews {
            print::line(format!("{}  {}", text(review, "id"), text(review, "sentence")));
        }
        print::line(format!("{} questions. Show one with `concord review show ID`.", reviews.len()));
    });
    Ok(())
}

pub(super) async fn review(id: &str, at: &At, wants_json: bool) -> Result<()> {
    let review = Session::open(at).await?.get(&format!("/api/reviews/{}", segment(id))).await?;
    print::either(wants_json, &review, || {
        print::line(text(&review, "sentence"));
        print::line(format!("Raised at {}.", when(&review["raised_at"])));
        let samples = review["subject"]["wave"]["plan"]["samples"].as_array();
        for sample in samples.into_iter().flatten() {
            print::line(format!("  {}: {}", text(sample, "subject"), text(sample, "change")));
        }
        if samples.is_some_and(|samples| !samples.is_empty()) {
            print::line(format!("  All of them: GET /api/reviews/{id}/plan"));
        }
        let decided = &review["decided"];
        if decided.is_object() {
            let why = decided["why"].as_str().map(|why| format!(": {why}")).unwrap_or_default();
            let by = decided["by"].as_str().unwrap_or("nobody said who");
            print::line(format!("Decided `{}` at {} by {by}{why}.", text(decided, "choice"), when(&decided["at"])));
            return;
        }
        let choices: Vec<&str> = review["choices"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        print::line(format!(
            "Decide with `concord review decide {id} CHOICE`; the choices are {}.",
            choices.join(", ")
        ));
    });
    Ok(())
}

pub(super) async fn decide(
    id: &str,
    choice: &str,
    value: Option<&str>,
    reason: Option<&str>,
    at: &At,
    wants_json: bool,
) -> Result<()> {
    let body = json!({ "choice": choice, "value": value, "by": actor::of_this_process(), "reason": reason });
    let answer = Session::open(at).await?.post(&format!("/api/reviews/{}", segment(id)), &body).await?;
    print::either(wants_json, &answer, || print::line("Decided."));
    Ok(())
}

/// `None` takes back what was set.
pub(super) async fn set(
    record: &str,
    field: &str,
    value: Option<&str>,
    reason: Option<&str>,
    at: &At,
    wants_json: bool,
) -> Result<()> {
    let mut given = value.map(str::to_owned);
    if value == Some("-") {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("Standard input cannot be read.")?;
        text.truncate(text.trim_end_matches(['\r', '\n']).len());
        given = Some(text);
    }
    let body = json!({
        "field": field, "value": given, "withdraw": value.is_none(), "by": actor::of_this_process(), "reason": reason,
    });
    let answer = Session::open(at).await?.post(&format!("/api/records/{}/set", segment(record)), &body).await?;
    print::either(wants_json, &answer, || {
        let what = match value {
            Some(_) => "is now decided by Concord itself",
            None => "is decided by what the systems say again",
        };
        print::line(format!("`{field}` {what}; deliveries follow. See `concord explain {record}`."));
    });
    Ok(())
}

pub(super) async fn merge(record: &str, other: &str, reason: Option<&str>, at: &At, wants_json: bool) -> Result<()> {
    let body = json!({ "record": record, "other": other, "by": actor::of_this_process(), "reason": reason });
    let answer = Session::open(at).await?.post("/api/merge", &body).await?;
    print::either(wants_json, &answer, || print::line(text(&answer, "sentence")));
    Ok(())
}

pub(super) async fn unmerge(
    record: &str,
    part: Option<&str>,
    reason: Option<&str>,
    at: &At,
    wants_json: bool,
) -> Result<()> {
    let body = json!({ "record": record, "part": part, "by": actor::of_this_process(), "reason": reason });
    let answer = Session::open(at).await?.post("/api/unmerge", &body).await?;
    print::either(wants_json, &answer, || print::line(text(&answer, "sentence")));
    Ok(())
}

pub(super) async fn link(
    verb: &str,
    record: &str,
    external: &str,
    reason: Option<&str>,
    at: &At,
    wants_json: bool,
) -> Result<()> {
    let body = json!({ "record": record, "external": external, "by": actor::of_this_process(), "reason": reason });
    let answer = Session::open(at).await?.post(&format!("/api/{verb}"), &body).await?;
    print::either(wants_json, &answer, || print::line(text(&answer, "sentence")));
    Ok(())
}

fn text(json: &Json, name: &str) -> String {
    json[name].as_str().unwrap_or("-").to_owned()
}

/// An instant as people read it; the API has it in milliseconds.
fn when(json: &Json) -> String {
    json.as_i64().map_or_else(|| "-".to_owned(), |ms| Instant::from_ms(ms).rfc3339())
}
