//! Law 4: a delivery never writes over an edit that it has not seen.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, System};
use concord_hub::ports::QueueName;
use concord_tests::world::{World, account};
use serde_json::json;

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
