//! Pages, windows, cursors, the delete log.

use crate::{
    Test,
    bench::{Bench, text},
    reads::deal,
};
use concord_connector::{
    Cursor, Entity, Instant, Operation, Outcome, Snapshot,
    sandbox::{Act, Sandbox},
    snapshot::Presence,
};
use serde_json::json;
use std::collections::BTreeSet;

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("a_backfill_brings_every_record_once", backfill),
        ("a_thousand_rows_of_one_second_do_not_stop_the_paging", same_second),
        ("a_finished_window_reaches_back_ten_minutes", look_back),
        ("a_poll_sees_deletes_and_merges", deletes),
        ("a_changed_partner_brings_its_opportunity", partner_rows),
        ("the_delete_log_goes_on_from_what_it_covered", delete_log),
        ("a_window_shorter_than_a_minute_is_not_asked_for", short_window),
        ("a_restored_record_is_no_tombstone", restored),
        ("a_strange_cursor_is_malformed", strange_cursor),
    ]
}

fn people(bench: &mut Bench, count: usize) {
    for n in 0..count {
        bench.made("Contact", json!({ "LastName": format!("P{n}") }));
    }
    bench.pass(1);
}

fn backfill() {
    // No page, one row, a page less one, a page, a page and one, two pages and one.
    for count in [0, 1, 499, 500, 501, 1001] {
        let mut bench = Bench::new();
        people(&mut bench, count);
        let (records, _) = bench.poll_all(Entity::Person, None);
        let ids: BTreeSet<_> = records.iter().map(|record| record.id.clone()).collect();
        assert_eq!((records.len(), ids.len()), (count, count));
    }
}

fn same_second() {
    let mut bench = Bench::new();
    people(&mut bench, 1200);
    bench.org.page_size(70);
    let (records, _) = bench.poll_all(Entity::Person, None);
    assert_eq!(records.len(), 1200, "also where the vendor makes pages of its own");
}

fn look_back() {
    let mut bench = Bench::new();
    assert_eq!(bench.connector.manifest().capabilities.look_back_s, 600, "what the manifest says is what happens");
    people(&mut bench, 3);
    let (_, cursor) = bench.poll_all(Entity::Person, None);
    bench.pass(300);
    let (again, cursor) = bench.poll_all(Entity::Person, Some(cursor));
    assert_eq!(again.len(), 3, "a transaction of five minutes ago may have been committed only now");
    bench.pass(1200);
    let (none, _) = bench.poll_all(Entity::Person, Some(cursor));
    assert_eq!(none.len(), 3, "the window began ten minutes before the last one ended");
    let (_, cursor) = bench.poll_all(Entity::Person, None);
    bench.pass(60);
    assert!(bench.poll_all(Entity::Person, Some(cursor)).0.is_empty());
}

fn deletes() {
    let mut bench = Bench::new();
    let ids: Vec<String> = (0..3).map(|n| bench.made("Account", json!({ "Name": format!("A{n}") }))).collect();
    bench.pass(5);
    let (_, cursor) = bench.poll_all(Entity::Organization, None);
    bench.org.act(bench.now, Act::Delete { object: "Account".into(), id: ids[0].clone() }).unwrap();
    let merge = Act::Merge { object: "Account".into(), winner: ids[1].clone(), loser: ids[2].clone() };
    bench.org.act(bench.now, merge).unwrap();
    bench.pass(5);
    let (records, _) = bench.poll_all(Entity::Organization, Some(cursor));
    let of = |id: &str| records.iter().find(|record| record.id.as_str() == id).map(|record| record.presence.clone());
    assert_eq!(of(&ids[0]), Some(Presence::Deleted));
    assert_eq!(of(&ids[2]), Some(Presence::MergedInto(ids[1].as_str().into())));
    assert_eq!(of(&ids[1]), Some(Presence::Live));
    let (fresh, _) = bench.poll_all(Entity::Organization, None);
    assert_eq!(fresh.len(), 1, "a backfill does not tell of what was deleted before it");
}

