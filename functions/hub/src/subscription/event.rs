//! Events: CloudEvents 1.0 in structured JSON, one for the newest state of a record.

use super::{Subscription, Told};
use crate::{
    facet::Hash,
    message::Why,
    record::Record,
    views::{self, When},
};
use concord_connector::{Field, Instant, RecordId};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What a record's id leads to.
pub(crate) enum Found {
    /// A record.
    Record(Box<Record>),
    /// It became part of another one.
    Merged(RecordId),
}

/// An event, ready to be signed.
pub(crate) struct Composed {
    /// Equal for every attempt: `RECORD@VERSION`.
    pub(crate) id: String,
    /// The CloudEvent.
    pub(crate) body: Vec<u8>,
    /// What the subscriber knows once it has accepted it.
    pub(crate) told: Told,
    /// The version of which it tells.
    pub(crate) version: u64,
    /// The fields that changed.
    pub(crate) changed: Vec<Field>,
}

/// The event that brings a subscriber from what it was told to what is; `None` when there is nothing to tell.
pub(crate) fn compose(
    subscription: &Subscription,
    id: &RecordId,
    before: &Told,
    ordered: u64,
    found: &Found,
    why: Why,
) -> Option<Composed> {
    match found {
        Found::Record(record) => changed(subscription, before, record, why),
        Found::Merged(into) => merged(subscription, id, before, ordered, into),
    }
}

fn changed(subscription: &Subscription, before: &Told, record: &Record, why: Why) -> Option<Composed> {
    let resent = why == Why::Resent;
    let removed = is_removed(record);
    let same = before.version == Some(record.version);
    let newer = before.version.is_none_or(|version| version < record.version);
    if record.is_placeholder() || !(resent || newer || same && removed != before.removed) {
        return None;
    }
    let image = image(subscription, record);
    let anew = resent || before.version.is_none();
    let named: BTreeSet<&Field> = image.keys().chain(before.image.keys()).collect();
    let named = named.into_iter().filter(|field| subscription.shows(record.entity, field));
    let changed: Vec<Field> =
        named.filter(|field| anew || image.get(*field) != before.image.get(*field)).cloned().collect();
    if !anew && changed.is_empty() && removed == before.removed {
        return None;
    }
    let fields: Map<String, Json> =
        image.keys().map(|field| (field.to_string(), views::json(record.value(field.as_str())))).collect();
    let data = json!({
        "record": record.id,
        "entity": record.entity,
        "version": record.version,
        "since": before.version.filter(|_| !resent),
        "state": if removed { "removed" } else { "live" },
        "changed": changed,
        "fields": fields,
    });
    // That the last system lost the record makes no new version, and yet is another event.
    let again = if same && removed != before.removed { if removed { "-removed" } else { "-live" } } else { "" };
    let (version, at) = (record.version, Some(record.committed_at));
    let event = Envelope { subscription, subject: &record.id, version, again, at };
    let told = Told { entity: record.entity, version: Some(record.version), image, removed, pending: None };
    Some(event.compose(&format!("concord.{}.changed", record.entity), &data, told, changed))
}

/// Who never heard of a record need not be told that it became part of another.
fn merged(
    subscription: &Subscription,
    id: &RecordId,
    before: &Told,
    ordered: u64,
    into: &RecordId,
) -> Option<Composed> {
    let version = ordered.max(before.version? + 1);
    if before.removed && before.image.is_empty() {
        return None;
    }
    let data = json!({ "record": id, "entity": before.entity, "version": version, "merged_into": into });
    let event = Envelope { subscription, subject: id, version, again: "", at: None };
    let told = Told { version: Some(version), removed: true, image: BTreeMap::new(), ..before.clone() };
    let told = Told { pending: None, ..told };
    Some(event.compose(&format!("concord.{}.merged", before.entity), &data, told, Vec::new()))
}

/// The values that a subscriber is told, by what recognises them.
fn image(subscription: &Subscription, record: &Record) -> BTreeMap<Field, Hash> {
    let shown = record.golden.iter().filter(|(field, _)| subscription.shows(record.entity, field));
    shown.map(|(field, golden)| (field.clone(), Hash::of(golden.value.as_ref()))).collect()
}

/// Out of use: a delete goes on to the others, or no system has it any more.
pub(crate) fn is_removed(record: &Record) -> bool {
    record.removal.is_some() || !record.facets.iter().any(|facet| facet.is_live())
}

/// Whether a commit is of interest to a subscription: a cheap look, without what it was told.
pub(crate) fn concerns(subscription: &Subscription, old: Option<&Record>, new: &Record) -> bool {
    if !subscription.entities.contains(&new.entity) || new.is_placeholder() {
        return false;
    }
    let Some(old) = old.filter(|old| !old.is_placeholder()) else { return true };
    is_removed(old) != is_removed(new)
        || old.version < new.version
            && old.golden.keys().chain(new.golden.keys()).any(|field| {
                subscription.shows(new.entity, field) && old.value(field.as_str()) != new.value(field.as_str())
            })
}

/// A test event.
pub(crate) fn ping(subscription: &Subscription, token: &str, now: Instant) -> (String, Vec<u8>) {
    let id = format!("ping-{token}");
    let subject = RecordId::from(subscription.name.as_str());
    let event = Envelope { subscription, subject: &subject, version: 0, again: "", at: Some(now) };
    let data = json!({ "subscription": subscription.name });
    (id.clone(), event.write("concord.ping", &id, &data))
}

struct Envelope<'a> {
    subscription: &'a Subscription,
    subject: &'a RecordId,
    version: u64,
    again: &'static str,
    /// When it happened; left out where only the vanished record knew: every attempt has the same body.
    at: Option<Instant>,
}

impl Envelope<'_> {
    fn compose(&self, kind: &str, data: &Json, told: Told, changed: Vec<Field>) -> Composed {
        let id = format!("{}@{}{}", self.subject, self.version, self.again);
        Composed { body: self.write(kind, &id, data), id, told, version: self.version, changed }
    }

    fn write(&self, kind: &str, id: &str, data: &Json) -> Vec<u8> {
        let mut event = json!({
            "specversion": "1.0",
            "type": kind,
            "source": self.subscription.source,
            "subject": self.subject,
            "id": id,
            "datacontenttype": "application/json",
            "data": data,
        });
        if let Some(at) = self.at {
            event["time"] = json!(When(at));
        }
        event.to_string().into_bytes()
    }
}
