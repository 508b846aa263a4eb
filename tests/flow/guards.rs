//! Guards on the way from a decision to a write.

use crate::{
    crm::{company, crms, edit, text},
    meddle::Meddler,
};
use concord_connector::{
    Connector, Context, Entity, Fault, Field, Manifest, Operation, Request, Response, Result, Signal, Snapshot,
    SourceVersion, Step, Value, Verified, Webhook,
    exchange::Change,
    sandbox::Trouble,
    webhook::{Answer, Unverified},
};
use concord_hub::{
    message::Observation,
    settings::{Scope, Settings},
    steps, views,
};
use concord_tests::world::{World, links};
use serde_json::json;
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

#[tokio::test]
async fn a_worker_with_an_older_configuration_does_not_settle_a_neighbour_that_has_a_newer_one() {
    let mut world = crms().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let stale = world.hub.settings();
    world.reconfigure(|_| {});
    steps::reconfigure::run(&world.hub).await.expect("a store");
    let known = world.only(Entity::Organization).await;
    assert_eq!(known.configuration, 2);
    // A worker that has not heard of it yet sees a new account with the same domain.
    world.hub.configure(Settings::clone(&stale));
    let mut snapshot = Snapshot::new(Entity::Organization, "001ZZZ", SourceVersion::from_instant(world.now()));
    for (field, value) in [("name", "Acme Inc"), ("domain", "acme.example")] {
        snapshot.fields.insert(Field::from(field), Value::text(value));
    }
    let observation = Observation {
        connection: "salesforce".into(),
        snapshot,
        read_at: world.now(),
        signalled_at: None,
        from_history: false,
        ours: Default::default(),
        looked: true,
    };
    let refused = steps::reconcile::observe(&world.hub, &observation).await.expect_err("it has to reload");
    assert!(refused.message().contains("newer configuration"), "{refused}");
    assert_eq!(world.only(Entity::Organization).await, known, "nothing fell back");
}

#[tokio::test]
async fn what_left_the_scope_before_its_delivery_is_not_written() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.decide().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(record.pending().len(), 1, "the phone is to be written");
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("it");
        let scope = Scope::Where { field: "roles".into(), values: vec!["partner".into()] };
        connection.scope.insert(Entity::Organization, scope);
    });
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "+49 30 1");
    assert!(world.shown(&record, "salesforce", "Account")["Phone"].is_null(), "it is out of scope");
    assert!(record.pending().is_empty(), "and nothing waits for ever: {:?}", record.pending());
}

/// Notes the idempotency keys of creates.
struct Watched {
    inner: Arc<dyn Connector>,
    keys: Arc<Mutex<Vec<String>>>,
}

impl Connector for Watched {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }
    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        if let (Operation::Write { writes, .. }, []) = (operation, seen) {
            for write in writes {
                if let Change::Create { idempotency } = &write.change {
                    self.keys.lock().expect("nobody panicked").push(idempotency.clone());
                }
            }
        }
        self.inner.next(cx, operation, seen)
    }
    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        self.inner.signals(cx, hook)
    }
    fn classify(&self, request: &Request, response: &Response) -> Fault {
        self.inner.classify(request, response)
    }
    fn image(&self, cx: &Context, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>> {
        self.inner.image(cx, entity, field, value)
    }
    fn handshake(&self, cx: &Context, hook: &Webhook<Unverified>) -> Option<Answer> {
        self.inner.handshake(cx, hook)
    }
    fn acknowledge(&self, hook: &Webhook<Verified>) -> Answer {
        self.inner.acknowledge(hook)
    }
}

#[tokio::test]
async fn every_attempt_of_a_create_bears_the_key_of_its_intent() {
    let mut world = crms().await;
    let keys = Arc::new(Mutex::new(Vec::new()));
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("it");
        let inner = Arc::clone(&connection.connector);
        connection.connector = Arc::new(Watched { inner, keys: Arc::clone(&keys) });
    });
    // The first attempt has no known outcome.
    world.vendor("salesforce", |vendor| vendor.faults().plan("composite", Trouble::Fail(503)));
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    assert_eq!(links(&world.only(Entity::Organization).await).len(), 2);
    let keys = keys.lock().expect("nobody panicked").clone();
    assert!(keys.len() >= 2, "it was sent again: {keys:?}");
    assert!(keys.iter().all(|key| *key == keys[0]), "under one key: {keys:?}");
    let token = keys[0].len() == 32 && keys[0].bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(token, "which is the intent's own: {keys:?}");
}

#[tokio::test]
async fn a_read_that_meets_a_lock_waits_in_the_queue_and_is_not_given_up() {
    let mut world = crms().await;
    world.reconfigure(|settings| {
        for connection in settings.connections.values_mut() {
            connection.poll_every_s = 1_000_000_000;
        }
    });
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    let meddler = Meddler::enter(&mut world);
    meddler.answers(|request, response| {
        if request.url.contains("salesforce") && request.url.contains("/query") {
            response.status = 409;
            response.body = b"[{\"errorCode\":\"UNABLE_TO_LOCK_ROW\",\"message\":\"locked\"}]".to_vec();
        }
    });
    world.act("salesforce", edit("Account", &there, json!({"Phone": "7"})));
    // More often than a queue counts receives; the world panics over a message that is given up.
    for _ in 0..12 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(900));
    }
    assert_ne!(text(&world.only(Entity::Organization).await, "phone"), "7");
    assert_eq!(of_signals(&world).await, Vec::<String>::new());
    meddler.leave();
    world.clock.advance(Duration::from_secs(900));
    world.settle().await;
    assert_eq!(text(&world.only(Entity::Organization).await, "phone"), "7");

    // A lock that is never opened ends as a dead letter, a day later.
    meddler.answers(|request, response| {
        if request.url.contains("salesforce") && request.url.contains("/query") {
            response.status = 409;
            response.body = b"[{\"errorCode\":\"UNABLE_TO_LOCK_ROW\",\"message\":\"locked\"}]".to_vec();
        }
    });
    world.act("salesforce", edit("Account", &there, json!({"Phone": "8"})));
    for _ in 0..110 {
        world.settle().await;
        world.clock.advance(Duration::from_secs(900));
    }
    assert_eq!(of_signals(&world).await, [format!("organization/{there}")]);
}

/// What letters of signals are about. A poll that met the lock has one of its own, and comes again by itself.
async fn of_signals(world: &World) -> Vec<String> {
    let letters = views::dead_letters(&world.hub, None, 10).await.expect("a store").letters;
    letters.into_iter().filter_map(|letter| letter.subject).filter(|subject| subject.contains('/')).collect()
}
