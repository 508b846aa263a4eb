//! What people decide holds, and can be taken back.

use super::world::{DOCUMENT, World, golden};
use concord_connector::{Entity, Field, RecordId, Snapshot, SourceVersion, Value};
use concord_hub::{
    facet::{Cell, Link},
    keys,
    message::Message,
    people,
    ports::{Condition, Item, QueueName, Table, TableChange},
    record::Record,
    reviews,
    steps::reconcile,
};
use std::collections::BTreeMap;

/// A claim: the value and, of a list, its elements.
type Word = (Option<Value>, Vec<Value>);

/// What each system's people said, by external record and field.
fn said(record: &Record) -> BTreeMap<Link, BTreeMap<Field, Word>> {
    let cell =
        |cell: Cell| cell.said.map(|said| (said.value, cell.elements.into_iter().map(|(value, ..)| value).collect()));
    let facets = record.facets.iter().map(|facet| {
        let cells = facet.view().cells.clone().into_iter().filter_map(|(field, one)| Some((field, cell(one)?)));
        (facet.link.clone(), cells.collect())
    });
    facets.collect()
}

fn golden_values(record: &Record) -> BTreeMap<Field, Option<Value>> {
    record.golden.iter().map(|(field, golden)| (field.clone(), golden.value.clone())).collect()
}

#[tokio::test]
async fn what_a_person_sets_wins_over_earlier_edits_and_loses_to_later_ones() {
    let world = World::new();
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    let record = world.sees("south", "9", &[("name", "ACME Ltd"), ("domain", "acme.example")]).await;
    assert_eq!(record.facets.len(), 2, "one domain, one record");
    let record = people::set(&world.hub, &record.id, "name", Some("Acme Incorporated")).await.unwrap();
    assert_eq!(golden(&record, "name"), "Acme Incorporated");
    assert_eq!(record.golden[&"name".into()].from.to_string(), format!("concord/{}", record.id));
    let wanting: Vec<&str> = record.pending().into_keys().map(|connection| connection.as_str()).collect();
    assert_eq!(wanting, ["north", "south"], "both systems are told");
    let record = world.sees("south", "9", &[("name", "Acme Group"), ("domain", "acme.example")]).await;
    assert_eq!(golden(&record, "name"), "Acme Group", "an edit made later wins");
    let record = people::set(&world.hub, &record.id, "name", None).await.unwrap();
    assert_eq!(golden(&record, "name"), "-", "to empty a field is a decision too");
    assert!(record.golden.contains_key("name"));
}

#[tokio::test]
async fn an_amount_under_deltas_changes_by_what_the_person_changed() {
    let document =
        format!("{DOCUMENT}\n[policy.organization]\nannual_revenue = {{ rule = \"deltas\", order = [\"north\"] }}\n");
    let document =
        document.replace("options = {", "mapping = { organization = { off = [\"annual_revenue\"] } }\noptions = {");
    let world = World::with(&document);
    world.sees("north", "1", &[("name", "Acme"), ("annual_revenue", "100 EUR")]).await;
    let record = world.sees("north", "1", &[("name", "Acme"), ("annual_revenue", "130 EUR")]).await;
    let record = people::set(&world.hub, &record.id, "annual_revenue", Some("150 EUR")).await.unwrap();
    assert_eq!(golden(&record, "annual_revenue"), "150.00 EUR");
}

#[tokio::test]
async fn a_value_that_cannot_be_is_refused_with_what_to_write() {
    let world = World::new();
    let record = world.sees("north", "1", &[("name", "Acme")]).await;
    for (id, field, text, sentence) in [
        (record.id.clone(), "nmae", "x", "organization has no field `nmae`; it has name, legal_name"),
        (record.id.clone(), "roles", "partner, friend", "`friend` is no value of `roles`; it has partner, customer"),
        (record.id.clone(), "annual_revenue", "12", "write it like `1234.50 EUR`"),
        (record.id.clone(), "parent", "nobody", "There is no record `nobody`."),
        (RecordId::from("nobody"), "name", "x", "There is no record `nobody`."),
    ] {
        let fault = people::set(&world.hub, &id, field, Some(text)).await.unwrap_err();
        assert!(fault.message().contains(sentence), "{}", fault.message());
    }
}

