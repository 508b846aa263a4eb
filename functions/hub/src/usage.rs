//! Usage that a person or a program reports: one record for each entitlement, dimension and hour, however often it is said.

use crate::{
    commit::{Changed, Hindrance, Transaction},
    facet::{Facet, Link},
    hub::Hub,
    people::{self, Word, refusal},
    record::Record,
    referrers,
    settings::CONCORD,
};
use concord_connector::{
    Entity, Fault, Field, Instant, Kind, RecordId, Reference, Result, Snapshot, SourceVersion, Value, offer::decimal,
};
use serde::Serialize;
use std::time::Duration;

const HOUR_MS: i64 = 3_600_000;

/// What came of a report.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reported {
    /// The record of the hour.
    pub id: RecordId,
    /// The full hour.
    pub hour: String,
    /// Whether the same was reported before.
    pub known: bool,
}

/// A record of usage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Used {
    /// Its id.
    pub id: RecordId,
    /// The full hour.
    pub hour: Option<String>,
    /// What was used.
    pub dimension: Option<String>,
    /// How much.
    pub quantity: Option<String>,
    /// What the marketplace made of it.
    pub status: Option<String>,
    /// Why it was rejected.
    pub reason: Option<String>,
}

/// What is reported.
#[derive(Clone, Debug)]
pub struct Report<'a> {
    /// Of what.
    pub dimension: &'a str,
    /// How much.
    pub quantity: &'a str,
    /// In which full hour; the one that runs when it is not said.
    pub hour: Option<Instant>,
}

/// Reports what was used under an entitlement in an hour. The same again is known; another quantity for the same hour is
/// refused, because marketplaces keep the first.
///
/// # Errors
/// `Rejected` with a sentence when it cannot be; `NotFound`; the store's faults.
pub async fn report(hub: &Hub, entitlement: &RecordId, report: &Report<'_>, word: &Word) -> Result<Reported> {
    let (entitlement, _) = people::record(hub, entitlement).await?;
    let (dimension, quantity) = (report.dimension.trim(), decimal(report.quantity));
    let hour = report.hour.unwrap_or(Instant::from_ms(hub.now().ms().div_euclid(HOUR_MS) * HOUR_MS));
    let quantity = quantity.ok_or_else(|| refusal(format!("`{}` is no quantity; write `12.5`.", report.quantity)))?;
    check(hub, &entitlement, dimension, hour)?;
    let mut homes: Vec<&RecordId> = entitlement.facets.iter().map(|facet| &facet.home).collect();
    homes.retain(|home| **home != entitlement.id);
    homes.sort();
    homes.dedup();
    homes.insert(0, &entitlement.id);
    let hour_text = hour.rfc3339();
    let link = |home: &RecordId| Link {
        connection: CONCORD.into(),
        id: format!("usage/{home}/{hour_text}/{dimension}").as_str().into(),
    };
    let links: Vec<Link> = homes.into_iter().map(link).collect();
    // Twice at once, the second finds the first.
    for _ in 0..2 {
        if let Some(item) = hub.links(Entity::UsageRecord, &links).await?.into_iter().flatten().next() {
            let (known, _) = people::record(hub, &item.record).await?;
            let held = known.value("quantity").and_then(Value::as_str).and_then(decimal);
            if held.as_ref() != Some(&quantity) {
                return Err(refusal(format!(
                    "{} of `{dimension}` is reported for {hour_text} already ({}); marketplaces keep the first. Report the \
                     difference in another hour.",
                    held.as_deref().unwrap_or("nothing"),
                    known.id
                )));
            }
            return Ok(Reported { id: known.id, hour: hour_text, known: true });
        }
        match make(hub, &entitlement, &links[0], dimension, &quantity, hour, word).await {
            Ok(id) => return Ok(Reported { id, hour: hour_text, known: false }),
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Unavailable, "usage", "The same hour is being reported by too many at once; try again."))
}

fn check(hub: &Hub, entitlement: &Record, dimension: &str, hour: Instant) -> Result<()> {
    let id = &entitlement.id;
    if entitlement.entity != Entity::Entitlement {
        let sentence = format!("{id} is of entity {}; usage is reported of an entitlement.", entitlement.entity);
        return Err(refusal(sentence));
    }
    if let Some(state @ ("ended" | "superseded" | "pending_activation")) =
        entitlement.value("status").and_then(Value::as_str)
    {
        return Err(refusal(format!("The entitlement {id} is `{state}`; nothing can be used under it.")));
    }
    if dimension.is_empty() || dimension.chars().any(char::is_control) {
        return Err(refusal("Name the dimension that was used, by its key."));
    }
    if hour.ms() % HOUR_MS != 0 {
        return Err(refusal(format!("{hour} is no full hour; write `2026-11-23T04:00:00Z`.")));
    }
    if hour > hub.now().plus(Duration::from_secs(60)) {
        return Err(refusal(format!("{hour} is yet to come.")));
    }
    Ok(())
}

async fn make(
    hub: &Hub,
    entitlement: &Record,
    link: &Link,
    dimension: &str,
    quantity: &str,
    hour: Instant,
    word: &Word,
) -> std::result::Result<RecordId, Hindrance> {
    let (id, entity, now) = (hub.new_record_id(), Entity::UsageRecord, hub.now());
    let mut transaction = Transaction::default();
    transaction.new_link(entity, link, &id, &id)?;
    let mut facet = Facet::unseen(link.clone(), id.clone());
    let mut snapshot = Snapshot::new(entity, link.id.clone(), SourceVersion::from_instant(now));
    let mut put = |field: &str, value: Option<Value>| snapshot.fields.insert(Field::from(field), value);
    put("entitlement", Some(Value::from(Reference::record(Entity::Entitlement, entitlement.id.clone()))));
    put("dimension", Value::text(dimension));
    put("quantity", Value::text(quantity));
    put("hour", Some(Value::Instant(hour)));
    if let Some(plan) = entitlement.value("plan") {
        put("plan", Some(plan.clone()));
    }
    for field in snapshot.fields.keys() {
        facet.notes.extend(word.note(now).map(|note| (field.clone(), note)));
    }
    facet.observe(&snapshot, now);
    let mut record = Record::new(id.clone(), entity);
    record.facets.push(facet);
    let changed = Changed { record, rev: 0, observed: None, identity: true };
    hub.commit(&hub.settings(), changed, transaction).await?;
    Ok(id)
}

/// What was reported under an entitlement, the latest hour first.
///
/// # Errors
/// `NotFound`; the store's faults.
pub async fn list(hub: &Hub, entitlement: &RecordId) -> Result<Vec<Used>> {
    let (entitlement, _) = people::record(hub, entitlement).await?;
    let reported = referrers::of(hub, &entitlement, Some(Entity::UsageRecord), referrers::MOST).await?;
    let ids: Vec<RecordId> = reported.into_iter().map(|(_, id)| id).collect();
    let mut used = Vec::new();
    for chunk in ids.chunks(200) {
        for (record, _) in hub.records(chunk).await?.into_values() {
            let one = |field: &str| record.value(field).map(ToString::to_string);
            used.push(Used {
                id: record.id.clone(),
                hour: one("hour"),
                dimension: one("dimension"),
                quantity: one("quantity"),
                status: one("status"),
                reason: one("reason"),
            });
        }
    }
    used.sort_by(|a, b| (&b.hour, &a.dimension).cmp(&(&a.hour, &b.dimension)));
    Ok(used)
}
