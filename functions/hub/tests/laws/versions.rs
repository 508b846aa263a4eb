//! What the simulation found about versions of one external record (tests/sim/FOUND.md).

use concord_connector::{Entity, Field, Instant, RecordId, Snapshot, SourceVersion, Value};
use concord_hub::facet::{Applied, ByField, Facet, Hash, Link, Want};
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
    let fields = ByField::from_iter([(Field::from("name"), image)]);
    let stamps = ByField::from_iter([(Field::from("name"), at(seconds - 1))]);
    facet.want(Want {
        version: 1,
        at: at(seconds),
        configured: false,
        sent: false,
        fields,
        stamps,
        withdrawn: Default::default(),
        outlived: Default::default(),
    });
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
    let grain = Instant::from_ms(at(20).ms() + 999);
    assert_eq!(
        said(&facet),
        Some(("Core".into(), Some(grain))),
        "a modified time in whole seconds stands for all of it"
    );
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
    let grain = Instant::from_ms(at(30).ms() + 999);
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(grain))));
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

#[test]
fn a_time_that_becomes_better_known_never_moves_ahead_of_what_was_built_on_it() {
    let later = |from: Instant, ms: i64| Instant::from_ms(from.ms() + ms);
    let mut facet = facet();
    facet.observe(&shows("Acme", 0), at(1));
    // The vendor rounds down: the edit was made at 10.092 s, and the record says 10 s.
    facet.observe(&shows("Bolt", 10), later(at(10), 300));
    let (_, bound) = said(&facet).expect("an edit");
    let mut told = shows("Bolt", 10);
    told.field_times.insert(Field::from("name"), later(at(10), 92));
    facet.observe(&told, at(12));
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(later(at(10), 92)))));
    // By the first bound the value was carried elsewhere, and somebody edited on top of it there.
    assert!(bound >= Some(later(at(10), 92)), "{bound:?}");
}

#[test]
fn nothing_was_edited_after_it_was_read() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 0), at(1));
    // A vendor whose clock is five minutes ahead.
    let mut ahead = shows("Bolt", 310);
    ahead.field_times.insert(Field::from("name"), at(310));
    facet.observe(&ahead, at(11));
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(at(11)))));
}

#[test]
fn what_is_seen_long_afterwards_is_newer_although_the_vendors_clock_was_set_back() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 600), at(601));
    let mut look = shows("Bolt", 30);
    assert_eq!(facet.version_of_look(&look, at(700)), look.version, "a replica that lags shows what was there before");
    look.version = facet.version_of_look(&look, at(1600));
    facet.observe(&look, at(1600));
    assert_eq!(said(&facet).map(|(name, _)| name), Some("Bolt".into()));
    assert_eq!(facet.view().held(&Field::from("name")), Some(&Some(Value::Text("Bolt".into()))));
}

#[test]
fn what_a_record_that_we_made_shows_and_we_did_not_write_was_said_there() {
    let mut facet = facet();
    let text = |text: &str| Some(Value::Text(text.into()));
    let wrote = BTreeMap::from([(Field::from("name"), (text("Acme"), at(1)))]);
    // A person filled it in between our create and the read that followed it.
    let mut after = shows("Acme", 10);
    after.fields.insert(Field::from("phone"), text("1"));
    facet.receive(&wrote, &after, (at(10), at(11)));
    let word = facet.view().said(&Field::from("phone")).expect("somebody's word");
    assert_eq!((word.value.clone(), word.at), (text("1"), None), "there from the beginning, as a first read has it");
    assert_eq!(said(&facet), None, "what we wrote is nobody's word there");
}

/// A history's entry: a name, and the exact time.
fn entry(name: &str, seconds: i64) -> Snapshot {
    let mut entry = shows(name, seconds);
    entry.field_times.insert(Field::from("name"), at(seconds));
    entry
}

#[test]
fn an_earlier_try_that_the_history_shows_is_our_own_also_when_its_want_is_covered() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 0), at(1));
    wants(&mut facet, "Core", 20);
    facet.acknowledge(1);
    // Somebody's edit lies under the first try, of which no receipt came; the second try read both in the history.
    facet.observe(&entry("Bolt", 10), at(30));
    let ours = BTreeMap::from([(Field::from("name"), at(19))]);
    facet.observe_knowing(&entry("Core", 21), at(30), &ours);
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(at(10)))), "their word, and not ours");
}

#[test]
fn an_edit_on_top_of_a_try_without_a_receipt_is_later_than_what_was_tried() {
    let mut facet = facet();
    facet.observe(&shows("Acme", 0), at(1));
    // Everything at a vendor whose clock is seven minutes behind.
    let ours = BTreeMap::from([(Field::from("name"), at(500))]);
    facet.observe_knowing(&entry("Bolt", 81), at(502), &ours);
    facet.observe(&entry("Core", 82), at(502));
    let on_top = Instant::from_ms(at(500).ms() + 1);
    assert_eq!(said(&facet), Some(("Core".into(), Some(on_top))));
}

