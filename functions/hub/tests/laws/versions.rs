//! What the simulation found about versions of one external record (tests/sim/FOUND.md).

use concord_connector::{Entity, Field, Instant, RecordId, Snapshot, SourceVersion, Value};
use concord_hub::facet::{Applied, Facet, Hash, Link, Want};
use std::collections::BTreeMap;

const START: i64 = 1_767_225_600_000;

fn at(seconds: i64) -> Instant {
    Instant::from_ms(START + seconds * 1000)
}

fn facet() -> Facet {
    let link = Link { connection: "north".into(), id: "1".into() };
    Facet::unseen(link, RecordId::from("record".to_owned()))
}

/// What a read shows: a name, in a version of that second.
fn shows(name: &str, seconds: i64) -> Snapshot {
    let mut snapshot = Snapshot::new(Entity::Organization, "1", SourceVersion::from_instant(at(seconds)));
    snapshot.modified = Some(at(seconds));
    snapshot.fields.insert(Field::from("name"), Some(Value::Text(name.into())));
    snapshot
}

fn said(facet: &Facet) -> Option<(String, Option<Instant>)> {
    let said = facet.view().said(&Field::from("name"))?;
    Some((said.value.as_ref()?.as_str()?.to_owned(), said.at))
}

fn wants(facet: &mut Facet, name: &str, seconds: i64) {
    let image = Hash::of(Some(&Value::Text(name.into())));
    let fields = BTreeMap::from([(Field::from("name"), image)]);
    facet.want(Want { version: 1, at: at(seconds), configured: false, fields });
}

#[test]
fn an_edit_that_is_known_is_nobody_elses_when_an_earlier_read_shows_it_too() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 0), at(1));
    facet.observe(&shows("Bolt", 10), at(12));
    // Our write, decided before, covered it; so it is to be written back there.
    wants(&mut facet, "Bolt", 13);
    let mut from_history = shows("Bolt", 10);
    from_history.field_times.insert(Field::from("name"), at(10));
    from_history.fields.insert(Field::from("phone"), None);
    facet.observe(&from_history, at(11));
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(at(10)))), "it is still what somebody said there");
}

#[test]
fn an_edit_stays_an_edit_when_what_was_there_before_it_is_read_later() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 0), at(1));
    facet.observe(&shows("Core", 20), at(21));
    wants(&mut facet, "Core", 22);
    facet.observe(&shows("Bolt", 10), at(20));
    assert_eq!(said(&facet), Some(("Core".into(), Some(at(20)))));
}

#[test]
fn a_time_that_is_told_once_more_does_not_date_a_later_edit_to_the_same_value() {
    let mut facet = facet();
    for (name, seconds) in [("Acme", 0), ("Bolt", 10), ("Core", 20), ("Bolt", 30)] {
        facet.observe(&shows(name, seconds), at(seconds + 1));
    }
    let mut again = shows("Bolt", 30);
    again.field_times.insert(Field::from("name"), at(10));
    assert_eq!(facet.observe(&again, at(100)), Applied::Nothing);
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(at(30)))));
    again.field_times.insert(Field::from("name"), at(29));
    assert_eq!(facet.observe(&again, at(101)), Applied::Changed, "what can be its time is taken over");
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(at(29)))));
}

#[test]
fn a_write_counts_although_the_vendors_clock_was_set_back() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 600), at(1));
    let golden = Some(Value::Text("Bolt".into()));
    let wrote = BTreeMap::from([(Field::from("name"), (golden.clone(), at(50)))]);
    facet.receive(&wrote, &shows("Bolt", 60), (at(60), at(61)));
    assert_eq!(facet.view().held(&Field::from("name")), Some(&golden), "or it is written again and again");
    facet.observe(&shows("Bolt", 60), at(70));
    assert_eq!(facet.view().held(&Field::from("name")), Some(&golden));
    assert_eq!(said(&facet), Some(("Acme".into(), None)), "and nobody has edited it");
    facet.observe(&shows("Core", 80), at(90));
    assert_eq!(said(&facet).map(|(name, _)| name), Some("Core".into()), "until somebody does");
}
