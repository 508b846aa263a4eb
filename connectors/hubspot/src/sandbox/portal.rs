//! What happens in the portal, whoever asks for it: creates, updates, deletes, merges, associations; and the events that
//! each of them makes.

use super::{
    Portal,
    link::Link,
    object::Object,
    push::Event,
    refusal::{Answer, Refusal},
    store::{self, Record, Source},
};
use concord_connector::time::Instant;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

impl Portal {
    /// A live record.
    pub(super) fn record(&self, object: &Object, id: &str) -> Answer<&Record> {
        let found = id.parse().ok().and_then(|id: u64| self.records.get(&(object.name, id)));
        found.filter(|record| record.live()).ok_or_else(|| Refusal::not_found(id))
    }

    /// An archived record. The loser of a merge is not among them: its id leads to the winner.
    pub(super) fn archived(&self, object: &Object, id: &str) -> Answer<&Record> {
        let found = id.parse().ok().and_then(|id: u64| self.records.get(&(object.name, id)));
        found.filter(|record| !record.live() && record.merged_into.is_none()).ok_or_else(|| Refusal::not_found(id))
    }

    /// A live record by a unique property.
    pub(super) fn by_unique(&self, object: &'static Object, property: &str, value: &str) -> Answer<Option<u64>> {
        let Some(definition) = object.property(property).filter(|definition| definition.unique) else {
            return Err(Refusal::invalid(format!("Property {property} is not a unique property of {}", object.name)));
        };
        let value = definition.keep(&json!(value))?;
        Ok(self.unique.get(&(object.name, definition.name, value)).copied())
    }

    /// Live records of an object, by id.
    pub(super) fn of(&self, object: &Object) -> impl Iterator<Item = &Record> + use<'_> {
        let name = object.name;
        self.records.range((name, 0)..=(name, u64::MAX)).map(|(_, record)| record).filter(|record| record.live())
    }

    /// Contacts collide by e-mail with a conflict of their own; other unique properties say who has the value.
    fn unique(&self, object: &'static Object, id: Option<u64>, values: &BTreeMap<&str, String>) -> Answer<()> {
        let unique = object.properties.iter().filter(|property| property.unique);
        for property in unique {
            let Some(value) = values.get(property.name).filter(|value| !value.is_empty()) else { continue };
            let other =
                self.unique.get(&(object.name, property.name, value.clone())).filter(|other| Some(**other) != id);
            if let Some(other) = other {
                return Err(if property.name == "email" {
                    Refusal::new(409, "CONFLICT", format!("Contact already exists. Existing ID: {other}"))
                } else {
                    let name = property.name;
                    Refusal::invalid(format!(
                        "Cannot set PropertyValueCoordinates{{objectTypeId={}, propertyName={name}, value={value}}}. \
                         {other} already has that value.",
                        object.type_id
                    ))
                });
            }
        }
        Ok(())
    }

    pub(super) fn create(
        &mut self,
        now: Instant,
        source: Source,
        object: &'static Object,
        properties: &Json,
        links: &[Link],
    ) -> Answer<u64> {
        let values = store::checked(object, properties)?;
        if let Some(missing) = object.required.iter().find(|name| values.get(**name).is_none_or(String::is_empty)) {
            let message = format!("required properties were missing: [{missing}]");
            return Err(Refusal::property(missing, "REQUIRED_FIELD", message));
        }
        if object.name == "leads" && !links.iter().any(|link| ["contacts", "companies"].contains(&link.object.name)) {
            return Err(Refusal::invalid("Lead must be associated to a contact or a company"));
        }
        self.unique(object, None, &values)?;
        for link in links {
            self.record(link.object, &link.id.to_string())?;
        }
        self.next_id += 1 + self.next_id % 7;
        let id = self.next_id;
        self.records.insert((object.name, id), Record::new(object, id, now));
        self.event(now, source, object, Event::life("creation", id));
        self.store(now, source, object, id, &values);
        for link in links {
            self.associate(now, source, (object, id), link)?;
        }
        Ok(id)
    }

    pub(super) fn update(
        &mut self,
        now: Instant,
        source: Source,
        object: &'static Object,
        id: &str,
        properties: &Json,
    ) -> Answer<u64> {
        let id = self.record(object, id)?.id;
        let values = store::checked(object, properties)?;
        self.unique(object, Some(id), &values)?;
        self.store(now, source, object, id, &values);
        Ok(id)
    }

    fn store(
        &mut self,
        now: Instant,
        source: Source,
        object: &'static Object,
        id: u64,
        values: &BTreeMap<&'static str, String>,
    ) {
        let Some(record) = self.records.get_mut(&(object.name, id)) else { return };
        for changed in record.set(now, source, values) {
            if object.property(changed.property).is_some_and(|property| property.unique) {
                self.unique.remove(&(object.name, changed.property, changed.before));
                if !changed.value.is_empty() {
                    self.unique.insert((object.name, changed.property, changed.value.clone()), id);
                }
            }
            self.event(now, source, object, Event::property(id, changed.property, &changed.value));
        }
    }

    pub(super) fn archive(&mut self, now: Instant, source: Source, object: &'static Object, id: &str) -> Answer<u64> {
        let id = self.record(object, id)?.id;
        if let Some(record) = self.records.get_mut(&(object.name, id)) {
            record.archived = Some(now);
        }
        self.unique.retain(|_, holder| *holder != id);
        self.links.retain(|(a, b), _| *a != (object.name, id) && *b != (object.name, id));
        self.event(now, source, object, Event::life("deletion", id));
        Ok(id)
    }

    /// The winner keeps its id and its values, gets those that it lacked, and all associations of the loser.
    pub(super) fn merge(
        &mut self,
        now: Instant,
        source: Source,
        object: &'static Object,
        winner: &str,
        loser: &str,
    ) -> Answer<u64> {
        let (winner, loser) = (self.record(object, winner)?.id, self.record(object, loser)?.id);
        if winner == loser {
            return Err(Refusal::invalid("Cannot merge an object with itself"));
        }
        let key = |id| (object.name, id);
        let gaps = self.records[&key(winner)].gaps(&self.records[&key(loser)]);
        if let Some(record) = self.records.get_mut(&key(loser)) {
            record.archived = Some(now);
            record.merged_into = Some(winner);
        }
        self.unique.retain(|_, holder| *holder != loser);
        let moved: Vec<_> = self.links.keys().filter(|(from, _)| *from == key(loser)).copied().collect();
        for (from, to) in moved {
            let there = self.links.remove(&(from, to)).unwrap_or_default();
            let back = self.links.remove(&(to, from)).unwrap_or_default();
            if to != key(winner) {
                self.links.entry((key(winner), to)).or_default().extend(there);
                self.links.entry((to, key(winner))).or_default().extend(back);
            }
        }
        let moved = gaps.len();
        self.store(now, source, object, winner, &gaps);
        if let Some(record) = self.records.get_mut(&key(winner)) {
            let mut merged = record.value("hs_merged_object_ids").unwrap_or_default();
            merged = if merged.is_empty() { loser.to_string() } else { format!("{merged};{loser}") };
            record.set(now, source, &BTreeMap::from([("hs_merged_object_ids", merged)]));
        }
        let ends = json!({ "primaryObjectId": winner, "mergedObjectIds": [loser], "numberOfPropertiesMoved": moved });
        self.event(now, source, object, Event::with("merge", winner, ends));
        Ok(winner)
    }
}
