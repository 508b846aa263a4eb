//! Laws of parties.

use super::{Client, Law, fields, text, update};
use concord_connector::{
    Entity::Organization,
    ExternalId, Fields, Operation, Outcome, RecordId, Snapshot, Value,
    exchange::{Change, Write, Written},
    key::{Key, KeyKind},
    snapshot::Presence,
    value::{Address, AddressPart},
};
use serde_json::json;

pub(crate) const LAWS: &[Law] = &[
    ("a_party_is_read_as_it_was_written", read_as_written),
    ("a_create_is_not_repeated", create_once),
    ("a_party_is_found_by_marker_and_keys", found),
    ("an_update_edits_parts_in_place", in_place),
    ("a_field_can_be_emptied", emptied),
    ("a_street_that_is_written_takes_the_place_of_its_parts", street),
    ("a_merged_party_names_the_one_that_lives_on", merged),
    ("a_value_that_we_did_not_know_is_not_covered", moved),
    ("an_edit_between_read_and_write_is_not_covered", raced),
    ("a_direct_edit_of_an_address_is_polled", parts_are_polled),
    ("a_wrong_vat_number_is_refused_and_its_neighbour_written", refused),
    ("a_party_out_of_use_is_deleted_and_comes_back", out_of_use),
    ("a_used_party_cannot_be_deleted_and_an_unused_one_can", deleted),
];

pub(super) fn address_in(city: &str) -> Option<Value> {
    let parts = [
        (AddressPart::Street, "Hauptstr. 1\nHinterhaus"),
        (AddressPart::City, city),
        (AddressPart::PostalCode, "10115"),
        (AddressPart::Country, "Germany"),
    ];
    Address::from_parts(parts.map(|(part, text)| (part, text.to_owned()))).map(Value::Address)
}

pub(super) fn acme() -> Fields {
    fields([
        ("name", text("Acme GmbH")),
        ("website", text("https://www.acme.example.com/en")),
        ("phone", text("+49 30 901820")),
        ("email", text("ap@acme.example.com")),
        ("tax_id", text("DE136695976")),
        ("billing_address", address_in("Berlin")),
    ])
}

fn read_as_written(client: &mut Client) {
    let after = client.made(Organization, acme());
    for (field, value) in acme() {
        assert_eq!(after.fields.get(&field), Some(&value), "{field}");
    }
    assert_eq!(after.fields.get("domain"), Some(&text("acme.example.com")));
    assert_eq!(client.read(Organization, &after.id), after);

    let bare = client.made(Organization, fields([("name", text("Bare"))]));
    assert_eq!(bare.fields.get("website"), Some(&None));
    assert_eq!(bare.fields.get("domain"), Some(&None), "a domain is read out of the web address");
    assert_eq!(bare.fields.get("phone"), Some(&None), "nothing there is said, not left out");
    assert_eq!(bare.fields.get("billing_address"), Some(&None));
}

fn create_once(client: &mut Client) {
    let record = client.record();
    let write = client.create(Organization, &record, acme());
    let Ok(Written::Done { after, created: true, .. }) = client.write(Organization, write.clone()) else {
        panic!("the first create")
    };
    assert_eq!(client.write(Organization, write), Ok(Written::Exists(after.id)));
}

fn find(client: &mut Client, record: &RecordId, keys: &[Key]) -> Vec<ExternalId> {
    match client.run(&Operation::Find { entity: Organization, record: record.clone(), keys: keys.to_vec() }) {
        Outcome::Found(ids) => ids,
        other => panic!("a search gave {other:?}"),
    }
}

fn found(client: &mut Client) {
    let us = client.made(
        Organization,
        fields([
            ("name", text("Keyed")),
            ("tax_id", text("FR40303265045")),
            ("website", text("https://www.keyed.example.org")),
        ]),
    );
    let stranger = RecordId::new("nobody");
    let marker = us.marker.clone().expect("a marker");
    assert_eq!(find(client, &marker, &[]), vec![us.id.clone()]);
    let tax = Key::new(KeyKind::TaxId, "FR40303265045");
    let domain = Key::new(KeyKind::Domain, "keyed.example.org");
    assert_eq!(find(client, &stranger, std::slice::from_ref(&tax)), vec![us.id.clone()]);
    assert_eq!(find(client, &stranger, &[Key::new(KeyKind::Lei, "none"), domain]), vec![us.id.clone()]);
    let part_of_it = Key::new(KeyKind::Domain, "yed.example.org");
    assert!(find(client, &stranger, &[part_of_it]).is_empty(), "another domain that ends alike");
    assert!(find(client, &stranger, &[]).is_empty());

    client
        .write(
            Organization,
            Write { token: None, record: marker, change: Change::Archive { id: us.id }, fields: Fields::new() },
        )
        .expect("archived");
    assert!(find(client, &stranger, &[tax]).is_empty(), "only live records are found");
}