#[tokio::test]
async fn unmerge_gives_back_exactly_what_each_systems_people_had_said() {
    let world = World::new();
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example"), ("roles", "partner")]).await;
    world.sees("south", "1", &[("name", "Acme S"), ("domain", "acme.example")]).await;
    world.sees("north", "2", &[("name", "Bolt"), ("domain", "bolt.example"), ("roles", "customer")]).await;
    world.sees("south", "2", &[("name", "Bolt S"), ("domain", "bolt.example"), ("industry", "Steel")]).await;
    let (acme, bolt) = (world.owner("north", "1").await, world.owner("south", "2").await);
    let bolt = people::set(&world.hub, &bolt.id, "industry", Some("Wire")).await.unwrap();

    let merged = people::merge(&world.hub, &bolt.id, &acme.id).await.unwrap();
    assert!(!merged.waits);
    let one = world.get(&bolt.id).await;
    assert_eq!((one.id.clone(), one.facets.len()), (acme.id.clone(), 5), "all are in the older record");
    assert_eq!(golden(&one, "roles"), "customer, partner");
    assert_eq!(world.owner("north", "2").await.id, acme.id, "links follow");
    let again = people::merge(&world.hub, &acme.id, &bolt.id).await.unwrap_err();
    assert!(again.message().contains("are one record already"), "{again}");

    let parted = people::unmerge(&world.hub, &acme.id, None).await.unwrap();
    assert_eq!(parted.records.len(), 2, "{}", parted.sentence);
    let (acme_again, bolt_again) = (world.owner("north", "1").await, world.owner("north", "2").await);
    assert_eq!((&acme_again.id, &bolt_again.id), (&acme.id, &bolt.id), "under their own names");
    assert_eq!(said(&acme_again), said(&acme));
    assert_eq!(said(&bolt_again), said(&bolt));
    assert_eq!(golden_values(&acme_again), golden_values(&acme));
    assert_eq!(golden_values(&bolt_again), golden_values(&bolt));
    assert!(
        reviews::list(&world.hub, None, 10).await.unwrap().reviews.is_empty(),
        "nobody is asked what was just said"
    );
    world.sees("north", "1", &[("name", "Acme"), ("domain", "bolt.example")]).await;
    assert_ne!(world.owner("north", "1").await.id, world.owner("north", "2").await.id, "no key joins them again");
}

#[tokio::test]
async fn what_a_key_joined_stays_parted_and_can_be_joined_again() {
    let world = World::new();
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    let one = world.sees("south", "1", &[("name", "Acme South"), ("domain", "acme.example")]).await;
    let home = one.facets.iter().find(|facet| facet.link.connection.as_str() == "south").unwrap().home.clone();
    people::unmerge(&world.hub, &one.id, Some(&home)).await.unwrap();
    let (north, south) = (world.owner("north", "1").await, world.owner("south", "1").await);
    assert_ne!(north.id, south.id);
    assert_eq!((golden(&north, "name"), golden(&south, "name")), ("Acme".into(), "Acme South".into()));
    assert!(reviews::list(&world.hub, None, 10).await.unwrap().reviews.is_empty());
    world.sees("south", "1", &[("name", "Acme Sud"), ("domain", "acme.example")]).await;
    assert_ne!(world.owner("north", "1").await.id, world.owner("south", "1").await.id);
    people::merge(&world.hub, &north.id, &south.id).await.unwrap();
    assert_eq!(world.owner("north", "1").await.id, world.owner("south", "1").await.id);
    let fault = people::unmerge(&world.hub, &one.id, Some(&"nobody".into())).await.unwrap_err();
    assert!(fault.message().starts_with("nobody is no part of"), "{fault}");
}