fn partner_rows() {
    let mut bench = Bench::new();
    let (opportunity, _, one, two) = deal(&mut bench);
    bench.pass(5);
    let (_, cursor) = bench.poll_all(Entity::Opportunity, None);
    bench.pass(3600);
    bench.poll_all(Entity::Opportunity, Some(cursor.clone()));
    let (_, cursor) = bench.poll_all(Entity::Opportunity, Some(cursor));
    bench.edited("Opportunity", &opportunity, json!({ "OpportunityPartners": [{ "AccountToId": two }] }));
    bench.pass(5);
    let (records, _) = bench.poll_all(Entity::Opportunity, Some(cursor));
    let seen: Vec<&Snapshot> = records.iter().filter(|record| record.id.as_str() == opportunity).collect();
    assert_eq!(seen.len(), 1);
    let partners = text(seen[0], "partners").unwrap();
    assert!(partners.contains(&two) && !partners.contains(&one), "{partners}");
}

fn deleted(bench: &mut Bench, cursor: Option<Cursor>) -> (Vec<Snapshot>, Cursor) {
    let operation = Operation::Deleted { entity: Entity::Organization, cursor, until: bench.now };
    match bench.run(&operation).unwrap() {
        Outcome::Page { records, cursor, more: false } => {
            (records.into_iter().map(|(_, record)| record.unwrap()).collect(), cursor)
        }
        other => panic!("{other:?}"),
    }
}

fn delete_log() {
    let mut bench = Bench::new();
    let ids: Vec<String> = (0..3).map(|n| bench.made("Account", json!({ "Name": format!("A{n}") }))).collect();
    bench.pass(90);
    bench.org.act(bench.now, Act::Delete { object: "Account".into(), id: ids[0].clone() }).unwrap();
    bench.pass(40);
    let (gone, cursor) = deleted(&mut bench, None);
    assert_eq!(gone.len(), 1);
    assert_eq!(gone[0].presence, Presence::Deleted);
    assert_eq!(Instant::parse(cursor.as_str()).unwrap().ms() % 60_000, 0, "what the vendor covered, not our clock");
    let merge = Act::Merge { object: "Account".into(), winner: ids[1].clone(), loser: ids[2].clone() };
    bench.org.act(bench.now, merge).unwrap();
    bench.pass(300);
    let (gone, _) = deleted(&mut bench, Some(cursor));
    let loser = gone.iter().find(|record| record.id.as_str() == ids[2]).unwrap();
    assert_eq!(loser.presence, Presence::MergedInto(ids[1].as_str().into()));
}

fn short_window() {
    let mut bench = Bench::new();
    let (_, cursor) = deleted(&mut bench, None);
    let before: u64 = bench.org.served().values().sum();
    let (none, same) = deleted(&mut bench, Some(cursor.clone()));
    assert!(none.is_empty() && same == cursor);
    assert_eq!(bench.org.served().values().sum::<u64>(), before);
}

/// The log may still name a record that a person has restored; the look at the row says that it lives.
fn restored() {
    let bench = Bench::new();
    let (id, now) = ("001000000000001AAA", bench.now);
    let operation = Operation::Deleted { entity: Entity::Organization, cursor: None, until: now };
    let answer = |body| concord_connector::Response { status: 200, body, started_at: now, ..Default::default() };
    let log = answer(json!({ "deletedRecords": [{ "id": id, "deletedDate": "2026-01-02T08:00:00.000+0000" }],
        "earliestDateAvailable": "2026-01-01T00:00:00.000+0000", "latestDateCovered": "2026-01-02T08:59:00.000+0000" }));
    let rows =
        answer(json!({ "totalSize": 1, "done": true, "records": [{ "Id": id, "IsDeleted": false, "Name": "Back",
        "SystemModstamp": "2026-01-02T08:30:00.000+0000" }] }));
    let step = bench.connector.next(&bench.cx, &operation, &[log, rows]).unwrap();
    let concord_connector::Step::Done(Outcome::Page { records, .. }) = step else { panic!() };
    assert_eq!(records[0].1.as_ref().unwrap().presence, Presence::Live);
}

fn strange_cursor() {
    let mut bench = Bench::new();
    for text in ["", "{", "{\"from\":1,\"what\":2}", "2026"] {
        for entity in [Entity::Person, Entity::Opportunity] {
            let cursor = Some(Cursor::from(text));
            let until = bench.now;
            let fault = bench.run(&Operation::Poll { entity, cursor: cursor.clone(), until }).unwrap_err();
            assert_eq!(fault.kind, concord_connector::Kind::Malformed, "{text}");
            assert!(bench.run(&Operation::Deleted { entity, cursor, until }).is_err(), "{text}");
        }
    }
}
