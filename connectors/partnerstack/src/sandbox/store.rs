//! What the programme holds.

use concord_connector::Instant;
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// Records by object, then by the order of their making.
pub(super) struct Store {
    seed: u64,
    made: u64,
    rows: BTreeMap<String, BTreeMap<u64, Json>>,
}

/// What the vendor's record schemas name for each object, besides key and times.
pub(super) fn members(object: &str) -> &'static [&'static str] {
    match object {
        "partnerships" => &[
            "email",
            "first_name",
            "group",
            "joined_at",
            "last_name",
            "manager",
            "m_data",
            "partner_key",
            "stats",
            "tags",
            "team",
        ],
        "customers" => &[
            "customer_key",
            "email",
            "field_data",
            "fields",
            "meta",
            "name",
            "partner_key",
            "partnership_key",
            "provider_key",
            "source_key",
            "source_type",
            "test",
        ],
        "deals" => &[
            "account_name",
            "amount",
            "close_date",
            "contact_first_name",
            "contact_last_name",
            "external_key",
            "field_data",
            "fields",
            "group_key",
            "lost_reason",
            "meta",
            "mold_key",
            "partner_key",
            "source",
            "stage",
            "team",
            "team_member",
        ],
        "leads" => &[
            "amount",
            "approved",
            "external_key",
            "field_data",
            "fields",
            "group_key",
            "meta",
            "mold_key",
            "partner_key",
            "status",
        ],
        "groups" => &["archived", "default", "features", "name", "slug"],
        "transactions" => &[
            "amount",
            "amount_usd",
            "approved",
            "category_key",
            "currency",
            "customer",
            "customer_key",
            "extension",
            "product_key",
        ],
        _ => &[],
    }
}

fn prefix(object: &str) -> &'static str {
    match object {
        "partnerships" => "part",
        "customers" => "cus",
        "deals" => "deal",
        "leads" => "lead",
        "groups" => "grup",
        _ => "tran",
    }
}

impl Store {
    /// With a group and the test partner that every programme has.
    pub(super) fn new(seed: u64) -> Self {
        let mut store = Self { seed, made: 0, rows: BTreeMap::new() };
        let then = Instant::from_ms(1_735_689_600_000);
        store.make(then, "groups", &json!({ "name": "Resellers", "slug": "resellers", "default": true }));
        let partner = json!({ "partner_key": "gstest", "first_name": "Test", "last_name": "Partner",
            "email": "partner@gstest.example.com", "team": { "key": "stck_gstest", "name": "Test Partner" } });
        store.make(then, "partnerships", &partner);
        store
    }

    /// Makes a record; its key.
    pub(super) fn make(&mut self, now: Instant, object: &str, fields: &Json) -> String {
        self.made += 1;
        let number = self.made;
        let key = format!("{}_{:04x}{number:08x}", prefix(object), self.seed % 0x1_0000);
        let mut row: Map<String, Json> = members(object).iter().map(|name| ((*name).to_owned(), Json::Null)).collect();
        row.insert("key".into(), json!(key));
        row.insert("created_at".into(), json!(now.ms()));
        row.insert("updated_at".into(), json!(now.ms()));
        if object == "partnerships" {
            let group = self.rows.get("groups").and_then(|groups| groups.values().next()).cloned();
            row.insert("group".into(), group.unwrap_or_default());
            row.insert("joined_at".into(), json!(now.ms()));
            row.insert("partner_key".into(), json!(format!("partner{number}")));
        }
        if object == "deals" {
            row.insert("source".into(), json!("vendor"));
        }
        let mut row = Json::Object(row);
        put(&mut row, fields);
        self.rows.entry(object.to_owned()).or_default().insert(number, row);
        key
    }

    /// Changes a record. The vendor's clock counts milliseconds; every change is later than the one before.
    pub(super) fn change(&mut self, now: Instant, object: &str, key: &str, fields: &Json) {
        let rows = self.rows.get_mut(object).into_iter().flat_map(BTreeMap::values_mut);
        for row in rows.filter(|row| row["key"] == key) {
            put(row, fields);
            let before = row["updated_at"].as_i64().unwrap_or(0);
            row["updated_at"] = json!(now.ms().max(before + 1));
        }
    }

    /// Takes a record out of every list.
    pub(super) fn archive(&mut self, object: &str, key: &str) {
        if let Some(rows) = self.rows.get_mut(object) {
            rows.retain(|_, row| row["key"] != key);
        }
    }

    /// The key of what a path names: partnerships also by their `partner_key`.
    pub(super) fn key(&self, object: &str, named: &str) -> Option<String> {
        self.find(object, named).and_then(|row| row["key"].as_str()).map(str::to_owned)
    }

    pub(super) fn find(&self, object: &str, named: &str) -> Option<&Json> {
        let fits = |row: &&Json| row["key"] == named || object == "partnerships" && row["partner_key"] == named;
        self.rows.get(object)?.values().find(fits)
    }

    /// The name by which people know a record.
    pub(super) fn name(&self, object: &str, key: &str) -> String {
        let member = if object == "partnerships" { "partner_key" } else { "key" };
        self.find(object, key).and_then(|row| row[member].as_str()).unwrap_or(key).to_owned()
    }

    /// The records of an object, newest first.
    pub(super) fn newest(&self, object: &str) -> impl Iterator<Item = &Json> {
        self.rows.get(object).into_iter().flat_map(|rows| rows.values().rev())
    }

    pub(super) fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let by_name = |object: &str, rows: &BTreeMap<u64, Json>| {
            let named = |row: &Json| (self.name(object, row["key"].as_str().unwrap_or_default()), row.clone());
            rows.values().map(named).collect()
        };
        self.rows.iter().map(|(object, rows)| (object.clone(), by_name(object, rows))).collect()
    }
}

/// Objects are merged, everything else is replaced.
fn put(row: &mut Json, fields: &Json) {
    for (name, value) in fields.as_object().into_iter().flatten() {
        match (&mut row[name.as_str()], value) {
            (Json::Object(before), Json::Object(after)) => before.extend(after.clone()),
            (before, after) => *before = after.clone(),
        }
    }
}
