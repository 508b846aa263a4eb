//! Reads: fetch, poll, find, describe.

use crate::drive::{World, found, text};
use concord_connector::{
    Cursor, Entity, Operation, Outcome, Value,
    key::{Key, KeyKind},
    value::Currency,
};
use concord_hubspot::sandbox::Portal;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// All ids of a poll to its end, with the number of pages and the last cursor.
fn poll(world: &mut World, entity: Entity, mut cursor: Option<Cursor>) -> (Vec<String>, usize, Cursor) {
    let until = world.now;
    let (mut ids, mut pages) = (Vec::new(), 0);
    loop {
        let operation = Operation::Poll { entity, cursor: cursor.clone(), until };
        let Outcome::Page { records, cursor: next, more } = world.run(&operation).unwrap() else { panic!("no page") };
        pages += 1;
        ids.extend(records.into_iter().map(|(id, record)| {
            record.unwrap();
            id.as_str().to_owned()
        }));
        // The cursor survives a text round trip: it is stored between polls.
        let next = Cursor::new(next.as_str());
        if !more {
            return (ids, pages, next);
        }
        cursor = Some(next);
    }
}

#[test]
fn a_poll_shows_every_record_once_whatever_the_number_of_pages() {
    for (records, pages) in [(0, 1), (1, 1), (99, 1), (100, 1), (101, 2), (250, 3)] {
        let mut world = World::new();
        // One modified time for all of them, as after a bulk update.
        let made: BTreeSet<String> =
            (0..records).map(|n| world.made("companies", json!({ "name": format!("C{n}") }), json!([]))).collect();
        world.tick(1000);
        let (ids, count, _) = poll(&mut world, Entity::Organization, None);
        assert_eq!(count, pages, "{records} records");
        assert_eq!(ids.len(), records);
        assert_eq!(ids.into_iter().collect::<BTreeSet<_>>(), made);
    }
}

#[test]
fn a_later_poll_shows_what_changed_and_reaches_back_over_the_index_lag() {
    let mut world = World::new();
    world.portal.lag(Duration::from_secs(5));
    let old = world.made("companies", json!({ "name": "Old" }), json!([]));
    world.tick(600_000);
    let (ids, _, cursor) = poll(&mut world, Entity::Organization, None);
    assert_eq!(ids, std::slice::from_ref(&old));
    // Made just before the poll and not in the index yet: the first poll misses it, the next one does not.
    let late = world.made("companies", json!({ "name": "Late" }), json!([]));
    world.tick(1000);
    let (ids, _, cursor) = poll(&mut world, Entity::Organization, Some(cursor));
    assert!(!ids.contains(&late));
    world.tick(30_000);
    let (ids, _, cursor) = poll(&mut world, Entity::Organization, Some(cursor));
    assert_eq!(ids, [late]);
    world.tick(600_000);
    world.edited("companies", &old, json!({ "name": "New" }));
    world.tick(10_000);
    let (ids, ..) = poll(&mut world, Entity::Organization, Some(cursor));
    assert!(ids.contains(&old));
}

#[test]
fn contacts_are_polled_by_their_own_modified_property() {
    let mut world = World::new();
    let id = world.made("contacts", json!({ "email": "a@example.com" }), json!([]));
    world.tick(1000);
    assert_eq!(poll(&mut world, Entity::Person, None).0, [id]);
    assert!(world.exchanges[0].0.body != concord_connector::exchange::Body::Empty);
    assert_eq!(world.exchanges[0].0.limit.as_deref(), Some("search"));
}

#[test]
fn an_object_that_the_portal_does_not_have_is_no_fault() {
    let mut world = World::new();
    world.cx.mappings.get_mut(&Entity::Partnership).unwrap().object = "p_nothing".into();
    // Neither when the description says so, nor when nobody has described the account yet.
    assert_eq!(poll(&mut world, Entity::Partnership, None).0, [""; 0]);
    world.cx.vendor_fields.clear();
    assert_eq!(poll(&mut world, Entity::Partnership, None).0, [""; 0]);
}

#[test]
fn a_cursor_of_another_connector_is_a_sentence() {
    let mut world = World::new();
    let cursor = Some(Cursor::new("2026-01-01"));
    let operation = Operation::Poll { entity: Entity::Person, cursor, until: world.now };
    let fault = world.run(&operation).unwrap_err();
    assert!(fault.message().contains("backfill"), "{fault}");
}

#[test]
fn ids_that_are_not_visible_are_left_out() {
    let mut world = World::new();
    let id = world.made("companies", json!({ "name": "A" }), json!([]));
    let operation = Operation::Fetch { entity: Entity::Organization, ids: vec![id.as_str().into(), "999".into()] };
    let Outcome::Records(records) = world.run(&operation).unwrap() else { panic!("no records") };
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].0.as_str(), id);
}

#[test]
fn a_value_that_cannot_be_understood_is_a_fault_beside_its_neighbours() {
    let mut world = World::new();
    let stage = world.cx.mappings.get_mut(&Entity::Opportunity).unwrap();
    let rule = stage.fields.iter_mut().find(|rule| rule.field.as_str() == "stage").unwrap();
    rule.codec = concord_connector::codec::Codec::Enum(vec![("closedwon".into(), "won".into())]);
    let good = world.made("deals", json!({ "dealname": "A", "dealstage": "closedwon" }), json!([]));
    let bad = world.made("deals", json!({ "dealname": "B", "dealstage": "contractsent" }), json!([]));
    let operation =
        Operation::Fetch { entity: Entity::Opportunity, ids: vec![good.as_str().into(), bad.as_str().into()] };
    let Outcome::Records(records) = world.run(&operation).unwrap() else { panic!("no records") };
    let of = |id: &str| records.iter().find(|(found, _)| found.as_str() == id).unwrap().1.clone();
    assert!(of(&good).is_ok());
    assert!(of(&bad).unwrap_err().message.contains("/properties/dealstage"));
}

