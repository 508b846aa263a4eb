//! The laws of stores that are queue and table at once.

use crate::{
    broker::Inbox,
    ports::{Condition, Item, ItemKey, Marked, Outgoing, Queue, QueueName, Table, TableChange},
};
use concord_connector::Instant;
use std::{sync::Arc, time::Duration};

/// Runs every law, each on an empty store.
pub async fn once<Q: Queue + Inbox + 'static>(make: impl Fn() -> (Arc<dyn Table>, Arc<Q>)) {
    let (table, queue) = make();
    a_message_whose_mark_lives_is_not_sent(&*table, &*queue).await;
    let (table, queue) = make();
    of_many_that_come_at_once_one_is_sent(&*table, &*queue).await;
}

fn at(ms: i64) -> Instant {
    Instant::from_ms(ms)
}

fn mark(name: &str, expires: i64) -> Item {
    Item { expires: Some(at(expires)), ..Item::new(ItemKey::new("S#crm", name), Vec::new()) }
}

fn marked(body: &str, mark: Option<Item>) -> Marked {
    Marked { message: Outgoing::new(body.into()), mark }
}

async fn bodies(queue: &impl Inbox) -> Vec<String> {
    let received = queue.receive(&QueueName::Observations, 100, Duration::from_secs(60)).await;
    received.expect("receiving works").into_iter().map(|received| received.body).collect()
}

async fn a_message_whose_mark_lives_is_not_sent(table: &dyn Table, queue: &(impl Queue + Inbox)) {
    assert!(queue.is_one_with_table());
    let send = |batch, now| queue.send_once(&QueueName::Observations, batch, at(now));
    let other = TableChange::Put(mark("c", 1000), Condition::None);
    table.transact(vec![other]).await.expect("a mark is an item as any other");
    let batch = vec![
        marked("a", Some(mark("a", 1000))),
        marked("a again", Some(mark("a", 2000))),
        marked("in any case", None),
        marked("c again", Some(mark("c", 2000))),
        marked("in any case", None),
    ];
    assert_eq!(send(batch, 0).await.expect("sending works"), [true, false, true, false, true]);
    assert_eq!(bodies(queue).await, ["a", "in any case", "in any case"]);
    let keys = [ItemKey::new("S#crm", "a"), ItemKey::new("S#crm", "c")];
    let expires = async || {
        let marks = table.get(&keys).await.expect("a read works");
        marks.into_iter().map(|mark| mark.and_then(|mark| mark.expires).map(Instant::ms)).collect::<Vec<_>>()
    };
    assert_eq!(expires().await, [Some(1000), Some(1000)], "a mark stays as it was when nothing was sent");

    let again = |expires| vec![marked("a later", Some(mark("a", expires)))];
    assert_eq!(send(again(3000), 999).await.expect("sending works"), [false]);
    assert_eq!(send(again(3000), 1000).await.expect("sending works"), [true], "it has expired");
    assert_eq!(send(again(4000), 1000).await.expect("sending works"), [false], "and lives again");
    assert_eq!(expires().await, [Some(3000), Some(1000)]);
    table.transact(vec![TableChange::Delete(keys[0].clone(), Condition::None)]).await.expect("a mark can be deleted");
    assert_eq!(send(again(4000), 1000).await.expect("sending works"), [true]);
    assert_eq!(bodies(queue).await, ["a later", "a later"]);
    assert_eq!(send(Vec::new(), 0).await.expect("sending nothing works"), Vec::<bool>::new());
}

async fn of_many_that_come_at_once_one_is_sent(_: &dyn Table, queue: &(impl Queue + Inbox)) {
    let tries = (0..50).map(|n: u32| async move {
        let batch = vec![marked(&n.to_string(), Some(mark("a", 1000)))];
        let sent = queue.send_once(&QueueName::Observations, batch, at(0)).await.expect("sending works");
        (sent == [true]).then(|| n.to_string())
    });
    let winners: Vec<String> = futures::future::join_all(tries).await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1, "exactly one of fifty is sent");
    assert_eq!(bodies(queue).await, winners);
}