/// The ids of a party's parts, as Tryton has them.
fn parts(client: &mut Client, id: &ExternalId) -> serde_json::Value {
    let id: i64 = id.as_str().parse().expect("a number");
    let fields = json!(["addresses", "identifiers", "contact_mechanisms"]);
    client.person("model.party.party.read", vec![json!([id]), fields])[0].clone()
}

fn in_place(client: &mut Client) {
    let before = client.made(Organization, acme());
    let there = parts(client, &before.id);
    let change = fields([("phone", text("+49 30 111111")), ("billing_address", address_in("Bonn"))]);
    let Ok(Written::Done { after, created: false, .. }) = client.write(Organization, update(&before, change.clone()))
    else {
        panic!("the update")
    };
    let mut expected = before.fields.clone();
    expected.extend(change);
    assert_eq!(after.fields, expected, "nothing else changes");
    assert!(after.version > before.version && after.revision != before.revision);
    assert_eq!(parts(client, &before.id), there, "the same parts, not new ones");
}

fn emptied(client: &mut Client) {
    let before = client.made(Organization, acme());
    let change = fields([("email", None), ("tax_id", None), ("billing_address", None)]);
    match client.write(Organization, update(&before, change.clone())) {
        Ok(Written::Done { after, .. }) => {
            for field in change.keys() {
                assert_eq!(after.fields.get(field), Some(&None), "{field}");
            }
            assert_eq!(after.marker, before.marker);
        }
        other => panic!("{other:?}"),
    }
}

fn street(client: &mut Client) {
    let held = client.made(Organization, acme());
    let address = parts(client, &held.id)["addresses"][0].clone();
    let structured = json!({ "street_name": "Parkallee", "building_number": "7" });
    client.person("model.party.address.write", vec![json!([address]), structured]);
    let read = client.read(Organization, &held.id);
    let Some(Some(Value::Address(shown))) = read.fields.get("billing_address") else { panic!("{:?}", read.fields) };
    assert_eq!(shown.get(AddressPart::Street), Some("Parkallee 7"));
    match client.write(Organization, update(&read, fields([("billing_address", address_in("Bonn"))]))) {
        Ok(Written::Done { after, .. }) => assert_eq!(after.fields.get("billing_address"), Some(&address_in("Bonn"))),
        other => panic!("{other:?}"),
    }
}

fn merged(client: &mut Client) {
    let winner = client.made(Organization, fields([("name", text("Winner"))]));
    let loser = client.made(Organization, fields([("name", text("Winner"))]));
    client.world.merge(winner.id.as_str(), loser.id.as_str());
    assert_eq!(client.read(Organization, &loser.id).presence, Presence::MergedInto(winner.id.clone()));
    let write = update(&loser, fields([("name", text("Ours"))]));
    assert_eq!(client.write(Organization, write), Ok(Written::Exists(winner.id)));
}

pub(super) fn rename(client: &mut Client, id: &ExternalId, name: &str) {
    let id: i64 = id.as_str().parse().expect("a number");
    client.person("model.party.party.write", vec![json!([id]), json!({ "name": name })]);
}

fn moved(client: &mut Client) {
    let held = client.made(Organization, acme());
    rename(client, &held.id, "Renamed by a person");
    match client.write(Organization, update(&held, fields([("name", text("Ours"))]))) {
        Ok(Written::Moved(read)) => assert_eq!(read.fields.get("name"), Some(&text("Renamed by a person"))),
        other => panic!("{other:?}"),
    }
    // Another field can be written all the same, and what is there already is not written again.
    let other = fields([("phone", text("+49 30 222222")), ("name", text("Renamed by a person"))]);
    match client.write(Organization, update(&held, other)) {
        Ok(Written::Done { after, .. }) => {
            assert_eq!(after.fields.get("phone"), Some(&text("+49 30 222222")));
            assert_eq!(after.fields.get("name"), Some(&text("Renamed by a person")));
        }
        other => panic!("{other:?}"),
    }
}

