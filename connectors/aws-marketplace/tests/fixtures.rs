//! The recordings in `fixtures/`, which the behaviour suite replays. `UPDATE=1` records them anew from the sandbox.

use crate::world::*;
use concord_connector::{
    Entity, Fields, Instant, Operation, RecordId, Value,
    exchange::Write,
    sandbox::{Sandbox, Subscriber},
};
use serde_json::{Value as Json, json};
use std::{fs, path::PathBuf};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures")
}

/// A file as it should be; whether it is.
fn same(name: &str, content: &Json) -> bool {
    let file = folder().join(name);
    let text = format!("{}\n", serde_json::to_string_pretty(content).unwrap());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).unwrap();
    }
    fs::read_to_string(&file).is_ok_and(|kept| kept == text)
}

fn record(world: &mut World, name: &str, about: &str, operation: Operation) -> bool {
    let outcome = world.run(&operation).unwrap();
    let exchanges: Vec<Json> =
        world.exchanges.iter().map(|(request, response)| json!({ "request": request, "response": response })).collect();
    same(name, &json!({ "about": about, "operation": operation, "exchanges": exchanges, "outcome": outcome }))
}

fn listing() -> Fields {
    fields([
        ("name", text("Example Sync")),
        ("short_description", text("Keeps partner data in step.")),
        ("landing_url", text("https://example.com/aws")),
        ("dimensions", lines(&["BasicService | Entitled | Basic | The basic tier"])),
    ])
}

fn write(entity: Entity, write: Write) -> Operation {
    Operation::Write { entity, writes: vec![write] }
}

