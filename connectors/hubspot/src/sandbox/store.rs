//! The portal's records, with the history of each property.

use super::{
    object::Object,
    property::Property,
    refusal::{Answer, Refusal},
};
use concord_connector::time::Instant;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// Entries kept for a property.
const HISTORY: usize = 20;

/// Who made a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// The API, on behalf of an app.
    Integration,
    /// A person.
    CrmUi,
}

impl Source {
    pub(super) fn kind(self) -> &'static str {
        match self {
            Self::Integration => "INTEGRATION",
            Self::CrmUi => "CRM_UI",
        }
    }
    pub(super) fn id(self) -> &'static str {
        match self {
            Self::Integration => super::APP,
            Self::CrmUi => "userId:42",
        }
    }
}

struct Entry {
    value: String,
    at: Instant,
    source: Source,
}

/// A record.
pub(super) struct Record {
    pub(super) object: &'static Object,
    pub(super) id: u64,
    created: Instant,
    pub(super) updated: Instant,
    /// The modified time before the last one: what the search index still shows while it lags.
    pub(super) indexed: Instant,
    values: BTreeMap<&'static str, String>,
    /// Newest first.
    history: BTreeMap<&'static str, Vec<Entry>>,
    pub(super) archived: Option<Instant>,
    pub(super) merged_into: Option<u64>,
}

/// A property that changed.
pub(super) struct Changed {
    pub(super) property: &'static str,
    pub(super) before: String,
    pub(super) value: String,
}

impl Record {
    pub(super) fn new(object: &'static Object, id: u64, now: Instant) -> Self {
        Self {
            object,
            id,
            created: now,
            updated: now,
            indexed: now,
            values: BTreeMap::new(),
            history: BTreeMap::new(),
            archived: None,
            merged_into: None,
        }
    }
    pub(super) fn live(&self) -> bool {
        self.archived.is_none()
    }
    pub(super) fn created(&self) -> Instant {
        self.created
    }
    /// A property's value as the API shows it; `None` is null.
    pub(super) fn value(&self, name: &str) -> Option<String> {
        match name {
            "hs_object_id" => Some(self.id.to_string()),
            "createdate" => Some(self.created.rfc3339()),
            name if name == self.object.modified => Some(self.updated.rfc3339()),
            name => self.values.get(name).filter(|value| !value.is_empty()).cloned(),
        }
    }
    /// Sets properties that were checked before. An equal value makes no history and no event.
    pub(super) fn set(
        &mut self,
        now: Instant,
        source: Source,
        values: &BTreeMap<&'static str, String>,
    ) -> Vec<Changed> {
        let mut changed = Vec::new();
        for (property, value) in values {
            if self.values.get(property).map_or("", String::as_str) == value {
                continue;
            }
            let history = self.history.entry(property).or_default();
            history.insert(0, Entry { value: value.clone(), at: now, source });
            history.truncate(HISTORY);
            let before = self.values.insert(property, value.clone()).unwrap_or_default();
            changed.push(Changed { property, before, value: value.clone() });
        }
        if !changed.is_empty() {
            self.touch(now);
        }
        changed
    }
    /// The modified time moves.
    pub(super) fn touch(&mut self, now: Instant) {
        self.indexed = self.updated;
        self.updated = now;
    }
    /// As the API shows it. Names that the object does not have are left out, as the vendor leaves them out of reads.
    pub(super) fn show(&self, names: &BTreeSet<String>, history: &[String]) -> Json {
        let defaults = ["hs_object_id", "createdate", self.object.modified];
        let names = names.iter().map(String::as_str).chain(defaults);
        let known = names.filter(|name| self.object.property(name).is_some());
        let properties: Map<String, Json> = known.map(|name| (name.to_owned(), json!(self.value(name)))).collect();
        let mut out = json!({
            "id": self.id.to_string(),
            "properties": properties,
            "createdAt": self.created.rfc3339(),
            "updatedAt": self.updated.rfc3339(),
            "archived": !self.live(),
        });
        if let Some(at) = self.archived {
            out["archivedAt"] = json!(at.rfc3339());
        }
        if !history.is_empty() {
            let known = history.iter().filter(|name| self.object.property(name).is_some());
            let entries: Map<String, Json> = known.map(|name| (name.clone(), self.entries(name))).collect();
            out["propertiesWithHistory"] = Json::Object(entries);
        }
        out
    }
    /// Every property that has a value.
    pub(super) fn show_all(&self) -> Json {
        let names = self.values.iter().filter(|(_, value)| !value.is_empty()).map(|(name, _)| (*name).to_owned());
        self.show(&names.collect(), &[])
    }
    fn entries(&self, name: &str) -> Json {
        let entries = self.history.get(name).into_iter().flatten();
        let shown = entries.map(|entry| {
            json!({
                "value": entry.value,
                "timestamp": entry.at.rfc3339(),
                "sourceType": entry.source.kind(),
                "sourceId": entry.source.id(),
            })
        });
        Json::Array(shown.collect())
    }
    /// Values of a merged record that the winner lacks.
    pub(super) fn gaps(&self, loser: &Self) -> BTreeMap<&'static str, String> {
        let mine = |name: &str| self.values.get(name).is_some_and(|value| !value.is_empty());
        loser.values.iter().filter(|(name, _)| !mine(name)).map(|(name, value)| (*name, value.clone())).collect()
    }
}

/// Checks the properties of a write: each must exist, be writable and hold what its type allows.
pub(super) fn checked(object: &'static Object, properties: &Json) -> Answer<BTreeMap<&'static str, String>> {
    let Some(given) = properties.as_object() else {
        return Err(Refusal::invalid("Invalid input JSON: `properties` is no object"));
    };
    let mut values = BTreeMap::new();
    for (name, value) in given {
        let Some(property) = object.property(name) else {
            let message = format!("Property \"{name}\" does not exist");
            return Err(Refusal::property(name, "PROPERTY_DOESNT_EXIST", message));
        };
        if value.is_null() {
            return Err(Refusal::invalid(format!("Invalid input JSON: `{name}` is null; an empty text clears it")));
        }
        values.insert(Property::name(&property), property.keep(value)?);
    }
    Ok(values)
}

impl Property {
    fn name(&self) -> &'static str {
        self.name
    }
}
