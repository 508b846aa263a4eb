//! Records, and how they are made, changed, read and deleted.

mod read;
mod write;

use super::schema::{self, Model};
use concord_connector::Instant;
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// A record, by field.
pub(super) type Record = Map<String, Json>;

/// Why something is refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A sentence for the user.
    User(String),
    /// An exception inside Tryton, named by its text.
    Inside(String),
    /// A stamp that no longer holds.
    Stale,
}

pub(super) type Outcome<T> = Result<T, Refusal>;

/// A sentence for the user.
pub(super) fn user<T>(sentence: impl Into<String>) -> Outcome<T> {
    Err(Refusal::User(sentence.into()))
}

/// The database.
#[derive(Default)]
pub(super) struct Store {
    tables: BTreeMap<&'static str, BTreeMap<i64, Record>>,
    last_ids: BTreeMap<&'static str, i64>,
    /// Which records name a record, by their model and field: lists of parts are long to look for.
    links: BTreeMap<(&'static str, &'static str, i64), BTreeSet<i64>>,
    numbers: BTreeMap<&'static str, i64>,
    /// What this transaction changed, as it was before, in order.
    journal: Vec<(&'static Model, i64, Option<Record>)>,
    /// The time of this transaction, in microseconds; later than every earlier one.
    tick: i64,
    /// Stamps that writes of this transaction have to meet, each of them once: `party.party,3`.
    pub(super) stamps: BTreeMap<String, Json>,
}

impl Store {
    /// Begins a transaction. Stamps have five decimals, so that transactions are told apart by more than that.
    pub(super) fn begin(&mut self, now: Instant) {
        self.tick = (now.ms().saturating_mul(1000)).max(self.tick + 100);
        self.stamps.clear();
        self.journal.clear();
    }
    /// Undoes what this transaction did. Ids and numbers that it took stay taken, as those of sequences do.
    pub(super) fn roll_back(&mut self) {
        while let Some((model, id, before)) = self.journal.pop() {
            self.link(model, id, Linked::No);
            let table = self.tables.entry(model.name).or_default();
            match before {
                Some(record) => table.insert(id, record),
                None => table.remove(&id),
            };
            self.link(model, id, Linked::Yes);
        }
    }
    /// Keeps a record as it is, to be called before it is changed.
    fn remember(&mut self, model: &'static Model, id: i64) {
        let before = self.get(model.name, id).cloned();
        self.journal.push((model, id, before));
    }
    /// Today, as a date.
    pub(super) fn today(&self) -> Json {
        let micros = super::http::civil(self.tick);
        json!({ "__class__": "date", "year": micros.year(), "month": micros.month(), "day": micros.day() })
    }
    /// The time of this transaction.
    pub(super) fn stamp(&self) -> Json {
        super::http::datetime(self.tick)
    }
    /// The records of a model.
    pub(super) fn table(&self, model: &Model) -> impl Iterator<Item = (i64, &Record)> {
        self.tables.get(model.name).into_iter().flatten().map(|(id, record)| (*id, record))
    }
    /// One record.
    pub(super) fn get(&self, model: &str, id: i64) -> Option<&Record> {
        self.tables.get(model)?.get(&id)
    }
    /// One record, to be changed without the rules of writing: the workflow's way.
    pub(super) fn touch(&mut self, name: &str, id: i64) -> Option<&mut Record> {
        let stamp = self.stamp();
        self.remember(schema::model(name)?, id);
        let record = self.tables.get_mut(name)?.get_mut(&id)?;
        record.insert("write_date".into(), stamp);
        Some(record)
    }
    /// A value of a record.
    pub(super) fn value(&self, model: &str, id: i64, field: &str) -> Option<&Json> {
        self.get(model, id)?.get(field).filter(|value| !value.is_null())
    }
    /// The records of a model whose field names a record, in the order that people see.
    pub(super) fn children(&self, model: &'static str, inverse: &'static str, id: i64) -> Vec<i64> {
        let mut ids: Vec<i64> = self.links.get(&(model, inverse, id)).into_iter().flatten().copied().collect();
        // Stable: parts without a sequence stay in the order of their ids.
        ids.sort_by_key(|id| self.value(model, *id, "sequence").and_then(Json::as_i64).unwrap_or(0));
        ids
    }
    /// Keeps track of which records a record names; to be called around every change of it.
    fn link(&mut self, model: &'static Model, id: i64, linked: Linked) {
        for field in model.ones() {
            let Some(other) = self.value(model.name, id, field).and_then(Json::as_i64) else { continue };
            let named = self.links.entry((model.name, field, other)).or_default();
            match linked {
                Linked::Yes => named.insert(id),
                Linked::No => named.remove(&id),
            };
        }
    }
    /// Makes a record name another one, without the rules of writing: what a merge does.
    pub(super) fn repoint(&mut self, name: &str, id: i64, field: &str, other: i64) -> Outcome<()> {
        let model = model(name)?;
        self.link(model, id, Linked::No);
        if let Some(record) = self.touch(model.name, id) {
            record.insert(field.to_owned(), other.into());
        }
        self.link(model, id, Linked::Yes);
        Ok(())
    }
    /// The next number of a range.
    pub(super) fn number(&mut self, range: &'static str) -> String {
        let next = self.numbers.entry(range).or_default();
        *next += 1;
        next.to_string()
    }
    fn insert(&mut self, model: &'static Model, record: Record) -> i64 {
        let id = self.last_ids.entry(model.name).or_default();
        *id += 1;
        let id = *id;
        self.remember(model, id);
        self.tables.entry(model.name).or_default().insert(id, record);
        self.link(model, id, Linked::Yes);
        id
    }
}

/// Whether the links of a record are to be known or forgotten.
#[derive(Clone, Copy)]
enum Linked {
    Yes,
    No,
}

/// The model of a name.
pub(super) fn model(name: &str) -> Outcome<&'static Model> {
    schema::model(name).ok_or_else(|| Refusal::Inside(format!("'{name}'")))
}
