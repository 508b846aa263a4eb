//! F2: whatever was put aside can be looked at again, also after a day, at today's truth and with nothing of what the
//! letter held.

use crate::crm::company;
use concord_connector::{
    Connector, Context, Entity, Fault, Field, Kind, Manifest, Operation, Request, Response, Result, Signal, Step,
    Value, Verified, Webhook,
    webhook::{Answer, Unverified},
};
use concord_hub::views;
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// A connector that cannot read webhooks until it is mended, as after an update of Concord.
struct Broken {
    inner: Arc<dyn Connector>,
    mended: Arc<AtomicBool>,
}

impl Connector for Broken {
    fn manifest(&self) -> &Manifest {
        self.inner.manifest()
    }
    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        self.inner.next(cx, operation, seen)
    }
    fn signals(&self, cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        if self.mended.load(Ordering::SeqCst) {
            return self.inner.signals(cx, hook);
        }
        Err(Fault::new(Kind::Malformed, "broken", "the event has a shape that this version does not know"))
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

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

async fn broken() -> (World, Arc<AtomicBool>) {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let mended = Arc::new(AtomicBool::new(false));
    world.reconfigure(|settings| {
        for name in ["hubspot-eu", "salesforce"] {
            let connection = settings.connections.get_mut(name).expect("it");
            let inner = Arc::clone(&connection.connector);
            connection.connector = Arc::new(Broken { inner, mended: Arc::clone(&mended) });
            // Nothing but webhooks says what happened.
            connection.poll_every_s = 1_000_000_000;
        }
    });
    (world, mended)
}

#[tokio::test]
async fn a_dead_letter_of_a_webhook_is_replayable_after_25_simulated_hours() {
    let (mut world, mended) = broken().await;
    world.settle().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 0);
    let letters = views::dead_letters(&world.hub, None, 100).await.expect("a store").letters;
    assert!(!letters.is_empty(), "the webhook was put aside");

    let still = views::redrive(&world.hub, None).await.expect("a store");
    assert_eq!(still.redriven, Vec::<String>::new());
    assert!(still.kept.iter().all(|(_, reason)| reason.contains("still cannot be read")), "{still:?}");

    world.clock.advance(Duration::from_secs(25 * 3600));
    mended.store(true, Ordering::SeqCst);
    let redriven = views::redrive_of(&world.hub, &"hubspot-eu".into()).await.expect("a store");
    assert_eq!((redriven.redriven.len(), redriven.kept.len()), (letters.len(), 0), "{redriven:?}");
    world.settle().await;
    let record = world.named(Entity::Organization, "Acme").await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Name"], "Acme", "it reached the other system");
    assert_eq!(views::dead_letters(&world.hub, None, 100).await.expect("a store").letters, []);
}

#[tokio::test]
async fn a_webhook_whose_proof_was_the_secret_itself_is_replaced_by_reading_everything() {
    let (mut world, mended) = broken().await;
    world.settle().await;
    let fields = json!({"Name": "Acme", "Website": "https://acme.example"});
    world.act("salesforce", concord_connector::sandbox::Act::Create { object: "Account".into(), fields });
    world.settle().await;
    let letters = views::dead_letters(&world.hub, None, 100).await.expect("a store").letters;
    assert!(!letters.is_empty());
    // What is kept holds no secret.
    mended.store(true, Ordering::SeqCst);
    world.clock.advance(Duration::from_secs(25 * 3600));
    let redriven = views::redrive_of(&world.hub, &"salesforce".into()).await.expect("a store");
    assert_eq!(redriven.redriven.len(), letters.len(), "{redriven:?}");
    world.settle().await;
    assert_eq!(world.named(Entity::Organization, "Acme").await.facets.len(), 2);
}

#[tokio::test]
async fn letters_of_other_connections_stay() {
    let (mut world, mended) = broken().await;
    world.settle().await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    mended.store(true, Ordering::SeqCst);
    let none = views::redrive_of(&world.hub, &"salesforce".into()).await.expect("a store");
    assert_eq!(none, views::Redriven::default());
    assert!(!views::dead_letters(&world.hub, None, 100).await.expect("a store").letters.is_empty());
}