#[test]
fn recordings_are_what_the_sandbox_says() {
    let mut world = World::new();
    let mut good = true;
    let mut keep = |world: &mut World, name: &str, about: &str, operation: Operation| {
        good &= record(world, name, about, operation);
    };
    keep(&mut world, "describe.json", "One product is asked for, to see that the key lets us in.", Operation::Describe);
    let offered = create("one", offer());
    keep(
        &mut world,
        "create-offer.json",
        "No change set of this name: one is started.",
        write(Entity::PrivateOffer, offered.clone()),
    );
    let set = world.exchanges.last().unwrap().1.text("/ChangeSetId").unwrap().to_owned();
    let check = |entity, write: &Write, set: &str| Operation::Check {
        entity,
        operation: set.into(),
        write: Box::new(write.clone()),
    };
    let of = |entity, id: &concord_connector::ExternalId| Operation::Fetch { entity, ids: vec![id.clone()] };
    keep(&mut world, "check-running.json", "It is being worked on.", check(Entity::PrivateOffer, &offered, &set));
    world.later(300);
    keep(
        &mut world,
        "check-done.json",
        "It is through: what was made is read.",
        check(Entity::PrivateOffer, &offered, &set),
    );
    let find = Operation::Find { entity: Entity::PrivateOffer, record: RecordId::new("one"), keys: Vec::new() };
    keep(&mut world, "find-offer.json", "The change set of that name made it.", find);
    let mut wanted = offer();
    wanted.insert("buyers".into(), lines(&["000000000001"]));
    let refused = create("refused", wanted);
    let failed = world.started(Entity::PrivateOffer, &refused);
    world.later(300);
    keep(
        &mut world,
        "check-refused.json",
        "AWS says what is wrong.",
        check(Entity::PrivateOffer, &refused, failed.as_str()),
    );
    let there = world.polled(Entity::PrivateOffer, None).0.remove(0);
    let extend = update(&there, "extend", fields([("accept_by", day("2026-03-31"))]));
    keep(&mut world, "extend-offer.json", "On top of the revision that is there.", write(Entity::PrivateOffer, extend));
    world.later(300);
    let agreement = world.accept(&there.id);
    world.later(120);
    keep(&mut world, "fetch-offer-accepted.json", "An agreement has come of it.", of(Entity::PrivateOffer, &there.id));
    keep(&mut world, "fetch-agreement.json", "An agreement in CBOR.", of(Entity::Agreement, &agreement));
    let right = world.polled(Entity::Entitlement, None).0.remove(0);
    keep(
        &mut world,
        "fetch-entitlement.json",
        "The agreement of the licence, and what it includes.",
        of(Entity::Entitlement, &right.id),
    );
    let poll = |entity, until: Instant| Operation::Poll { entity, cursor: None, until };
    let now = world.now;
    keep(&mut world, "poll-agreements.json", "Everything from the beginning on.", poll(Entity::Agreement, now));
    keep(
        &mut world,
        "create-listing.json",
        "A draft: not all is there that a release wants.",
        write(Entity::Listing, create("product", listing())),
    );
    world.later(300);
    let resale = fields([
        ("name", text("Contoso through Fabrikam")),
        ("product", text(concord_aws_marketplace::sandbox::PRODUCT)),
        ("reseller_account", text(concord_aws_marketplace::sandbox::RESELLER)),
        ("pricing", word("contract")),
        ("prices", lines(&["BasicService 150 USD"])),
        ("duration", text("P12M")),
        ("offers", text("1")),
    ]);
    keep(
        &mut world,
        "create-authorization.json",
        "One offer may be made with it.",
        write(Entity::ResaleAuthorization, create("right", resale)),
    );
    world.later(300);
    let hour = Instant::from_ms(world.now.ms() / 3_600_000 * 3_600_000);
    let used = fields([
        ("entitlement", to(Entity::Entitlement, right.id.as_str())),
        ("dimension", text("api_calls")),
        ("quantity", text("3.5")),
        ("hour", Some(Value::Instant(hour))),
    ]);
    keep(&mut world, "meter.json", "An hour of usage.", write(Entity::UsageRecord, create("used", used)));
    for n in 0..21 {
        let mut wanted = offer();
        wanted.insert("accept_by".into(), day("2027-01-31"));
        wanted.remove("installments");
        world.done(Entity::PrivateOffer, &create(&format!("many-{n}"), wanted));
    }
    let mut first = world.polled(Entity::Listing, None).0;
    assert!(!first.is_empty());
    first.clear();
    // The offers are drafts' neighbours here; a page of listings needs no call for each of them.
    for n in 0..20 {
        world.done(Entity::Listing, &create(&format!("product-{n}"), listing()));
    }
    let now = world.now;
    keep(&mut world, "poll-listings.json", "The first page, and another to come.", poll(Entity::Listing, now));
    assert!(good, "a recording is old; UPDATE=1 records it anew");
}

#[test]
fn hooks_are_what_the_sandbox_sends() {
    let mut world = World::new();
    let secret = "0123456789abcdef0123456789abcdef";
    world.seller.subscribe(Some(Subscriber { url: "https://hub.example.com/hooks/aws".into(), secret: secret.into() }));
    let there = world.done(Entity::PrivateOffer, &create("one", offer()));
    world.accept(&there.id);
    world.later(120);
    let pushes = world.seller.pushes(world.now);
    let scheme = &world.connector.manifest().webhooks[0];
    let mut good = true;
    for push in pushes {
        let body: Json = serde_json::from_slice(&push.request.body).unwrap();
        let kind = body["detail-type"].as_str().unwrap().to_owned();
        let request = push.request;
        let hook = concord_connector::Webhook::new("POST", request.target, None, request.headers, request.body);
        let hook = hook.verify(scheme, &[secret.as_bytes()], world.now).unwrap();
        let signals = world.connector.signals(&world.cx, &hook).unwrap();
        let name: String = kind.to_lowercase().split(' ').filter(|word| *word != "-").collect::<Vec<_>>().join("-");
        let content = json!({
            "about": format!("{kind}, in EventBridge's envelope."),
            "scheme": "event_bus",
            "body": body,
            "signals": signals,
        });
        good &= same(&format!("hooks/{name}.json"), &content);
    }
    assert!(good, "a hook is old; UPDATE=1 records it anew");
}
