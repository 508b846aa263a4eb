//! Rows, and what happens to them.

use super::{
    Reply,
    cdc::{Change, Events},
    error, partners,
    schema::{self, Kind, MARKER, Object},
    validate,
};
use concord_connector::Instant;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A row. `fields` has every field that was ever set; the common ones are kept beside.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    pub(crate) fields: Map<String, Json>,
    pub(crate) deleted: bool,
    pub(crate) created: Instant,
    pub(crate) modified: Instant,
}

impl Row {
    /// A field's value; null where it was never set.
    pub(crate) fn get(&self, name: &str) -> &Json {
        self.fields.get(name).unwrap_or(&Json::Null)
    }
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).as_str()
    }
}

/// Every row of the org.
#[derive(Clone)]
pub(crate) struct Store {
    rows: BTreeMap<&'static str, BTreeMap<String, Row>>,
    /// Ids by object and marker in lower case, of rows that carry or carried it.
    markers: BTreeMap<(&'static str, String), BTreeSet<String>>,
    seed: u64,
    last: u64,
    pub(crate) events: Events,
    pub(crate) unique_markers: bool,
    pub(crate) refuse_duplicate_names: bool,
}

impl Store {
    pub(crate) fn new(seed: u64) -> Self {
        let mut store = Self {
            rows: schema::OBJECTS.iter().map(|object| (object.name, BTreeMap::new())).collect(),
            markers: BTreeMap::new(),
            seed,
            last: 0,
            events: Events::new(seed),
            unique_markers: true,
            refuse_duplicate_names: false,
        };
        store.furnish();
        store
    }

    /// What a new org has: itself, its currencies, and a programme.
    fn furnish(&mut self) {
        let epoch = Instant::EPOCH;
        self.put(
            "Organization",
            epoch,
            json!({ "Name": "Example", "TimeZoneSidKey": "Europe/Berlin", "IsSandbox": true }),
        );
        for code in schema::CURRENCIES {
            let places = if matches!(*code, "JPY") { "0" } else { "2" };
            self.put(
                "CurrencyType",
                epoch,
                json!({ "IsoCode": code, "IsCorporate": *code == "USD", "DecimalPlaces": places }),
            );
        }
        let program = self.put("ChannelProgram", epoch, json!({ "Name": "Partner Program", "IsActive": true }));
        for level in ["Registered", "Silver", "Gold", "Platinum"] {
            self.put("ChannelProgramLevel", epoch, json!({ "Name": level, "ProgramId": program }));
        }
    }

    fn put(&mut self, object: &'static str, now: Instant, fields: Json) -> String {
        self.insert(object, now, fields.as_object().cloned().unwrap_or_default())
    }

    /// Adds a row that is known to be good.
    pub(super) fn insert(&mut self, object: &'static str, now: Instant, fields: Map<String, Json>) -> String {
        let prefix = schema::find(object).map_or("000", |object| object.prefix);
        self.last += 1;
        let id = schema::id(prefix, self.seed, self.last);
        let now = whole(now);
        self.mark(object, &id, &fields);
        let row = Row { fields, deleted: false, created: now, modified: now };
        self.rows.entry(object).or_default().insert(id.clone(), row);
        id
    }

    fn mark(&mut self, object: &'static str, id: &str, fields: &Map<String, Json>) {
        if let Some(marker) = fields.get(MARKER).and_then(Json::as_str) {
            self.markers.entry((object, marker.to_lowercase())).or_default().insert(id.to_owned());
        }
    }

    /// Rows that carry a marker, deleted ones included.
    pub(super) fn marked(&self, object: &'static str, marker: &str) -> Vec<String> {
        let ids = self.markers.get(&(object, marker.to_lowercase())).into_iter().flatten();
        let carries = |id: &&String| {
            let row = self.row(object, id);
            row.and_then(|row| row.text(MARKER)).is_some_and(|text| text.eq_ignore_ascii_case(marker))
        };
        ids.filter(carries).cloned().collect()
    }

