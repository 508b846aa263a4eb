//! Lines of the checklist about what is verified, and what is never done with what is not.

use super::door::{body, door, enqueued, set_secrets};
use crate::{
    crm::company,
    meddle::{event, incoming, knock, signed, tell},
};
use concord_connector::{
    Entity, Instant, Manifest, Unverified, Webhook, codec::Codec, mapping::Creating, testing::sign,
};
use concord_hub::{events::Count, keys, record, steps::ingest::Incoming, testing::When};
use concord_tests::world::{PUBLIC_URL, SECRET, World, account};
use serde_json::json;
use std::time::Duration;

#[tokio::test]
async fn s01_the_raw_bytes_are_verified_before_anything_is_parsed() {
    let world = door().await;
    let good = signed(&world, "hubspot-eu", SECRET, &body(&world));
    // The same JSON in other bytes is another body.
    let parsed: serde_json::Value = serde_json::from_slice(&good.body).expect("JSON");
    let pretty = serde_json::to_vec_pretty(&parsed).expect("JSON");
    assert_eq!(knock(&world, "hubspot-eu", Incoming { body: pretty, ..good.clone() }).await.status, 401);
    // What cannot be parsed is refused for its signature, and leaves no letter behind.
    for text in [b"{ no json".as_slice(), b"\xff\xfe", b"", &[b'['; 10_000]] {
        assert_eq!(knock(&world, "hubspot-eu", Incoming { body: text.to_vec(), ..good.clone() }).await.status, 401);
    }
    assert_eq!(world.hub.tally.get(Count::DeadLetters), 0);
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn s02_a_proof_that_is_cut_extended_or_written_otherwise_is_refused() {
    let world = door().await;
    let good = signed(&world, "hubspot-eu", SECRET, &body(&world));
    let place = good.headers.iter().position(|(name, _)| name == "x-hubspot-signature-v3").expect("a signature");
    let proof = good.headers[place].1.clone();
    let mut others: Vec<String> = (0..proof.len()).map(|cut| proof[..cut].to_owned()).collect();
    others.extend([format!("{proof}A"), format!("{proof}="), format!("{proof}{proof}"), format!(" {proof}")]);
    others.extend([proof.to_lowercase(), proof.replace('=', ""), format!("{proof},{proof}"), format!("v1,{proof}")]);
    for other in others.into_iter().filter(|other| *other != proof) {
        let mut bad = good.clone();
        bad.headers[place].1.clone_from(&other);
        assert_eq!(knock(&world, "hubspot-eu", bad).await.status, 401, "{other:?}");
    }
    assert_eq!(enqueued(&world), Vec::new());
}

#[tokio::test]
async fn s04_a_mark_outlives_the_tolerance_and_the_vendors_retries() {
    for system in ["hubspot", "salesforce"] {
        let world = World::new(&[account("one", system)]).await;
        let settings = world.hub.settings();
        for scheme in &settings.connections["one"].connector.manifest().webhooks {
            let text = format!("{scheme:?}");
            assert!(scheme.retry_horizon_s >= 86_400, "vendors try for a day at least: {text}");
        }
    }
    let world = door().await;
    let began = world.now();
    assert_eq!(tell(&world, "hubspot-eu", &body(&world)).await.status, 200);
    let text = body(&world);
    assert_eq!(enqueued(&world).len(), 1);
    let horizon = world.hub.settings().connections["hubspot-eu"].schemes[0].retry_horizon_s;
    for after_s in [1, 299, 301, 3600, horizon - 1, horizon + 3000] {
        world.clock.set(began.plus(Duration::from_secs(after_s)));
        assert_eq!(tell(&world, "hubspot-eu", &text).await.status, 200);
        assert_eq!(enqueued(&world), Vec::new(), "taken again after {after_s} s");
    }
}

#[tokio::test]
async fn s05_a_secret_whose_grace_has_ended_opens_nothing() {
    let world = door().await;
    let ends = world.now().plus(Duration::from_secs(60));
    let secrets = |until: &str| {
        let parts = [("webhook", "fake-new"), ("webhook_previous", SECRET), ("webhook_previous_until", until)];
        parts.map(|(name, value)| (name.to_owned(), value.to_owned()))
    };
    let set = async |until: &str| {
        let parts = secrets(until);
        let parts: Vec<(&str, &str)> = parts.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        set_secrets(&world, "hubspot-eu", &parts).await;
    };
    let old = async |number: u64| {
        let text = json!([event(number, "7", "phone", "1", world.now().ms())]).to_string();
        knock(&world, "hubspot-eu", signed(&world, "hubspot-eu", SECRET, text.as_bytes())).await.status
    };
    set(&ends.rfc3339()).await;
    assert_eq!(old(1).await, 200);
    world.clock.set(ends);
    assert_eq!(old(2).await, 200, "to the end");
    world.clock.advance(Duration::from_secs(1));
    assert_eq!(old(3).await, 401);
    for nonsense in ["", "tomorrow", "4000000000"] {
        set(nonsense).await;
        assert_eq!(old(4).await, 401, "an end that cannot be read is over: {nonsense:?}");
    }
    // The text of the end is no secret.
    set(&world.now().plus(Duration::from_secs(60)).rfc3339()).await;
    let until = world.now().plus(Duration::from_secs(60)).rfc3339();
    let forged = signed(&world, "hubspot-eu", &until, &body(&world));
    assert_eq!(knock(&world, "hubspot-eu", forged).await.status, 401);
}

#[tokio::test]
async fn s09_a_stored_record_that_inflates_without_end_is_damaged() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot")]).await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let id = world.only(Entity::Organization).await.id;
    let mut item = world.hub.table.get(&[keys::record(&id)]).await.expect("a store").remove(0).expect("a record");
    let length = u32::from_be_bytes(item.body[..4].try_into().expect("four bytes")) as usize;
    item.body.truncate(4 + length);
    assert!(record::decode(&item).is_err(), "cut off");
    // A few hundred kilobytes that would be a quarter of a gigabyte.
    let packed = miniz_oxide::deflate::compress_to_vec(&vec![b' '; 256 << 20], 1);
    item.body = [&item.body, packed.as_slice()].concat().into();
    assert!(item.body.len() < 2 << 20);
    let fault = record::decode(&item).expect_err("far too large");
    assert!(fault.message().contains("cannot be read"), "{fault}");
}

