//! F16: one request, several rows, some of them refused.

use concord_connector::{Entity, sandbox::Act};
use concord_hub::events::Count;
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const PEOPLE: &[Entity] = &[Entity::Person];

#[tokio::test]
async fn f16_rows_that_are_refused_leave_the_others_of_their_request_done() {
    let sync = |name, system| Account { creates: PEOPLE, maps: PEOPLE, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    // One system takes an address of this shape, the other does not.
    for (name, email) in [("Ann", "ann@one.example"), ("Bob", "bob@two@example.com"), ("Cid", "cid@three.example")] {
        let properties = json!({"properties": {"firstname": name, "lastname": "Example", "email": email}});
        world.act("hubspot-eu", Act::Create { object: "contacts".into(), fields: properties });
    }
    world.settle().await;
    let people = world.records(Entity::Person).await;
    assert_eq!(people.len(), 3);
    for person in people {
        let refused = person.value("given_name").and_then(|name| name.as_str()) == Some("Bob");
        assert_eq!(links(&person).len(), if refused { 1 } else { 2 }, "{:?}", person.outbox);
        let outbox = person.outbox.get("salesforce");
        let fault = outbox.and_then(|outbox| outbox.fault.as_ref()).map(|fault| fault.message.clone());
        assert_eq!(fault.is_some(), refused, "{fault:?}");
    }
    assert!(world.hub.tally.get(Count::Refusals) > 0);
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Contact"].len()), 2);
}
