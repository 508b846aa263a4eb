//! The loops that drive the steps.

use async_trait::async_trait;
use concord_connector::{Fault, Instant, Kind, Result};
use concord_hub::{
    broker::Inbox,
    embedded::{
        Folder, Store, feed,
        poller::{Handler, Mapping, Poller},
        ticker,
    },
    ports::{
        Clock, Condition, Disposition, FeedEntry, Item, ItemKey, Outgoing, Queue, QueueName, Received, Table,
        TableChange,
    },
    testing::{FakeClock, MemoryQueue, SeededEntropy},
};
use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::sync::watch;

/// Tokio's paused time: it moves on when everybody sleeps, so that nobody's time-out passes while he works.
struct PausedClock(tokio::time::Instant);

#[async_trait]
impl Clock for PausedClock {
    fn now(&self) -> Instant {
        FakeClock::default().now().plus(self.0.elapsed())
    }
    async fn sleep(&self, wait: Duration) {
        tokio::time::sleep(wait).await;
    }
}

/// Does what the message says: `ok`, `fail`, `fail once`, `panic`, `hang`, `short`.
#[derive(Default)]
pub(super) struct Obedient {
    pub(super) done: Mutex<Vec<String>>,
    pub(super) buried: Mutex<BTreeMap<String, (u32, String)>>,
    groups: Mutex<BTreeMap<String, usize>>,
}

#[async_trait]
impl Handler for Obedient {
    async fn handle(&self, _: &QueueName, batch: Vec<Received>) -> Vec<Disposition> {
        for message in &batch {
            let mut groups = self.groups.lock().unwrap();
            let in_flight = groups.entry(message.group.clone().unwrap_or_default()).or_default();
            *in_flight += 1;
            assert!(message.group.is_none() || *in_flight == 1, "one of a group at a time");
        }
        tokio::task::yield_now().await;
        for message in &batch {
            *self.groups.lock().unwrap().entry(message.group.clone().unwrap_or_default()).or_default() -= 1;
        }
        if batch.iter().any(|message| message.body.starts_with("hang")) {
            std::future::pending::<()>().await;
        }
        let mut dispositions = Vec::new();
        for message in batch {
            let retry = |after| Disposition::Retry { after, reason: format!("{} was told to fail.", message.body) };
            dispositions.push(match message.body.split(' ').next().unwrap_or_default() {
                "panic" => panic!("as told"),
                "fail" => retry(None),
                "once" if message.receives == 1 => retry(Some(Duration::from_secs(60))),
                "short" => break,
                _ => {
                    self.done.lock().unwrap().push(message.body.clone());
                    Disposition::Done
                }
            });
        }
        dispositions
    }

    async fn bury(&self, _: &QueueName, message: Received, reason: String) {
        self.buried.lock().unwrap().insert(message.body, (message.receives, reason));
    }
}

