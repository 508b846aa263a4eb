//! What the simulation found, each as the scenario that shows it (tests/sim/FOUND.md).

use crate::{
    clobber::{about_to_cover, until_ordered},
    crm::{company, edit, small, text},
};
use concord_connector::{
    Entity, Field, Signal, Snapshot, Value,
    sandbox::{Act, Trouble},
};
use concord_hub::{
    broker::Inbox,
    events::Count,
    message::{Message, Observation},
    people,
    ports::{Outgoing, Queue, QueueName},
    settings::{Mode, OnDelete},
    steps,
};
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn a_delete_is_not_for_ever_on_its_way_to_what_is_only_read() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.reconfigure(|settings| {
        settings.connections.get_mut("salesforce").expect("it").mode = Mode::Observe;
        let hubspot = settings.connections.get_mut("hubspot-eu").expect("it");
        hubspot.on_delete.insert(Entity::Organization, OnDelete::Propagate);
    });
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert!(record.removal.is_some(), "it is to go");
    assert!(record.pending().is_empty(), "but not from where nothing is written: {:?}", record.pending());
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 1);
    world.reconfigure(|settings| settings.connections.get_mut("salesforce").expect("it").mode = Mode::Sync);
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 0, "now it goes");
}

#[tokio::test]
async fn waiting_for_a_read_to_be_taken_in_is_no_failure() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1"})));
    people::set(&world.hub, &record.id, "phone", Some("2")).await.expect("a store");
    while world.feed().await {}
    // Nobody takes observations in for half a day; all else goes on.
    let deliveries = QueueName::Deliveries("salesforce".into());
    let before = world.hub.tally.get(Count::Moved);
    for _ in 0..12 * 60 {
        while world.drain(&deliveries).await {}
        world.clock.advance(Duration::from_secs(60));
        steps::schedule::tick(&world.hub).await.expect("a store");
    }
    let tried = world.hub.tally.get(Count::Moved) - before;
    assert!((2..=12 * 6 + 20).contains(&tried), "tried {tried} times");
    world.settle().await;
    world.clock.advance(Duration::from_secs(600));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], text(&record, "phone"));
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 0);
}

#[tokio::test]
async fn one_trouble_that_every_look_finds_again_is_one_letter() {
    let deals = |name, system| Account { maps: &[Entity::DealRegistration], ..account(name, system) };
    let mut world = World::new(&[deals("hubspot-eu", "hubspot")]).await;
    let properties = json!({"name": "Deal", "amount": "17", "currency_code": "doubloons"});
    let fields = json!({ "properties": properties });
    world.act("hubspot-eu", Act::Create { object: "p_deal_registrations".into(), fields });
    world.settle().await;
    let connection = world.hub.settings().connections["hubspot-eu"].clone();
    for _ in 0..3 {
        steps::schedule::backfill(&world.hub, &connection).await.expect("a store");
        world.settle().await;
    }
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 1);
}

#[tokio::test]
async fn an_edit_that_our_write_covered_is_found_although_the_answer_to_the_write_was_lost() {
    let (mut world, queue) = about_to_cover().await;
    let record = world.only(Entity::Organization).await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().plan("/batch/update", Trouble::LoseAnswer));
    world.drain(&queue).await;
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "1", "our write is there");
    for _ in 0..4 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "2", "the later edit wins although our write covered it");
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "2");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
}

#[tokio::test]
async fn the_time_of_an_edit_is_not_forgotten_when_its_read_overlaps_our_own_write() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    people::set(&world.hub, &record.id, "phone", Some("1")).await.expect("a store");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let written =
        record.live_at(&"hubspot-eu".into()).next().and_then(|facet| facet.written.clone()).expect("our write");
    // An event told when the name was edited; the read that it caused began before our write had ended.
    let read_at = written.ended_at.minus(Duration::from_millis(1));
    let mut snapshot = Snapshot::new(Entity::Organization, id, written.version);
    snapshot.fields.insert(Field::from("name"), Some(Value::Text("By hand".into())));
    snapshot.field_times.insert(Field::from("name"), read_at);
    let observation = Observation::of_read(&"hubspot-eu".into(), snapshot, read_at);
    steps::reconcile::observe(&world.hub, &observation).await.expect("a store");
    assert_eq!(world.hub.tally.get(Count::StaleReads), 1);
    let queue = QueueName::Signals("hubspot".into());
    let again = world.queue.receive(&queue, 10, Duration::from_secs(60)).await.expect("a queue");
    let told: Vec<&str> = again.iter().map(|message| message.body.as_str()).collect();
    let edits = format!("\"value\":\"By hand\",\"at\":{}", read_at.ms());
    assert!(told.iter().any(|body| body.contains(&edits)), "the next look knows it too: {told:?}");
}

#[tokio::test]
async fn a_reference_to_what_is_gone_everywhere_is_emptied_everywhere() {
    let maps = &[Entity::Organization, Entity::DealRegistration];
    let deals = |name, system| Account { maps, creates: maps, ..account(name, system) };
    let mut world = World::new(&[deals("hubspot-eu", "hubspot"), deals("salesforce", "salesforce")]).await;
    world.reconfigure(|settings| {
        let hubspot = settings.connections.get_mut("hubspot-eu").expect("it");
        hubspot.on_delete.insert(Entity::Organization, OnDelete::Propagate);
    });
    let customer = world.act("hubspot-eu", company("Acme", "acme.example"));
    let fields = json!({
        "properties": {"name": "Deal", "customer_name": "Somebody"},
        "associations": [{"to": "companies", "id": customer, "label": ""}]
    });
    let deal = world.act("hubspot-eu", Act::Create { object: "p_deal_registrations".into(), fields });
    world.settle().await;
    let record = world.only(Entity::DealRegistration).await;
    assert!(world.shown(&record, "salesforce", "Deal_Registration__c")["Account__c"].is_string());
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id: customer });
    world.settle().await;
    world.act("hubspot-eu", edit("p_deal_registrations", &deal, json!({"properties": {"name": "Deal 2"}})));
    for _ in 0..4 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    let record = world.only(Entity::DealRegistration).await;
    let there = world.shown(&record, "salesforce", "Deal_Registration__c");
    assert_eq!((&there["Name"], &there["Account__c"]), (&json!("Deal 2"), &json!(null)));
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
}

