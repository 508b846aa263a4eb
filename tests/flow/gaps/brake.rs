//! The mass-change brake: a wave that is out of proportion waits for a person, everything else goes on.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Field, sandbox::Act};
use concord_hub::{
    brake::{Brake, Direction, Kind, Limit},
    policy::{FieldPolicy, Others, Rule},
    review::{Review, Subject},
    reviews,
    settings::{Mode, OnDelete, Settings},
    steps::{self, sweep},
};
use concord_tests::world::{Account, World, account};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

async fn crms(many: usize) -> (World, Vec<String>) {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let ids = (0..many).map(|n| world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    assert_eq!(live_at(&world, "salesforce").await, many, "a first sync is no wave");
    (world, ids)
}

fn delete(id: &str) -> Act {
    Act::Delete { object: "companies".into(), id: id.into() }
}

async fn live_at(world: &World, name: &str) -> usize {
    let records = world.records(Entity::Organization).await;
    records.iter().filter(|record| record.live_at(&name.into()).next().is_some()).count()
}

fn accounts(world: &World) -> usize {
    world.vendor("salesforce", |vendor| vendor.records().get("Account").map_or(0, |found| found.len()))
}

/// The review items of stopped waves.
async fn waves(world: &World) -> Vec<Review> {
    let mut open = world.reviews().await;
    open.retain(|review| review.decided.is_none() && matches!(review.subject, Subject::Wave { .. }));
    open
}

fn plan(review: &Review) -> (Direction, Kind, u64, usize) {
    match &review.subject {
        Subject::Wave { wave, plan, .. } => (wave.direction, wave.kind, plan.records, plan.samples.len()),
        other => panic!("{other:?}"),
    }
}

async fn decide(world: &mut World, review: &Review, choice: &str) {
    reviews::decide(&world.hub, &review.id, choice, None).await.expect("an open question");
    world.settle().await;
}

fn change(world: &World, connection: &str, change: impl FnOnce(&mut concord_hub::settings::Connection)) {
    let now = world.hub.settings();
    let mut connections = now.connections.clone();
    change(connections.get_mut(connection).expect("a connection"));
    // The same revision: these are no changes of records.
    world.hub.configure(Settings {
        revision: now.revision,
        public_url: now.public_url.clone(),
        connections,
        policy: now.policy.clone(),
        derivations: now.derivations.clone(),
        marketplaces: now.marketplaces.clone(),
        subscriptions: now.subscriptions.clone(),
    });
}

#[tokio::test]
async fn deletes_out_of_proportion_stop_and_go_on_once_approved() {
    let (mut world, ids) = crms(60).await;
    for id in &ids[..40] {
        world.act("hubspot-eu", delete(id));
    }
    world.settle().await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 50, "ten had passed before the wave was one");
    let [review] = waves(&world).await.try_into().expect("one question");
    assert_eq!(plan(&review), (Direction::From, Kind::Deletes, 30, 20), "{}", review.sentence);
    assert!(review.sentence.contains("30 of about 60 records (50 %)"), "{}", review.sentence);
    // Everything else goes on, also at this connection.
    world.act("hubspot-eu", edit("companies", &ids[50], json!({ "properties": { "phone": "1" } })));
    world.settle().await;
    let record = world.named(Entity::Organization, "C50").await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "1");
    assert_eq!(live_at(&world, "hubspot-eu").await, 50);
    decide(&mut world, &review, "approve").await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 20);
    assert_eq!(live_at(&world, "salesforce").await, 60);
    assert!(waves(&world).await.is_empty());
}

#[tokio::test]
async fn a_few_deletes_pass_and_a_small_portal_may_lose_all() {
    let (mut world, ids) = crms(10).await;
    for id in &ids {
        world.act("hubspot-eu", delete(id));
    }
    world.settle().await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 0);
    assert!(waves(&world).await.is_empty());
}

#[tokio::test]
async fn deletes_that_a_sweep_finds_are_asked_about_before_the_first_and_rejected_once() {
    let (mut world, ids) = crms(40).await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    for id in &ids[..30] {
        world.act("hubspot-eu", delete(id));
    }
    world.clock.advance(std::time::Duration::from_secs(600));
    let connection = world.hub.settings().connections["hubspot-eu"].clone();
    sweep::begin(&world.hub, &connection, false).await.expect("a store");
    world.settle().await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 40, "not one");
    let [review] = waves(&world).await.try_into().expect("one question");
    assert_eq!(plan(&review).2, 30);
    decide(&mut world, &review, "reject").await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 40);
    sweep::begin(&world.hub, &connection, false).await.expect("a store");
    world.settle().await;
    assert_eq!(live_at(&world, "hubspot-eu").await, 40);
    assert!(waves(&world).await.is_empty(), "the same is not asked again");
}