    /// A row with its id as the store keeps it.
    pub(super) fn entry(&self, object: &str, id: &str) -> Option<(&String, &Row)> {
        self.rows.get(object)?.get_key_value(id)
    }

    /// The org's own id.
    pub(crate) fn organization(&self) -> String {
        self.rows.get("Organization").and_then(|rows| rows.keys().next()).cloned().unwrap_or_default()
    }

    /// The rows of an object, deleted ones included, in the order of their ids.
    pub(crate) fn rows(&self, object: &str) -> impl Iterator<Item = (&String, &Row)> {
        self.rows.get(object).into_iter().flatten()
    }
    /// Live rows by object, of objects that people work with.
    pub(crate) fn live(&self) -> Vec<(&'static str, Vec<(String, &Row)>)> {
        let objects = schema::OBJECTS.iter().filter(|object| !matches!(object.name, "Organization" | "CurrencyType"));
        objects
            .map(|object| {
                let live = self.rows(object.name).filter(|(_, row)| !row.deleted);
                (object.name, live.map(|(id, row)| (id.clone(), row)).collect())
            })
            .collect()
    }
    pub(crate) fn row(&self, object: &str, id: &str) -> Option<&Row> {
        self.rows.get(object)?.get(id)
    }
    pub(super) fn row_mut(&mut self, object: &str, id: &str) -> Option<&mut Row> {
        self.rows.get_mut(object)?.get_mut(id)
    }

    /// Makes a row; its id.
    pub(crate) fn create(
        &mut self,
        now: Instant,
        client: Option<&str>,
        object: &str,
        fields: Map<String, Json>,
    ) -> Result<String, Reply> {
        let object = writable(object)?;
        let fields = validate::fields(self, object, fields, validate::Purpose::Create)?;
        self.unique(object, None, &fields)?;
        if object.name == "OpportunityPartner" {
            return partners::add(self, now, fields);
        }
        let mut fields = fields;
        defaults(object, &mut fields);
        let id = self.insert(object.name, now, fields);
        self.derive(object, &id);
        let values = self.row(object.name, &id).map(|row| row.fields.clone()).unwrap_or_default();
        let event = Change { kind: "CREATE", changed: Vec::new(), nulled: Vec::new(), values };
        self.events.add(now, client, object, &[&id], event);
        Ok(id)
    }

    /// Changes a row. An update that changes nothing moves the stamps all the same, and sends no event.
    pub(crate) fn update(
        &mut self,
        now: Instant,
        client: Option<&str>,
        object: &str,
        id: &str,
        fields: Map<String, Json>,
    ) -> Result<(), Reply> {
        let object = writable(object)?;
        self.open(object, id)?;
        let fields = validate::fields(self, object, fields, validate::Purpose::Update)?;
        self.unique(object, Some(id), &fields)?;
        let moved = fields.get("AccountId").cloned();
        self.mark(object.name, id, &fields);
        let Some(row) = self.row_mut(object.name, id) else { return Err(error::not_found()) };
        let before = row.fields.clone();
        row.fields.extend(fields);
        row.modified = row.modified.max(whole(now));
        self.derive(object, id);
        let after = self.row(object.name, id).map(|row| row.fields.clone()).unwrap_or_default();
        let differs =
            |name: &&String| before.get(*name).unwrap_or(&Json::Null) != after.get(*name).unwrap_or(&Json::Null);
        let changed: Vec<String> = after.keys().filter(differs).cloned().collect();
        if !changed.is_empty() {
            let nulled = changed.iter().filter(|name| after[name.as_str()].is_null()).cloned().collect();
            let values = changed.iter().map(|name| (name.clone(), after[name].clone())).collect();
            self.events.add(now, client, object, &[id], Change { kind: "UPDATE", changed, nulled, values });
        }
        if let (Some(moved), "Opportunity") = (moved, object.name) {
            partners::follow(self, now, id, &moved);
        }
        Ok(())
    }

