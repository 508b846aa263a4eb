//! F12: clocks that are wrong by ten minutes, and times that are equal.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Instant, sandbox::Act};
use concord_hub::{events::Count, steps};
use concord_tests::world::{World, account};
use serde_json::json;
use std::time::Duration;

/// A person acts at a vendor whose clock is wrong.
fn act_at(world: &World, name: &str, now: Instant, act: Act) {
    world.vendor(name, |vendor| vendor.act(now, act)).expect("an act that the vendor allows");
}

/// Somebody edits where the clock is wrong; when that has arrived, somebody else edits on top of it where it is right, and
/// the other way round. Whoever edited on top wins.
async fn on_top_wins(ahead_ms: i64) {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    world.vendors.set_ahead("hubspot-eu", ahead_ms);
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    for _ in 0..240 {
        while world.round().await {}
        world.clock.advance(Duration::from_secs(5));
        steps::schedule::tick(&world.hub).await.expect("a tick");
    }
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    for (number, order) in
        [(1, ["hubspot-eu", "salesforce"]), (2, ["salesforce", "hubspot-eu"]), (3, ["hubspot-eu", "salesforce"])]
    {
        for (place, name) in order.into_iter().enumerate() {
            let phone = format!("+49 30 {number}{place}");
            world.act(
                name,
                match name {
                    "salesforce" => edit("Account", &there, json!({ "Phone": phone })),
                    _ => edit("companies", &id, json!({"properties": { "phone": phone }})),
                },
            );
            // A clock that is ahead shows what it has changed only when everybody's clock is there.
            for _ in 0..240 {
                while world.round().await {}
                world.clock.advance(Duration::from_secs(5));
                steps::schedule::tick(&world.hub).await.expect("a tick");
            }
            let record = world.only(Entity::Organization).await;
            assert_eq!(text(&record, "phone"), phone, "golden after {name} in round {number}");
            assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], phone, "round {number}");
            assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], phone, "round {number}");
        }
    }
}

#[tokio::test]
async fn f12_who_edits_on_top_wins_although_the_other_clock_is_ten_minutes_ahead() {
    on_top_wins(600_000).await;
}

#[tokio::test]
async fn f12_who_edits_on_top_wins_although_the_other_clock_is_ten_minutes_behind() {
    on_top_wins(-600_000).await;
}

/// Ten minutes of age are twice what HubSpot allows: its webhooks are refused, and its polls bring what they told of.
#[tokio::test]
async fn f12_what_a_refused_webhook_told_of_comes_with_the_next_poll() {
    for ahead_ms in [-600_000, 600_000] {
        let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
        world.vendors.set_ahead("hubspot-eu", ahead_ms);
        let id = world.act("hubspot-eu", company("Acme", "acme.example"));
        world.settle().await;
        let refused = world.hub.tally.get(Count::WebhooksRefused);
        world.act("hubspot-eu", edit("companies", &id, json!({"properties": { "phone": "+49 30 7" }})));
        let made = world.act("hubspot-eu", company("Bolt", "bolt.example"));
        // Two polls, and what follows from them.
        for _ in 0..130 {
            while world.round().await {}
            world.clock.advance(Duration::from_secs(1));
            steps::schedule::tick(&world.hub).await.expect("a tick");
        }
        assert!(world.hub.tally.get(Count::WebhooksRefused) > refused, "{ahead_ms}: none was refused");
        let record = world.named(Entity::Organization, "Acme").await;
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "+49 30 7", "{ahead_ms}");
        let bolt = world.named(Entity::Organization, "Bolt").await;
        assert_eq!(bolt.facets.iter().filter(|facet| facet.link.id.as_str() == made).count(), 1);
        assert_eq!(world.shown(&bolt, "salesforce", "Account")["Name"], "Bolt", "{ahead_ms}");
    }
}

#[tokio::test]
async fn f12_edits_of_one_moment_in_two_systems_end_alike_everywhere() {
    for swapped in [false, true] {
        let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
        let id = world.act("hubspot-eu", company("Acme", "acme.example"));
        world.settle().await;
        let record = world.only(Entity::Organization).await;
        let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
        let here = ("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
        let there = ("salesforce", edit("Account", &there, json!({"Phone": "+49 30 2"})));
        let now = world.now();
        for (name, act) in if swapped { [there, here] } else { [here, there] } {
            act_at(&world, name, now, act);
        }
        world.settle().await;
        let record = world.only(Entity::Organization).await;
        let agreed = text(&record, "phone");
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], agreed.as_str());
        assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], agreed.as_str());
        assert!(record.pending().is_empty());
    }
}
