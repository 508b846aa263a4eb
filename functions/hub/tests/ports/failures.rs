//! F1, F5 and F6 of the catalogue of failures, on the loops that stand in for a table's stream and for queues: the same
//! loops as Lambda's, whose own tests come with the cloud adapters.

use super::poller::{Obedient, poll};
use async_trait::async_trait;
use concord_connector::{Fault, Result};
use concord_hub::{
    embedded::{Folder, Store, feed},
    ports::{Condition, FeedEntry, Item, ItemKey, Outgoing, QueueName, Table, TableChange},
    testing::FakeClock,
};
use std::sync::{Arc, Mutex};
use tokio::sync::watch;

/// Takes everything but one record.
struct Picky {
    poison: String,
    seen: Mutex<Vec<String>>,
    buried: Mutex<Vec<String>>,
}

#[async_trait]
impl feed::Fanout for Picky {
    async fn fanout(&self, entries: &[FeedEntry]) -> Result<()> {
        if entries.iter().any(|entry| entry.key.partition == self.poison) {
            return Err(Fault::malformed("test", "It never works."));
        }
        self.seen.lock().unwrap().extend(entries.iter().map(|entry| entry.key.partition.clone()));
        Ok(())
    }
    async fn bury(&self, entry: &FeedEntry, reason: String) {
        assert!(reason.contains("never works"), "buried with its reason: {reason}");
        self.buried.lock().unwrap().push(entry.key.partition.clone());
    }
}

#[tokio::test]
async fn f01_a_poison_record_of_the_feed_is_buried_and_the_others_come_in_order() {
    const RECORDS: usize = 7;
    let name = |n: usize| format!("R#{n:02}");
    for poison in 0..RECORDS {
        let dir = tempfile::tempdir().unwrap();
        let folder = Arc::new(Folder::open(dir.path()).unwrap());
        let store = Arc::new(Store::open(folder, Arc::new(FakeClock::default())).unwrap());
        for n in 0..RECORDS {
            let item = Item::new(ItemKey::new(name(n), "R"), Vec::new());
            store.transact(vec![TableChange::Put(item, Condition::None)]).await.unwrap();
        }
        let reader = Arc::new(Picky { poison: name(poison), seen: Mutex::default(), buried: Mutex::default() });
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(feed::run(store, "test", reader.clone(), stopped));
        while reader.seen.lock().unwrap().len() + reader.buried.lock().unwrap().len() < RECORDS {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        running.await.unwrap();
        let others: Vec<String> = (0..RECORDS).filter(|n| *n != poison).map(name).collect();
        assert_eq!(*reader.seen.lock().unwrap(), others, "poison at {poison}");
        assert_eq!(*reader.buried.lock().unwrap(), [name(poison)]);
    }
}

fn taken(handler: &Obedient) -> Vec<String> {
    let mut done = handler.done.lock().unwrap().clone();
    done.sort();
    done
}

#[tokio::test(start_paused = true)]
async fn f05_one_error_returns_only_its_own_message_whatever_its_place_in_the_batch() {
    for size in [1, 4, 9] {
        for poison in 0..size {
            for how in ["fail", "panic"] {
                let text = |n: usize| if n == poison { format!("{how} {n}") } else { format!("ok {n}") };
                let messages = (0..size).map(|n| Outgoing::new(text(n))).collect();
                let handler = poll(&QueueName::Observations, messages).await;
                let mut expected: Vec<String> = (0..size).filter(|n| *n != poison).map(text).collect();
                expected.sort();
                let mut done = taken(&handler);
                // A panic takes the whole batch back, whose others are then done a second time.
                done.dedup();
                assert_eq!(done, expected, "{how} at {poison} of {size}");
                let buried: Vec<String> = handler.buried.lock().unwrap().keys().cloned().collect();
                assert_eq!(buried, [text(poison)]);
            }
        }
    }
}

#[tokio::test(start_paused = true)]
async fn f06_after_a_failure_only_the_same_group_waits() {
    const GROUPS: [&str; 4] = ["a", "b", "c", "d"];
    for failing in GROUPS {
        for place in 0..3 {
            let text = |group: &str, n: usize| {
                let how = if group == failing && n == place { "once" } else { "ok" };
                format!("{how} {group} {n}")
            };
            let mut messages = Vec::new();
            for n in 0..3 {
                for group in GROUPS {
                    messages.push(Outgoing { group: Some(group.into()), ..Outgoing::new(text(group, n)) });
                }
            }
            let handler = poll(&QueueName::Deliveries("crm".into()), messages).await;
            let done = handler.done.lock().unwrap().clone();
            for group in GROUPS {
                let of: Vec<&String> = done.iter().filter(|text| text.split(' ').nth(1) == Some(group)).collect();
                assert_eq!(of, (0..3).map(|n| text(group, n)).collect::<Vec<_>>().iter().collect::<Vec<_>>());
            }
            let waited = done.iter().position(|body| *body == text(failing, place));
            for group in GROUPS.into_iter().filter(|group| *group != failing) {
                let last = done.iter().position(|body| *body == text(group, 2));
                assert!(last < waited, "{group} waited for {failing}: {done:?}");
            }
        }
    }
}
