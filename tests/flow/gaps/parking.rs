//! A record that a system refuses waits alone, and goes on by itself with something new to say.

use crate::crm::{company, edit};
use concord_connector::Entity;
use concord_hub::{
    review::Subject,
    views::{State, deliveries},
};
use concord_tests::world::{Account, World, account};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

#[tokio::test]
async fn f07_a_refused_record_is_parked_its_neighbours_go_on_and_newer_state_takes_it_out() {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let ids: Vec<String> =
        (0..5).map(|n| world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    let stuck = world.named(Entity::Organization, "C1").await.id;
    // Salesforce wants a name, HubSpot does not.
    world.act("hubspot-eu", edit("companies", &ids[1], json!({ "properties": { "name": "" } })));
    for id in &ids {
        world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": "1" } })));
    }
    world.settle().await;
    for n in [0, 2, 3, 4] {
        let record = world.named(Entity::Organization, &format!("C{n}")).await;
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "1", "C{n} does not wait for C1");
    }
    let parked = deliveries(&world.hub, Some(State::Parked), 10).await.expect("a store");
    assert!(matches!(parked.as_slice(), [one] if one.record == stuck && one.fault.is_some()), "{parked:?}");
    let reviews = world.reviews().await;
    assert!(matches!(reviews.as_slice(), [one] if matches!(one.subject, Subject::Refused { .. })), "{reviews:?}");
    world.act("hubspot-eu", edit("companies", &ids[1], json!({ "properties": { "name": "C1 again" } })));
    world.settle().await;
    let record = world.record(&stuck).await;
    let there = world.shown(&record, "salesforce", "Account");
    assert_eq!((&there["Name"], &there["Phone"]), (&json!("C1 again"), &json!("1")));
    assert!(record.outbox.is_empty() && record.pending().is_empty(), "{:?}", record.outbox);
    assert!(world.reviews().await.is_empty(), "nobody has to decide anything any more");
}