/// The race that only the server can decide: a person saves after our read and before our write.
fn raced(client: &mut Client) {
    for part in ["party", "address"] {
        let held = client.made(Organization, acme());
        let wanted = fields([("name", text("Ours")), ("billing_address", address_in("Bonn"))]);
        let operation = Operation::Write { entity: Organization, writes: vec![update(&held, wanted)] };
        let id = held.id.clone();
        let mut edits = 0;
        let outcome = client.run_with(&operation, |client, request| {
            if request.writes {
                edits += 1;
                match part {
                    "party" => rename(client, &id, "Saved meanwhile"),
                    _ => edit_address(client, &id, "Hamburg"),
                }
            }
        });
        assert_eq!(edits, 1, "one write is tried");
        let Outcome::Written(rows) = outcome else { panic!("{outcome:?}") };
        let [Ok(Written::Moved(read))] = rows.as_slice() else { panic!("{part}: {rows:?}") };
        assert_ne!(read.fields.get("name"), Some(&text("Ours")), "{part}: nothing of ours is written");
        assert_ne!(read.fields, held.fields, "{part}: the edit is shown");
    }
}

fn edit_address(client: &mut Client, id: &ExternalId, city: &str) {
    let address = parts(client, id)["addresses"][0].clone();
    client.person("model.party.address.write", vec![json!([address]), json!({ "city": city })]);
}

fn parts_are_polled(client: &mut Client) {
    let before = client.made(Organization, acme());
    let (_, cursor) = client.poll(Organization, None);
    edit_address(client, &before.id, "München");
    let (changed, _) = client.poll(Organization, Some(cursor));
    let after: &Snapshot = changed.get(&before.id).expect("it is on the page");
    assert!(after.version > before.version, "an address of its own raises the version");
    assert_eq!(after.fields.get("billing_address"), Some(&address_in("München")));
    assert_eq!(after.revision, before.revision, "the party itself is as it was");
}

fn refused(client: &mut Client) {
    let (wrong, right) = (client.record(), client.record());
    let writes = vec![
        client.create(Organization, &wrong, fields([("name", text("Bad")), ("tax_id", text("DE1"))])),
        client.create(Organization, &right, fields([("name", text("Good"))])),
    ];
    let rows = client.writes(Organization, writes);
    let sentence = rows[0].as_ref().expect_err("the number is wrong");
    assert!(sentence.contains("The European VAT Number \"DE1\" for party \"Bad\" is not valid."), "{sentence}");
    assert!(matches!(rows[1], Ok(Written::Done { created: true, .. })), "{:?}", rows[1]);
    assert!(find(client, &wrong, &[]).is_empty(), "nothing is left of it");
}

fn out_of_use(client: &mut Client) {
    let before = client.made(Organization, acme());
    let archive = Write {
        token: None,
        record: "r".into(),
        change: Change::Archive { id: before.id.clone() },
        fields: Fields::new(),
    };
    match client.write(Organization, archive) {
        Ok(Written::Done { after, .. }) => assert_eq!(after.presence, Presence::Deleted),
        other => panic!("{other:?}"),
    }
    assert_eq!(client.read(Organization, &before.id).presence, Presence::Deleted);
    let (all, _) = client.poll(Organization, None);
    assert_eq!(all[&before.id].presence, Presence::Deleted);
    match client.write(Organization, update(&before, fields([("name", text("Ours"))]))) {
        Ok(Written::Moved(read)) => assert_eq!(read.presence, Presence::Deleted),
        other => panic!("{other:?}"),
    }
    let id: i64 = before.id.as_str().parse().expect("a number");
    client.person("model.party.party.write", vec![json!([id]), json!({ "active": true })]);
    let back = client.read(Organization, &before.id);
    assert_eq!(back.presence, Presence::Live);
    assert!(back.version > before.version);
}

fn deleted(client: &mut Client) {
    let unused = client.made(Organization, fields([("name", text("Unused"))]));
    let delete = |id: &ExternalId| Write {
        token: None,
        record: "r".into(),
        change: Change::Delete { id: id.clone() },
        fields: Fields::new(),
    };
    match client.write(Organization, delete(&unused.id)) {
        Ok(Written::Done { after, .. }) => assert_eq!(after.presence, Presence::Deleted),
        other => panic!("{other:?}"),
    }
    let gone = client.run(&Operation::Fetch { entity: Organization, ids: vec![unused.id] });
    assert_eq!(gone, Outcome::Records(Vec::new()));
    let company = client.write(Organization, delete(&"1".into()));
    assert!(company.expect_err("in use").contains("could not be deleted because they are used by field"));
}
