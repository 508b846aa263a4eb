//! The samples of `events/`: what AWS hands over, run through the runners. `UPDATE_SAMPLES=1` makes those anew that hold a
//! signature or an image of the table.

use crate::{
    cloud::Cloud,
    flow::{cloud, company},
};
use concord_aws::run;
use concord_hub::{events::Count, ports::Clock as _};
use concord_tests::world::{PUBLIC_URL, World, account};
use serde_json::{Value as Json, json};
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../events")
}

/// A sample; the stack in it is called `concord`, here it is `hub`.
fn sample(name: &str) -> Json {
    let text = fs::read_to_string(folder().join(name)).unwrap();
    serde_json::from_str(&text.replace(":concord-", ":hub-")).unwrap()
}

fn keep(name: &str, event: &Json) {
    if std::env::var_os("UPDATE_SAMPLES").is_some() {
        fs::write(folder().join(name), serde_json::to_string_pretty(event).unwrap() + "\n").unwrap();
    }
}

async fn stack() -> Cloud {
    Cloud::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")], |table| table).await
}

/// The webhook of a new company, as HubSpot signs it, by way of an HTTP API; and as a function's own URL hands it over.
fn signed(world: &World) -> [(&'static str, Json); 2] {
    world.act("hubspot-eu", company("Acme"));
    let now = world.vendors.now("hubspot-eu");
    let push = world.vendor("hubspot-eu", |vendor| vendor.pushes(now)).remove(0).request;
    let path = push.target.strip_prefix(PUBLIC_URL).unwrap();
    let by = |route: &str, api: &str, domain: &str| {
        json!({
            "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": "", "headers": push.headers,
            "requestContext": {
                "accountId": "123456789012", "apiId": api, "domainName": domain, "domainPrefix": api,
                "http": {
                    "method": push.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "198.51.100.7",
                    "userAgent": "HubSpot Connect 2.0 (http://dev.hubspot.com/)",
                },
                "requestId": "JKJaXmPLvHcESHA=", "routeKey": route, "stage": "$default",
                "time": "01/Jan/2026:00:00:00 +0000", "timeEpoch": now.ms(),
            },
            "body": String::from_utf8(push.body.clone()).unwrap(), "isBase64Encoded": false,
        })
    };
    [
        ("http-hubspot.json", by("ANY /hooks/{proxy+}", "a1b2c3d4e5", "hub.example.com")),
        ("function-url-hubspot.json", by("$default", "a1b2c3d4e5", "a1b2c3d4e5.lambda-url.eu-west-1.on.aws")),
    ]
}

#[test]
fn a_signed_webhook_is_taken_in_once() {
    cloud(|| async {
        let stack = stack().await;
        for (name, event) in signed(&stack.world) {
            keep(name, &event);
        }
        let (by_api, by_url) = (sample("http-hubspot.json"), sample("function-url-hubspot.json"));
        let stamp = by_api["requestContext"]["timeEpoch"].as_i64().unwrap();
        stack.world.clock.set(concord_connector::Instant::from_ms(stamp));
        let status =
            async |event: &Json| run::http::answer(&stack.booted, event.clone()).await.unwrap()["statusCode"].clone();
        let mut forged = by_api.clone();
        forged["body"] = "[]".into();
        assert_eq!(status(&forged).await, 401, "another body under this signature");
        assert_eq!(status(&by_api).await, 200);
        assert_eq!(status(&by_url).await, 200, "the same webhook by another door");
        let tally = &stack.booted.hub.tally;
        assert_eq!(tally.get(Count::WebhooksRefused), 1);
        assert!(tally.get(Count::ReplaysDropped) > 0, "it was there already");
    });
}

#[test]
fn every_batch_of_messages_is_dealt_with() {
    cloud(|| async {
        let stack = stack().await;
        stack.world.clock.set(concord_connector::Instant::from_ms(1_790_000_000_000));
        let samples = [
            "sqs-signals.json",
            "sqs-observations.json",
            "sqs-deliveries.json",
            "sqs-events.json",
            "sqs-bus-event.json",
        ];
        for name in samples {
            let answer = run::queue::work(&stack.booted, sample(name), stack.time()).await.unwrap();
            assert_eq!(answer, json!({ "batchItemFailures": [] }), "{name}");
        }
        assert_eq!(stack.booted.hub.tally.get(Count::DeadLetters), 0, "none of it is put aside");
        assert_eq!(stack.named("Acme").await.len(), 1, "the observation became a record");
    });
}

#[test]
fn a_change_of_the_stream_is_passed_on() {
    cloud(|| async {
        let mut source = stack().await;
        source.world.act("hubspot-eu", company("Acme"));
        source.push().await;
        while source.stream().await.is_empty() {
            source.drain().await;
        }
        keep("stream-records.json", &json!({ "Records": source.stream().await }));
        let event = sample("stream-records.json");
        let answer = run::stream::work(&source.booted, event, source.time()).await.unwrap();
        assert_eq!(answer, json!({ "batchItemFailures": [] }));
        assert_eq!(source.booted.hub.tally.get(Count::DeadLetters), 0);
        let ordered = source.queue.queues().iter().any(|queue| queue.to_string() == "deliveries.salesforce.fifo");
        assert!(ordered, "a delivery is ordered");
    });
}

#[test]
fn the_schedule_lets_what_is_due_be_done() {
    cloud(|| async {
        let stack = stack().await;
        assert!(sample("schedule.json")["scheduled_at"].is_string());
        // The function looks at the clock and not at its event.
        let answer = run::schedule::work(&stack.booted, stack.time()).await.unwrap();
        assert!(answer["looks"].as_u64() > Some(0), "{answer}");
        assert!(stack.world.clock.now().ms() > 0);
    });
}