#[tokio::test]
async fn s10_no_stranger_is_answered_with_what_he_said() {
    const SAID: &str = "recognizable-challenge-of-a-stranger";
    for system in ["hubspot", "salesforce", "tryton"] {
        let world = World::new(&[account("one", system)]).await;
        for method in ["GET", "POST", "OPTIONS", "HEAD"] {
            for name in ["challenge", "hub.challenge", "validationToken", "validationtoken", "crc_token", "echo"] {
                let body = json!({ name: SAID, "type": "url_verification", "challenge": SAID }).to_string();
                let headers = ["WebHook-Request-Origin", "X-Hook-Secret", "X-Goog-Channel-Token"];
                let asked = Incoming {
                    method: method.into(),
                    path_and_query: format!("/hooks/one?{name}={SAID}&hub.mode=subscribe"),
                    ..incoming("one", headers.map(|name| (name.to_owned(), SAID.to_owned())).to_vec(), body.as_bytes())
                };
                let answer = knock(&world, "one", asked).await;
                assert!(!answer.body.contains(SAID), "{system} reflects {name} by {method}: {answer:?}");
                assert_eq!(answer.status, 401, "{system} {name} {method}");
            }
        }
    }
}

#[tokio::test]
async fn s12_an_unknown_connection_is_as_much_work_as_a_known_one() {
    let world = door().await;
    let bad = signed(&world, "hubspot-eu", "another-secret", &body(&world));
    let calls = async |name: &str, knocks: Incoming| {
        world.plan.fail(u64::MAX, When::Before);
        assert_eq!(knock(&world, name, knocks).await.status, 401);
        world.plan.calls()
    };
    let known = calls("hubspot-eu", bad.clone()).await;
    for name in ["nobody", "", "hubspot", "hubspot-eu2", "concord"] {
        assert_eq!(calls(name, bad.clone()).await, known, "{name:?}");
    }
    // While the vault is out of reach nobody learns which connections there are either.
    world.plan.crash(1, When::Before);
    let known = knock(&world, "hubspot-eu", bad.clone()).await;
    assert_eq!(knock(&world, "nobody", bad).await, known);
}

#[test]
fn s12_a_proof_that_is_missing_is_hashed_like_a_wrong_one() {
    // The digest covers the body whether or not there is a header to compare it with: a scheme without its header is
    // refused after the same work. What can be tested without a clock is that nothing is let in on the way.
    let now = Instant::from_ms(1_767_225_600_000);
    for connector in concord_connectors::all() {
        for scheme in &connector.manifest().webhooks {
            let proof = sign(scheme, SECRET, "POST", PUBLIC_URL, b"[]", now);
            for left in 0..proof.headers.len() {
                let headers = proof.headers.iter().take(left).cloned();
                let bare: Webhook<Unverified> = Webhook::new("POST", PUBLIC_URL, None, headers, b"[]".to_vec());
                assert!(bare.verify(scheme, &[SECRET.as_bytes()], now).is_err(), "{}", scheme.name);
            }
            for secret in ["", " "] {
                let path = Some(secret.to_owned());
                let empty = Webhook::new("POST", PUBLIC_URL, path, Vec::new(), b"[]".to_vec());
                assert!(empty.verify(scheme, &[secret.trim().as_bytes()], now).is_err(), "{}", scheme.name);
            }
        }
    }
}

#[test]
fn s16_a_mapping_says_names_and_never_expressions() {
    let with = |vendor: &str, codec: &str| {
        Manifest::parse(&format!(
            "system = \"x\"\ntitle = \"X\"\ncategory = \"crm\"\nbase_url = \"https://x.example\"\nconcurrency = \"none\"\n\
             [auth.token]\nbearer = {{}}\n[entity.organization]\nobject = \"companies\"\nfields = [\n\
             {{ field = \"name\", vendor = '{vendor}'{codec} }},\n]\n"
        ))
    };
    for expression in ["{{ record.name }}", "${env:HOME}", "$.name", "name or title"] {
        let fault = with(expression, "").expect_err("a pointer begins with a slash");
        assert!(fault.message().contains("no JSON pointer"), "{fault}");
    }
    for codec in [", as = { eval = \"1 + 1\" }", ", as = { template = \"{{ x }}\" }", ", value = \"1 + 1\""] {
        assert!(with("/name", codec).is_err(), "{codec}");
    }
    // Braces inside a pointer are the name of a field and nothing else.
    let manifest = with("/{{7*7}}", "").expect("an odd name");
    let cx = concord_connector::Context::new("x", &manifest);
    let entity = concord_connector::Entity::Organization;
    let mapping = &manifest.entity[&entity];
    let read = mapping.decode(&cx, entity, &json!({"{{7*7}}": "${7*7}", "49": "no"})).expect("a text");
    assert_eq!(read["name"].as_ref().and_then(|value| value.as_str()), Some("${7*7}"));
    let written = mapping.encode(&cx, entity, &read, Creating::Yes).expect("a text");
    assert_eq!(written, json!({"{{7*7}}": "${7*7}"}));
    assert_eq!(mapping.fields[0].codec, Codec::Default);
}
