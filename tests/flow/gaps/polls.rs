//! A poll that waits is not asked for twice: a system that is slower than its polls come has one of each to answer.

use crate::crm::{company, edit, text};
use concord_connector::Entity;
use concord_hub::{broker::Inbox, message::Message, ports::QueueName, steps};
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::{collections::BTreeMap, time::Duration};

const MAPPED: &[Entity] = &[Entity::Organization, Entity::Person];

fn signals() -> QueueName {
    QueueName::Signals("hubspot".into())
}

async fn portals() -> World {
    let portal = |name| Account { maps: MAPPED, ..account(name, "hubspot") };
    let mut world = World::new(&[portal("east"), portal("west")]).await;
    world.settle().await;
    world.reconfigure(|settings| {
        settings.connections.values_mut().for_each(|connection| connection.poll_every_s = 2);
    });
    while world.round().await {}
    world.queue.take_sent();
    world
}

/// The scheduler does its work, and nobody else.
async fn ticks(world: &World, seconds: u64) {
    for _ in 0..seconds {
        world.clock.advance(Duration::from_secs(1));
        steps::schedule::tick(&world.hub).await.expect("ports in memory");
    }
}

/// How often each poll was asked for since this was last looked at.
fn asked(world: &World) -> BTreeMap<(String, Entity), usize> {
    let mut asked = BTreeMap::new();
    for (_, sent) in world.queue.take_sent() {
        if let Ok(Message::PollV1 { connection, entity }) = Message::decode(&sent.body) {
            *asked.entry((connection.to_string(), entity)).or_default() += 1;
        }
    }
    asked
}

fn each(times: usize) -> BTreeMap<(String, Entity), usize> {
    let all = ["east", "west"].into_iter().flat_map(|name| MAPPED.iter().map(move |entity| (name.to_owned(), *entity)));
    all.map(|poll| (poll, times)).collect()
}

#[tokio::test]
async fn a_poll_is_asked_for_again_only_when_it_was_answered_or_got_lost() {
    let mut world = portals().await;
    // Nobody works: the polls wait in their queue.
    ticks(&world, 290).await;
    assert_eq!(asked(&world), each(1), "every two seconds would be 145 times");
    // One that runs still is under way.
    let running = world.queue.receive(&signals(), 10, Duration::from_secs(30)).await.expect("a queue in memory");
    assert_eq!(running.len(), 4);
    ticks(&world, 5).await;
    assert_eq!(asked(&world), BTreeMap::new(), "nothing while they run");
    steps::translate::translate(&world.hub, &running).await;
    let ids: Vec<String> = running.into_iter().map(|message| message.id).collect();
    world.queue.delete(&signals(), &ids).await.expect("a queue in memory");
    ticks(&world, 2).await;
    assert_eq!(asked(&world), each(1), "answered, they are asked for again");
    // These get lost.
    let lost = world.queue.receive(&signals(), 10, Duration::from_secs(30)).await.expect("a queue in memory");
    let ids: Vec<String> = lost.into_iter().map(|message| message.id).collect();
    world.queue.delete(&signals(), &ids).await.expect("a queue in memory");
    ticks(&world, 290).await;
    assert_eq!(asked(&world), BTreeMap::new());
    ticks(&world, 15).await;
    assert_eq!(asked(&world), each(1), "lost, they are asked for again after five minutes");
    while world.round().await {}
}

#[tokio::test]
async fn a_poll_that_meets_a_trouble_does_not_bar_the_next() {
    let mut world = portals().await;
    let id = world.act("east", company("Acme", "acme.example"));
    world.settle().await;
    world.vendor("east", |vendor| vendor.faults().outage = Some(503));
    ticks(&world, 3).await;
    while world.round().await {}
    // No webhook will tell.
    world.vendor("east", |vendor| {
        vendor.faults().outage = None;
        vendor.subscribe(None);
    });
    world.act("east", edit("companies", &id, json!({ "properties": { "phone": "+49 30 7" } })));
    // Less than it takes until a poll counts as lost.
    for _ in 0..150 {
        ticks(&world, 1).await;
        while world.round().await {}
    }
    assert_eq!(text(&world.only(Entity::Organization).await, "phone"), "+49 30 7");
}
