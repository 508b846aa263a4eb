//! F12: clocks that are wrong by ten minutes, and times that are equal.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Instant, sandbox::Act};
use concord_tests::world::{World, account};
use serde_json::json;
use std::time::Duration;

const SKEW: Duration = Duration::from_secs(600);

/// A person acts at a vendor whose clock is wrong.
fn act_at(world: &World, name: &str, now: Instant, act: Act) {
    world.vendor(name, |vendor| vendor.act(now, act)).expect("an act that the vendor allows");
}

/// Somebody edits where the clock is wrong; when that has arrived, somebody else edits on top of it where it is right, and
/// the other way round. Whoever edited on top wins.
async fn on_top_wins(wrong: fn(Instant) -> Instant) {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    for (number, first_is_wrong) in [(1, true), (2, false), (3, true)] {
        let (below, above) = (format!("+49 30 {number}1"), format!("+49 30 {number}2"));
        let there_first = edit("Account", &there, json!({ "Phone": below }));
        let here_first = edit("companies", &id, json!({"properties": { "phone": below }}));
        let there_then = edit("Account", &there, json!({ "Phone": above }));
        let here_then = edit("companies", &id, json!({"properties": { "phone": above }}));
        let now = world.now();
        if first_is_wrong {
            act_at(&world, "hubspot-eu", wrong(now), here_first);
        } else {
            act_at(&world, "salesforce", now, there_first);
        }
        world.settle().await;
        let record = world.only(Entity::Organization).await;
        let shown = world.shown(&record, "salesforce", "Account")["Phone"].clone();
        assert_eq!((text(&record, "phone").as_str(), &shown), (below.as_str(), &json!(below)), "round {number}");
        let now = world.now();
        if first_is_wrong {
            act_at(&world, "salesforce", now, there_then);
        } else {
            act_at(&world, "hubspot-eu", wrong(now), here_then);
        }
        world.settle().await;
        let record = world.only(Entity::Organization).await;
        assert_eq!(text(&record, "phone"), above, "round {number}");
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], above, "round {number}");
        assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], above, "round {number}");
    }
}

#[tokio::test]
async fn f12_who_edits_on_top_wins_although_the_other_clock_is_ten_minutes_ahead() {
    on_top_wins(|now| now.plus(SKEW)).await;
}

#[tokio::test]
async fn f12_who_edits_on_top_wins_although_the_own_clock_is_ten_minutes_behind() {
    on_top_wins(|now| now.minus(SKEW)).await;
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
