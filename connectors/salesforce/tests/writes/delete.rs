//! Deletes and archives.

use super::refused;
use crate::{
    Test,
    bench::{Bench, done},
};
use concord_connector::{
    Entity, Kind,
    exchange::{Change, Write},
    snapshot::{Fields, Presence},
};
use serde_json::json;

pub(super) fn tests() -> Vec<Test> {
    vec![("a_delete_is_done_once_and_stays_done", deletes), ("an_archive_is_refused", archive)]
}

fn deletes() {
    let mut bench = Bench::new();
    let id = bench.made("Contact", json!({ "LastName": "P" }));
    let delete = |id: &str| Write {
        token: None,
        record: "r-1".into(),
        change: Change::Delete { id: id.into() },
        fields: Fields::new(),
    };
    for _ in 0..2 {
        assert_eq!(done(bench.write_one(Entity::Person, delete(&id))).presence, Presence::Deleted);
    }
    assert_eq!(refused(bench.write_one(Entity::Person, delete("003000000000009AAA"))), Kind::NotFound);
}

fn archive() {
    let mut bench = Bench::new();
    let id = bench.made("Contact", json!({ "LastName": "P" }));
    let write =
        Write { token: None, record: "r-1".into(), change: Change::Archive { id: id.into() }, fields: Fields::new() };
    assert_eq!(refused(bench.write_one(Entity::Person, write)), Kind::Rejected);
}
