//! Completeness: what no event told and no poll showed is found, and what is only hidden is never taken for deleted.

use crate::{
    crm::{company, edit, text},
    meddle::Meddler,
};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{
    events::Count,
    review::Subject,
    steps::{self, sweep},
    testing::When,
    views::{ConnectionView, connections},
};
use concord_tests::world::{Account, World, account};
use serde_json::{Value as Json, json};
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

async fn world(accounts: &[(&str, &str)]) -> World {
    let small: Vec<Account<'_>> =
        accounts.iter().map(|(name, system)| Account { maps: ORGANIZATIONS, ..account(name, system) }).collect();
    World::new(&small).await
}

async fn companies(world: &mut World, many: usize) -> Vec<String> {
    let ids = (0..many).map(|n| world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    ids
}

async fn sweep_now(world: &mut World, name: &str) -> ConnectionView {
    let connection = world.hub.settings().connections[name].clone();
    sweep::begin(&world.hub, &connection, false).await.expect("a store");
    world.settle().await;
    view(world, name).await
}

async fn view(world: &World, name: &str) -> ConnectionView {
    let views = connections(&world.hub).await.expect("a store");
    views.into_iter().find(|view| view.name.as_str() == name).expect("the connection")
}

fn unheard(world: &World, name: &str, act: Act) {
    world.vendor(name, |vendor| vendor.faults().lose_webhooks = true);
    world.act(name, act);
    let now = world.now();
    world.vendor(name, |vendor| {
        assert!(vendor.pushes(now).is_empty(), "the webhooks are lost");
        vendor.faults().lose_webhooks = false;
    });
}

async fn live_at(world: &World, name: &str) -> usize {
    let records = world.records(Entity::Organization).await;
    records.iter().filter(|record| record.live_at(&name.into()).next().is_some()).count()
}

#[tokio::test]
async fn a_delete_whose_webhook_was_lost_is_found() {
    let mut world = world(&[("hubspot-eu", "hubspot"), ("salesforce", "salesforce")]).await;
    let ids = companies(&mut world, 3).await;
    unheard(&world, "hubspot-eu", Act::Delete { object: "companies".into(), id: ids[1].clone() });
    world.clock.advance(Duration::from_secs(3600));
    world.settle().await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 3, "polls do not list what was deleted");
    let view = sweep_now(&mut world, "hubspot-eu").await;
    let part = &view.sweep.expect("a sweep").entities[&Entity::Organization];
    assert_eq!((part.listed, part.known, part.absent, part.deleted, part.not_visible), (2, 3, 1, 1, 0));
    assert_eq!(live_at(&world, "hubspot-eu").await, 2);
    assert_eq!(live_at(&world, "salesforce").await, 3, "the others keep it");
    let reviews = world.reviews().await;
    assert!(matches!(reviews.as_slice(), [one] if matches!(one.subject, Subject::Deleted { .. })), "{reviews:?}");
    assert_eq!(world.vendor("hubspot-eu", |vendor| vendor.records()["companies"].len()), 2, "not made again");
}

#[tokio::test]
async fn a_record_that_is_gone_without_a_trace_is_deleted_only_where_absence_says_so() {
    let mut world = world(&[("hubspot-eu", "hubspot"), ("tryton", "tryton")]).await;
    companies(&mut world, 3).await;
    let all = live_at(&world, "tryton").await;
    let record = world.named(Entity::Organization, "C1").await;
    let party = record.live_at(&"tryton".into()).next().expect("a party").link.id.to_string();
    world.act("tryton", Act::Delete { object: "party.party".into(), id: party });
    world.clock.advance(Duration::from_secs(60));
    world.settle().await;
    assert_eq!(live_at(&world, "tryton").await, all, "polls do not list what was deleted");
    sweep_now(&mut world, "tryton").await;
    assert_eq!(live_at(&world, "tryton").await, all - 1);
}

