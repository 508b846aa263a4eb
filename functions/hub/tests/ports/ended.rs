//! Processes that end while messages are in flight: that is no failure of a message, and a message that brings it about
//! does not do so for ever.

use async_trait::async_trait;
use concord_hub::{
    broker::Inbox,
    embedded::{
        Folder, Store, SystemClock,
        poller::{Handler, Mapping, Poller},
    },
    ports::{Disposition, Outgoing, Queue, QueueName, Received},
    testing::SeededEntropy,
};
use std::{
    collections::BTreeSet,
    path::Path,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::sync::{Notify, watch};

const LONG: Duration = Duration::from_secs(600);

fn open(dir: &Path) -> Arc<Store> {
    Arc::new(Store::open(Arc::new(Folder::open(dir).unwrap()), Arc::new(SystemClock)).unwrap())
}

#[tokio::test]
async fn an_end_of_the_process_counts_apart_from_failures() {
    let (dir, queue) = (tempfile::tempdir().unwrap(), QueueName::Observations);
    open(dir.path()).send(&queue, vec![Outgoing::new("a".into()), Outgoing::new("b".into())]).await.unwrap();
    for end in 0..20 {
        let store = open(dir.path());
        let one = store.receive(&queue, 1, LONG).await.unwrap().remove(0);
        assert_eq!((one.body.as_str(), one.receives, store.ended(&queue, &one.id)), ("a", 1, end));
    }
    // What is answered has outlived the process's troubles, whatever the answer.
    let store = open(dir.path());
    let batch = store.receive(&queue, 2, LONG).await.unwrap();
    let (a, b) = (&batch[0].id, &batch[1].id);
    assert_eq!((store.ended(&queue, a), store.ended(&queue, b)), (20, 0), "only `a` was in flight");
    store.release(&queue, &[(a.clone(), Duration::ZERO)]).await.unwrap();
    assert_eq!(store.ended(&queue, a), 0);
    // One that waits for its turn is not being worked on.
    store.keep(&queue, &[(b.clone(), Duration::ZERO)]).await.unwrap();
    drop(store);
    let store = open(dir.path());
    let batch = store.receive(&queue, 2, LONG).await.unwrap();
    let counts: Vec<_> = batch.iter().map(|one| (one.receives, store.ended(&queue, &one.id))).collect();
    assert_eq!(counts, [(2, 0), (1, 0)], "one was answered before, and neither was in flight");
    store.keep(&queue, &[(b.clone(), Duration::ZERO)]).await.unwrap();
    store.begin(&queue, std::slice::from_ref(b)).await.unwrap();
    drop(store);
    let store = open(dir.path());
    assert_eq!(store.ended(&queue, b), 1, "its turn had come");
}

/// Does everything but `abort`, with which the process ends, as if it ran out of memory.
#[derive(Default)]
struct Fragile {
    done: Mutex<BTreeSet<String>>,
    buried: Mutex<Vec<(String, String)>>,
    end: Notify,
}

#[async_trait]
impl Handler for Fragile {
    async fn handle(&self, _: &QueueName, batch: Vec<Received>) -> Vec<Disposition> {
        if batch.iter().any(|message| message.body == "abort") {
            self.end.notify_one();
            std::future::pending::<()>().await;
        }
        self.done.lock().unwrap().extend(batch.iter().map(|message| message.body.clone()));
        vec![Disposition::Done; batch.len()]
    }
    async fn bury(&self, _: &QueueName, message: Received, reason: String) {
        self.buried.lock().unwrap().push((message.body, reason));
    }
}

/// Runs a process until it ends, or until there is nothing to do.
fn process(dir: &Path, handler: &Arc<Fragile>) -> bool {
    // What a runtime has started dies with it.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = open(dir);
        let poller = Poller::new(store.clone(), handler.clone(), Arc::new(SeededEntropy::new(1)));
        let queue = QueueName::Observations;
        let mapping =
            Mapping { queue: queue.clone(), batch_size: 10, visibility: LONG, max_receives: 3, concurrency: 1 };
        let (_stop, stopped) = watch::channel(false);
        tokio::spawn(async move { poller.run(vec![mapping], stopped).await });
        let idle = async {
            while store.depth(&queue).oldest.is_some() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            () = handler.end.notified() => true,
            () = idle => false,
        }
    })
}

#[test]
fn a_message_that_ends_the_process_is_buried_and_takes_no_neighbour_along() {
    let dir = tempfile::tempdir().unwrap();
    let names = ["n0", "n1", "n2", "abort", "n3", "n4"];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let messages = names.iter().map(|name| Outgoing::new((*name).to_owned())).collect();
        open(dir.path()).send(&QueueName::Observations, messages).await.unwrap();
    });
    let handler = Arc::new(Fragile::default());
    let mut ends = 0;
    while process(dir.path(), &handler) {
        ends += 1;
        assert!(ends <= 40, "it does not go on for ever");
    }
    assert!(ends > 8, "somebody who ends processes ends them more often than messages fail: {ends}");
    let buried = handler.buried.lock().unwrap();
    assert_eq!(buried.len(), 1, "{buried:?}");
    assert_eq!(buried[0].0, "abort");
    assert!(buried[0].1.contains("The process ended 32 times in a row"), "{buried:?}");
    let done: Vec<String> = handler.done.lock().unwrap().iter().cloned().collect();
    assert_eq!(done, ["n0", "n1", "n2", "n3", "n4"]);
}
