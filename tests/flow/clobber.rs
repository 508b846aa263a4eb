//! Law 4: a delivery never writes over an edit that it has not seen.

use crate::{
    crm::{company, edit, text},
    meddle::Meddler,
};
use concord_connector::{Entity, System, sandbox::Act};
use concord_hub::ports::{Clock, QueueName};
use concord_tests::world::{World, account};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, Ordering};

/// Works until a delivery to a system is ready to be made.
async fn until_ordered(world: &mut World, system: &str) -> QueueName {
    let queue = QueueName::Deliveries(System::from(system));
    for _ in 0..200 {
        let ordered = world.queue.due(&queue).is_some();
        if ordered {
            return queue;
        }
        world.push().await;
        for other in world.queue.queues() {
            if other != queue {
                world.drain(&other).await;
            }
        }
        world.feed().await;
        world.clock.advance(std::time::Duration::from_millis(100));
    }
    panic!("no delivery was ordered");
}

#[tokio::test]
async fn an_edit_between_the_order_and_the_write_survives_at_a_system_with_preconditions() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "1"}})));
    let queue = until_ordered(&mut world, "salesforce").await;
    // A person is faster than our write, on the very field that it carries.
    world.clock.advance(std::time::Duration::from_secs(2));
    world.act("salesforce", edit("Account", &there, json!({"Phone": "2", "Description": "by hand"})));
    world.drain(&queue).await;
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!((text(&record, "phone"), text(&record, "description")), ("2".into(), "by hand".into()));
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "2");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
}

#[tokio::test]
async fn an_edit_that_our_write_covers_is_found_in_the_history_and_wins() {
    let mut world = World::new(&[account("salesforce", "salesforce"), account("hubspot-eu", "hubspot")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1"})));
    let queue = until_ordered(&mut world, "hubspot").await;
    world.clock.advance(std::time::Duration::from_secs(2));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "2"}})));
    world.drain(&queue).await;
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "2", "the later edit wins although our write covered it for a moment");
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "2");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
}

/// A person edits the name right after the hub's write was answered, before the hub reads it back; who then says what.
async fn edited_before_the_read_back(at: &str, system: &str, is_write: fn(&str) -> bool, object: &str, by_hand: Value) {
    let mut world = World::new(&[account("salesforce-a", "salesforce"), account(at, system)]).await;
    let id = world.act(
        "salesforce-a",
        Act::Create { object: "Account".into(), fields: json!({"Name": "Acme", "Website": "https://acme.example"}) },
    );
    world.settle().await;
    let record = world.named(Entity::Organization, "Acme").await;
    let there = record.live_at(&at.into()).next().expect("a facet").link.id.as_str().to_owned();
    let meddler = Meddler::enter(&mut world);
    let (vendors, clock, name) = (world.vendors.clone(), world.clock.clone(), at.to_owned());
    let done = AtomicBool::new(false);
    let object_there = object.to_owned();
    meddler.answers(move |request, _| {
        let asked = format!("{} {}", request.url, String::from_utf8_lossy(&request.body));
        if is_write(&asked) && !done.swap(true, Ordering::SeqCst) {
            clock.advance(std::time::Duration::from_millis(1500));
            let act = edit(&object_there, &there, by_hand.clone());
            vendors.with(&name, |vendor| vendor.act(clock.now(), act)).expect("an edit");
        }
    });
    world.act("salesforce-a", edit("Account", &id, json!({"Name": "Acme by us"})));
    world.settle().await;
    let record = world.record(&record.id).await;
    assert_eq!(text(&record, "name"), "By hand", "whoever edits on top of a value wins over it");
    assert_eq!(world.shown(&record, "salesforce-a", "Account")["Name"], "By hand");
}

#[tokio::test]
async fn an_edit_between_write_and_read_back_is_not_taken_for_what_hubspot_makes_of_our_value() {
    let by_hand = json!({"properties": {"name": "By hand"}});
    edited_before_the_read_back("hubspot-eu", "hubspot", |asked| asked.contains("/batch/update"), "companies", by_hand)
        .await;
}

#[tokio::test]
async fn an_edit_between_write_and_read_back_is_not_taken_for_what_tryton_makes_of_our_value() {
    let is_write = |asked: &str| asked.contains("model.party.party.write");
    edited_before_the_read_back("tryton", "tryton", is_write, "party.party", json!({"name": "By hand"})).await;
}