#[tokio::test]
async fn what_is_only_hidden_is_never_taken_for_deleted() {
    let mut world = world(&[("hubspot-eu", "hubspot"), ("salesforce", "salesforce")]).await;
    let ids = companies(&mut world, 3).await;
    let meddler = Meddler::enter(&mut world);
    let hidden = ids[0].clone();
    // A permission is gone: lists and reads answer as if there were no such record.
    meddler.answers(move |_, response| {
        let Ok(mut body) = serde_json::from_slice::<Json>(&response.body) else { return };
        if let Some(rows) = body["results"].as_array_mut() {
            rows.retain(|row| row["id"] != hidden.as_str());
            response.body = body.to_string().into_bytes();
        }
    });
    let view = sweep_now(&mut world, "hubspot-eu").await;
    let part = &view.sweep.expect("a sweep").entities[&Entity::Organization];
    assert_eq!((part.listed, part.absent, part.deleted, part.not_visible), (2, 1, 0, 1));
    assert_eq!(live_at(&world, "hubspot-eu").await, 3);
    assert!(world.reviews().await.is_empty());
    meddler.leave();
    let view = sweep_now(&mut world, "hubspot-eu").await;
    assert_eq!(view.sweep.expect("a sweep").entities[&Entity::Organization].not_visible, 0);
}

#[tokio::test]
async fn a_change_that_neither_an_event_nor_a_poll_brought_is_healed() {
    let mut world = world(&[("hubspot-eu", "hubspot"), ("salesforce", "salesforce")]).await;
    let ids = companies(&mut world, 3).await;
    let meddler = Meddler::enter(&mut world);
    // The vendor's index forgets to list the record for as long as polls reach back.
    meddler.answers(|request, response| {
        if request.url.ends_with("/search") {
            response.body = json!({ "total": 0, "results": [] }).to_string().into_bytes();
        }
    });
    unheard(&world, "hubspot-eu", edit("companies", &ids[2], json!({ "properties": { "phone": "+49 30 7" } })));
    world.clock.advance(Duration::from_secs(1800));
    world.settle().await;
    meddler.leave();
    world.clock.advance(Duration::from_secs(1800));
    world.settle().await;
    assert_eq!(text(&world.named(Entity::Organization, "C2").await, "phone"), "", "nothing brought it");
    let view = sweep_now(&mut world, "hubspot-eu").await;
    let part = &view.sweep.expect("a sweep").entities[&Entity::Organization];
    assert_eq!((part.differing, part.gaps, part.missing), (1, 1, 0));
    assert_eq!(world.hub.tally.get(Count::GapsClosed), 1);
    let record = world.named(Entity::Organization, "C2").await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "+49 30 7");
}

#[tokio::test]
async fn a_sweep_that_finds_nothing_writes_nothing() {
    let mut world = world(&[("hubspot-eu", "hubspot"), ("salesforce", "salesforce")]).await;
    companies(&mut world, 5).await;
    let before = (world.hub.tally.get(Count::Commits), world.hub.tally.get(Count::Deliveries));
    for name in ["hubspot-eu", "salesforce"] {
        let view = sweep_now(&mut world, name).await;
        let part = &view.sweep.expect("a sweep").entities[&Entity::Organization];
        assert_eq!((part.listed, part.missing, part.differing, part.absent), (5, 0, 0, 0), "{name}: {part:?}");
    }
    assert_eq!((world.hub.tally.get(Count::Commits), world.hub.tally.get(Count::Deliveries)), before);
    let left = world.table.items().into_iter().filter(|item| item.key.partition.starts_with("X#")).count();
    assert_eq!(left, 0, "nothing is left behind");
}

#[tokio::test]
async fn a_sweep_goes_on_at_its_checkpoint_after_a_crash_at_any_call() {
    let mut total = 0;
    for call in (1..80).step_by(7) {
        let mut world = world(&[("hubspot-eu", "hubspot"), ("salesforce", "salesforce")]).await;
        let ids = companies(&mut world, 4).await;
        unheard(&world, "hubspot-eu", Act::Delete { object: "companies".into(), id: ids[0].clone() });
        unheard(&world, "hubspot-eu", edit("companies", &ids[1], json!({ "properties": { "phone": "1" } })));
        world.clock.advance(Duration::from_secs(600));
        let connection = world.hub.settings().connections["hubspot-eu"].clone();
        sweep::begin(&world.hub, &connection, false).await.expect("a store");
        world.plan.crash(call, concord_hub::testing::When::After);
        world.round().await;
        total += u64::from(world.plan.fired());
        world.plan.heal();
        world.settle().await;
        assert_eq!(live_at(&world, "hubspot-eu").await, 3, "call {call}");
        let record = world.named(Entity::Organization, "C1").await;
        assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "1", "call {call}");
    }
    assert!(total > 3, "calls were broken: {total}");
}

