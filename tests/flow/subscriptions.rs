//! Subscribers are told of changes: signed, in order, newest state only, and nobody waits for one that is in trouble.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod order;
mod receiver;
mod rotation;
mod trouble;

use crate::crm::{company, edit};
use concord_connector::{Entity, Field};
use concord_hub::{
    ports::{Secret, Secrets},
    subscription::Subscription,
};
use concord_tests::world::{Account, World, account};
use receiver::Inbox;
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet};

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
/// An obviously fake secret: the base64 of 32 times the letter `a`.
const SIGNING: &str = "whsec_YWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWFhYWE=";

fn subscription(name: &str) -> Subscription {
    Subscription {
        name: name.into(),
        url: format!("https://{name}.example.com/events"),
        allow_private: false,
        entities: BTreeSet::from([Entity::Organization]),
        fields: BTreeMap::new(),
        existing: false,
        given_secrets: vec![Secret::new(SIGNING)],
        previous_until: None,
        source: format!("https://hub.example.com/subscriptions/{name}"),
    }
}

/// A HubSpot of which subscribers are told, each with an inbox.
async fn world<const N: usize>(names: [&str; N]) -> (World, [Inbox; N]) {
    let world = World::new(&[Account { maps: ORGANIZATIONS, ..account("hubspot-eu", "hubspot") }]).await;
    world.reconfigure(|settings| {
        for name in names {
            settings.subscriptions.insert(name.into(), subscription(name));
        }
    });
    let inboxes = names.map(|name| Inbox::at(&world, &format!("{name}.example.com")));
    (world, inboxes)
}

fn change(world: &World, name: &str, change: impl FnOnce(&mut Subscription)) {
    world.reconfigure(|settings| change(settings.subscriptions.get_mut(name).expect("a subscription")));
}

/// A subscriber that was told of one company; its id at HubSpot.
pub(crate) async fn one_subscriber() -> (World, Inbox, String) {
    let (mut world, [inbox]) = world(["portal"]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    (world, inbox, id)
}

pub(crate) fn change_phone(world: &World, id: &str, number: &str) {
    phone(world, id, number);
}

fn phone(world: &World, id: &str, phone: &str) {
    world.act("hubspot-eu", edit("companies", id, json!({"properties": {"phone": phone}})));
}

#[tokio::test]
async fn a_change_is_told_once_as_a_signed_cloud_event() {
    let (mut world, [inbox]) = world(["portal"]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    phone(&world, &id, "+49 30 1");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let events = inbox.accepted();
    assert_eq!(events.len(), 2, "{events:#?}");
    let [first, second] = [0, 1].map(|at| events[at].verified(&[SIGNING]));
    for (event, json) in events.iter().zip([&first, &second]) {
        assert_eq!(json["specversion"], "1.0");
        assert_eq!(json["type"], "concord.organization.changed");
        assert_eq!(json["source"], "https://hub.example.com/subscriptions/portal");
        assert_eq!(json["subject"], record.id.as_str());
        assert_eq!(json["id"], event.header("webhook-id"));
        assert_eq!(json["id"], format!("{}@{}", record.id, json["data"]["version"]));
        assert_eq!(event.header("content-type"), "application/cloudevents+json; charset=utf-8");
    }
    assert_eq!(first["data"]["fields"]["name"], "Acme");
    assert_eq!(first["data"]["since"], json!(null));
    let changed: Vec<&str> = first["data"]["changed"].as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    assert!(changed.contains(&"name") && changed.contains(&"domain"), "{changed:?}");
    assert_eq!(second["data"]["changed"], json!(["phone"]));
    assert_eq!(second["data"]["since"], first["data"]["version"]);
    assert_eq!(second["data"]["fields"]["phone"], "+49 30 1");
    assert_eq!(second["data"]["version"].to_string(), record.version.to_string());
    assert_eq!(second["time"], record.committed_at.rfc3339());
    assert_eq!(second["data"]["state"], "live");
}

#[tokio::test]
async fn only_the_fields_that_the_admin_names_leave() {
    let (mut world, [inbox]) = world(["portal"]).await;
    change(&world, "portal", |one| {
        one.fields.insert(Entity::Organization, BTreeSet::from([Field::from("name")]));
    });
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    phone(&world, &id, "+49 30 1");
    world.settle().await;
    let events = inbox.accepted();
    assert_eq!(events.len(), 1, "a change that is not shown is none: {events:#?}");
    assert_eq!(events[0].verified(&[SIGNING])["data"]["fields"], json!({"name": "Acme"}));
}

#[tokio::test]
async fn an_entity_that_is_not_named_is_not_told() {
    let (mut world, [inbox]) = world(["portal"]).await;
    change(&world, "portal", |one| one.entities = BTreeSet::from([Entity::Order]));
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    assert!(inbox.all().is_empty());
}

#[tokio::test]
async fn what_is_there_already_is_told_to_whoever_asks_for_it() {
    let (mut world, [told]) = world(["told"]).await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let inboxes = ["curious", "patient"].map(|name| Inbox::at(&world, &format!("{name}.example.com")));
    world.reconfigure(|settings| {
        let curious = Subscription { existing: true, ..subscription("curious") };
        settings.subscriptions.insert("curious".into(), curious);
        settings.subscriptions.insert("patient".into(), subscription("patient"));
    });
    world.settle().await;
    assert_eq!(inboxes.each_ref().map(|inbox| inbox.accepted().len()), [1, 0]);
    assert_eq!(told.accepted().len(), 1);
    concord_hub::subscription::resend(&world.hub, &"told".into()).await.unwrap();
    world.settle().await;
    let again = told.accepted();
    assert_eq!(again.len(), 2, "asked for once more");
    assert_eq!(again[0].header("webhook-id"), again[1].header("webhook-id"));
}

#[tokio::test]
async fn without_a_secret_nothing_leaves_and_a_new_one_is_used_at_once() {
    let (mut world, [inbox]) = world(["portal"]).await;
    change(&world, "portal", |one| one.given_secrets.clear());
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    assert!(inbox.all().is_empty());
    let view = concord_hub::views::subscription(&world.hub, &"portal".into()).await.unwrap();
    assert_eq!((view.state, view.pending), ("no secret", Some(1)));
    let parts = BTreeMap::from([("signing".to_owned(), Secret::new(SIGNING))]);
    assert!(world.hub.vault.write("portal", Secrets { generation: 0, parts }).await.unwrap());
    world.settle().await;
    assert_eq!(inbox.accepted().len(), 1);
    inbox.accepted()[0].verified(&[SIGNING]);
}
