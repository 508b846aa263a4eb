//! Failures that Lambda's mappings make their own: a poison message in a batch, a stuck group, a change that nobody can pass
//! on, time that runs out, texts that fit in no message.

use crate::{
    cloud::Cloud,
    flow::{cloud, company},
};
use async_trait::async_trait;
use concord_connector::{Entity, Result, Snapshot, snapshot::SourceVersion, value::Value};
use concord_hub::{
    events::Count,
    message::{Message, Observation},
    ports::{Feed, Item, ItemKey, Outgoing, Page, Query, QueueName, Table, TableChange, TransactError},
    views,
};
use concord_tests::world::account;
use serde_json::Value as Json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// A table of which some items bring whoever touches them down.
struct Poisoned {
    table: Arc<dyn Table>,
    poison: Arc<Mutex<Option<String>>>,
}

impl Poisoned {
    fn touch<'a>(&self, mut keys: impl Iterator<Item = &'a ItemKey>) {
        let poison = self.poison.lock().unwrap().clone();
        if let Some(poison) = poison {
            assert!(!keys.any(|key| key.partition.ends_with(&poison)), "this item is poison");
        }
    }
}

#[async_trait]
impl Table for Poisoned {
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        self.touch(keys.iter());
        self.table.get(keys).await
    }
    async fn query(&self, query: Query) -> Result<Page> {
        self.table.query(query).await
    }
    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        self.touch(changes.iter().map(TableChange::key));
        self.table.transact(changes).await
    }
    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        self.table.changes(after, limit).await
    }
}

/// A stack whose table has poison in it, once somebody says what that is.
async fn poisoned() -> (Cloud, Arc<Mutex<Option<String>>>) {
    let poison = Arc::new(Mutex::new(None));
    let accounts = [account("crm", "hubspot"), account("erp", "tryton")];
    let with = Arc::clone(&poison);
    let cloud = Cloud::new(&accounts, |table| Arc::new(Poisoned { table, poison: with })).await;
    (cloud, poison)
}

fn observation(cloud: &Cloud, id: &str, name: &str) -> Outgoing {
    let now = cloud.booted.hub.now();
    let mut snapshot = Snapshot::new(Entity::Organization, id, SourceVersion::from_instant(now));
    snapshot.fields.insert("name".into(), Value::text(name));
    let observation = Observation::of_read(&"crm".into(), snapshot, now);
    Outgoing::new(Message::ObservationV1(Box::new(observation)).encode().unwrap())
}

async fn send(cloud: &Cloud, queue: &QueueName, batch: Vec<Outgoing>) -> Vec<Json> {
    cloud.booted.hub.queue.send(queue, batch).await.unwrap();
    cloud.receive(queue).await
}

#[test]
fn f05_a_poison_message_fails_alone_whatever_its_place_in_the_batch() {
    cloud(|| async {
        for place in 0..5 {
            let (cloud, poison) = poisoned().await;
            *poison.lock().unwrap() = Some("#poison".into());
            let ids = (0..5).map(|n| if n == place { "poison".to_owned() } else { n.to_string() });
            let batch = ids.map(|id| observation(&cloud, &id, &id)).collect();
            let records = send(&cloud, &QueueName::Observations, batch).await;
            let culprit = records[place]["messageId"].as_str().unwrap().to_owned();
            assert_eq!(cloud.hand_over(&QueueName::Observations, records).await, [culprit]);
            assert_eq!(cloud.records(Entity::Organization).await.len(), 4, "the others are done");
        }
    });
}

#[test]
fn a_poison_message_ends_as_a_dead_letter_and_is_looked_at_again_once_it_is_none() {
    cloud(|| async {
        let (mut cloud, poison) = poisoned().await;
        let id = cloud.world.act("crm", company("Acme"));
        *poison.lock().unwrap() = Some(format!("#{id}"));
        let observed = observation(&cloud, &id, "Acme");
        cloud.booted.hub.queue.send(&QueueName::Observations, vec![observed]).await.unwrap();
        for _ in 0..40 {
            let records = cloud.receive(&QueueName::Observations).await;
            if !records.is_empty() {
                cloud.hand_over(&QueueName::Observations, records).await;
            }
            cloud.world.clock.advance(Duration::from_secs(600));
        }
        let hub = &cloud.booted.hub;
        let letters = views::dead_letters(hub, None, 10).await.unwrap().letters;
        assert_eq!(letters.len(), 1, "{letters:?}");
        assert_eq!(letters[0].subject.as_deref(), Some(format!("organization/{id}").as_str()));
        assert!(letters[0].reason.contains("panicked"), "{}", letters[0].reason);
        *poison.lock().unwrap() = None;
        assert_eq!(views::redrive(hub, None).await.unwrap().redriven.len(), 1);
        cloud.settle().await;
        assert_eq!(cloud.named("Acme").await.len(), 1);
    });
}

