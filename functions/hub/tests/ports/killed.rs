//! A process that is killed while it writes loses nothing that it was told is written.

use concord_hub::{
    broker::Inbox,
    embedded::{Folder, Store, SystemClock},
    ports::{Condition, Item, ItemKey, Outgoing, Queue, QueueName, Table, TableChange},
};
use std::{
    collections::BTreeSet,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

/// Set in the child: the folder to write into.
const CHILD: &str = "CONCORD_TEST_KILLED_CHILD";

fn open(dir: &Path) -> Arc<Store> {
    Arc::new(Store::open(Arc::new(Folder::open(dir).unwrap()), Arc::new(SystemClock)).unwrap())
}

fn key(n: u64) -> ItemKey {
    ItemKey::new(format!("R#{n:06}"), "R")
}

/// Not a test of its own: what the child of the test below does until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = open(Path::new(&dir));
    let writers = (0..16_u64).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for n in (0..u64::MAX / 16).map(|round| round * 16 + writer) {
                let item = Item::new(key(n), n.to_string().repeat(50));
                store.transact(vec![TableChange::Put(item, Condition::Absent)]).await.unwrap();
                store.send(&QueueName::Observations, vec![Outgoing::new(n.to_string())]).await.unwrap();
                // One write of one line: the parent never reads half of it.
                std::io::stdout().write_all(format!("written {n}\n").as_bytes()).unwrap();
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
}

#[tokio::test]
async fn what_was_answered_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let mut written = BTreeSet::new();
    for round in 1..=2 {
        let folder = dir.path().join(format!("round-{round}"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["ports::killed::child", "--exact", "--nocapture", "--test-threads=1"])
            .env(CHILD, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        written.clear();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        while written.len() < 400 * round {
            let line = lines.next().expect("the child writes until it is killed").unwrap();
            written.extend(line.strip_prefix("written ").map(|n| n.parse::<u64>().unwrap()));
        }
        child.kill().unwrap();
        for line in lines.map_while(Result::ok) {
            written.extend(line.strip_prefix("written ").map(|n| n.parse::<u64>().unwrap()));
        }
        child.wait().unwrap();

        let store = open(&folder);
        let keys: Vec<_> = written.iter().map(|n| key(*n)).collect();
        for (key, item) in keys.iter().zip(store.get(&keys).await.unwrap()) {
            assert!(item.is_some(), "{key:?} was answered");
        }
        let feed: BTreeSet<_> =
            store.changes(None, usize::MAX >> 1).await.unwrap().entries.into_iter().map(|entry| entry.key).collect();
        assert!(keys.iter().all(|key| feed.contains(key)));
        let mut received = BTreeSet::new();
        loop {
            let batch = store.receive(&QueueName::Observations, 100, Duration::from_secs(600)).await.unwrap();
            if batch.is_empty() {
                break;
            }
            received.extend(batch.into_iter().map(|message| message.body.parse::<u64>().unwrap()));
        }
        assert!(received.is_superset(&written));
    }
}
