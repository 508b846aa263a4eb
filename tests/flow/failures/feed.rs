//! F3 and F4: the change feed out of order, and without what happened for an hour.

use crate::crm::{company, edit, text};
use concord_connector::Entity;
use concord_hub::{
    history::Past,
    keys,
    ports::{FeedEntry, Table},
    steps,
};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

async fn crms() -> World {
    let maps = &[Entity::Organization];
    World::new(&[
        Account { maps, ..account("hubspot-eu", "hubspot") },
        Account { maps, ..account("salesforce", "salesforce") },
    ])
    .await
}

/// Where in the feed a test is that reads it by itself.
#[derive(Default)]
struct Reader {
    cursor: Option<String>,
}

impl Reader {
    /// Everything that is new in the feed.
    async fn read(&mut self, world: &World) -> Vec<FeedEntry> {
        let feed = world.table.changes(self.cursor.as_deref(), 10_000).await.expect("a table in memory");
        if !feed.entries.is_empty() {
            self.cursor = feed.cursor;
        }
        feed.entries
    }
}

/// A company is made and edited in both systems, with the feed passed through `change`; then what history says, and what
/// the two systems show.
async fn history_with(change: impl Fn(Vec<FeedEntry>) -> Vec<FeedEntry>) -> (Vec<(u64, Vec<String>)>, Vec<String>) {
    let (mut world, mut reader) = (crms().await, Reader::default());
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    for moment in 0..240 {
        if moment == 120 {
            world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
            let there = world.vendor("salesforce", |vendor| vendor.records()["Account"].keys().next().cloned());
            world.act("salesforce", edit("Account", &there.expect("an account"), json!({"Industry": "Energy"})));
        }
        world.push().await;
        for queue in world.queue.queues() {
            while world.drain(&queue).await {}
        }
        let entries = change(reader.read(&world).await);
        steps::fanout::fanout(&world.hub, &entries).await.expect("a fanout");
        world.clock.advance(Duration::from_secs(1));
        if moment % 10 == 0 {
            steps::schedule::tick(&world.hub).await.expect("a tick");
        }
    }
    let record = world.only(Entity::Organization).await;
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
    let mut history = BTreeMap::new();
    for item in world.table.items() {
        if item.key.partition == keys::history(&record.id, 1).partition {
            let entry = Past::read(&item).expect("an entry").entry;
            history.insert(entry.version, entry.changed.keys().map(ToString::to_string).collect::<Vec<_>>());
        }
    }
    let versions: Vec<u64> = history.keys().copied().collect();
    assert_eq!(versions, (1..=record.version).collect::<Vec<_>>(), "every version once");
    let shown = [("salesforce", "Account"), ("hubspot-eu", "companies")];
    let shown = shown.map(|(name, object)| {
        let count = world.vendor(name, |vendor| vendor.records()[object].len());
        let mut there = world.shown(&record, name, object);
        // What depends on the moment of a write.
        for stamp in ["updatedAt", "createdAt", "SystemModstamp", "LastModifiedDate", "CreatedDate"] {
            there.as_object_mut().map(|there| there.remove(stamp));
        }
        format!("{count}: {} {}", text(&record, "phone"), text(&record, "industry"))
    });
    (history.into_iter().collect(), shown.to_vec())
}

#[tokio::test]
async fn f03_changes_that_arrive_out_of_order_or_twice_end_as_in_order() {
    let in_order = history_with(|entries| entries).await;
    assert!(in_order.0.len() >= 3, "a history worth shuffling: {in_order:?}");
    let reversed = history_with(|mut entries| {
        entries.reverse();
        entries
    });
    assert_eq!(reversed.await, in_order);
    let twice = history_with(|entries| {
        let again: Vec<FeedEntry> = entries.iter().rev().cloned().collect();
        [again, entries].concat()
    });
    assert_eq!(twice.await, in_order);
}

#[tokio::test]
async fn f04_what_an_hour_without_the_feed_left_open_is_swept_and_delivered() {
    let (mut world, mut reader) = (crms().await, Reader::default());
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    reader.read(&world).await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.act("hubspot-eu", company("Beta", "beta.example"));
    // The feed is off: commits happen, nobody hears of them.
    for _ in 0..60 {
        world.push().await;
        for queue in world.queue.queues() {
            while !queue.is_fifo() && world.drain(&queue).await {}
        }
        world.clock.advance(Duration::from_secs(60));
    }
    let lost = reader.read(&world).await;
    assert!(lost.len() >= 2, "the edit and the new company were committed: {}", lost.len());
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 1, "and nobody was told");
    // It is on again, at its end: no entry of that hour ever comes.
    for _ in 0..60 {
        steps::schedule::tick(&world.hub).await.expect("a tick");
        for queue in world.queue.queues() {
            while world.drain(&queue).await {}
        }
        let entries = reader.read(&world).await;
        steps::fanout::fanout(&world.hub, &entries).await.expect("a fanout");
        world.push().await;
        world.clock.advance(Duration::from_secs(10));
    }
    for name in ["Acme", "Beta"] {
        let record = world.named(Entity::Organization, name).await;
        assert_eq!(links(&record).len(), 2, "{name}: {:?}", record.outbox);
        assert!(record.pending().is_empty(), "{name}: {:?}", record.outbox);
    }
    let acme = world.named(Entity::Organization, "Acme").await;
    assert_eq!(world.shown(&acme, "salesforce", "Account")["Phone"], "+49 30 1");
}