#[tokio::test]
async fn sweeps_come_by_themselves_once_a_day() {
    let mut world = world(&[("hubspot-eu", "hubspot")]).await;
    companies(&mut world, 1).await;
    let first = view(&world, "hubspot-eu").await.sweep.expect("the first reading is a sweep");
    assert!(first.first && first.finished_at.is_some());
    world.clock.advance(Duration::from_secs(25 * 3600));
    world.settle().await;
    let second = view(&world, "hubspot-eu").await.sweep.expect("a sweep");
    assert!(!second.first && second.finished_at.is_some() && second.started_at.0 > first.started_at.0);
}

#[tokio::test]
async fn minutes_behind_grow_while_a_system_cannot_be_asked_and_go_back_to_none() {
    let mut world = world(&[("hubspot-eu", "hubspot"), ("salesforce", "salesforce")]).await;
    assert_eq!(view(&world, "hubspot-eu").await.minutes_behind, None, "before the first reading");
    companies(&mut world, 2).await;
    let behind = view(&world, "hubspot-eu").await.minutes_behind.expect("it was read");
    assert!(behind <= 1, "{behind}");
    world.vendor("hubspot-eu", |vendor| vendor.faults().outage = Some(503));
    for _ in 0..180 {
        world.clock.advance(Duration::from_secs(60));
        steps::schedule::tick(&world.hub).await.expect("ports in memory");
        while world.round().await {}
    }
    let broken = view(&world, "hubspot-eu").await;
    assert!(broken.minutes_behind.is_some_and(|minutes| (178..190).contains(&minutes)), "{broken:?}");
    let trouble = broken.trouble.expect("an open breaker");
    assert!(trouble.reason.contains("503"), "{}", trouble.reason);
    assert!(view(&world, "salesforce").await.minutes_behind.is_some_and(|minutes| minutes <= 1), "only the one is");
    world.vendor("hubspot-eu", |vendor| vendor.faults().outage = None);
    // The longest wait for a probe is a quarter of an hour.
    for _ in 0..20 {
        world.clock.advance(Duration::from_secs(60));
        steps::schedule::tick(&world.hub).await.expect("ports in memory");
        while world.round().await {}
    }
    let healed = view(&world, "hubspot-eu").await;
    assert!(healed.minutes_behind.is_some_and(|minutes| minutes <= 4) && healed.trouble.is_none(), "{healed:?}");
}

#[tokio::test]
async fn when_a_connection_was_polled_last_survives_a_restart() {
    let mut world = world(&[("hubspot-eu", "hubspot")]).await;
    companies(&mut world, 1).await;
    // Just polled.
    world.clock.advance(Duration::from_secs(61));
    steps::schedule::tick(&world.hub).await.expect("ports in memory");
    while world.round().await {}
    drop(Meddler::enter(&mut world));
    steps::schedule::tick(&world.hub).await.expect("ports in memory");
    while world.round().await {}
    assert_eq!(world.hub.tally.get(Count::VendorCalls), 0, "a new process knows that nothing is due");
    world.clock.advance(Duration::from_secs(61));
    steps::schedule::tick(&world.hub).await.expect("ports in memory");
    while world.round().await {}
    assert!(world.hub.tally.get(Count::VendorCalls) > 0);
}

/// Who receives the order of a sweep finds it: an order that came first found nothing to do, and the sweep stood still for a
/// minute.
#[tokio::test]
async fn a_sweep_is_there_before_it_is_ordered() {
    for call in 1..8 {
        let world = world(&[("hubspot-eu", "hubspot")]).await;
        let connection = world.hub.settings().connections["hubspot-eu"].clone();
        world.queue.take_sent();
        world.plan.fail(call, When::Before);
        let begun = sweep::begin(&world.hub, &connection, false).await;
        world.plan.heal();
        let is_there = sweep::state(&world.hub, &connection.name).await.expect("a store").is_some();
        let ordered = !world.queue.take_sent().is_empty();
        assert!(is_there || !ordered, "call {call}: ordered and not there");
        assert!(begun.is_err() || is_there && ordered, "call {call}");
    }
}