#[tokio::test]
async fn an_unseen_record_is_linked_and_read_and_another_ones_brings_its_record_along() {
    let world = World::new();
    let acme = world.sees("north", "1", &[("name", "Acme")]).await;
    world.queue.take_sent();
    let linked = people::link(&world.hub, &acme.id, &"south".into(), &"77".into()).await.unwrap();
    assert!(linked.sentence.contains("south/77 is part of"), "{}", linked.sentence);
    let signals = world.sent(&QueueName::Signals("south".into()));
    assert!(
        matches!(signals.as_slice(), [Message::SignalV1 { signal, .. }] if signal.id.as_str() == "77"),
        "{signals:?}"
    );
    let read = world.sees("south", "77", &[("name", "Acme"), ("industry", "Steel")]).await;
    assert_eq!((read.id.clone(), golden(&read, "industry")), (acme.id.clone(), "Steel".into()));
    let twice = people::link(&world.hub, &acme.id, &"south".into(), &"77".into()).await.unwrap_err();
    assert!(twice.message().ends_with("already."), "{twice}");

    let bolt = world.sees("north", "2", &[("name", "Bolt")]).await;
    people::link(&world.hub, &acme.id, &"north".into(), &"2".into()).await.unwrap();
    assert_eq!(world.get(&bolt.id).await.id, acme.id, "a person may say that a system holds it twice");
}

#[tokio::test]
async fn an_unlinked_record_is_a_record_of_its_own_and_the_others_stay_together() {
    let world = World::new();
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    world.sees("south", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    let one = world.sees("south", "2", &[("name", "Other")]).await;
    let acme = world.owner("north", "1").await;
    people::merge(&world.hub, &acme.id, &one.id).await.unwrap();
    assert_eq!(world.get(&acme.id).await.facets.len(), 3);
    // The one that gave the record its name leaves.
    let decision = people::unlink(&world.hub, &acme.id, &"north".into(), &"1".into()).await.unwrap();
    assert!(decision.sentence.starts_with("north/1 is a record of its own now"), "{}", decision.sentence);
    let (left, rest) = (world.owner("north", "1").await, world.owner("south", "1").await);
    assert_ne!(left.id, rest.id);
    assert_eq!(rest.id, acme.id, "the record keeps its name");
    assert_eq!(world.owner("south", "2").await.id, rest.id);
    assert_eq!(left.facets.len(), 1);
    world.sees("north", "1", &[("name", "Acme N"), ("domain", "acme.example")]).await;
    assert_eq!(world.owner("north", "1").await.id, left.id, "the shared domain does not bring it back");
    let fault = people::unlink(&world.hub, &left.id, &"north".into(), &"1".into()).await.unwrap_err();
    assert!(fault.message().contains("is all that"), "{fault}");
}

#[tokio::test]
async fn a_merge_waits_for_an_open_create() {
    let world = World::with(
        &DOCUMENT.replace("[connections.erp]", "[connections.south.scope]\norganization = \"all\"\n[connections.erp]"),
    );
    let acme = world.sees("north", "1", &[("name", "Acme")]).await;
    let bolt = world.sees("north", "2", &[("name", "Bolt")]).await;
    let intent = keys::intent(&acme.id, &"south".into());
    let body = br#"{"idempotency":"x","sent_at":null}"#.to_vec();
    world.table.transact(vec![TableChange::Put(Item::new(intent.clone(), body), Condition::Absent)]).await.unwrap();
    let decision = people::merge(&world.hub, &acme.id, &bolt.id).await.unwrap();
    assert!(decision.waits && decision.sentence.contains("the decision is kept"), "{decision:?}");
    assert_ne!(world.owner("north", "1").await.id, world.owner("north", "2").await.id);
    world.table.transact(vec![TableChange::Delete(intent, Condition::None)]).await.unwrap();
    reconcile::regroup(&world.hub, &acme.id).await.unwrap();
    assert_eq!(world.owner("north", "1").await.id, world.owner("north", "2").await.id);
}

#[tokio::test]
async fn a_placeholder_takes_no_value() {
    let world = World::new();
    let acme = world.sees("north", "1", &[("name", "Acme")]).await;
    let mut snapshot = Snapshot::new(Entity::Organization, "1", SourceVersion::from_instant(world.hub.now()));
    snapshot.version.0 += 1;
    snapshot.fields.insert("name".into(), Value::text("Acme"));
    let parent = concord_connector::Reference::external(Entity::Organization, "5");
    snapshot.fields.insert("parent".into(), Some(Value::from(parent)));
    world.observes("north", snapshot).await;
    let parent = world.owner("north", "5").await;
    assert_ne!(parent.id, acme.id);
    let fault = people::set(&world.hub, &parent.id, "name", Some("Holding")).await.unwrap_err();
    assert!(fault.message().contains("was never seen"), "{fault}");
}
