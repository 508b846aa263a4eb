//! One event.

use super::malformed;
use crate::row;
use concord_connector::{
    Context, Entity, ExternalId, Result, Signal,
    signal::{Edit, Happened},
    time::Instant,
};
use serde_json::Value as Json;

/// Type ids of HubSpot's own objects, as `object.*` events name them; custom objects are `2-<n>`.
const TYPES: [(&str, &str); 6] = [
    ("0-1", "contacts"),
    ("0-2", "companies"),
    ("0-3", "deals"),
    ("0-53", "invoices"),
    ("0-123", "orders"),
    ("0-136", "leads"),
];
/// First words of subscription types, and of the ends of an association (`DEAL_TO_COMPANY`).
const WORDS: [(&str, &str); 6] = [
    ("contact", "contacts"),
    ("company", "companies"),
    ("deal", "deals"),
    ("lead", "leads"),
    ("order", "orders"),
    ("invoice", "invoices"),
];

pub(super) struct Event<'a> {
    cx: &'a Context,
    json: &'a Json,
    at: usize,
}

impl<'a> Event<'a> {
    pub(super) fn new(cx: &'a Context, json: &'a Json, at: usize) -> Result<Self> {
        if json.is_object() { Ok(Self { cx, json, at }) } else { Err(malformed(&format!("/{at}"), "an event")) }
    }

    /// Unknown kinds, objects that nobody maps, and other portals give none.
    pub(super) fn signals(&self) -> Result<Vec<Signal>> {
        let ours = self.cx.option("portal_id").unwrap_or_default();
        let portal = self.json.get("portalId").and_then(row::text);
        if !ours.is_empty() && portal.as_deref().is_some_and(|portal| portal != ours) {
            return Ok(Vec::new());
        }
        let name = self.json.get("subscriptionType").and_then(Json::as_str);
        let Some((word, what)) = name.ok_or_else(|| self.wrong("subscriptionType", "a text"))?.split_once('.') else {
            return Ok(Vec::new());
        };
        if what == "associationChange" {
            return self.association(word);
        }
        let Some(entity) = self.object(word, "objectTypeId").and_then(|object| self.cx.entity_of(object)) else {
            return Ok(Vec::new());
        };
        Ok(match what {
            "creation" | "restore" => vec![self.changed(entity)?],
            "propertyChange" => vec![self.edited(entity)?],
            "deletion" | "privacyDeletion" => {
                vec![Signal { happened: Happened::Deleted, ..self.changed(entity)? }]
            }
            "merge" => self.merged(entity)?,
            _ => Vec::new(),
        })
    }

    fn changed(&self, entity: Entity) -> Result<Signal> {
        let id = self.id("objectId")?;
        Ok(Signal::changed(self.key(id.as_str()), entity, id, self.occurred_at()?))
    }

    fn edited(&self, entity: Entity) -> Result<Signal> {
        let mut signal = self.changed(entity)?;
        if let Some(property) = self.json.get("propertyName").and_then(Json::as_str) {
            let value = self.json.get("propertyValue").cloned().unwrap_or_default();
            signal.edits.push(Edit { pointer: format!("/properties/{property}"), value, at: signal.at });
        }
        Ok(signal)
    }

    /// The winner lives on under `newObjectId` where a merge makes a new record, else under `primaryObjectId`.
    fn merged(&self, entity: Entity) -> Result<Vec<Signal>> {
        let at = self.occurred_at()?;
        let Some(primary) = self.json.get("primaryObjectId").and_then(row::text) else {
            // Without the two ids it is still a change of the record that it names.
            return Ok(vec![self.changed(entity)?]);
        };
        let winner = self.json.get("newObjectId").and_then(row::text).unwrap_or_else(|| primary.clone());
        let losers = self.json.get("mergedObjectIds").and_then(Json::as_array).into_iter().flatten();
        let mut losers: Vec<String> = losers.filter_map(row::text).collect();
        losers.push(primary);
        losers.retain(|loser| *loser != winner);
        let mut signals: Vec<Signal> = losers
            .into_iter()
            .map(|loser| Signal {
                happened: Happened::MergedInto(ExternalId::from(winner.as_str())),
                ..Signal::changed(self.key(&loser), entity, loser, at)
            })
            .collect();
        signals.push(Signal::changed(self.key(&winner), entity, winner.as_str(), at));
        Ok(signals)
    }

    /// An association belongs to both of its ends; whichever of them has a field for it is read.
    fn association(&self, word: &str) -> Result<Vec<Signal>> {
        let at = self.occurred_at()?;
        let ends = self.json.get("associationType").and_then(Json::as_str).and_then(|name| name.split_once("_TO_"));
        let (from, to) = ends.map_or((word.to_owned(), String::new()), |(from, to)| (lower(from), lower(to)));
        let from = self.object(&from, "fromObjectTypeId").or_else(|| self.object(word, "objectTypeId"));
        let to = self.object(&to, "toObjectTypeId");
        let mut signals = Vec::new();
        for (object, name) in [(from, "fromObjectId"), (to, "toObjectId")] {
            if let Some(entity) = object.and_then(|object| self.cx.entity_of(object)) {
                let id = self.id(name)?;
                signals.push(Signal::changed(self.key(id.as_str()), entity, id, at));
            }
        }
        Ok(signals)
    }

    /// The object that a word means, or the type id in a member where the word is `object` or unknown.
    fn object(&self, word: &str, member: &str) -> Option<&str> {
        if let Some((_, object)) = WORDS.iter().find(|(known, _)| *known == word) {
            return Some(object);
        }
        let id = self.json.get(member)?.as_str()?;
        if let Some((_, object)) = TYPES.iter().find(|(known, _)| *known == id) {
            return Some(object);
        }
        let pairs = self.cx.option("object_types").unwrap_or_default().split(';');
        let named = pairs.filter_map(|pair| pair.split_once('=')).find(|(known, _)| known.trim() == id);
        named.map(|(_, object)| object.trim()).or_else(|| self.cx.option(&format!("type.{id}")))
    }

    fn id(&self, member: &'static str) -> Result<ExternalId> {
        let id = self.json.get(member).and_then(row::text);
        id.map(ExternalId::new).ok_or_else(|| self.wrong(member, "a record id"))
    }

    fn occurred_at(&self) -> Result<Instant> {
        let ms = self.json.get("occurredAt").and_then(Json::as_i64);
        let ms = ms.filter(|ms| (0..=Instant::MAX.ms()).contains(ms));
        ms.map(Instant::from_ms).ok_or_else(|| self.wrong("occurredAt", "a point in time in epoch milliseconds"))
    }

    /// `eventId` alone is not promised to be unique, and `attemptNumber` differs between attempts at one event.
    fn key(&self, id: &str) -> String {
        let part = |name: &str| match self.json.get(name) {
            Some(Json::String(text)) => text.chars().take(100).collect(),
            Some(Json::Number(number)) => number.to_string(),
            _ => String::new(),
        };
        let rest = ["portalId", "subscriptionId", "propertyName", "occurredAt", "eventId"].map(part);
        format!("hubspot/{}/{}/{id}/{}/{}/{}", rest[0], rest[1], rest[2], rest[3], rest[4])
    }

    fn wrong(&self, member: &str, wanted: &str) -> concord_connector::Fault {
        malformed(&format!("/{}/{member}", self.at), wanted)
    }
}

fn lower(text: &str) -> String {
    text.to_ascii_lowercase()
}
