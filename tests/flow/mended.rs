//! What a review of the core found, each with its scenario: one test for every line of what was mended then.

use crate::{
    crm::{company, crms, edit, small},
    meddle::{Meddler, event, tell},
};
use concord_connector::{ConnectionName, Entity, RecordId, sandbox::Act};
use concord_hub::{
    broker::Inbox,
    events::Count,
    keys,
    ports::{Condition, FeedEntry, Index, IndexEntry, Item, QueueName, Table, TableChange},
    record,
    settings::{OnDelete, Scope, Settings},
    steps,
    testing::When,
    views,
};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// One batch of every queue but those of deliveries, and the feed, until there is no more.
async fn without_delivering(world: &mut World) {
    loop {
        let mut busy = world.push().await;
        for queue in world.queue.queues() {
            busy |= !queue.is_fifo() && world.drain(&queue).await;
        }
        if !(busy | world.feed().await) {
            return;
        }
    }
}

#[tokio::test]
async fn a_key_with_very_many_claimants_joins_nobody_and_fails_nobody() {
    const CLAIMANTS: usize = 60;
    let mut world = World::new(&[small("hubspot-eu", "hubspot")]).await;
    for number in 0..CLAIMANTS {
        world.act("hubspot-eu", company(&format!("Branch {number}"), "acme.example"));
    }
    without_delivering(&mut world).await;
    assert_eq!(world.records(Entity::Organization).await.len(), CLAIMANTS);
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 0);
}

#[tokio::test]
async fn the_echo_of_our_own_delete_is_no_delete_of_the_vendors() {
    let mut world = crms().await;
    world.reconfigure(|settings| {
        let propagate = |settings: &mut Settings, name: &str, choice| {
            let connection = settings.connections.get_mut(name).expect("a connection");
            connection.on_delete.insert(Entity::Organization, choice);
        };
        propagate(settings, "hubspot-eu", OnDelete::Propagate);
        propagate(settings, "salesforce", OnDelete::Unlink);
    });
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id });
    world.settle().await;
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 0, "it went there as well");
    let said: Vec<String> = world.reviews().await.into_iter().map(|review| review.sentence).collect();
    assert_eq!(said, Vec::<String>::new(), "and nobody is asked about our own delete");
}

#[tokio::test]
async fn what_stays_pending_for_long_hides_nothing_from_the_sweep() {
    const COMPANIES: usize = 230;
    let mut world = crms().await;
    for number in 0..COMPANIES {
        world.act("hubspot-eu", company(&format!("Company {number}"), &format!("c{number}.example")));
    }
    without_delivering(&mut world).await;
    let queue = QueueName::Deliveries("salesforce".into());
    let mut ordered = std::collections::BTreeSet::new();
    // Nothing is ever delivered: all of them stay pending, the oldest before the others.
    for _ in 0..5 {
        loop {
            let batch = world.queue.receive(&queue, 10, Duration::from_secs(30)).await.expect("a queue in memory");
            let ids: Vec<_> = batch.iter().map(|message| message.id.clone()).collect();
            if ids.is_empty() {
                break;
            }
            world.queue.delete(&queue, &ids).await.expect("a queue in memory");
        }
        world.queue.take_sent();
        world.clock.advance(Duration::from_secs(600));
        steps::schedule::tick(&world.hub).await.expect("a tick");
        for (to, message) in world.queue.take_sent() {
            if to == queue {
                ordered.extend(message.group);
            }
        }
    }
    assert_eq!(ordered.len(), COMPANIES, "everything pending was ordered again");
}

fn contact(email: &str) -> Act {
    let properties = json!({"firstname": "Bob", "lastname": "Example", "email": email});
    Act::Create { object: "contacts".into(), fields: json!({ "properties": properties }) }
}