#[tokio::test]
async fn deletes_to_a_system_stop_and_go_on_exactly() {
    let (mut world, ids) = crms(40).await;
    change(&world, "hubspot-eu", |connection| {
        connection.brake = Brake::off();
        connection.on_delete.insert(Entity::Organization, OnDelete::Propagate);
    });
    for id in &ids[..30] {
        world.act("hubspot-eu", delete(id));
    }
    world.settle().await;
    let left = accounts(&world);
    assert!((10..=40).contains(&left) && left > 10, "it stopped: {left}");
    let [review] = waves(&world).await.try_into().expect("one question");
    let (direction, kind, stopped, _) = plan(&review);
    assert_eq!((direction, kind), (Direction::To, Kind::Deletes));
    assert_eq!(left as u64 - 10, stopped, "what is stopped is still there");
    decide(&mut world, &review, "approve").await;
    assert_eq!(accounts(&world), 10);
    assert!(waves(&world).await.is_empty());
}

#[tokio::test]
async fn a_rejected_wave_of_emptied_fields_is_not_written() {
    let (mut world, ids) = crms(30).await;
    for id in &ids {
        world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": "1" } })));
    }
    world.settle().await;
    change(&world, "hubspot-eu", |connection| connection.brake = Brake::off());
    change(&world, "salesforce", |connection| {
        connection.brake.limits.insert(Kind::Clears, Limit { at_least: 5, share: 20, most: 1000 });
    });
    for id in &ids {
        world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": "" } })));
    }
    world.settle().await;
    let phones = |world: &World| {
        world.vendor("salesforce", |vendor| {
            vendor.records()["Account"].values().filter(|account| account["Phone"] == "1").count()
        })
    };
    let kept = phones(&world);
    assert!(kept > 0, "it stopped");
    let [review] = waves(&world).await.try_into().expect("one question");
    assert_eq!(plan(&review).2, kept as u64);
    decide(&mut world, &review, "reject").await;
    assert_eq!(phones(&world), kept, "it leaves them as they are");
    // A record that somebody edits afterwards goes on with what holds now.
    let there = world.vendor("salesforce", |vendor| {
        let accounts = vendor.records().remove("Account").expect("accounts");
        accounts.into_values().find(|account| account["Phone"] == "1").expect("one of them")
    });
    let name = there["Name"].as_str().expect("a name").to_owned();
    let record = world.named(Entity::Organization, &name).await;
    assert!(record.outbox["salesforce"].parked);
    let id = record.live_at(&"hubspot-eu".into()).next().expect("a company").link.id.to_string();
    world.act("hubspot-eu", edit("companies", &id, json!({ "properties": { "phone": "2" } })));
    world.settle().await;
    let record = world.record(&record.id).await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "2");
    assert!(record.outbox.is_empty(), "{:?}", record.outbox);
}

fn owned_by(world: &World, owner: &str) {
    let policy = FieldPolicy { rule: Rule::Owner, order: vec![owner.into()], only: true, others: Others::Revert };
    world.reconfigure(|settings| settings.policy.set(Entity::Organization, Field::from("phone"), policy));
}

#[tokio::test]
async fn what_a_configuration_would_write_out_of_proportion_is_asked_first() {
    let (mut world, ids) = crms(30).await;
    for record in world.records(Entity::Organization).await {
        let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
        world.act("salesforce", edit("Account", &there, json!({ "Phone": "salesforce" })));
    }
    world.settle().await;
    for id in &ids {
        world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": "hubspot" } })));
    }
    world.settle().await;
    change(&world, "hubspot-eu", |connection| {
        connection.brake.limits.insert(Kind::Configured, Limit { at_least: 5, share: 20, most: 1000 });
    });
    // As at the start of every process: both connections were switched on long ago.
    steps::reconfigure::run(&world.hub).await.expect("a store");
    owned_by(&world, "salesforce");
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let [review] = waves(&world).await.try_into().expect("one question");
    let (direction, kind, stopped, _) = plan(&review);
    assert_eq!((direction, kind), (Direction::To, Kind::Configured));
    let changed = |world: &World| {
        world.vendor("hubspot-eu", |vendor| {
            let companies = vendor.records().remove("companies").unwrap_or_default();
            companies.values().filter(|company| company["properties"]["phone"] == "salesforce").count()
        })
    };
    assert_eq!(changed(&world) as u64 + stopped, 30);
    assert!(stopped > 0);
    decide(&mut world, &review, "approve").await;
    assert_eq!(changed(&world), 30);
    for record in world.records(Entity::Organization).await {
        assert_eq!(text(&record, "phone"), "salesforce");
        assert!(record.pending().is_empty());
    }
}

#[tokio::test]
async fn switching_a_connection_on_is_its_approval() {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let observe = Account { mode: Mode::Observe, ..small("salesforce", "salesforce") };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), observe]).await;
    change(&world, "salesforce", |connection| {
        connection.brake.limits.insert(Kind::Configured, Limit { at_least: 5, share: 20, most: 1000 });
    });
    steps::reconfigure::run(&world.hub).await.expect("a store");
    for n in 0..30 {
        world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")));
    }
    world.settle().await;
    assert_eq!(accounts(&world), 0);
    world.reconfigure(|settings| {
        settings.connections.get_mut("salesforce").expect("a connection").mode = Mode::Sync;
    });
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    assert_eq!(accounts(&world), 30);
    assert!(waves(&world).await.is_empty());
}