/// Polls until the queue is empty, then stops and waits for the stop.
pub(super) async fn poll(queue: &QueueName, messages: Vec<Outgoing>) -> Arc<Obedient> {
    let inbox = Arc::new(MemoryQueue::new(Arc::new(PausedClock(tokio::time::Instant::now()))));
    inbox.send(queue, messages).await.unwrap();
    let handler = Arc::new(Obedient::default());
    let poller = Poller::new(inbox.clone(), handler.clone(), Arc::new(SeededEntropy::new(1)));
    let mapping = Mapping {
        queue: queue.clone(),
        batch_size: 4,
        visibility: Duration::from_secs(60),
        max_receives: 3,
        concurrency: 2,
    };
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(async move { poller.run(vec![mapping], stopped).await });
    while inbox.depth(queue).oldest.is_some() {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stop.send_replace(true);
    running.await.unwrap();
    handler
}

fn plain(texts: &[&str]) -> Vec<Outgoing> {
    texts.iter().map(|text| Outgoing::new((*text).into())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_poison_message_fails_alone_and_is_buried_with_its_reason() {
    let texts = ["ok 1", "panic", "ok 2", "fail", "ok 3", "once", "short", "ok 4", "hang", "ok 5"];
    let handler = poll(&QueueName::Observations, plain(&texts)).await;
    let mut done = handler.done.lock().unwrap().clone();
    done.sort();
    done.dedup();
    assert_eq!(done, ["ok 1", "ok 2", "ok 3", "ok 4", "ok 5", "once"]);
    let buried = handler.buried.lock().unwrap().clone();
    let reason = |text: &str| (3, text.to_owned());
    assert_eq!(buried["panic"], reason("The step panicked."));
    assert_eq!(buried["fail"], reason("fail was told to fail."));
    assert_eq!(buried["hang"], reason("The step took longer than 30s."));
    assert_eq!(buried["short"], reason("The step gave no answer for it."));
    assert_eq!(buried.len(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_group_keeps_its_order_and_blocks_only_itself() {
    let grouped = |body: &str, group: &str| Outgoing { group: Some(group.into()), ..Outgoing::new(body.into()) };
    let mut messages = vec![grouped("once a", "a"), grouped("panic a", "a")];
    for n in 0..20 {
        messages.extend(["a", "b", "c"].map(|group| grouped(&format!("ok {group} {n:02}"), group)));
    }
    let handler = poll(&QueueName::Deliveries("crm".into()), messages).await;
    let done = handler.done.lock().unwrap().clone();
    let of = |group: &str| -> Vec<String> {
        done.iter().filter(|body| body.split(' ').nth(1) == Some(group)).cloned().collect()
    };
    let expected = |group: &str| (0..20).map(|n| format!("ok {group} {n:02}")).collect::<Vec<_>>();
    assert_eq!(of("b"), expected("b"));
    assert_eq!(of("c"), expected("c"));
    assert_eq!(of("a")[0], "once a");
    assert_eq!(of("a")[1..], expected("a"));
    assert!(done.iter().position(|body| body == "once a") > done.iter().position(|body| body == "ok b 19"));
}

#[tokio::test]
async fn a_message_that_was_received_too_often_is_not_handed_over_again() {
    let clock = FakeClock::default();
    let inbox = Arc::new(MemoryQueue::new(Arc::new(clock.clone())));
    let queue = QueueName::Observations;
    inbox.send(&queue, plain(&["ok killer"])).await.unwrap();
    for _ in 0..3 {
        inbox.receive(&queue, 1, Duration::from_secs(1)).await.unwrap();
        clock.advance(Duration::from_secs(1));
    }
    let handler = Arc::new(Obedient::default());
    let poller = Poller::new(inbox.clone(), handler.clone(), Arc::new(SeededEntropy::new(1)));
    let visibility = Duration::from_secs(60);
    let mapping = Mapping { queue: queue.clone(), batch_size: 1, visibility, max_receives: 3, concurrency: 1 };
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(async move { poller.run(vec![mapping], stopped).await });
    while inbox.depth(&queue).oldest.is_some() {
        tokio::task::yield_now().await;
    }
    drop(stop);
    running.await.unwrap();
    assert!(handler.done.lock().unwrap().is_empty());
    assert_eq!(handler.buried.lock().unwrap()["ok killer"].0, 4);
}

/// Fails or panics on some records, once or always.
#[derive(Default)]
struct Reader {
    seen: Mutex<Vec<String>>,
    buried: Mutex<Vec<String>>,
    calls: AtomicUsize,
}

#[async_trait]
impl feed::Fanout for Reader {
    async fn fanout(&self, entries: &[FeedEntry]) -> Result<()> {
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        for entry in entries {
            match entry.key.partition.as_str() {
                "R#03" if call == 0 => panic!("as told"),
                "R#05" => return Err(Fault::malformed("test", "It never works.")),
                "R#07" if call < 12 => return Err(Fault::new(Kind::Unavailable, "test", "It works later.")),
                _ => {}
            }
        }
        self.seen.lock().unwrap().extend(entries.iter().map(|entry| entry.key.partition.clone()));
        Ok(())
    }
    async fn bury(&self, entry: &FeedEntry, _: String) {
        self.buried.lock().unwrap().push(entry.key.partition.clone());
    }
}

#[tokio::test]
async fn the_feed_is_read_on_from_where_it_stood() {
    let dir = tempfile::tempdir().unwrap();
    let open = || {
        let folder = Arc::new(Folder::open(dir.path()).unwrap());
        Arc::new(Store::open(folder, Arc::new(FakeClock::default())).unwrap())
    };
    let name = |n: usize| format!("R#{n:02}");
    let put = async |store: &Store, n: usize| {
        let item = Item::new(ItemKey::new(name(n), "R"), Vec::new());
        store.transact(vec![TableChange::Put(item, Condition::None)]).await.unwrap();
    };
    let read = async |store: Arc<Store>, range: std::ops::Range<usize>| {
        let reader = Arc::new(Reader::default());
        let (stop, stopped) = watch::channel(false);
        let running = {
            let (store, reader) = (store.clone(), reader.clone());
            tokio::spawn(async move { feed::run(store, "test", reader, stopped).await })
        };
        let total = range.len();
        for n in range {
            put(&store, n).await;
        }
        while reader.seen.lock().unwrap().len() + reader.buried.lock().unwrap().len() < total {
            tokio::task::yield_now().await;
        }
        stop.send_replace(true);
        running.await.unwrap();
        let seen = reader.seen.lock().unwrap().clone();
        (seen, reader.buried.lock().unwrap().clone())
    };
    let (seen, buried) = read(open(), 0..10).await;
    assert_eq!(seen, [0, 1, 2, 3, 4, 6, 7, 8, 9].map(name), "in order, and on past the one that never works");
    assert_eq!(buried, [name(5)]);
    let (seen, _) = read(open(), 20..22).await;
    assert_eq!(seen, [20, 21].map(name), "nothing twice after a restart");
}

#[tokio::test(start_paused = true)]
async fn a_tick_that_panics_does_not_end_the_schedule() {
    let ticks = Arc::new(AtomicUsize::new(0));
    let (stop, stopped) = watch::channel(false);
    let stop = Arc::new(stop);
    let counted = ticks.clone();
    ticker::run(Arc::new(FakeClock::default()), Duration::from_secs(60), stopped, move || {
        let (ticks, stop) = (counted.clone(), stop.clone());
        async move {
            match ticks.fetch_add(1, Ordering::SeqCst) {
                1 => panic!("as told"),
                4 => drop(stop.send_replace(true)),
                _ => {}
            }
        }
    })
    .await;
    assert_eq!(ticks.load(Ordering::SeqCst), 5);
}
