//! F17 and F18: a delivery that comes again after it was forgotten, and secrets that change while events are on their way.

use crate::{
    crm::company,
    meddle::{event, knock, signed},
    security::door::set_secrets,
};
use concord_connector::Entity;
use concord_hub::events::Count;
use concord_tests::world::{SECRET, World, account};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn f17_a_delivery_that_comes_again_after_it_was_forgotten_changes_nothing() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    let now = world.now();
    let push = world.vendor("hubspot-eu", |vendor| vendor.pushes(now)).remove(0);
    let body = push.request.body.clone();
    assert_eq!(world.post("hubspot-eu", &push.request).await, 200);
    world.settle().await;
    let version = world.only(Entity::Organization).await.version;
    let marks = world.table.items().into_iter().filter(|item| item.key.partition.starts_with("S#")).count();
    assert!(marks > 0, "what was taken in is marked");
    // Longer than any mark lives; the store has not deleted it yet, as stores do it late.
    world.clock.advance(Duration::from_secs(30 * 86_400));
    assert_eq!(world.table.items().iter().filter(|item| item.key.partition.starts_with("S#")).count(), marks);
    let (commits, deliveries) = (world.hub.tally.get(Count::Commits), world.hub.tally.get(Count::Deliveries));
    world.queue.take_sent();
    let again = signed(&world, "hubspot-eu", SECRET, &body);
    assert_eq!(knock(&world, "hubspot-eu", again).await.status, 200);
    assert!(!world.queue.take_sent().is_empty(), "a mark that has expired is none: it is looked at again");
    world.settle().await;
    assert_eq!(world.only(Entity::Organization).await.version, version);
    assert_eq!(world.hub.tally.get(Count::Deliveries), deliveries, "nothing is written anywhere");
    assert_eq!(world.hub.tally.get(Count::Commits), commits, "and nothing committed");
}

#[tokio::test]
async fn f18_events_signed_with_either_secret_get_through_a_rotation_and_none_is_lost() {
    let world = World::new(&[account("hubspot-eu", "hubspot")]).await;
    world.queue.take_sent();
    let mut taken = 0;
    let mut send = async |world: &World, number: u64, secret: &str| {
        let body = json!([event(number, "7", "phone", "1", world.now().ms())]).to_string();
        let status = knock(world, "hubspot-eu", signed(world, "hubspot-eu", secret, body.as_bytes())).await.status;
        world.clock.advance(Duration::from_millis(100));
        taken += u64::from(status == 200);
        status
    };
    for number in 0..40 {
        assert_eq!(send(&world, number, SECRET).await, 200);
    }
    // In the middle of the stream; the vendor goes over a little later, and its retries still bear the old signature.
    let until = world.now().plus(Duration::from_secs(600)).rfc3339();
    let rotated = [("webhook", "fake-new-secret"), ("webhook_previous", SECRET), ("webhook_previous_until", &until)];
    set_secrets(&world, "hubspot-eu", &rotated).await;
    for number in 40..120 {
        let secret = if number % 3 == 0 { "fake-new-secret" } else { SECRET };
        assert_eq!(send(&world, number, secret).await, 200, "{number}");
    }
    world.clock.advance(Duration::from_secs(600));
    for number in 120..160 {
        assert_eq!(send(&world, number, "fake-new-secret").await, 200, "{number}");
    }
    assert_eq!(send(&world, 999, SECRET).await, 401, "the grace is over");
    assert_eq!(send(&world, 999, &until).await, 401, "and its end is no secret");
    assert_eq!((taken, world.queue.take_sent().len()), (160, 160));
}