#[test]
fn an_edit_that_may_be_on_top_of_an_unanswered_write_is_later_than_it_where_the_vendors_clock_is_behind() {
    let edited = |seconds: i64, behind: i64| {
        let mut facet = facet();
        facet.observe(&shows("Acme", 0 - behind), at(1));
        let golden = Some(Value::Text("Bolt".into()));
        let wrote = BTreeMap::from([(Field::from("name"), (golden, at(50)))]);
        facet.receive(&wrote, &shows("Bolt", 60 - behind), (at(60), at(61)));
        // Sent, perhaps, at 1001 s; nobody knows.
        wants(&mut facet, "Core", 1000);
        facet.observe(&entry("Dale", seconds - behind), at(1100));
        said(&facet).and_then(|(_, at)| at)
    };
    let on_top = Instant::from_ms(at(999).ms() + 1);
    assert_eq!(edited(1003, 300), Some(on_top), "by our clock it is later than the want");
    assert_eq!(edited(900, 300), Some(at(600)), "and this one is not");
    assert_eq!(edited(900, 0), Some(at(900)), "nor is any where clocks are right");
}

#[test]
fn how_far_a_vendors_clock_is_behind_is_known_from_its_answers_where_no_write_has_shown_it() {
    let edited = |behind_ms: Option<u64>| {
        let mut facet = facet();
        facet.observe(&shows("Acme", 0), at(1));
        // Sent, perhaps, at 1001 s; nobody knows. By the vendor's clock, five minutes behind, the edit was made at 703.
        wants(&mut facet, "Core", 1000);
        facet.observe(&Snapshot { behind_ms, ..entry("Dale", 703) }, at(1100));
        said(&facet).and_then(|(_, at)| at)
    };
    assert_eq!(
        edited(Some(300_500)),
        Some(Instant::from_ms(at(999).ms() + 1)),
        "by our clock it is later than the want"
    );
    assert_eq!(edited(Some(200_000)), Some(at(703)), "so far behind it would have been made before");
    assert_eq!(edited(None), Some(at(703)), "nor is it later where clocks are right");
}

#[test]
fn what_a_record_of_ours_shows_otherwise_when_it_is_found_was_edited_since_it_was_made() {
    let mut facet = facet();
    // A create of which no answer came; somebody edited what it had made before it was found.
    let image = |text: &str| Hash::of(Some(&Value::Text(text.into())));
    let fields = ByField::from_iter([(Field::from("name"), image("Acme")), (Field::from("phone"), image("1"))]);
    let stamps = ByField::from_iter([(Field::from("name"), at(50))]);
    facet.want(Want {
        version: 1,
        at: at(60),
        configured: false,
        sent: true,
        fields,
        stamps,
        withdrawn: Default::default(),
        outlived: Default::default(),
    });
    let mut found = shows("Bolt", 30);
    found.fields.insert(Field::from("phone"), Some(Value::Text("1".into())));
    found.fields.insert(Field::from("industry"), Some(Value::Text("Energy".into())));
    facet.observe(&found, at(100));
    let on_top = Instant::from_ms(at(50).ms() + 1);
    assert_eq!(said(&facet), Some(("Bolt".into(), Some(on_top))), "later than what we had made it with");
    assert_eq!(facet.view().said(&Field::from("phone")), None, "this is still ours");
    let other = facet.view().said(&Field::from("industry")).expect("somebody's word");
    assert_eq!(other.at, None, "and what we had not sent is there from the beginning");
}

#[test]
fn a_value_that_was_to_be_written_is_somebodys_edit_when_they_had_edited_it_since() {
    let typed_over = |edited: bool, outlived: bool, withdrawn: bool| {
        let mut facet = facet();
        facet.observe(&shows("Acme", 0), at(1));
        wants(&mut facet, "Bolt", 10);
        if edited {
            facet.observe(&entry("Core", 20), at(21));
        }
        if outlived {
            facet.wants[0].outlived.insert(Field::from("name"), at(21));
        }
        if withdrawn {
            facet.wants[0].withdrawn.insert(Field::from("name"));
        }
        facet.observe(&entry("Bolt", 30), at(31));
        said(&facet).map(|(name, _)| name)
    };
    let typed = |edited, withdrawn| typed_over(edited, false, withdrawn);
    let over = typed_over(true, true, true);
    assert_eq!(over.as_deref(), Some("Core"), "it was to be written over that edit, before something else was");
    assert_eq!(typed(true, true).as_deref(), Some("Bolt"), "nothing was to be written any more");
    assert_eq!(typed(true, false).as_deref(), Some("Core"), "it is still to be written, and may have been");
    assert_eq!(typed(false, true).as_deref(), Some("Acme"), "it may have been on its way");
}
