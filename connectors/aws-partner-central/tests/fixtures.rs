//! The recordings in `fixtures/`, which the behaviour suite replays. `UPDATE=1` records them anew from the sandbox.

use crate::world::*;
use concord_connector::{
    Entity, Operation, RecordId,
    exchange::Checked,
    sandbox::{Act, Sandbox, Subscriber},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeSet, fs, path::PathBuf};

const DEAL: Entity = Entity::CosellDeal;

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

#[test]
fn recordings_are_what_the_sandbox_says() {
    let mut world = World::new();
    let mut good = true;
    let mut keep = |world: &mut World, name: &str, about: &str, operation: Operation| {
        let outcome = world.run(&operation).unwrap();
        let exchanges: Vec<Json> = world
            .exchanges
            .iter()
            .map(|(request, response)| json!({ "request": request, "response": response }))
            .collect();
        good &=
            same(name, &json!({ "about": about, "operation": operation, "exchanges": exchanges, "outcome": outcome }));
    };
    keep(
        &mut world,
        "describe.json",
        "One opportunity is asked for, to see that the key lets us in.",
        Operation::Describe,
    );
    let write = create("one", deal());
    keep(
        &mut world,
        "create.json",
        "No opportunity carries our id: one is made.",
        Operation::Write { entity: DEAL, writes: vec![write.clone()] },
    );
    let id = world.exchanges.last().unwrap().1.text("/Id").unwrap().to_owned();
    let check = Operation::Check { entity: DEAL, operation: id.as_str().into(), write: Box::new(write) };
    world.later(5);
    keep(&mut world, "check-submit.json", "The solution is named, and the deal submitted.", check.clone());
    world.later(20);
    keep(&mut world, "check-done.json", "The task is through.", check);
    let find = Operation::Find { entity: DEAL, record: RecordId::new("one"), keys: Vec::new() };
    keep(&mut world, "find.json", "Our id stands in the list.", find);
    let approved = json!({ "LifeCycle": { "ReviewStatus": "Approved" } });
    world.act(Act::Update { object: "Opportunity".into(), id: id.clone(), fields: approved });
    let fetch = Operation::Fetch { entity: DEAL, ids: vec![id.as_str().into()] };
    keep(&mut world, "fetch.json", "An approved deal, and AWS's own view of it.", fetch);
    let there = world.fetch(DEAL, &id.as_str().into()).unwrap();
    let next = update(&there, "next", fields([("next_step", text("Second workshop"))]));
    keep(
        &mut world,
        "update.json",
        "Everything that is there is sent, with our field on top.",
        Operation::Write { entity: DEAL, writes: vec![next] },
    );
    let poll = Operation::Poll { entity: DEAL, cursor: None, until: world.now };
    keep(&mut world, "poll.json", "The first page; invitations follow.", poll);
    assert!(matches!(world.finish(&create("two", deal())), Checked::Done { .. }));
    assert!(good, "a recording is old; UPDATE=1 records it anew");
}

#[test]
fn hooks_are_what_the_sandbox_sends() {
    let mut world = World::new();
    let secret = "0123456789abcdef0123456789abcdef";
    world
        .partner
        .subscribe(Some(Subscriber { url: "https://hub.example.com/hooks/aws".into(), secret: secret.into() }));
    world.finish(&create("one", deal()));
    world.act(Act::Create {
        object: "EngagementInvitation".into(),
        fields: json!({ "Project": { "Title": "Fabrikam" } }),
    });
    let scheme = &world.connector.manifest().webhooks[0];
    let mut good = true;
    let mut seen = BTreeSet::new();
    for push in world.partner.pushes(world.now) {
        let body: Json = serde_json::from_slice(&push.request.body).unwrap();
        let kind = body["detail-type"].as_str().unwrap().to_owned();
        let request = push.request;
        let hook = concord_connector::Webhook::new("POST", request.target, None, request.headers, request.body);
        let hook = hook.verify(scheme, &[secret.as_bytes()], world.now).unwrap();
        let signals = world.connector.signals(&world.cx, &hook).unwrap();
        let name = kind.to_lowercase().replace(' ', "-");
        let content = json!({
            "about": format!("{kind}, in EventBridge's envelope."), "scheme": "event_bus", "body": body, "signals": signals,
        });
        // The first one of a kind.
        if seen.insert(name.clone()) {
            good &= same(&format!("hooks/{name}.json"), &content);
        }
    }
    assert!(good, "a hook is old; UPDATE=1 records it anew");
}
