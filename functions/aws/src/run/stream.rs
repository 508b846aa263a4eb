//! The table's change feed, as Lambda hands it over: in order by record, again from where it failed. What can never be passed
//! on is kept as a dead letter that names its record, and stops nobody behind it.

use super::TimeLeft;
use crate::{boot::Booted, table::item};
use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{Fault, Kind, Result, Retry};
use concord_hub::{keys, ports::FeedEntry, steps};
use lambda_runtime::Error;
use serde_json::{Value as Json, json};
use std::{collections::HashMap, sync::Arc};

/// Passes a piece of the feed on. The answer names the first change that comes again, with all behind it.
///
/// # Errors
/// When the event is no piece of a feed: all of it comes again.
pub async fn work(booted: &Arc<Booted>, event: Json, time: TimeLeft) -> std::result::Result<Json, Error> {
    let Some(Json::Array(records)) = event.get("Records") else {
        return Err("the event is no piece of a change feed".into());
    };
    let mut changes = Vec::with_capacity(records.len());
    for record in records {
        let cursor = record.pointer("/dynamodb/SequenceNumber").and_then(Json::as_str).unwrap_or_default();
        match change(record, cursor) {
            Ok(Some(change)) => changes.push(change),
            Ok(None) => {}
            // What no version of ours has written is nobody's change.
            Err(fault) => tracing::error!(cursor, reason = %fault, "A change of the table cannot be read."),
        }
    }
    let failed = pass(booted, &changes, time).await;
    let failures: Vec<Json> = failed.into_iter().map(|cursor| json!({ "itemIdentifier": cursor })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// Passes all on, or one after another; where it has to go on.
async fn pass(booted: &Arc<Booted>, changes: &[FeedEntry], time: TimeLeft) -> Option<String> {
    if changes.is_empty() || (time.is_enough() && attempt(booted, changes.to_vec(), time).await.is_ok()) {
        return None;
    }
    for change in changes {
        let come_again = Some(change.cursor.clone());
        if !time.is_enough() {
            return come_again;
        }
        let Err(fault) = attempt(booted, vec![change.clone()], time).await else { continue };
        tracing::error!(item = change.key.partition, reason = %fault, "A change could not be passed on.");
        if fault.retry != Retry::Never {
            return come_again;
        }
        if let Err(fault) = steps::bury_change(&booted.hub, change, &fault.to_string()).await {
            tracing::error!(reason = %fault, "A dead letter could not be kept; the change stays.");
            return come_again;
        }
    }
    None
}

/// In a task of its own, so that a panic is a failure.
async fn attempt(booted: &Arc<Booted>, entries: Vec<FeedEntry>, time: TimeLeft) -> Result<()> {
    let hub = Arc::clone(&booted.hub);
    let mut task = tokio::spawn(async move { steps::fanout::fanout(&hub, &entries).await });
    match tokio::time::timeout(time.left(), &mut task).await {
        Ok(Ok(done)) => done,
        Ok(Err(_)) => Err(Fault::new(Kind::Unexpected, "fanout", "The step panicked.")),
        Err(_) => {
            task.abort();
            Err(Fault::new(Kind::Unavailable, "fanout", "The step took longer than the function may."))
        }
    }
}

/// The change of a record; `None` for any other item's.
fn change(record: &Json, cursor: &str) -> Result<Option<FeedEntry>> {
    let image = |name: &str| -> Result<Option<(item::Attributes, Option<String>)>> {
        let Some(Json::Object(attributes)) = record.pointer(&format!("/dynamodb/{name}")) else { return Ok(None) };
        let attributes: item::Attributes = attributes
            .iter()
            .map(|(name, value)| Some((name.clone(), attribute(value)?)))
            .collect::<Option<HashMap<_, _>>>()
            .ok_or_else(|| Fault::malformed("changes", "an attribute of the change is of no known type"))?;
        let trace = attributes.get("t").and_then(|value| value.as_s().ok().cloned());
        Ok(Some((attributes, trace)))
    };
    let Some((named, _)) = image("Keys")? else { return Err(Fault::malformed("changes", "the change names no item")) };
    let key = item::name(&named)?;
    if !key.partition.starts_with(keys::RECORDS) {
        return Ok(None);
    }
    let new = image("NewImage")?;
    let trace = new.as_ref().and_then(|(_, trace)| trace.clone());
    Ok(Some(FeedEntry {
        key,
        old: image("OldImage")?.map(|(attributes, _)| item::read(attributes)).transpose()?,
        new: new.map(|(attributes, _)| item::read(attributes)).transpose()?,
        cursor: cursor.to_owned(),
        trace,
    }))
}

/// An attribute as events write it.
fn attribute(value: &Json) -> Option<AttributeValue> {
    let (kind, value) = value.as_object()?.iter().next()?;
    Some(match (kind.as_str(), value) {
        ("S", Json::String(text)) => AttributeValue::S(text.clone()),
        ("N", Json::String(number)) => AttributeValue::N(number.clone()),
        ("B", Json::String(bytes)) => AttributeValue::B(Blob::new(STANDARD.decode(bytes).ok()?)),
        ("L", Json::Array(all)) => AttributeValue::L(all.iter().map(attribute).collect::<Option<_>>()?),
        ("BOOL", Json::Bool(yes)) => AttributeValue::Bool(*yes),
        ("NULL", _) => AttributeValue::Null(true),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(partition: &str) -> Json {
        json!({ "dynamodb": {
            "Keys": { "pk": { "S": partition }, "sk": { "S": "R" } },
            "OldImage": { "pk": { "S": partition }, "sk": { "S": "R" }, "v": { "N": "1" }, "b": { "B": "/wA=" } },
            "NewImage": { "pk": { "S": partition }, "sk": { "S": "R" }, "v": { "N": "2" }, "j": { "S": "{}" },
                "p0": { "S": "list#order" }, "q0": { "S": "r1\u{1}R#r1\u{1}R" }, "t": { "S": "Root=1" } },
            "SequenceNumber": "7"
        }})
    }

    #[test]
    fn a_change_is_read_with_both_images() {
        let change = change(&record("R#r1"), "7").unwrap().unwrap();
        assert_eq!(change.trace.as_deref(), Some("Root=1"));
        let (old, new) = (change.old.unwrap(), change.new.unwrap());
        assert_eq!((old.rev, &*old.body), (1, [0xff, 0].as_slice()));
        assert_eq!((new.rev, new.index[0].sort.as_str()), (2, "r1"));
    }

    #[test]
    fn what_is_no_record_is_passed_over() {
        assert!(change(&record("L#crm#order#1"), "7").unwrap().is_none());
        assert!(change(&json!({}), "7").is_err());
    }
}