    /// Puts a row into the recycle bin, with what belongs to it.
    pub(crate) fn delete(&mut self, now: Instant, client: Option<&str>, object: &str, id: &str) -> Result<(), Reply> {
        let object = writable(object)?;
        self.open(object, id)?;
        self.bin(now, client, object, id, Json::Null);
        let owned: &[(&str, &str)] = match object.name {
            "Account" => &[
                ("Contact", "AccountId"),
                ("Opportunity", "AccountId"),
                ("ChannelProgramMember", "PartnerId"),
                ("OpportunityPartner", "AccountToId"),
            ],
            "Opportunity" => &[("OpportunityPartner", "OpportunityId")],
            "OpportunityPartner" => &[("OpportunityPartner", "ReversePartnerId")],
            _ => &[],
        };
        for (child, field) in owned {
            let ids: Vec<String> = self
                .rows(child)
                .filter(|(_, row)| !row.deleted && row.text(field) == Some(id))
                .map(|(id, _)| id.clone())
                .collect();
            for id in ids {
                if self.row(child, &id).is_some_and(|row| !row.deleted) {
                    self.delete(now, client, child, &id)?;
                }
            }
        }
        Ok(())
    }

    fn bin(&mut self, now: Instant, client: Option<&str>, object: &'static Object, id: &str, master: Json) {
        if let Some(row) = self.row_mut(object.name, id) {
            row.deleted = true;
            row.modified = row.modified.max(whole(now));
            row.fields.insert("MasterRecordId".into(), master);
        }
        let event = Change { kind: "DELETE", changed: Vec::new(), nulled: Vec::new(), values: Map::new() };
        self.events.add(now, client, object, &[id], event);
    }

    /// Merges a record into another: what pointed at the loser points at the winner, and the loser is deleted with the
    /// winner's id.
    pub(crate) fn merge(&mut self, now: Instant, object: &str, winner: &str, loser: &str) -> Result<(), Reply> {
        let object = writable(object)?;
        if !matches!(object.name, "Account" | "Contact" | "Lead") || winner == loser {
            return Err(error::one(400, "INVALID_OPERATION", "These records cannot be merged."));
        }
        self.open(object, winner)?;
        self.open(object, loser)?;
        for child in schema::OBJECTS {
            let pointers = child.fields().filter(|field| field.kind == Kind::Reference(object.name));
            for pointer in pointers.filter(|field| !matches!(field.name, "MasterRecordId")) {
                let ids: Vec<String> = self
                    .rows(child.name)
                    .filter(|(_, row)| !row.deleted && row.text(pointer.name) == Some(loser))
                    .map(|(id, _)| id.clone())
                    .collect();
                for id in ids {
                    self.repoint(now, child, &id, pointer.name, winner);
                }
            }
        }
        if let Some(row) = self.row_mut(object.name, winner) {
            row.modified = row.modified.max(whole(now));
        }
        self.bin(now, None, object, loser, json!(winner));
        let event =
            Change { kind: "UPDATE", changed: vec!["LastModifiedDate".into()], nulled: Vec::new(), values: Map::new() };
        self.events.add(now, None, object, &[winner], event);
        Ok(())
    }

    fn repoint(&mut self, now: Instant, child: &'static Object, id: &str, field: &str, winner: &str) {
        if let Some(row) = self.row_mut(child.name, id) {
            row.fields.insert(field.to_owned(), json!(winner));
            row.modified = row.modified.max(whole(now));
        }
        let values = [(field.to_owned(), json!(winner))].into_iter().collect();
        let event = Change { kind: "UPDATE", changed: vec![field.to_owned()], nulled: Vec::new(), values };
        self.events.add(now, None, child, &[id], event);
    }

