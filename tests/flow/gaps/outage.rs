//! A vendor that is away for days: the newest wanted state is all that waits, and coming back is gentle.

use crate::{
    crm::{company, edit},
    meddle::Meddler,
};
use concord_connector::Entity;
use concord_hub::{events::Count, ports::QueueName, steps, views};
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

async fn crms(many: usize) -> (World, Vec<String>) {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let ids = (0..many).map(|n| world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    (world, ids)
}

async fn hours(world: &mut World, hours: u64) {
    for _ in 0..hours * 12 {
        world.clock.advance(Duration::from_secs(300));
        steps::schedule::tick(&world.hub).await.expect("ports in memory");
        while world.round().await {}
    }
}

fn phone(world: &World, id: &str, phone: &str) {
    world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": phone } })));
}

fn served(world: &World, name: &str) -> u64 {
    world.vendor(name, |vendor| vendor.served().values().sum())
}

#[tokio::test]
async fn after_72_hours_the_catch_up_is_one_write_for_each_changed_record() {
    let (mut world, ids) = crms(30).await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = Some(503));
    let calls = world.hub.tally.get(Count::VendorCalls);
    // Twenty records change every six hours.
    for day in 0..12 {
        for id in &ids[..20] {
            phone(&world, id, &format!("{day}"));
        }
        hours(&mut world, 6).await;
    }
    let before = world.hub.tally.get(Count::Deliveries);
    assert!(world.hub.tally.get(Count::VendorCalls) - calls < 72 * 60 * 3, "calls are bounded");
    let waiting: usize = world.queue.queues().iter().map(|queue| depth(&world, queue)).sum();
    assert!(waiting < 50, "no backlog of messages: {waiting}");
    let view = views::connections(&world.hub).await.expect("a store").remove(1);
    assert_eq!((view.name.as_str(), view.pending), ("salesforce", Some(20)));
    assert!(view.trouble.expect("an open breaker").reason.contains("503"));
    world.vendor("salesforce", |vendor| vendor.faults().outage = None);
    // The longest wait for a probe is a quarter of an hour.
    hours(&mut world, 1).await;
    world.settle().await;
    assert_eq!(world.hub.tally.get(Count::Deliveries) - before, 20, "one write for each changed record");
    for record in world.records(Entity::Organization).await {
        let there = world.shown(&record, "salesforce", "Account")["Phone"].clone();
        assert_eq!(there, world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"]);
    }
}

fn depth(world: &World, queue: &QueueName) -> usize {
    use concord_hub::broker::Inbox;
    let depth = world.queue.depth(queue);
    depth.waiting + depth.hidden
}

#[tokio::test]
async fn one_probe_alone_meets_a_vendor_that_may_be_back() {
    let (mut world, ids) = crms(40).await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = Some(503));
    for id in &ids {
        phone(&world, id, "1");
    }
    hours(&mut world, 2).await;
    for _ in 0..5 {
        // Up to the end of the longest wait, then one tick and everything that follows from it.
        let before = served(&world, "salesforce");
        world.clock.advance(Duration::from_secs(901));
        steps::schedule::tick(&world.hub).await.expect("ports in memory");
        while world.round().await {}
        let met = served(&world, "salesforce") - before;
        assert!((1..=2).contains(&met), "one request, or a token and one request: {met}");
    }
    world.vendor("salesforce", |vendor| vendor.faults().outage = None);
    // The longest wait for a probe is a quarter of an hour.
    hours(&mut world, 1).await;
    world.settle().await;
    for record in world.records(Entity::Organization).await {
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "1");
    }
}

#[tokio::test]
async fn what_waited_is_ordered_twice_as_fast_with_each_tick_that_meets_no_trouble() {
    let (mut world, ids) = crms(650).await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = Some(503));
    for id in &ids {
        phone(&world, id, "1");
    }
    world.push().await;
    while world.round().await {}
    world.vendor("salesforce", |vendor| vendor.faults().outage = None);
    world.clock.advance(Duration::from_secs(901));
    let mut written = Vec::new();
    for _ in 0..4 {
        let before = world.hub.tally.get(Count::Deliveries);
        steps::schedule::tick(&world.hub).await.expect("ports in memory");
        while world.round().await {}
        written.push(world.hub.tally.get(Count::Deliveries) - before);
    }
    assert_eq!(written, [1, 200, 200, 249], "one tries; a page; as many pages as went before");
}

#[tokio::test]
async fn a_restart_during_an_outage_knows_of_it() {
    let (mut world, ids) = crms(3).await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = Some(503));
    phone(&world, &ids[0], "1");
    hours(&mut world, 3).await;
    drop(Meddler::enter(&mut world));
    let before = served(&world, "salesforce");
    let trouble = |views: Vec<views::ConnectionView>| views.into_iter().find_map(|view| view.trouble);
    let kept = trouble(views::connections(&world.hub).await.expect("a store")).expect("an open breaker");
    assert!(kept.failures > 5, "{kept:?}");
    phone(&world, &ids[1], "2");
    world.push().await;
    while world.round().await {}
    assert!(served(&world, "salesforce") - before <= 1, "it is not tried by everybody again");
    world.vendor("salesforce", |vendor| vendor.faults().outage = None);
    // The longest wait for a probe is a quarter of an hour.
    hours(&mut world, 1).await;
    world.settle().await;
    assert!(trouble(views::connections(&world.hub).await.expect("a store")).is_none());
}

#[tokio::test]
async fn a_probe_is_one_record_of_a_whole_batch_of_deliveries() {
    let (mut world, ids) = crms(6).await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = Some(503));
    phone(&world, &ids[0], "1");
    hours(&mut world, 1).await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = None);
    // The wait is over, and before the scheduler sends anybody, six deliveries come at once.
    world.clock.advance(Duration::from_secs(901));
    ids.iter().for_each(|id| phone(&world, id, "2"));
    world.push().await;
    let deliveries = QueueName::Deliveries("salesforce".into());
    while depth(&world, &deliveries) < 6 {
        let moved = world.drain(&QueueName::Signals("hubspot".into())).await
            | world.drain(&QueueName::Observations).await
            | world.feed().await;
        assert!(moved, "the deliveries come");
    }
    let before = world.hub.tally.get(Count::Deliveries);
    world.drain(&deliveries).await;
    assert_eq!(world.hub.tally.get(Count::Deliveries) - before, 1, "one tries whether it works");
    // Nobody waits for the scheduler to find them one after another: the success orders them all again.
    steps::schedule::tick(&world.hub).await.expect("ports in memory");
    while world.round().await {}
    assert_eq!(world.hub.tally.get(Count::Deliveries) - before, 6);
    for record in world.records(Entity::Organization).await {
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
    }
}
