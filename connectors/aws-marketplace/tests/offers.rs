//! Offers from their first send to their end.

use crate::world::*;
use concord_connector::{
    Entity, Kind, Operation, Outcome, RecordId, Retry, Step,
    exchange::{Change, Checked, Written},
    sandbox::{Act, Sandbox, Trouble},
    signal::Happened,
};
use serde_json::{Value as Json, json};

const OFFER: Entity = Entity::PrivateOffer;

#[test]
fn an_offer_is_made_priced_and_released_in_one_change_set() {
    let mut world = World::new();
    let write = create("one", offer());
    let set = world.started(OFFER, &write);
    let sent = world.sent("/StartChangeSet").remove(0);
    let kinds: Vec<&str> =
        sent["ChangeSet"].as_array().unwrap().iter().map(|change| change["ChangeType"].as_str().unwrap()).collect();
    let expected = [
        "CreateOffer",
        "UpdateInformation",
        "UpdateTargeting",
        "UpdatePricingTerms",
        "UpdateValidityTerms",
        "UpdatePaymentScheduleTerms",
        "UpdateLegalTerms",
        "UpdateAvailability",
        "ReleaseOffer",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(sent["ClientRequestToken"], "token-one");
    assert_eq!(sent["ChangeSetName"], "concord one");
    let prices = json!([
        { "Type": "FixedUpfrontPricingTerm", "CurrencyCode": "USD", "Price": "0.0",
          "Grants": [{ "DimensionKey": "BasicService", "MaxQuantity": 100 }] },
        { "Type": "UsageBasedPricingTerm", "CurrencyCode": "USD",
          "RateCards": [{ "RateCard": [{ "DimensionKey": "api_calls", "Price": "0.002" }] }] },
    ]);
    assert_eq!(sent["ChangeSet"][3]["DetailsDocument"], json!({ "PricingModel": "Contract", "Terms": prices }));

    assert!(matches!(world.check(OFFER, &set, &write), Checked::Running { .. }), "it takes minutes");
    world.later(300);
    let heard = world.heard();
    assert!(heard.iter().any(|signal| signal.happened == Happened::Advanced && signal.id == set), "{heard:?}");
    let Checked::Done { after, created } = world.check(OFFER, &set, &write) else { panic!("not done") };
    assert!(created);
    assert_eq!(after.marker, Some(RecordId::new("one")));
    assert_eq!(after.fields["status"], word("open"));
    for (name, value) in offer() {
        assert_eq!(after.fields[&name], value, "{name}");
    }
}

#[test]
fn an_offer_that_is_shown_without_its_document_is_not_one_that_was_emptied() {
    let mut world = World::new();
    let there = world.done(OFFER, &create("one", offer()));
    let fetch = Operation::Fetch { entity: OFFER, ids: vec![there.id.clone()] };
    for document in [json!("7"), json!("{"), json!(null)] {
        assert!(world.fetch(OFFER, &there.id).is_some());
        let mut seen: Vec<_> = world.exchanges.iter().map(|(_, response)| response.clone()).collect();
        for shown in seen.iter_mut().filter_map(|response| response.body.as_object_mut()) {
            if shown.contains_key("EntityIdentifier") {
                shown.insert("Details".into(), document.clone());
                shown.remove("DetailsDocument");
            }
        }
        let rows = match world.connector.next(&world.cx, &fetch, &seen).unwrap() {
            Step::Done(Outcome::Records(rows)) => rows,
            other => panic!("{other:?}"),
        };
        let refused = rows[0].1.as_ref().unwrap_err();
        assert_eq!(refused.kind, Kind::Malformed, "{document}: {refused:?}");
    }
}

#[test]
fn the_same_write_again_makes_no_second_offer() {
    let mut world = World::new();
    let write = create("one", offer());
    // The answer is lost after AWS has taken the change set on.
    world.seller.faults().plan("/StartChangeSet", Trouble::LoseAnswer);
    let operation = Operation::Write { entity: OFFER, writes: vec![write.clone()] };
    assert_eq!(world.run(&operation).unwrap_err().kind, Kind::Unknown);
    // While it runs, and after it is through.
    let running = world.started(OFFER, &write);
    assert!(world.sent("/StartChangeSet").is_empty(), "found by its name, and not sent again");
    world.later(300);
    let Ok(Written::Exists(id)) = world.send(OFFER, &write) else { panic!("made again") };
    let find = Operation::Find { entity: OFFER, record: RecordId::new("one"), keys: Vec::new() };
    assert_eq!(world.run(&find).unwrap(), Outcome::Found(vec![id]));
    assert!(matches!(world.check(OFFER, &running, &write), Checked::Done { .. }));
    assert_eq!(world.seller.records()["Offer"].len(), 1);
}

#[test]
fn what_fails_late_is_told_on_its_field() {
    let mut world = World::new();
    let mut wanted = offer();
    wanted.insert("buyers".into(), lines(&["000000000001"]));
    wanted.insert("grants".into(), lines(&["NoSuchService 1"]));
    let write = create("one", wanted);
    let set = world.started(OFFER, &write);
    world.later(300);
    let Checked::Refused { mistakes } = world.check(OFFER, &set, &write) else { panic!("taken") };
    let told: Vec<_> =
        mistakes.iter().map(|unfit| (unfit.field.as_ref().unwrap().as_str(), unfit.code.as_deref())).collect();
    assert_eq!(told, [("buyers", Some("INVALID_BUYER_ACCOUNTS")), ("pricing", Some("INCOMPATIBLE_TERMS"))]);
    assert!(mistakes[0].sentence.contains("12 digits"), "{}", mistakes[0]);
    assert!(!world.seller.records().contains_key("Offer"), "all or nothing");
    // What is put right goes under a token of its own, and is not taken for the one that failed.
    let mut again = create("one", offer());
    again.token = Some("token-two".into());
    world.done(OFFER, &again);
}

#[test]
fn what_breaks_at_aws_may_be_asked_again() {
    let mut world = World::new();
    world.seller.break_next_change_set();
    let write = create("one", offer());
    let set = world.started(OFFER, &write);
    world.later(300);
    assert!(matches!(world.check(OFFER, &set, &write), Checked::Broken { .. }));
}

#[test]
fn a_released_offer_keeps_its_prices_and_may_be_extended_and_taken_back() {
    let mut world = World::new();
    let there = world.done(OFFER, &create("one", offer()));
    let Err(refused) = world.send(OFFER, &update(&there, "a", fields([("amount", money("1.00", "USD"))]))) else {
        panic!("taken")
    };
    assert_eq!((refused.kind, refused.retry), (Kind::Rejected, Retry::Never));
    assert!(refused.message.starts_with("amount: a released offer keeps"), "{}", refused.message);

    let there = world.done(OFFER, &update(&there, "b", fields([("accept_by", day("2026-03-31"))])));
    assert_eq!(there.fields["accept_by"], day("2026-03-31"));
    let sent = update(&there, "c", fields([("withdrawn", word("yes"))]));
    let set = world.started(OFFER, &sent);
    let body = world.sent("/StartChangeSet").remove(0);
    let identifier = format!("{}@{}", there.id, there.revision.as_ref().unwrap());
    let changed: Vec<&Json> = body["ChangeSet"].as_array().unwrap().iter().collect();
    assert!(changed.iter().all(|change| change["Entity"]["Identifier"] == identifier.as_str()), "{body}");
    assert_eq!(changed[1]["DetailsDocument"]["AvailabilityEndDate"], "2025-12-31");
    world.later(300);
    let Checked::Done { after, created: false } = world.check(OFFER, &set, &sent) else { panic!("not done") };
    assert_eq!(after.fields["status"], word("withdrawn"));
    assert_eq!(after.fields["internal_note"], text("CRM opportunity 0065x"), "our mark is no part of the note");
}

#[test]
fn an_edit_on_the_portal_is_covered_by_nothing() {
    let mut world = World::new();
    let there = world.done(OFFER, &create("one", offer()));
    let edit =
        |name: &str| Act::Update { object: "Offer".into(), id: there.id.to_string(), fields: json!({ "Name": name }) };
    world.act(edit("Theirs"));
    let ours = update(&there, "a", fields([("name", text("Ours"))]));
    let Ok(Written::Moved(read)) = world.send(OFFER, &ours) else { panic!("covered") };
    assert_eq!(read.fields["name"], text("Theirs"));
    // An edit of something else is in nobody's way: the change names the revision that was just read.
    let other = update(&there, "b", fields([("accept_by", day("2026-02-28"))]));
    let after = world.done(OFFER, &other);
    assert_eq!((&after.fields["name"], &after.fields["accept_by"]), (&text("Theirs"), &day("2026-02-28")));
}

#[test]
fn what_aws_works_on_is_closed_until_it_is_through() {
    let mut world = World::new();
    let there = world.done(OFFER, &create("one", offer()));
    let first = update(&there, "a", fields([("accept_by", day("2026-02-28"))]));
    world.started(OFFER, &first);
    let second = update(&there, "b", fields([("accept_by", day("2026-03-31"))]));
    let Ok(Written::Closed { again_s, .. }) = world.send(OFFER, &second) else { panic!("open") };
    assert!((60..=120).contains(&again_s));
    world.later(300);
    let there = world.fetch(OFFER, &there.id).unwrap();
    let second = update(&there, "b", fields([("accept_by", day("2026-03-31"))]));
    assert_eq!(world.done(OFFER, &second).fields["accept_by"], day("2026-03-31"));
}

#[test]
fn an_offer_of_which_nothing_is_different_is_not_sent() {
    let mut world = World::new();
    let there = world.done(OFFER, &create("one", offer()));
    let same = update(&there, "a", fields([("name", text("Contoso 12 months"))]));
    assert!(matches!(world.send(OFFER, &same), Ok(Written::Done { created: false, .. })));
    assert!(world.sent("/StartChangeSet").is_empty());
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let mut world = World::new();
    let wrong: [(&str, Option<concord_connector::Value>); 10] = [
        ("name", text(&"x".repeat(151))),
        ("buyers", lines(&["1111-2222-3333"])),
        ("amount", money("24000.00", "CHF")),
        ("rates", lines(&["api_calls 0.0000000001 USD"])),
        ("grants", lines(&["BasicService many"])),
        ("installments", lines(&["2026-01-20 12000.00 USD", "2026-01-21 12000.00 USD"])),
        ("duration", text("twelve months")),
        ("eula", text("see attachment")),
        ("accept_by", None),
        ("product", text("SKU-7")),
    ];
    for (field, value) in wrong {
        let mut wanted = offer();
        wanted.insert(field.into(), value);
        let write = create("one", wanted);
        let mistakes = world.connector.preflight(&world.cx, OFFER, &write);
        assert!(
            mistakes.iter().any(|unfit| unfit.field.as_ref().is_some_and(|name| name.as_str() == field)),
            "{field}: {mistakes:?}"
        );
        assert!(world.send(OFFER, &write).is_err(), "{field}");
        assert!(world.exchanges.is_empty(), "{field}");
    }
    assert_eq!(world.connector.preflight(&world.cx, OFFER, &create("one", offer())), []);
    let change = Change::Archive { id: "offer-x".into() };
    let archive = concord_connector::exchange::Write { change, ..create("one", offer()) };
    assert!(world.send(OFFER, &archive).is_err());
}
