//! Newest state only, in order, whatever fails in between.

use super::{SIGNING, phone, receiver::answer, subscription, world};
use crate::crm::{company, edit, text};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{ports::HttpError, steps, testing::When};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

#[tokio::test]
async fn a_newer_state_takes_the_place_of_one_that_was_not_accepted() {
    let (mut world, [inbox]) = world(["portal"]).await;
    inbox.answers([answer(500), answer(204)]);
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    while inbox.all().is_empty() {
        world.round().await;
    }
    phone(&world, &id, "1");
    world.settle().await;
    phone(&world, &id, "2");
    world.settle().await;
    let told: Vec<u64> = inbox.accepted().iter().map(version).collect();
    assert!(told.is_sorted() && told.windows(2).all(|two| two[0] < two[1]), "never an older one: {told:?}");
    let last = inbox.accepted().last().unwrap().verified(&[SIGNING]);
    assert_eq!(last["data"]["fields"]["phone"], "2");
    assert_eq!(inbox.accepted()[0].verified(&[SIGNING])["data"]["since"], json!(null), "nothing was accepted before");
}

fn version(event: &super::receiver::Received) -> u64 {
    event.header("webhook-id").rsplit('@').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_record_that_became_part_of_another_is_told_once() {
    let (mut world, [inbox]) = world(["portal"]).await;
    let winner = world.act("hubspot-eu", company("Acme", "acme.example"));
    let loser = world.act("hubspot-eu", company("Acme Ltd", "other.example"));
    world.settle().await;
    let records = world.records(Entity::Organization).await;
    let gone = records.iter().find(|record| text(record, "domain") == "other.example").unwrap().id.clone();
    assert_eq!(inbox.accepted().len(), 2);
    world.act("hubspot-eu", Act::Merge { object: "companies".into(), winner, loser });
    world.settle().await;
    let left = world.only(Entity::Organization).await.id;
    let merged: Vec<_> = inbox
        .accepted()
        .iter()
        .map(|event| event.verified(&[SIGNING]))
        .filter(|event| event["type"] == "concord.organization.merged")
        .collect();
    assert_eq!(merged.len(), 1, "{merged:#?}");
    let (from, to) = if left == gone { (&records[0].id, &left) } else { (&gone, &left) };
    assert_eq!(merged[0]["data"]["merged_into"], to.as_str());
    assert_ne!(merged[0]["subject"], to.as_str());
    assert!(merged[0]["subject"] == from.as_str() || left == gone);
}

#[tokio::test]
async fn a_record_that_no_system_has_any_more_is_told_as_removed() {
    let (mut world, [inbox]) = world(["portal"]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id });
    world.settle().await;
    let events = inbox.accepted();
    assert_eq!(events.len(), 2, "{events:#?}");
    let last = events[1].verified(&[SIGNING]);
    assert_eq!((&last["data"]["state"], &last["data"]["changed"]), (&json!("removed"), &json!([])));
}

/// Whatever port call fails, every change arrives; what arrives twice has the same id; nothing arrives out of order.
#[tokio::test]
async fn whatever_fails_in_between_every_change_arrives() {
    let calls = history(None).await;
    assert!(calls > 20, "{calls}");
    for call in 1..=calls {
        for when in [When::Before, When::After] {
            history(Some((call, when))).await;
        }
    }
}

/// A company is made and edited while a port call of the publishing fails; how many calls there were.
async fn history(broken: Option<(u64, When)>) -> u64 {
    let (mut world, [inbox]) = world(["portal"]).await;
    inbox.answers([answer(503), Err(HttpError::Lost("the connection broke".into())), answer(204)]);
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    let queue = concord_hub::ports::QueueName::Events(subscription("portal").name);
    // Up to the first event everything works: other tests break that.
    while world.queue.due(&queue).is_none() {
        world.push().await;
        for other in world.queue.queues() {
            world.drain(&other).await;
        }
        world.feed().await;
    }
    let (call, when) = broken.unwrap_or((u64::MAX, When::Before));
    world.plan.fail(call, when);
    for wait in [0, 1, 2, 4, 8, 30, 60, 120, 400] {
        world.clock.advance(Duration::from_secs(wait));
        let _ticked = steps::schedule::tick(&world.hub).await;
        while world.drain(&queue).await {}
    }
    let calls = world.plan.calls();
    world.plan.heal();
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "7"}})));
    world.settle().await;
    let events = inbox.accepted();
    let mut bodies: BTreeMap<&str, &[u8]> = BTreeMap::new();
    let mut newest = 0;
    for event in &events {
        event.verified(&[SIGNING]);
        assert!(version(event) >= newest, "{broken:?}: an older state after a newer one");
        newest = version(event);
        let before = bodies.insert(event.header("webhook-id"), &event.body);
        assert!(before.is_none_or(|before| before == event.body), "{broken:?}: one id, one body");
    }
    let last = events.last().unwrap_or_else(|| panic!("{broken:?}: nothing arrived")).verified(&[SIGNING]);
    assert_eq!(last["data"]["fields"]["phone"], "7", "{broken:?}");
    assert!(events.len() <= 3, "{broken:?}: {events:#?}");
    calls
}
