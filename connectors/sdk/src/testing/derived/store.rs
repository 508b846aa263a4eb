//! What a derived system holds.

use crate::{
    Instant, Manifest,
    codec::put,
    manifest::{VersionForm, api::scalar},
    mapping::Mapping,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// A record with what the system itself knows of it.
#[derive(Clone)]
pub(super) struct Row {
    pub(super) id: String,
    pub(super) json: Json,
    pub(super) changes: u64,
    pub(super) modified: Instant,
    pub(super) dead: bool,
}

impl Row {
    /// The change token.
    pub(super) fn token(&self, mapping: &Mapping) -> String {
        let pointer = mapping.api.as_ref().and_then(|api| api.revision.as_deref());
        let own = pointer.and_then(|at| self.json.pointer(at)).and_then(scalar);
        own.unwrap_or_else(|| format!("\"{}\"", self.changes))
    }
}

/// Records by object, in the order of their making.
pub(super) struct Store {
    mappings: BTreeMap<String, Mapping>,
    examples: BTreeMap<String, Json>,
    rows: BTreeMap<String, Vec<Row>>,
    /// What a create with an idempotency key has made.
    pub(super) made: BTreeMap<String, String>,
    count: u64,
}

impl Store {
    pub(super) fn new(manifest: &Manifest) -> Self {
        let mut mappings = BTreeMap::new();
        let mut examples = BTreeMap::new();
        for (entity, mapping) in &manifest.entity {
            // The one that can be made says what a record has; others of the same object only read it.
            let makes = |mapping: &Mapping| mapping.fields.iter().any(|rule| rule.flow.creates());
            let known = mappings.get(&mapping.object).is_some_and(makes);
            if !known {
                mappings.insert(mapping.object.clone(), mapping.clone());
            }
            let example = manifest.examples.iter().find(|example| example.entity == *entity);
            if let Some(json) = example.and_then(|example| example.json().ok()) {
                examples.entry(mapping.object.clone()).or_insert(json);
            }
        }
        Self { mappings, examples, rows: BTreeMap::new(), made: BTreeMap::new(), count: 0 }
    }

    /// Live records of an object, oldest first; the dead too, where the system shows them.
    pub(super) fn rows(&self, object: &str) -> impl Iterator<Item = &Row> {
        self.rows.get(object).into_iter().flatten()
    }

    pub(super) fn row(&self, object: &str, id: &str) -> Option<&Row> {
        self.rows(object).find(|row| row.id == id && !row.dead)
    }

    /// Makes a record like the example of its kind, with these members over it; its id.
    pub(super) fn make(
        &mut self,
        now: Instant,
        object: &str,
        id: Option<&str>,
        fields: &Json,
    ) -> Result<String, String> {
        let mapping = self.mappings.get(object).ok_or("there is no such object")?.clone();
        self.count += 1;
        let example = self.examples.get(object).cloned().unwrap_or_else(|| json!({}));
        let numbered = example.pointer(&mapping.id).is_some_and(Json::is_number);
        let id = id.map_or_else(
            || if numbered { self.count.to_string() } else { format!("d{:06}", self.count) },
            str::to_owned,
        );
        let mut json = example;
        // Nobody's mark is on a new record, and references of the example lead nowhere.
        if let Some(marker) = &mapping.marker {
            put(&mut json, marker, Json::Null)?;
        }
        for rule in &mapping.fields {
            let refers = matches!(
                rule.codec,
                crate::codec::Codec::Reference(_)
                    | crate::codec::Codec::ReferenceNumber(_)
                    | crate::codec::Codec::References(_)
                    | crate::codec::Codec::Ids(_)
            );
            if let Some(value) = json.pointer_mut(&rule.vendor).filter(|_| refers) {
                *value = Json::Null;
            }
        }
        overlay(&mut json, fields);
        let written = if numbered { id.parse::<u64>().map_or_else(|_| json!(id), Json::from) } else { json!(id) };
        put(&mut json, &mapping.id, written)?;
        let row = Row { id: id.clone(), json, changes: 0, modified: now, dead: false };
        self.rows.entry(object.to_owned()).or_default().push(row);
        self.stamp(now, object, &id, &mapping);
        Ok(id)
    }

    /// Changes a record; `None` when there is none.
    pub(super) fn change(&mut self, now: Instant, object: &str, id: &str, fields: &Json, replaces: bool) -> Option<()> {
        let mapping = self.mappings.get(object)?.clone();
        let row = self.rows.get_mut(object)?.iter_mut().find(|row| row.id == id && !row.dead)?;
        if replaces {
            let kept = row.json.pointer(&mapping.id).cloned().unwrap_or_default();
            row.json = fields.clone();
            put(&mut row.json, &mapping.id, kept).ok()?;
        } else {
            overlay(&mut row.json, fields);
        }
        self.stamp(now, object, id, &mapping);
        Some(())
    }

    /// Takes a record away; where the system shows what is gone, it says so.
    pub(super) fn remove(&mut self, now: Instant, object: &str, id: &str) {
        let Some(mapping) = self.mappings.get(object).cloned() else { return };
        let shown = mapping.api.as_ref().and_then(|api| api.deleted.clone());
        let Some(rows) = self.rows.get_mut(object) else { return };
        let Some(condition) = shown else { return rows.retain(|row| row.id != id) };
        if let Some(row) = rows.iter_mut().find(|row| row.id == id) {
            row.dead = true;
            let said = condition.is.first().map_or("true", String::as_str);
            let said = serde_json::from_str(said).unwrap_or_else(|_| json!(said));
            if put(&mut row.json, &condition.at, said).is_err() {
                row.json = json!({});
            }
        }
        self.stamp(now, object, id, &mapping);
    }

    /// Every change is later than the one before, and says so wherever the file looks for it.
    fn stamp(&mut self, now: Instant, object: &str, id: &str, mapping: &Mapping) {
        let example = self.examples.get(object).cloned().unwrap_or_default();
        let Some(row) = self.rows.get_mut(object).into_iter().flatten().find(|row| row.id == id) else { return };
        row.changes += 1;
        row.modified = now.max(Instant::from_ms(row.modified.ms() + i64::from(row.changes > 1)));
        let Some(api) = &mapping.api else { return };
        let time = |at: &str| match example.pointer(at) {
            Some(Json::Number(n)) if n.as_i64().is_some_and(|n| n < 100_000_000_000) => json!(row.modified.seconds()),
            Some(Json::Number(_)) => json!(row.modified.ms()),
            _ => json!(row.modified.rfc3339()),
        };
        let mut stamps = Vec::new();
        if let Some(at) = &api.revision {
            stamps.push((at, json!(format!("r{}", row.changes))));
        }
        if let Some(at) = &api.modified {
            stamps.push((at, time(at)));
        }
        if let Some(at) = &api.version {
            let version = match api.version_as {
                VersionForm::Integer => json!(row.changes),
                VersionForm::Instant => time(at),
            };
            stamps.push((at, version));
        }
        for (at, value) in stamps {
            // What cannot be written shows as missing, and the suite says so.
            if put(&mut row.json, at, value).is_err() {
                return;
            }
        }
    }

    pub(super) fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let live = |rows: &Vec<Row>| {
            rows.iter().filter(|row| !row.dead).map(|row| (row.id.clone(), row.json.clone())).collect()
        };
        self.rows.iter().map(|(object, rows)| (object.clone(), live(rows))).collect()
    }
}

/// Objects are merged, everything else is replaced.
pub(super) fn overlay(below: &mut Json, above: &Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (name, value) in above {
                overlay(below.entry(name.clone()).or_insert(Json::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}
