//! The laws of queues, sending and receiving.

use crate::{
    broker::{Depth, Inbox},
    ports::{Clock, Outgoing, Queue, QueueName, Received},
    testing::FakeClock,
};
use std::{collections::BTreeSet, sync::Arc, time::Duration};

const HIDDEN: Duration = Duration::from_secs(30);

/// Runs every law, each on empty queues that follow the clock given.
pub async fn queue<Q: Queue + Inbox + 'static>(make: impl Fn(FakeClock) -> Arc<Q>) {
    let fresh = || {
        let clock = FakeClock::default();
        (make(clock.clone()), clock)
    };
    let (queue, clock) = fresh();
    a_message_is_hidden_while_it_is_in_flight(&*queue, &clock).await;
    let (queue, clock) = fresh();
    a_batch_is_received_once_and_whole(&*queue, &clock).await;
    let (queue, clock) = fresh();
    a_released_message_comes_back_after_its_wait(&*queue, &clock).await;
    let (queue, clock) = fresh();
    a_delay_holds_a_message_back(&*queue, &clock).await;
    let (queue, clock) = fresh();
    a_group_is_received_one_after_another(&*queue, &clock).await;
    let (queue, clock) = fresh();
    a_repeat_within_five_minutes_is_dropped(&*queue, &clock).await;
    let (queue, clock) = fresh();
    a_queue_tells_how_full_it_is(&*queue, &clock).await;
    let (queue, clock) = fresh();
    waiting_ends_when_there_is_something(&*queue, &clock).await;
}

fn deliveries() -> QueueName {
    QueueName::Deliveries("crm".into())
}

fn grouped(body: &str, group: &str) -> Outgoing {
    Outgoing { group: Some(group.into()), ..Outgoing::new(body.into()) }
}

async fn send(queue: &impl Queue, to: &QueueName, batch: Vec<Outgoing>) {
    queue.send(to, batch).await.expect("sending works");
}

async fn receive(queue: &impl Inbox, from: &QueueName) -> Vec<Received> {
    queue.receive(from, 10, HIDDEN).await.expect("receiving works")
}

async fn bodies(queue: &impl Inbox, from: &QueueName) -> Vec<String> {
    receive(queue, from).await.into_iter().map(|received| received.body).collect()
}

async fn delete(queue: &impl Inbox, from: &QueueName, received: &[Received]) {
    let ids: Vec<_> = received.iter().map(|received| received.id.clone()).collect();
    queue.delete(from, &ids).await.expect("deleting works");
}

async fn a_message_is_hidden_while_it_is_in_flight(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = QueueName::Observations;
    send(queue, &to, vec![Outgoing::new("one".into())]).await;
    let first = receive(queue, &to).await;
    assert_eq!((first[0].body.as_str(), first[0].receives), ("one", 1));
    clock.advance(HIDDEN - Duration::from_millis(1));
    assert_eq!(receive(queue, &to).await, [], "in flight");
    clock.advance(Duration::from_millis(1));
    let second = receive(queue, &to).await;
    assert_eq!((second[0].body.as_str(), second[0].receives), ("one", 2), "its time is out: received again");
    delete(queue, &to, &second).await;
    clock.advance(HIDDEN * 2);
    assert_eq!(receive(queue, &to).await, [], "dealt with");
    delete(queue, &to, &second).await;
}

async fn a_batch_is_received_once_and_whole(queue: &(impl Queue + Inbox), _: &FakeClock) {
    let to = QueueName::Signals("crm".into());
    send(queue, &to, (0..25).map(|n| Outgoing::new(n.to_string())).collect()).await;
    send(queue, &QueueName::Signals("erp".into()), vec![Outgoing::new("another queue".into())]).await;
    send(queue, &to, Vec::new()).await;
    let mut seen = BTreeSet::new();
    for expected in [10, 10, 5, 0] {
        let batch = bodies(queue, &to).await;
        assert_eq!(batch.len(), expected);
        seen.extend(batch);
    }
    assert_eq!(seen.len(), 25);
}

async fn a_released_message_comes_back_after_its_wait(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = QueueName::Observations;
    send(queue, &to, vec![Outgoing::new("one".into()), Outgoing::new("two".into())]).await;
    let received = receive(queue, &to).await;
    let waits = [(received[0].id.clone(), Duration::from_secs(5)), (received[1].id.clone(), Duration::ZERO)];
    queue.release(&to, &waits).await.expect("releasing works");
    assert_eq!(bodies(queue, &to).await, ["two"]);
    clock.advance(Duration::from_secs(5));
    let again = receive(queue, &to).await;
    assert_eq!((again[0].body.as_str(), again[0].receives), ("one", 2));
}