#[tokio::test]
async fn a_company_that_is_deleted_in_one_system_takes_no_reference_out_of_the_others() {
    let maps = &[Entity::Organization, Entity::Person];
    let people = |name, system| Account { maps, creates: maps, ..account(name, system) };
    let mut world = World::new(&[people("hubspot-eu", "hubspot"), people("salesforce", "salesforce")]).await;
    let employer = world.act("hubspot-eu", company("Acme", "acme.example"));
    let fields = json!({
        "properties": {"lastname": "Doe", "email": "doe@acme.example"},
        "associations": [{"to": "companies", "id": employer, "label": "Primary"}]
    });
    let person = world.act("hubspot-eu", Act::Create { object: "contacts".into(), fields });
    world.settle().await;
    let record = world.only(Entity::Person).await;
    assert!(world.shown(&record, "salesforce", "Contact")["AccountId"].is_string());
    // The others keep the company, and HubSpot lets go of it in its own people.
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id: employer });
    world.settle().await;
    world.act("hubspot-eu", edit("contacts", &person, json!({"properties": {"jobtitle": "Buyer"}})));
    for _ in 0..3 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(300));
    }
    let record = world.only(Entity::Person).await;
    let there = world.shown(&record, "salesforce", "Contact");
    assert_eq!(there["Title"], json!("Buyer"));
    assert!(there["AccountId"].is_string(), "nobody has said that they left the company: {there}");
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
}

#[tokio::test]
async fn what_a_read_back_showed_of_somebody_elses_is_heard_before_the_record_is_taken_out() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("tryton", "tryton")]).await;
    world.reconfigure(|settings| {
        let hubspot = settings.connections.get_mut("hubspot-eu").expect("it");
        hubspot.on_delete.insert(Entity::Organization, OnDelete::Propagate);
    });
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.named(Entity::Organization, "Acme").await;
    let party = world.shown(&record, "tryton", "party.party")["id"].clone();
    // Nobody tells of it: Tryton sends no webhooks.
    let phone = json!({"contact_mechanisms": [["create", [{"type": "phone", "value": "+49 30 00007"}]]]});
    world.act("tryton", edit("party.party", &party.to_string(), phone));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"name": "Acme 2"}})));
    let queue = until_ordered(&mut world, "tryton").await;
    world.drain(&queue).await;
    assert_eq!(world.shown(&record, "tryton", "party.party")["name"], json!("Acme 2"));
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id });
    until_ordered(&mut world, "tryton").await;
    while world.drain(&queue).await {}
    world.settle().await;
    let record = world.record(&record.id).await;
    assert_eq!(text(&record, "phone"), "+49 30 00007", "their word is kept, if not their record");
}

#[tokio::test]
async fn an_edit_that_our_write_covered_in_the_same_moment_lies_under_it() {
    let (mut world, queue) = about_to_cover().await;
    let there = "hubspot-eu".into();
    world.drain(&queue).await;
    let record = world.only(Entity::Organization).await;
    let facet = record.live_at(&there).next().expect("a facet");
    let written = facet.written.clone().expect("our write");
    world.drain(&QueueName::Observations).await;
    let record = world.only(Entity::Organization).await;
    let facet = record.live_at(&there).next().expect("a facet");
    let field = Field::from("phone");
    let covered = facet.versions().iter().position(|version| {
        version.diff.get(&field).is_some_and(|value| value.as_ref().and_then(Value::as_str) == Some("2"))
    });
    let ours = facet.versions().iter().position(|version| version.last_read == written.ended_at);
    assert!(covered.expect("their edit") < ours.expect("our write"), "{:#?}", facet.versions());
    assert_eq!(facet.view().held(&field), Some(&Some(Value::Text("1".into()))), "it was covered");
}

#[tokio::test]
async fn what_is_said_to_have_changed_and_is_not_shown_is_asked_for_again_and_not_for_ever() {
    let mut world = World::new(&[small("hubspot-eu", "hubspot")]).await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    let queue = QueueName::Signals("hubspot".into());
    // Of the first company that is about to be there, and of one that never will be.
    for id in ["1", "900"] {
        let signal = Signal::changed(format!("told-{id}"), Entity::Organization, id, world.now());
        let message = Message::SignalV1 { connection: "hubspot-eu".into(), signal, received_at: world.now() };
        world.queue.send(&queue, vec![Outgoing::new(message.encode().expect("a message"))]).await.expect("a queue");
    }
    while world.drain(&queue).await {}
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    assert_eq!(id, "1", "the sandbox counts from one");
    let calls = world.hub.tally.get(Count::VendorCalls);
    for _ in 0..60 {
        world.clock.advance(Duration::from_secs(60));
        while world.drain(&queue).await {}
    }
    while world.drain(&QueueName::Observations).await {}
    assert_eq!(text(&world.only(Entity::Organization).await, "name"), "Acme");
    let asked = world.hub.tally.get(Count::VendorCalls) - calls;
    assert!((2..=16).contains(&asked), "asked {asked} times within an hour");
}