#[tokio::test]
async fn a_create_that_was_refused_is_tried_again_once_it_is_corrected() {
    const PEOPLE: &[Entity] = &[Entity::Person];
    let sync = |name, system| Account { creates: PEOPLE, maps: PEOPLE, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    // One system takes an address of this shape, the other does not.
    let id = world.act("hubspot-eu", contact("bob@two@example.com"));
    world.settle().await;
    assert_eq!(links(&world.only(Entity::Person).await).len(), 1, "it was refused");
    world.act("hubspot-eu", edit("contacts", &id, json!({"properties": {"email": "bob@example.com"}})));
    world.settle().await;
    let person = world.only(Entity::Person).await;
    assert_eq!(links(&person).len(), 2, "{:?}", person.outbox);
}

#[tokio::test]
async fn a_create_that_went_out_of_scope_before_it_was_begun_is_closed() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    without_delivering(&mut world).await;
    assert_eq!(world.only(Entity::Organization).await.creates.len(), 1, "it is to be made");
    world.reconfigure(|settings| {
        let only = Scope::Where { field: "roles".into(), values: vec!["partner".into()] };
        let connection = settings.connections.get_mut("salesforce").expect("a connection");
        connection.scope.insert(Entity::Organization, only);
    });
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"concord_roles": "customer"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert!(record.creates.is_empty() && record.pending().is_empty(), "{:?}", record.creates);
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 0);
}

#[tokio::test]
async fn a_receipt_that_cannot_be_kept_is_the_trouble_of_its_record_alone() {
    let mut world = crms().await;
    let meddler = Meddler::enter(&mut world);
    // What the vendor shows of one record after our write is more than a record may hold.
    meddler.answers(|request, response| {
        let text = String::from_utf8_lossy(&response.body);
        if request.url.contains("salesforce") && text.contains("\"Bad\"") {
            let noise: String =
                (0..300_000_u32).map(|n| char::from(b'a' + (n.wrapping_mul(2_654_435_761) >> 27) as u8 % 26)).collect();
            response.body = text.replace("\"Bad\"", &format!("\"Bad{noise}\"")).into_bytes();
        }
    });
    for name in ["Good", "Bad", "Fine"] {
        world.act("hubspot-eu", company(name, &format!("{}.example", name.to_lowercase())));
    }
    for _ in 0..40 {
        while world.round().await {}
        world.clock.advance(Duration::from_secs(5));
        steps::schedule::tick(&world.hub).await.expect("a tick");
    }
    for name in ["Good", "Fine"] {
        let record = world.named(Entity::Organization, name).await;
        assert_eq!(links(&record).len(), 2, "{name}: {:?}", record.outbox);
        assert!(record.pending().is_empty(), "{name}: {:?}", record.outbox);
    }
}

#[tokio::test]
async fn a_backfill_that_begins_while_a_poll_is_in_flight_is_not_undone() {
    let mut world = crms().await;
    let meddler = Meddler::enter(&mut world);
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let cursor = keys::cursor(&"hubspot-eu".into(), "poll", Entity::Organization);
    let kept = async |world: &World| world.table.get(std::slice::from_ref(&cursor)).await.expect("a table").remove(0);
    assert!(kept(&world).await.is_some(), "the poll has a place");
    let (table, begun, place) = (world.table.clone(), Arc::new(AtomicBool::new(false)), cursor.clone());
    let once = Arc::clone(&begun);
    meddler.answers(move |request, _| {
        if request.url.contains("/companies/search") && !once.swap(true, Ordering::SeqCst) {
            // What `concord backfill` does first, between the poll's question and its answer.
            let (table, place) = (table.clone(), place.clone());
            let deleting = std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
                runtime.block_on(table.transact(vec![TableChange::Delete(place, Condition::None)]))
            });
            deleting.join().expect("no panic").expect("a table in memory");
        }
    });
    world.clock.advance(Duration::from_secs(120));
    steps::schedule::tick(&world.hub).await.expect("a tick");
    let queue = QueueName::Signals("hubspot".into());
    while world.drain(&queue).await && !begun.load(Ordering::SeqCst) {}
    assert!(begun.load(Ordering::SeqCst), "a poll was in flight");
    assert!(kept(&world).await.is_none(), "the poll that was under way did not put its own place back");
}