async fn a_delay_holds_a_message_back(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = QueueName::Observations;
    let late = Outgoing { delay: Duration::from_secs(60), ..Outgoing::new("late".into()) };
    let too_late = Outgoing { delay: Duration::from_secs(86_400), ..Outgoing::new("too late".into()) };
    send(queue, &to, vec![late, Outgoing::new("now".into()), too_late]).await;
    assert_eq!(bodies(queue, &to).await, ["now"]);
    clock.advance(HIDDEN * 2);
    assert_eq!(bodies(queue, &to).await, ["late", "now"].map(String::from));
    clock.advance(Duration::from_secs(15 * 60));
    assert!(bodies(queue, &to).await.contains(&"too late".to_owned()), "15 minutes is the most");
    let fifo = Outgoing { delay: Duration::from_secs(60), ..grouped("at once", "a") };
    send(queue, &deliveries(), vec![fifo]).await;
    assert_eq!(bodies(queue, &deliveries()).await, ["at once"], "first in, first out: no delay");
}

async fn a_group_is_received_one_after_another(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = deliveries();
    let batch = ["a1 a", "a2 a", "b1 b", "a3 a", "b2 b"].map(|text| {
        let (body, group) = text.split_once(' ').unwrap_or_default();
        grouped(body, group)
    });
    send(queue, &to, batch.into()).await;
    let first = receive(queue, &to).await;
    assert_eq!(first.iter().map(|received| received.body.as_str()).collect::<Vec<_>>(), ["a1", "b1"]);
    assert_eq!(first[0].group.as_deref(), Some("a"));
    assert_eq!(bodies(queue, &to).await, Vec::<String>::new(), "the rest waits behind them");
    delete(queue, &to, &first[1..]).await;
    queue.release(&to, &[(first[0].id.clone(), Duration::from_secs(9))]).await.expect("releasing works");
    let next = receive(queue, &to).await;
    assert_eq!(next[0].body, "b2", "a retried head blocks its group only");
    assert_eq!(next.len(), 1);
    clock.advance(Duration::from_secs(9));
    let head = receive(queue, &to).await;
    assert_eq!((head[0].body.as_str(), head[0].receives), ("a1", 2), "the head comes first again");
    assert_eq!(receive(queue, &to).await, []);
    let mut head = head;
    for expected in ["a2", "a3"] {
        delete(queue, &to, &head).await;
        head = receive(queue, &to).await;
        assert_eq!(head.iter().map(|received| received.body.as_str()).collect::<Vec<_>>(), [expected]);
    }
}

async fn a_repeat_within_five_minutes_is_dropped(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = deliveries();
    let marked = |body: &str| Outgoing { dedupe: Some("r1@crm@3".into()), ..grouped(body, body) };
    send(queue, &to, vec![marked("first"), marked("second")]).await;
    send(queue, &to, vec![marked("third")]).await;
    let received = receive(queue, &to).await;
    assert_eq!(received.iter().map(|received| received.body.as_str()).collect::<Vec<_>>(), ["first"]);
    delete(queue, &to, &received).await;
    clock.advance(Duration::from_secs(299));
    send(queue, &to, vec![marked("still a repeat")]).await;
    send(queue, &QueueName::Deliveries("erp".into()), vec![marked("another queue")]).await;
    assert_eq!(receive(queue, &to).await, [], "also when the first is dealt with");
    clock.advance(Duration::from_secs(1));
    send(queue, &to, vec![marked("new again")]).await;
    assert_eq!(bodies(queue, &to).await, ["new again"]);
    let plain = || Outgoing { dedupe: Some("x".into()), ..Outgoing::new("x".into()) };
    send(queue, &QueueName::Observations, vec![plain(), plain()]).await;
    assert_eq!(bodies(queue, &QueueName::Observations).await.len(), 2, "standard queues do not look at it");
}

async fn a_queue_tells_how_full_it_is(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = QueueName::Observations;
    assert_eq!(queue.depth(&to), Depth::default());
    let start = clock.now();
    send(queue, &to, vec![Outgoing::new("one".into()), Outgoing::new("two".into())]).await;
    clock.advance(Duration::from_secs(7));
    send(queue, &to, vec![Outgoing::new("three".into())]).await;
    assert_eq!(queue.depth(&to), Depth { waiting: 3, hidden: 0, oldest: Some(start) });
    let received = queue.receive(&to, 2, HIDDEN).await.expect("receiving works");
    assert_eq!(queue.depth(&to), Depth { waiting: 1, hidden: 2, oldest: Some(start) });
    delete(queue, &to, &received).await;
    let later = start.plus(Duration::from_secs(7));
    assert_eq!(queue.depth(&to), Depth { waiting: 1, hidden: 0, oldest: Some(later) });
}

async fn waiting_ends_when_there_is_something(queue: &(impl Queue + Inbox), clock: &FakeClock) {
    let to = QueueName::Observations;
    let (received, ()) = futures::join!(
        async {
            for _ in 0..100 {
                let received = receive(queue, &to).await;
                if !received.is_empty() {
                    return received;
                }
                queue.wait(&to).await;
            }
            panic!("waiting ended a hundred times for nothing")
        },
        send(queue, &to, vec![Outgoing::new("one".into())])
    );
    let start = clock.now();
    queue.release(&to, &[(received[0].id.clone(), Duration::from_secs(40))]).await.expect("releasing works");
    while receive(queue, &to).await.is_empty() {
        queue.wait(&to).await;
    }
    assert!(clock.now().since(start) >= Duration::from_secs(40), "a wait sleeps until the next message is due");
}
