//! Law 5: no unsigned door. Tests that begin with `s` and a number are lines of the checklist in RELIABILITY.md.

use crate::{
    crm::company,
    meddle::{Meddler, event, incoming, knock, signed, tell},
};
use concord_connector::webhook::Answer;
use concord_hub::{
    events::Count,
    hub::{Hub, Ports},
    ports::{Outgoing, QueueName, Secret, Secrets},
    steps::ingest::Incoming,
    testing::When,
};
use concord_tests::world::{PUBLIC_URL, SECRET, World, account};
use serde_json::json;
use std::{sync::Arc, time::Duration};

const TOLERANCE_S: u64 = 300;

pub(super) async fn door() -> World {
    let world = World::new(&[account("hubspot-eu", "hubspot"), account("hubspot-us", "hubspot")]).await;
    world.queue.take_sent();
    world
}

pub(super) fn body(world: &World) -> Vec<u8> {
    json!([event(1, "7", "phone", "+49 30 1", world.now().ms())]).to_string().into_bytes()
}

pub(super) fn enqueued(world: &World) -> Vec<(QueueName, Outgoing)> {
    world.queue.take_sent()
}

pub(crate) async fn set_secrets(world: &World, connection: &str, webhooks: &[(&str, &str)]) {
    let kept = world.hub.vault.read(connection).await.expect("a vault");
    let mut parts = kept.parts;
    parts.retain(|name, _| !name.starts_with("webhook"));
    parts.extend(webhooks.iter().map(|(name, secret)| ((*name).to_owned(), Secret::new(*secret))));
    let written = world.hub.vault.write(connection, Secrets { generation: kept.generation, parts }).await;
    assert!(written.expect("a vault"));
}