#[tokio::test]
async fn everybody_who_waits_is_woken_however_many_they_are() {
    const WAITERS: usize = 250;
    let mut world = crms().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let arrived = world.only(Entity::Organization).await;
    let connection = ConnectionName::from("salesforce");
    for number in 0..WAITERS {
        let waiter = RecordId::new(format!("waiter-{number}"));
        let sort = format!("{waiter}#{connection}");
        let waits = IndexEntry { index: Index::Waiting, partition: arrived.id.to_string(), sort };
        let item = Item { index: vec![waits], ..Item::new(keys::record(&waiter), Vec::new()) };
        world.table.transact(vec![TableChange::Put(item, Condition::None)]).await.expect("a table in memory");
    }
    let mut before = arrived.clone();
    before.version -= 1;
    before.facets.retain(|facet| facet.link.connection != connection);
    let item = |record: &record::Record| {
        let stored = record::Stored::Record(Box::new(record.clone()));
        record::encode(&record.id, &stored, 1).expect("a record")
    };
    let entry = FeedEntry {
        key: keys::record(&arrived.id),
        old: Some(item(&before)),
        new: Some(item(&arrived)),
        cursor: String::new(),
        trace: None,
    };
    world.queue.take_sent();
    steps::fanout::fanout(&world.hub, &[entry]).await.expect("a fanout");
    let sent = world.queue.take_sent();
    let woken = sent.iter().filter(|(queue, message)| queue.is_fifo() && message.body.contains("waiter-")).count();
    assert_eq!(woken, WAITERS);
}

#[tokio::test]
async fn trouble_of_our_own_store_holds_no_vendor_back() {
    for call in 1..=4 {
        let mut world = crms().await;
        world.act("hubspot-eu", company("Acme", "acme.example"));
        without_delivering(&mut world).await;
        let asked = world.hub.tally.get(Count::VendorCalls);
        world.plan.fail(call, When::Before);
        world.drain(&QueueName::Deliveries("salesforce".into())).await;
        let (fired, asked) = (world.plan.fired(), world.hub.tally.get(Count::VendorCalls) - asked);
        world.plan.heal();
        assert!(fired, "the delivery uses its ports");
        let breaker = world.table.get(&[keys::breaker(&"salesforce".into())]).await.expect("a table").remove(0);
        if asked == 0 {
            assert_eq!(breaker, None, "call {call} failed before the vendor was asked anything");
        }
        world.settle().await;
        assert_eq!(links(&world.only(Entity::Organization).await).len(), 2);
    }
}

#[tokio::test]
async fn a_poll_that_fails_for_good_leaves_one_letter() {
    let mut world = crms().await;
    let meddler = Meddler::enter(&mut world);
    meddler.answers(|request, response| {
        if request.url.contains("/companies/search") {
            response.status = 400;
            response.body = br#"{"status":"error","category":"VALIDATION_ERROR","message":"no"}"#.to_vec();
        }
    });
    for _ in 0..20 {
        steps::schedule::tick(&world.hub).await.expect("a tick");
        while world.round().await {}
        world.clock.advance(Duration::from_secs(61));
    }
    let letters = views::dead_letters(&world.hub, None, 100).await.expect("a readable store").letters;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert!(world.hub.tally.get(Count::DeadLetters) >= 1);
}

#[tokio::test]
async fn one_id_that_a_vendor_cannot_stand_takes_no_other_of_its_batch_along() {
    let mut world = crms().await;
    let meddler = Meddler::enter(&mut world);
    let ids: Vec<String> = (0..4)
        .map(|number| world.act("hubspot-eu", company(&format!("Company {number}"), &format!("c{number}.example"))))
        .collect();
    let poison = format!("\"{}\"", ids[1]);
    meddler.answers(move |request, response| {
        if request.url.contains("/batch/read") && String::from_utf8_lossy(&request.body).contains(&poison) {
            response.status = 400;
            response.body = br#"{"status":"error","category":"VALIDATION_ERROR","message":"no"}"#.to_vec();
        }
    });
    let now = world.now().ms();
    let events: Vec<_> = ids.iter().enumerate().map(|(n, id)| event(n as u64, id, "name", "x", now)).collect();
    assert_eq!(tell(&world, "hubspot-eu", json!(events).to_string().as_bytes()).await.status, 200);
    let queue = QueueName::Signals("hubspot".into());
    while world.drain(&queue).await {}
    while world.drain(&QueueName::Observations).await {}
    assert_eq!(world.records(Entity::Organization).await.len(), 3, "the other three");
    let letters = views::dead_letters(&world.hub, None, 100).await.expect("a readable store").letters;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    assert!(letters[0].subject.as_deref().is_some_and(|subject| subject.contains(&ids[1])), "{letters:#?}");
}
