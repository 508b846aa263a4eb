//! What the simulation found, each as the scenario that shows it (tests/sim/FOUND.md).

use crate::crm::{company, edit, text};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{
    events::Count,
    people,
    ports::QueueName,
    settings::{Mode, OnDelete},
    steps,
};
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

#[tokio::test]
async fn a_delete_is_not_for_ever_on_its_way_to_what_is_only_read() {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
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
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
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