fn delivery(record: &str, version: u64) -> Outgoing {
    let message = Message::DeliveryV1 { record: record.into(), connection: "erp".into(), version };
    Outgoing {
        body: message.encode().unwrap(),
        group: Some(format!("{record}@erp")),
        dedupe: Some(format!("{record}@{version}")),
        ..Outgoing::default()
    }
}

#[test]
fn f06_of_a_batch_with_many_groups_only_the_failing_group_waits() {
    cloud(|| async {
        let (cloud, poison) = poisoned().await;
        *poison.lock().unwrap() = Some("#poison".into());
        let queue = QueueName::Deliveries("tryton".into());
        // One mapping gets several of a group at once, unlike a poller of our own.
        let order = [("poison", 1), ("a", 1), ("poison", 2), ("b", 1), ("a", 2)];
        let mut records = Vec::new();
        for (n, (record, version)) in order.iter().enumerate() {
            let mut sent = send(&cloud, &queue, vec![delivery(record, *version)]).await;
            let body = delivery(record, *version);
            let mut one = sent.pop().unwrap_or_else(|| records.first().cloned().unwrap_or_default());
            one["messageId"] = format!("m{n}").into();
            one["body"] = body.body.into();
            one["attributes"]["MessageGroupId"] = body.group.into();
            records.push(one);
        }
        let event = serde_json::json!({ "Records": records });
        let answer = concord_aws::run::queue::work(&cloud.booted, event, cloud.time()).await.unwrap();
        let failed: Vec<&str> = answer["batchItemFailures"]
            .as_array()
            .unwrap()
            .iter()
            .map(|one| one["itemIdentifier"].as_str().unwrap())
            .collect();
        assert_eq!(failed, ["m0", "m2"], "what stands behind a failure of its group comes again, and nothing else");
    });
}

#[test]
fn what_the_time_does_not_suffice_for_goes_back_untouched() {
    cloud(|| async {
        let (mut cloud, _) = poisoned().await;
        let batch = (0..5).map(|n| observation(&cloud, &n.to_string(), "x")).collect();
        let records = send(&cloud, &QueueName::Observations, batch).await;
        cloud.time = Duration::from_secs(1);
        assert_eq!(cloud.hand_over(&QueueName::Observations, records).await.len(), 5);
        assert_eq!(cloud.booted.hub.tally.get(Count::Observations), 0, "nothing was begun");
        cloud.time = Duration::from_secs(60);
        let records = cloud.receive(&QueueName::Observations).await;
        assert_eq!(records.len(), 5, "and they are there at once for whoever has the time");
        assert_eq!(cloud.hand_over(&QueueName::Observations, records).await, Vec::<String>::new());
        assert_eq!(cloud.records(Entity::Organization).await.len(), 5);
    });
}

