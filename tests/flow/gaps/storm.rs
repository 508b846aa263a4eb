//! Storms: many signals about few records cost about one read and one write for each record.

use crate::{
    crm::{company, edit},
    meddle::{event, tell},
};
use concord_connector::Entity;
use concord_hub::events::Count;
use concord_tests::world::{Account, World, account};
use serde_json::{Value as Json, json};

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
/// Events in one webhook, as HubSpot sends them.
const EVENTS: usize = 100;

/// `signals` signals about `records` records that all changed; how many reads and writes they cost.
async fn storm(records: usize, signals: usize) -> (u64, u64) {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let ids: Vec<String> =
        (0..records).map(|n| world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    world.vendor("hubspot-eu", |vendor| vendor.faults().lose_webhooks = true);
    for (n, id) in ids.iter().enumerate() {
        world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": format!("+49 {n}") } })));
    }
    let now = world.now().ms();
    for batch in 0..signals / EVENTS {
        let events: Vec<Json> = (0..EVENTS)
            .map(|n| {
                let number = batch * EVENTS + n;
                let at = number % records;
                event(1_000_000 + number as u64, &ids[at], "phone", &format!("+49 {at}"), now)
            })
            .collect();
        let answer = tell(&world, "hubspot-eu", Json::from(events).to_string().as_bytes()).await;
        assert!((200..300).contains(&answer.status), "{}", answer.status);
    }
    let served = |world: &World| -> u64 {
        world.vendor("hubspot-eu", |vendor| {
            vendor.served().iter().filter(|(shape, _)| shape.contains("batch/read")).map(|(_, many)| many).sum()
        })
    };
    let before = (world.hub.tally.get(Count::Deliveries), served(&world), world.hub.tally.get(Count::Observations));
    while world.round().await {}
    let reads = served(&world) - before.1;
    assert!(reads <= (records / 10 + 2) as u64, "batches of signals read at most ten records at once: {reads}");
    let observed = world.hub.tally.get(Count::Observations) - before.2;
    let writes = world.hub.tally.get(Count::Deliveries) - before.0;
    for record in world.records(Entity::Organization).await {
        assert!(record.pending().is_empty(), "{:?}", record.outbox);
        let phone = world.shown(&record, "salesforce", "Account")["Phone"].clone();
        assert_eq!(phone, world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"]);
    }
    (observed, writes)
}

#[tokio::test]
async fn a_storm_on_few_records_costs_a_read_and_a_write_for_each() {
    let (observed, writes) = storm(40, 4_000).await;
    assert!(writes <= 44, "{writes} writes for 40 records");
    assert!(observed <= 90, "{observed} observations, our own echo included, for 40 records");
}

#[tokio::test]
#[ignore = "the full storm takes some seconds in a release build: make storm"]
async fn a_storm_of_100_000_signals_on_1_000_records_costs_at_most_1_100_writes() {
    let began = std::time::Instant::now();
    let (observed, writes) = storm(1_000, 100_000).await;
    assert!(writes <= 1_100, "{writes} writes");
    assert!(observed <= 2_200, "{observed} observations");
    eprintln!("100,000 signals on 1,000 records: {observed} observations, {writes} writes, {:?}", began.elapsed());
}

#[tokio::test]
async fn quiet_connections_do_not_wait_behind_a_noisy_one() {
    let names: Vec<String> = (0..20).map(|n| format!("quiet-{n:02}")).collect();
    let mut accounts = vec![Account { maps: ORGANIZATIONS, creates: &[], ..account("noisy", "hubspot") }];
    accounts.extend(names.iter().map(|name| Account { maps: ORGANIZATIONS, creates: &[], ..account(name, "hubspot") }));
    let mut world = World::new(&accounts).await;
    let ids: Vec<String> =
        (0..200).map(|n| world.act("noisy", company(&format!("N{n}"), &format!("n{n}.example")))).collect();
    world.vendor("noisy", |vendor| vendor.faults().lose_webhooks = true);
    drop(ids);
    for batch in 0..20_u64 {
        let events: Vec<Json> =
            (0..100).map(|n| event(batch * 100 + n, &(100 + n).to_string(), "phone", "1", world.now().ms())).collect();
        tell(&world, "noisy", Json::from(events).to_string().as_bytes()).await;
    }
    for name in &names {
        world.act(name, company(&format!("Q {name}"), &format!("{name}.example")));
    }
    world.push().await;
    // Batches of ten signals each: the twenty quiet ones and as many of the noisy one.
    let queue = concord_hub::ports::QueueName::Signals("hubspot".into());
    for _ in 0..6 {
        world.drain(&queue).await;
    }
    let observations = concord_hub::ports::QueueName::Observations;
    while world.drain(&observations).await {}
    let there = world.records(Entity::Organization).await;
    let quiet = there.iter().filter(|record| record.facets.iter().any(|f| f.link.connection.as_str() != "noisy"));
    assert_eq!(quiet.count(), 20, "none of them waits behind 2,000 signals of somebody else");
}
