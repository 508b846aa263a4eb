//! What admins look at.

use super::world::{World, later};
use concord_connector::{Entity, Fault, Instant, Snapshot, SourceVersion, snapshot::Presence};
use concord_hub::{
    dead_letter::DeadLetter,
    message::{Message, Observation},
    people,
    ports::QueueName,
    views,
};
use serde_json::json;

async fn bury(world: &World, message: &Message) -> String {
    let body = message.encode().unwrap();
    let letter = DeadLetter::of_message(&world.hub, &QueueName::Observations, &body, &Fault::malformed("test", "Why."));
    let id = letter.id.clone();
    letter.bury(&world.hub).await.unwrap();
    id
}

fn observation(presence: Presence) -> Message {
    let mut snapshot = Snapshot::new(Entity::Organization, "1", SourceVersion(1));
    snapshot.fields.insert("name".into(), concord_connector::Value::text("Yesterday"));
    snapshot.presence = presence;
    let observation = Observation {
        connection: "north".into(),
        snapshot,
        read_at: Instant::EPOCH,
        signalled_at: None,
        from_history: false,
        ours: Default::default(),
        looked: true,
    };
    Message::ObservationV1(Box::new(observation))
}

#[tokio::test]
async fn redrive_looks_again_and_replays_nothing() {
    let world = World::new();
    let id = bury(&world, &observation(Presence::Live)).await;
    bury(&world, &observation(Presence::Deleted)).await;
    let gone = Message::PollV1 { connection: "west".into(), entity: Entity::Person };
    let kept = bury(&world, &gone).await;
    assert_eq!(views::dead_letters(&world.hub, None, 10).await.unwrap().letters.len(), 3);

    let one = views::redrive(&world.hub, Some(&id)).await.unwrap();
    assert_eq!(one.redriven, std::slice::from_ref(&id));
    let sent = world.sent(&QueueName::Signals("north".into()));
    assert!(matches!(sent.as_slice(), [Message::SignalV1 { signal, .. }] if signal.id.as_str() == "1"), "{sent:?}");
    assert!(views::redrive(&world.hub, Some(&id)).await.is_err(), "it is gone");

    let all = views::redrive(&world.hub, None).await.unwrap();
    assert_eq!(
        (all.redriven.len(), all.kept),
        (1, vec![(kept, "the connection `west` is not in the configuration".to_owned())])
    );
    let sent = world.sent(&QueueName::Signals("north".into()));
    let deleted = concord_connector::signal::Happened::Deleted;
    assert!(matches!(sent.as_slice(), [Message::SignalV1 { signal, .. }] if signal.happened == deleted), "{sent:?}");
    assert_eq!(views::dead_letters(&world.hub, None, 10).await.unwrap().letters.len(), 1);
}

#[tokio::test]
async fn a_connection_that_observes_says_what_sync_would_do() {
    let world = World::new();
    world.sees("north", "1", &[("name", "Acme"), ("tax_id", "DE136695976")]).await;
    let record = world.sees("erp", "1", &[("name", "Acme GmbH"), ("tax_id", "DE136695976")]).await;
    people::set(&world.hub, &record.id, "name", Some("Acme Inc")).await.unwrap();
    let status = views::status(&world.hub).await.unwrap();
    let would = &status.would[&concord_connector::ConnectionName::from("erp")];
    assert_eq!((would.changes[&Entity::Organization], would.creates.len(), would.complete), (1, 0, true));
    let fields = &would.examples[0].fields;
    assert_eq!(fields["name"], (Some("Acme GmbH".to_owned()), Some("Acme Inc".to_owned())));
    assert!(
        !status.would.contains_key(&concord_connector::ConnectionName::from("north")),
        "it is kept in step already"
    );
    assert_eq!(status.records[&Entity::Organization], Some(1));
    assert_eq!(status.counts["observations"], 2);
}

#[tokio::test]
async fn records_and_changes_come_in_pages() {
    let world = World::new();
    for id in ["1", "2", "3"] {
        world.sees("north", id, &[("name", id), ("annual_revenue", "1.5 EUR"), ("roles", "partner")]).await;
    }
    let first = views::records(&world.hub, Entity::Organization, None, 2).await.unwrap();
    let rest = views::records(&world.hub, Entity::Organization, first.next.as_deref(), 2).await.unwrap();
    assert_eq!((first.records.len(), rest.records.len()), (2, 1));
    assert_eq!(rest.next, None);
    let record = views::record(&world.hub, &first.records[0].id).await.unwrap().unwrap();
    assert_eq!(record.fields["annual_revenue"].value, json!({ "amount": "1.50", "currency": "EUR" }));
    assert_eq!(record.facets[0].held["roles"], json!(["partner"]));
    assert_eq!(serde_json::to_value(record.committed_at).unwrap(), json!("2026-01-01T00:01:00.000Z"));
    assert!(views::record(&world.hub, &"nobody".into()).await.unwrap().is_none());

    let feed = views::changes(&world.hub, None, 10).await.unwrap();
    assert_eq!(feed.changes.len(), 3);
    let set = people::set(&world.hub, &first.records[0].id, "name", Some("One")).await.unwrap();
    let feed = views::changes(&world.hub, feed.cursor.as_deref(), 10).await.unwrap();
    let change = &feed.changes[0];
    assert_eq!((&change.record, change.version), (&set.id, Some(set.version)));
    assert_eq!((&change.fields["name"].old, &change.fields["name"].new), (&json!("1"), &json!("One")));
    let none = views::changes(&world.hub, feed.cursor.as_deref(), 10).await.unwrap();
    assert!(none.changes.is_empty());
}

#[tokio::test]
async fn open_deliveries_are_listed_with_since_when() {
    let world = World::new();
    let record = world.sees("north", "1", &[("name", "Acme")]).await;
    people::set(&world.hub, &record.id, "name", Some("Acme Inc")).await.unwrap();
    let pending = views::deliveries(&world.hub, Some(views::State::Pending), 10).await.unwrap();
    assert_eq!(pending.len(), 1);
    assert_eq!((pending[0].record.clone(), pending[0].since), (record.id, Some(views::When(later(60_000)))));
    assert!(pending[0].fields.contains("name"));
    assert!(views::deliveries(&world.hub, Some(views::State::Parked), 10).await.unwrap().is_empty());
    let north = views::connections(&world.hub).await.unwrap().remove(1);
    assert_eq!(
        (north.name.as_str(), north.pending, north.oldest_pending),
        ("north", Some(1), Some(views::When(later(60_000))))
    );
}