#[test]
fn a_read_carries_edit_times_marker_keys_and_references() {
    let mut world = World::new();
    let company = world.made("companies", json!({ "name": "A" }), json!([]));
    let primary = json!([{ "to": "companies", "id": company, "label": "Primary" }]);
    let properties = json!({
        "email": "A@Example.com", "firstname": "Ana", "concord_id": "p1",
        "concord_external_keys": "sf-main/003X\n nav/7 \n\nnonsense",
    });
    let id = world.made("contacts", properties, primary);
    world.tick(5000);
    world.edited("contacts", &id, json!({ "lastname": "Moura" }));
    let person = world.fetch(Entity::Person, &id);
    assert_eq!(person.fields["email"], text("a@example.com"));
    assert_eq!(person.field_times["family_name"], world.now);
    assert!(person.field_times["given_name"] < world.now);
    assert_eq!(person.modified, Some(world.now));
    assert_eq!(person.marker.unwrap().as_str(), "p1");
    assert_eq!(person.keys, [Key::external("sf-main", "003X"), Key::external("nav", "7")]);
    assert_eq!(person.fields["organization"].as_ref().unwrap().references()[0].to.to_owned(), external(&company));
    assert_eq!(person.fields["phone"], None);
}

fn external(id: &str) -> concord_connector::Target {
    concord_connector::Target::External(id.into())
}

#[test]
fn a_close_date_is_the_day_in_the_portals_zone() {
    for (zone, stored) in
        [("Pacific/Tongatapu", "2026-06-29T11:00:00.000Z"), ("America/New_York", "2026-06-30T04:00:00.000Z")]
    {
        let mut world = World::of(Portal::new(1, 100).located(zone, "USD"));
        let id = world.made("deals", json!({ "dealname": "D", "closedate": stored }), json!([]));
        let deal = world.fetch(Entity::Opportunity, &id);
        assert_eq!(deal.fields["close_date"].as_ref().map(Value::to_string).unwrap(), "2026-06-30", "{zone}");
    }
}

#[test]
fn a_find_goes_by_marker_then_by_keys_and_never_finds_archived_records() {
    let mut world = World::new();
    let marked =
        world.made("companies", json!({ "name": "A", "concord_id": "r1", "domain": "a.example.com" }), json!([]));
    let other = world.made("companies", json!({ "name": "B", "domain": "a.example.com" }), json!([]));
    let gone = world.made("companies", json!({ "name": "C", "tax_id": "DE1" }), json!([]));
    world.human(concord_connector::sandbox::Act::Delete { object: "companies".into(), id: gone });
    let keys = vec![Key::new(KeyKind::TaxId, "DE1"), Key::new(KeyKind::Domain, "a.example.com")];
    let mut find = |record: &str, keys: Vec<Key>| {
        let operation = Operation::Find { entity: Entity::Organization, record: record.into(), keys };
        let ids: BTreeSet<String> =
            found(world.run(&operation).unwrap()).into_iter().map(|id| id.as_str().to_owned()).collect();
        ids
    };
    assert_eq!(find("r1", keys.clone()), BTreeSet::from([marked.clone()]));
    assert_eq!(find("r2", keys), BTreeSet::from([marked.clone(), other]));
    assert_eq!(find("r2", vec![Key::new(KeyKind::TaxId, "DE1")]), BTreeSet::new());
    assert_eq!(find("r2", vec![Key::external("hubspot-eu", &marked)]), BTreeSet::from([marked]));
    assert_eq!(find("r2", vec![Key::external("salesforce", "001")]), BTreeSet::new());
}

#[test]
fn a_fetch_says_what_was_archived_and_nothing_of_what_never_was() {
    let mut world = World::new();
    let live = world.made("companies", json!({ "name": "A" }), json!([]));
    let gone = world.made("companies", json!({ "name": "B" }), json!([]));
    world.tick(5000);
    let at = world.now;
    world.human(concord_connector::sandbox::Act::Delete { object: "companies".into(), id: gone.clone() });
    let ids = [&live, &gone, &"999999".to_owned()].map(|id| id.as_str().into()).to_vec();
    let Outcome::Records(rows) = world.run(&Operation::Fetch { entity: Entity::Organization, ids }).unwrap() else {
        panic!("no records")
    };
    let seen: BTreeMap<String, concord_connector::snapshot::Presence> =
        rows.into_iter().map(|(id, row)| (id.as_str().to_owned(), row.unwrap().presence)).collect();
    let expected =
        [(live, concord_connector::snapshot::Presence::Live), (gone, concord_connector::snapshot::Presence::Deleted)];
    assert_eq!(seen, BTreeMap::from(expected));
    assert!(at <= world.now);
}

#[test]
fn a_description_names_zone_currency_properties_labels_and_custom_objects() {
    let mut world = World::of(Portal::new(77, 1).located("Europe/Berlin", "CHF"));
    let Outcome::Account(account) = world.run(&Operation::Describe).unwrap() else { panic!("no account") };
    assert_eq!(account.time_zone.as_deref(), Some("Europe/Berlin"));
    assert_eq!(account.currency, Currency::parse("CHF"));
    assert!(account.fields["companies"].contains("concord_id"));
    assert_eq!(account.facts["label.deals.companies.Partner"], "USER_DEFINED/21");
    assert_eq!(account.facts["label.deals.companies.Primary"], "HUBSPOT_DEFINED/5");
    assert_eq!(account.facts["type.2-1001"], "p_partnerships");
    assert_eq!(account.facts["portal_id"], "77");
    assert!(world.exchanges.len() <= 16, "{} requests", world.exchanges.len());
}