#[tokio::test]
async fn s12_an_unknown_connection_and_a_bad_signature_are_answered_alike() {
    let world = door().await;
    let good = signed(&world, "hubspot-eu", SECRET, &body(&world));
    let unknown = knock(&world, "nobody", good).await;
    let bad = knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", "another-secret", &body(&world))).await;
    let bare = knock(&world, "hubspot-eu", incoming("hubspot-eu", Vec::new(), &body(&world))).await;
    let empty = knock(&world, "hubspot-eu", Incoming::default()).await;
    assert_eq!(unknown, Answer::empty(401));
    assert_eq!((&bad, &bare, &empty), (&unknown, &unknown, &unknown));
    assert_eq!(world.hub.tally.get(Count::WebhooksRefused), 4);
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn s07_every_byte_of_body_signature_timestamp_path_and_method_counts() {
    let world = door().await;
    let good = signed(&world, "hubspot-eu", SECRET, &body(&world));
    let mut touched: Vec<(String, Incoming)> = Vec::new();
    for at in 0..good.body.len() {
        let mut bad = good.clone();
        bad.body[at] ^= 1;
        touched.push((format!("body {at}"), bad));
    }
    for header in 0..good.headers.len() {
        for at in 0..good.headers[header].1.len() {
            let mut bad = good.clone();
            let mut bytes = bad.headers[header].1.clone().into_bytes();
            bytes[at] ^= 1;
            bad.headers[header].1 = String::from_utf8(bytes).expect("ASCII stays ASCII");
            touched.push((format!("{} {at}", good.headers[header].0), bad));
        }
        let mut twice = good.clone();
        twice.headers.push(good.headers[header].clone());
        touched.push((format!("{} twice", good.headers[header].0), twice));
        let mut without = good.clone();
        without.headers.remove(header);
        touched.push((format!("no {}", good.headers[header].0), without));
    }
    for at in 0..good.path_and_query.len() {
        let mut bytes = good.path_and_query.clone().into_bytes();
        bytes[at] ^= 1;
        let path_and_query = String::from_utf8(bytes).expect("ASCII stays ASCII");
        touched.push((format!("path {at}"), Incoming { path_and_query, ..good.clone() }));
    }
    touched.push(("longer".into(), Incoming { body: [good.body.as_slice(), b" "].concat(), ..good.clone() }));
    touched.push(("shorter".into(), Incoming { body: good.body[..good.body.len() - 1].to_vec(), ..good.clone() }));
    touched.push(("query".into(), Incoming { path_and_query: "/hooks/hubspot-eu?a=b".into(), ..good.clone() }));
    touched.push(("method".into(), Incoming { method: "PUT".into(), ..good.clone() }));
    for (what, bad) in touched {
        assert_eq!(knock(&world, "hubspot-eu", bad).await, Answer::empty(401), "{what}");
    }
    assert_eq!(enqueued(&world), Vec::new());
    assert_eq!(knock(&world, "hubspot-eu", good).await.status, 200, "untouched it is let in");
    assert_eq!(enqueued(&world).len(), 1);
}

#[tokio::test]
async fn s03_old_and_future_timestamps_are_refused() {
    let world = door().await;
    let old = signed(&world, "hubspot-eu", SECRET, &body(&world));
    world.clock.advance(Duration::from_secs(TOLERANCE_S));
    let limit = knock(&world, "hubspot-eu", old.clone()).await;
    assert_eq!(limit.status, 200, "five minutes old is young enough");
    world.queue.take_sent();
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(knock(&world, "hubspot-eu", old).await.status, 401);
    let now = world.now();
    world.clock.advance(Duration::from_secs(61));
    let future = signed(&world, "hubspot-eu", SECRET, b"[]");
    world.clock.set(now);
    assert_eq!(knock(&world, "hubspot-eu", future).await.status, 401);
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn s04_a_delivery_that_comes_again_is_answered_and_not_taken_twice() {
    let mut world = door().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    let now = world.now();
    let push = world.vendor("hubspot-eu", |vendor| vendor.pushes(now)).remove(0);
    assert_eq!(world.post("hubspot-eu", &push.request).await, 200);
    let first = enqueued(&world);
    assert!(!first.is_empty());
    // The very same request, and the vendor's own retry of it, signed anew.
    assert_eq!(world.post("hubspot-eu", &push.request).await, 200);
    world.vendor("hubspot-eu", |vendor| vendor.failed(now, push));
    world.clock.advance(Duration::from_secs(30));
    assert!(world.push().await, "the vendor tries again");
    assert_eq!(enqueued(&world), Vec::new());
    assert!(world.hub.tally.get(Count::ReplaysDropped) >= 2 * first.len() as u64);
}

#[tokio::test]
async fn s04_a_store_that_is_queue_and_table_at_once_takes_nothing_twice_either() {
    let mut world = door().await;
    let hub = &world.hub;
    let ports = Ports {
        table: Arc::clone(&hub.table),
        queue: Arc::new(world.queue.clone().one_with(&world.table)),
        vault: Arc::clone(&hub.vault),
        http: Arc::clone(&hub.http),
        blobs: Arc::clone(&hub.blobs),
        clock: Arc::clone(&hub.clock),
        entropy: Arc::clone(&hub.entropy),
    };
    let settings = (*hub.settings()).clone();
    world.hub = Hub::new(ports, settings);
    let now = world.now();
    let events = [event(1, "7", "phone", "1", now.ms()), event(2, "8", "phone", "2", now.ms())];
    let first = json!([events[0]]).to_string();
    let both = json!([events[0], events[1], events[1]]).to_string();
    for (body, new) in [(&first, 1), (&first, 0), (&both, 1), (&both, 0)] {
        let answer = knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", SECRET, body.as_bytes())).await;
        assert_eq!((answer.status, enqueued(&world).len()), (200, new), "{body}");
    }
    assert_eq!(world.hub.tally.get(Count::ReplaysDropped), 6);
    assert_eq!(world.hub.tally.get(Count::Signals), 2);
}

#[tokio::test]
async fn s05_two_secrets_are_active_during_a_rotation_and_the_old_one_is_refused_after_its_removal() {
    let world = door().await;
    set_secrets(&world, "hubspot-eu", &[("webhook", "fake-new"), ("webhook_previous", SECRET)]).await;
    for (n, secret) in [SECRET, "fake-new"].into_iter().enumerate() {
        let body = json!([event(n as u64, "7", "phone", "1", world.now().ms())]).to_string();
        let answer = knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", secret, body.as_bytes())).await;
        assert_eq!(answer.status, 200, "{n}");
    }
    assert_eq!(enqueued(&world).len(), 2);
    set_secrets(&world, "hubspot-eu", &[("webhook", "fake-new")]).await;
    let old = knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", SECRET, &body(&world))).await;
    assert_eq!(old, Answer::empty(401));
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn without_any_secret_nobody_comes_in() {
    let world = door().await;
    set_secrets(&world, "hubspot-eu", &[("webhook", "")]).await;
    let answer = knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", "", &body(&world))).await;
    assert_eq!(answer, Answer::empty(401), "an empty secret is none");
    assert_eq!(enqueued(&world), Vec::new());
}

const OUTBOUND: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>
<notifications xmlns="http://soap.sforce.com/2005/09/outbound"><OrganizationId>00D000000000001EAA</OrganizationId>
<Notification><Id>04l000000000001AAA</Id><sObject xsi:type="sf:Account" xmlns:sf="urn:sobject.enterprise.soap.sforce.com">
<sf:Id>001000000000001AAA</sf:Id><sf:Name>Sneaked In</sf:Name><sf:Phone>+1 555 0100</sf:Phone></sObject></Notification>
</notifications></soapenv:Body></soapenv:Envelope>"#;

async fn hints() -> World {
    let world = World::new(&[account("salesforce", "salesforce")]).await;
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("a connection");
        connection.schemes = connection.connector.manifest().webhooks.clone();
    });
    world.queue.take_sent();
    world
}

fn hint(secret: Option<&str>, number: usize) -> Incoming {
    let body = OUTBOUND.replace("04l000000000001AAA", &format!("04l{number:012}AAA"));
    Incoming { path_secret: secret.map(str::to_owned), ..incoming("salesforce", Vec::new(), body.as_bytes()) }
}

#[tokio::test]
async fn a_hint_by_the_secret_path_carries_ids_and_no_values() {
    let world = hints().await;
    for wrong in [None, Some(""), Some("x"), Some("fake-signing-secreT"), Some("fake-signing-secret/")] {
        assert_eq!(knock(&world, "salesforce", hint(wrong, 1)).await, Answer::empty(401), "{wrong:?}");
    }
    assert_eq!(enqueued(&world), Vec::new());
    assert_eq!(knock(&world, "salesforce", hint(Some(SECRET), 1)).await.status, 200);
    let sent = enqueued(&world);
    let [(queue, message)] = sent.as_slice() else { panic!("one signal: {sent:?}") };
    assert_eq!(queue.to_string(), "signals.salesforce");
    assert!(message.body.contains("001000000000001AAA"), "{}", message.body);
    for value in ["Sneaked", "555", "edits"] {
        assert!(!message.body.contains(value), "{}", message.body);
    }
}

#[tokio::test]
async fn s13_hints_are_budgeted() {
    let world = hints().await;
    let mut statuses = Vec::new();
    for number in 0..700 {
        statuses.push(knock(&world, "salesforce", hint(Some(SECRET), number)).await.status);
    }
    let taken = statuses.iter().filter(|status| **status == 200).count();
    assert!(taken <= 600 && statuses.ends_with(&[429]), "{taken} were taken within a moment");
    world.clock.advance(Duration::from_secs(61));
    assert_eq!(knock(&world, "salesforce", hint(Some(SECRET), 1000)).await.status, 200, "a minute later again");
}

#[tokio::test]
async fn s06_the_connection_is_chosen_by_the_url_and_never_by_a_header() {
    let world = door().await;
    set_secrets(&world, "hubspot-us", &[("webhook", "fake-secret-of-us")]).await;
    let lures: Vec<(String, String)> =
        ["host", "x-forwarded-host", "x-forwarded-uri", "x-original-url", "x-connection", "forwarded"]
            .iter()
            .map(|name| ((*name).to_owned(), "hubspot-us.example.com/hooks/hubspot-us".to_owned()))
            .collect();
    let mut ours = signed(&world, "hubspot-eu", SECRET, &body(&world));
    ours.headers.extend(lures.clone());
    assert_eq!(knock(&world, "hubspot-eu", ours).await.status, 200);
    let sent = enqueued(&world);
    assert!(
        sent.iter().all(|(_, message)| message.body.contains("hubspot-eu") && !message.body.contains("hubspot-us"))
    );
    // What the other portal signs opens only the other door.
    let mut theirs = signed(&world, "hubspot-eu", "fake-secret-of-us", &body(&world));
    theirs.headers.extend(lures);
    assert_eq!(knock(&world, "hubspot-eu", theirs).await, Answer::empty(401));
    let moved = signed(&world, "hubspot-us", "fake-secret-of-us", &body(&world));
    assert_eq!(knock(&world, "hubspot-eu", moved).await, Answer::empty(401));
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn the_public_url_is_signed_and_not_the_host_header() {
    let world = door().await;
    let scheme = world.hub.settings().connections["hubspot-eu"].schemes[0].clone();
    let text = body(&world);
    let elsewhere = concord_connector::testing::sign(
        &scheme,
        SECRET,
        "POST",
        "https://evil.example/hooks/hubspot-eu",
        &text,
        world.now(),
    );
    let mut headers = elsewhere.headers;
    headers.push(("host".into(), "evil.example".into()));
    assert_eq!(knock(&world, "hubspot-eu", incoming("hubspot-eu", headers, &text)).await, Answer::empty(401));
    assert!(PUBLIC_URL.starts_with("https://hub."));
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn a_queue_that_is_down_gives_503_and_the_vendors_retry_gets_through() {
    let mut world = door().await;
    let meddler = Meddler::enter(&mut world);
    meddler.queue_is_down(true);
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    let now = world.now();
    let push = world.vendor("hubspot-eu", |vendor| vendor.pushes(now)).remove(0);
    assert_eq!(world.post("hubspot-eu", &push.request).await, 503);
    assert_eq!(enqueued(&world), Vec::new());
    let marks = world.table.items().into_iter().filter(|item| item.key.partition.starts_with("S#")).count();
    assert_eq!(marks, 0, "what was not enqueued is not marked as seen");
    meddler.queue_is_down(false);
    world.vendor("hubspot-eu", |vendor| vendor.failed(now, push));
    world.clock.advance(Duration::from_secs(30));
    assert!(world.push().await, "the vendor tries again");
    let sent = enqueued(&world);
    assert!(sent.iter().any(|(_, message)| message.body.contains(&id)), "{sent:?}");
    assert_eq!(world.hub.tally.get(Count::ReplaysDropped), 0, "the retry is not taken for a replay");
}

#[tokio::test]
async fn whichever_port_fails_at_the_door_what_was_answered_2xx_is_in_the_queue() {
    for when in [When::Before, When::After] {
        for call in 1.. {
            let world = door().await;
            let good = signed(&world, "hubspot-eu", SECRET, &body(&world));
            world.plan.fail(call, when);
            let first = knock(&world, "hubspot-eu", good.clone()).await.status;
            let fired = world.plan.fired();
            world.plan.heal();
            let sent = enqueued(&world).len();
            assert!(first == 503 || first == 200 && sent == 1, "{when:?} {call}: {first} with {sent} sent");
            let again = knock(&world, "hubspot-eu", good).await.status;
            assert_eq!(again, 200, "{when:?} {call}");
            let both = sent + enqueued(&world).len();
            assert!(both >= 1, "{when:?} {call}: acknowledged and lost");
            if !fired {
                assert!(call > 3, "the door uses its ports");
                assert_eq!((first, both), (200, 1));
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_body_that_is_signed_and_unreadable_is_kept_and_not_asked_for_again() {
    let world = door().await;
    let answer = tell(&world, "hubspot-eu", b"{ no json").await;
    assert_eq!(answer.status, 200, "the vendor need not send it again");
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 1);
    assert_eq!(enqueued(&world), Vec::new());
}