    /// The row is there and live.
    fn open(&self, object: &Object, id: &str) -> Result<(), Reply> {
        match self.row(object.name, id) {
            None => Err(error::not_found()),
            Some(row) if row.deleted => Err(error::deleted()),
            Some(_) => Ok(()),
        }
    }

    fn unique(&self, object: &Object, own: Option<&str>, fields: &Map<String, Json>) -> Result<(), Reply> {
        let other = |id: &String| own != Some(id.as_str()) && self.row(object.name, id).is_some_and(|row| !row.deleted);
        let marker = fields.get(MARKER).and_then(Json::as_str).filter(|_| self.unique_markers);
        if let Some(id) = marker.and_then(|value| self.marked(object.name, value).into_iter().find(other)) {
            let message = format!("duplicate value found: {MARKER} duplicates value on record with id: {}", &id[..15]);
            return Err(error::one(400, "DUPLICATE_VALUE", &message));
        }
        let name = fields.get("Name").and_then(Json::as_str);
        let guarded = self.refuse_duplicate_names && object.name == "Account" && own.is_none();
        let named = |name: &str| {
            let mut rows = self.rows(object.name).filter(|(id, _)| other(id));
            rows.find(|(_, row)| row.text("Name").is_some_and(|text| text.eq_ignore_ascii_case(name)))
                .map(|(id, _)| id.clone())
        };
        if let Some(id) = name.filter(|_| guarded).and_then(named) {
            let result = json!({ "allowSave": true, "duplicateRule": "Standard_Account_Duplicate_Rule",
                "matchResults": [{ "entityType": "Account", "matchRecords": [{ "record": { "Id": id } }] }] });
            let error = json!([{ "errorCode": "DUPLICATES_DETECTED", "message": "Use one of these records?", "duplicateResult": result }]);
            return Err((400, error));
        }
        Ok(())
    }

    /// Fields that the vendor computes.
    fn derive(&mut self, object: &Object, id: &str) {
        let Some(row) = self.row(object.name, id) else { return };
        let mut derived = Map::new();
        match object.name {
            "Contact" | "Lead" => {
                let parts = [row.text("FirstName"), row.text("LastName")];
                let name: Vec<&str> = parts.into_iter().flatten().collect();
                derived.insert("Name".into(), json!(name.join(" ")));
            }
            "Opportunity" => {
                let stage = row.text("StageName").unwrap_or_default();
                derived.insert("IsWon".into(), json!(stage == "Closed Won"));
                derived.insert("IsClosed".into(), json!(stage.starts_with("Closed")));
            }
            "ChannelProgramMember" if row.text("Name").is_none() => {
                derived.insert("Name".into(), json!(format!("PPM-{:05}", self.last)));
            }
            _ => return,
        }
        if let Some(row) = self.row_mut(object.name, id) {
            row.fields.extend(derived);
        }
    }
}

fn defaults(object: &Object, fields: &mut Map<String, Json>) {
    let mut default = |name: &str, value: Json| {
        let entry = fields.entry(name).or_insert(Json::Null);
        if entry.is_null() {
            *entry = value;
        }
    };
    if object.field("CurrencyIsoCode").is_some() {
        default("CurrencyIsoCode", json!("USD"));
    }
    match object.name {
        "Account" => default("IsPartner", json!(false)),
        "Lead" => {
            default("Status", json!("Open - Not Contacted"));
            default("IsConverted", json!(false));
        }
        _ => {}
    }
}

fn writable(object: &str) -> Result<&'static Object, Reply> {
    match schema::find(object) {
        None => Err(error::not_found()),
        Some(object) if matches!(object.name, "Organization" | "CurrencyType") => {
            Err(error::one(400, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"))
        }
        Some(object) => Ok(object),
    }
}

/// The vendor keeps whole seconds.
pub(super) fn whole(at: Instant) -> Instant {
    Instant::from_ms(at.seconds() * 1000)
}
