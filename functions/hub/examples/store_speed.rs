//! How many transactions a second the embedded store makes durable.
//!
//! `cargo run --release -p concord-hub --features embedded --example store_speed [DIR]`

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for people to run")]

use concord_hub::{
    broker::Inbox,
    embedded::{Folder, Store, SystemClock},
    keys,
    ports::{Clock, Condition, Item, ItemKey, Outgoing, Queue, QueueName, Table, TableChange},
};
use std::{
    future::Future,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

const WRITERS: usize = 64;

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    let dir = std::env::args().nth(1).map_or_else(|| std::env::temp_dir().join("concord-store-speed"), PathBuf::from);
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let store = Arc::new(Store::open(Arc::new(Folder::open(&dir).unwrap()), clock.clone()).unwrap());
    let run = clock.now().ms();

    measure(&store, "new records of 2 KB", 400, move |store, writer, round| async move {
        put(&store, record(run, writer, round), Condition::Absent).await;
    })
    .await;
    measure(&store, "read and update of a record", 400, move |store, writer, round| async move {
        let item = store.get(&[record(run, writer, round)]).await.unwrap().remove(0).unwrap();
        put(&store, item.key, Condition::Rev(item.rev)).await;
    })
    .await;
    measure(&store, "send, receive and delete of 10 messages", 100, |store, writer, round| async move {
        let queue = QueueName::Observations;
        let batch = (0..10).map(|n| Outgoing::new(format!("{writer}.{round}.{n} {}", "x".repeat(400)))).collect();
        store.send(&queue, batch).await.unwrap();
        let received = store.receive(&queue, 10, Duration::from_secs(60)).await.unwrap();
        let ids: Vec<_> = received.into_iter().map(|received| received.id).collect();
        store.delete(&queue, &ids).await.unwrap();
    })
    .await;
    println!("database: {} MB", std::fs::metadata(dir.join("concord.sqlite")).unwrap().len() >> 20);
}

fn record(run: i64, writer: usize, round: usize) -> ItemKey {
    ItemKey::new(
        format!("{}{:016x}-{run}", keys::RECORDS, (writer * 1000 + round).wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        "R",
    )
}

async fn put(store: &Store, key: ItemKey, condition: Condition) {
    store.transact(vec![TableChange::Put(Item::new(key, vec![7; 2000]), condition)]).await.unwrap();
}

async fn measure<F: Future<Output = ()> + Send + 'static>(
    store: &Arc<Store>,
    what: &str,
    rounds: usize,
    work: impl Fn(Arc<Store>, usize, usize) -> F + Clone + Send + 'static,
) {
    let start = Instant::now();
    let mut waits: Vec<Duration> = Vec::new();
    let tasks: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let (work, store) = (work.clone(), store.clone());
            tokio::spawn(async move {
                let mut waits = Vec::with_capacity(rounds);
                for round in 0..rounds {
                    let start = Instant::now();
                    work(store.clone(), writer, round).await;
                    waits.push(start.elapsed());
                }
                waits
            })
        })
        .collect();
    for task in tasks {
        waits.extend(task.await.unwrap());
    }
    let took = start.elapsed();
    waits.sort();
    let (count, p50, p99) = (waits.len(), waits[waits.len() / 2], waits[waits.len() * 99 / 100]);
    println!("{what}: {:.0}/s, p50 {p50:.1?}, p99 {p99:.1?}", count as f64 / took.as_secs_f64());
}
