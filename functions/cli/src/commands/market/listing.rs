//! `concord listing diff` and `push`: one folder, true in every marketplace.

use super::{connections, document::Document, follow, previewed, refused, requests, text};
use crate::{
    actor,
    args::At,
    failure::Told,
    print,
    session::{Session, segment},
};
use anyhow::{Result, bail};
use serde_json::{Map, Value as Json, json};
use std::{collections::BTreeSet, path::Path};

pub(super) async fn diff(folder: &Path, at: &At, wants_json: bool) -> Result<()> {
    let document = Document::read(folder)?;
    let session = Session::open(at).await?;
    let Some(record) = record(&session, &document).await? else {
        let told = json!({ "record": null, "differences": {} });
        print::either(wants_json, &told, || {
            print::line("No marketplace has it yet, as far as is known here. `concord listing push` makes it.");
        });
        return Ok(());
    };
    let differences =
        differences(&document, &session.get(&format!("/api/records/listing/{}", segment(&record))).await?);
    print::either(wants_json, &json!({ "record": record, "differences": differences }), || {
        for (connection, fields) in &differences {
            let fields = fields.as_object().cloned().unwrap_or_default();
            if fields.is_empty() {
                print::line(format!("{connection}: equal."));
                continue;
            }
            print::line(format!("{connection}: {} fields differ.", fields.len()));
            for (field, values) in &fields {
                print::line(format!("  {field}: {} -> {}", short(&values["now"]), short(&values["then"])));
            }
        }
    });
    Ok(())
}

pub(super) async fn push(folder: &Path, dry_run: bool, at: &At, wants_json: bool) -> Result<()> {
    let document = Document::read(folder)?;
    let session = Session::open(at).await?;
    let known = record(&session, &document).await?;
    if dry_run {
        // What the truth would have to become first is said; the requests are those of the truth as it is now.
        let Some(record) = known else { bail!("It is not known here yet; `concord listing push` makes it.") };
        let preview = previewed(&session, &record, true).await?;
        print::either(wants_json, &preview, || requests(&preview));
        return refused(&preview);
    }
    let body = json!({ "fields": document.fields, "by": actor::of_this_process() });
    let record = match known {
        Some(record) => {
            session.post(&format!("/api/records/{}/fields", segment(&record)), &body).await?;
            record
        }
        None => text(&session.post("/api/records/listing", &body).await?["id"]),
    };
    let pushed = session.post(&format!("/api/push/{}", segment(&record)), &Json::Null).await?;
    let ended = follow::to_the_end(&session, &pushed).await?;
    print::either(wants_json, &json!({ "pushed": pushed, "ended": ended }), || {
        if connections(&pushed).all(|one| !one["write"].is_object()) {
            print::line("Every marketplace has it already.");
        }
        follow::told(&ended);
    });
    refused(&pushed)?;
    if follow::is_good(&ended) { Ok(()) } else { Err(Told.into()) }
}

/// The record that the folder is about: what its ids at marketplaces lead to.
async fn record(session: &Session, document: &Document) -> Result<Option<String>> {
    let mut found = BTreeSet::new();
    for (connection, id) in &document.marketplaces {
        let named = format!("{connection}/listing/{id}");
        let record = session.get(&format!("/api/records/listing/{}", segment(&named))).await;
        match record {
            Ok(record) => found.extend(record["id"].as_str().map(str::to_owned)),
            Err(error) => {
                bail!("{named} is not known here ({error}). `concord backfill {connection}` reads what is there.")
            }
        }
    }
    let mut ids = found.into_iter();
    match (ids.next(), ids.next()) {
        (Some(one), Some(other)) => bail!(
            "The marketplaces' listings are {one} and {other} here; `concord merge {one} {other}` makes one of them."
        ),
        (one, _) => Ok(one),
    }
}

/// Where marketplaces hold something else than the folder says, by connection.
fn differences(document: &Document, record: &Json) -> Map<String, Json> {
    let facets = record["facets"].as_array().into_iter().flatten();
    facets
        .filter(|facet| facet["connection"] != "concord" && facet["live"] == true)
        .map(|facet| {
            // What a marketplace does not keep cannot differ there.
            let held = facet["held"].as_object().cloned().unwrap_or_default();
            let differs = document.fields.iter().filter_map(|(field, then)| {
                let now = held.get(field)?;
                (sorted(now) != sorted(then)).then(|| (field.clone(), json!({ "now": now, "then": then })))
            });
            (text(&facet["connection"]), Json::Object(differs.collect()))
        })
        .collect()
}

/// Lists are sets.
fn sorted(value: &Json) -> Json {
    match value {
        Json::Array(elements) => {
            let mut texts: Vec<String> = elements.iter().map(text).collect();
            texts.sort();
            json!(texts)
        }
        other => other.clone(),
    }
}

fn short(value: &Json) -> String {
    let whole = match value {
        Json::Array(lines) => lines.iter().map(text).collect::<Vec<_>>().join("; "),
        other => text(other),
    };
    let line = whole.replace('\n', " ");
    match line.char_indices().nth(60) {
        Some((at, _)) => format!("{} …", &line[..at]),
        None => line,
    }
}