#[test]
fn f01_a_change_that_cannot_be_passed_on_stops_nobody_behind_it() {
    cloud(|| async {
        for place in 0..4 {
            let (mut cloud, poison) = poisoned().await;
            let batch = (0..4).map(|n| observation(&cloud, &n.to_string(), &format!("Company {n}"))).collect();
            let records = send(&cloud, &QueueName::Observations, batch).await;
            cloud.hand_over(&QueueName::Observations, records).await;
            let changes = cloud.stream().await;
            assert_eq!(changes.len(), 4, "links and keys are no changes of records");
            let id =
                changes[place]["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().trim_start_matches("R#").to_owned();
            // Its history cannot be written.
            *poison.lock().unwrap() = Some(format!("H#{id}"));
            assert_eq!(cloud.pass_on().await, None, "what can never be passed on does not come again");
            *poison.lock().unwrap() = None;
            let hub = &cloud.booted.hub;
            let sent = cloud.queue.take_sent();
            let orders = sent.iter().filter(|(queue, _)| matches!(queue, QueueName::Deliveries(_))).count();
            assert!(orders >= 3, "the deliveries of the others are ordered");
            // f02: the letter is in our own table and names the record, however long ago the stream forgot the change.
            cloud.world.clock.advance(Duration::from_secs(25 * 3600));
            let letters = views::dead_letters(hub, None, 10).await.unwrap().letters;
            assert_eq!(letters.len(), 1);
            assert_eq!(letters[0].subject.as_deref(), Some(id.as_str()));
            assert_eq!(views::redrive(hub, None).await.unwrap().redriven.len(), 1);
            cloud.settle().await;
            for n in 0..4 {
                let named = cloud.named(&format!("Company {n}")).await;
                let there: Vec<&str> = named[0].facets.iter().map(|facet| facet.link.connection.as_str()).collect();
                assert!(there.contains(&"erp"), "company {n} arrived after all: {there:?}");
            }
        }
    });
}

#[test]
fn a_text_that_fits_in_no_message_is_kept_in_the_bucket_and_read_from_there() {
    cloud(|| async {
        let (cloud, _) = poisoned().await;
        let large = observation(&cloud, "1", &"x".repeat(300 * 1024));
        let records = send(&cloud, &QueueName::Observations, vec![large, observation(&cloud, "2", "small")]).await;
        assert!(records[0]["body"].as_str().unwrap().starts_with("claims/"));
        assert_eq!(cloud.hand_over(&QueueName::Observations, records).await, Vec::<String>::new());
        let letters = views::dead_letters(&cloud.booted.hub, None, 10).await.unwrap().letters;
        assert_eq!(letters.len(), 1, "it was read: a record of that size is put aside");
        assert!(letters[0].reason.contains("name"), "{}", letters[0].reason);
        assert_eq!(cloud.records(Entity::Organization).await.len(), 1);
    });
}

#[test]
fn f04_what_a_stream_lost_that_was_made_anew_is_swept_and_delivered() {
    cloud(|| async {
        let (mut cloud, _) = poisoned().await;
        cloud.settle().await;
        cloud.world.act("crm", company("Acme"));
        cloud.world.clock.advance(Duration::from_secs(5));
        cloud.push().await;
        while cloud.drain().await {}
        let named = cloud.named("Acme").await;
        assert_eq!(named[0].facets.len(), 1, "committed, and not delivered");
        cloud.lose_stream().await;
        cloud.settle().await;
        let named = cloud.named("Acme").await;
        assert_eq!(named[0].facets.len(), 2, "the scheduler found what was pending");
        assert!(named[0].pending().is_empty());
    });
}

#[test]
fn f17_a_webhook_that_comes_again_after_its_mark_is_gone_changes_nothing() {
    cloud(|| async {
        let (mut cloud, _) = poisoned().await;
        cloud.settle().await;
        cloud.world.act("crm", company("Acme"));
        let now = cloud.world.vendors.now("crm");
        let pushes = cloud.world.vendor("crm", |vendor| vendor.pushes(now.plus(Duration::from_secs(5))));
        let post = async |cloud: &Cloud| {
            for push in &pushes {
                assert!((200..300).contains(&cloud.post(&push.request).await));
            }
        };
        assert!(!pushes.is_empty());
        post(&cloud).await;
        let signals = |cloud: &Cloud| cloud.booted.hub.tally.get(Count::Signals);
        let taken = signals(&cloud);
        post(&cloud).await;
        assert_eq!(signals(&cloud), taken, "while the mark lives nothing is taken twice");
        cloud.settle().await;
        let tally = |cloud: &Cloud| [Count::Commits, Count::Deliveries].map(|count| cloud.booted.hub.tally.get(count));
        let before = tally(&cloud);
        // DynamoDB sweeps late; what counts is the time in the item. Here the mark is taken away altogether.
        let marks = cloud.marks().await;
        assert!(!marks.is_empty());
        cloud.booted.hub.table.transact(marks).await.unwrap();
        post(&cloud).await;
        assert!(signals(&cloud) > taken, "it is taken in once more");
        cloud.settle().await;
        assert_eq!(tally(&cloud), before, "and changes nothing");
    });
}
