//! A question is asked once, and its answer is carried out.

use super::world::{DOCUMENT, World, golden};
use concord_connector::{Entity, Snapshot};
use concord_hub::{people, ports::QueueName, review::Subject, reviews};

async fn open(world: &World) -> Vec<concord_hub::review::Review> {
    reviews::list(&world.hub, None, 100).await.unwrap().reviews
}

async fn two_claimants(world: &World) -> concord_hub::review::Review {
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    world.sees("north", "2", &[("name", "Acme too"), ("domain", "acme.example")]).await;
    let mut open = open(world).await;
    assert_eq!(open.len(), 1, "two live records of one connection claim a domain");
    open.remove(0)
}

#[tokio::test]
async fn an_ambiguous_key_is_merged_once() {
    let world = World::new();
    let review = two_claimants(&world).await;
    let no = reviews::decide(&world.hub, &review.id, "maybe", None).await.unwrap_err();
    assert!(no.message().contains("choose keep_apart or merge"), "{no}");
    let decided = reviews::decide(&world.hub, &review.id, "merge", None).await.unwrap();
    assert_eq!(decided.decided.unwrap().choice, "merge");
    assert_eq!(world.owner("north", "1").await.id, world.owner("north", "2").await.id);
    assert!(open(&world).await.is_empty());
    let again = reviews::decide(&world.hub, &review.id, "keep_apart", None).await.unwrap_err();
    assert!(again.message().starts_with("There is no review item"), "the question no longer stands: {again}");
    assert_eq!(world.owner("north", "1").await.id, world.owner("north", "2").await.id);
    assert!(reviews::decide(&world.hub, "nothing", "merge", None).await.is_err());
}

#[tokio::test]
async fn what_is_kept_apart_is_not_asked_again() {
    let world = World::new();
    let review = two_claimants(&world).await;
    reviews::decide(&world.hub, &review.id, "keep_apart", None).await.unwrap();
    world.sees("north", "2", &[("name", "Acme Two"), ("domain", "acme.example")]).await;
    assert_ne!(world.owner("north", "1").await.id, world.owner("north", "2").await.id);
    assert!(open(&world).await.is_empty());
    assert!(reviews::show(&world.hub, &review.id).await.unwrap().unwrap().decided.is_some());
    let again = reviews::decide(&world.hub, &review.id, "merge", None).await.unwrap_err();
    assert!(again.message().contains("was decided already: keep_apart"), "{again}");
    world.sees("south", "3", &[("name", "Acme?"), ("domain", "acme.example")]).await;
    let asked = open(&world).await;
    assert_eq!(asked.len(), 1, "whose the third one is was never asked");
    assert!(matches!(&asked[0].subject, Subject::AmbiguousKey { claimants, .. } if claimants.len() == 3));
}

#[tokio::test]
async fn a_manual_field_is_decided_by_a_value() {
    let world = World::with(&format!("{DOCUMENT}\n[policy.organization]\nindustry = \"manual\"\n"));
    world.sees("north", "1", &[("domain", "acme.example"), ("industry", "Steel")]).await;
    let record = world.sees("south", "1", &[("domain", "acme.example"), ("industry", "Iron")]).await;
    assert_eq!(golden(&record, "industry"), "-", "nobody wins");
    let review = open(&world).await.remove(0);
    assert!(matches!(&review.subject, Subject::Undecided { field, .. } if field.as_str() == "industry"));
    assert!(reviews::decide(&world.hub, &review.id, "set", None).await.is_err(), "a value is needed");
    let decided = reviews::decide(&world.hub, &review.id, "set", Some("Metal")).await.unwrap();
    assert!(decided.decided.is_some());
    assert_eq!(golden(&world.get(&record.id).await, "industry"), "Metal");
    assert!(open(&world).await.is_empty());
}

#[tokio::test]
async fn to_set_the_field_answers_the_question() {
    let world = World::with(&format!("{DOCUMENT}\n[policy.organization]\nindustry = \"manual\"\n"));
    world.sees("north", "1", &[("domain", "acme.example"), ("industry", "Steel")]).await;
    let record = world.sees("south", "1", &[("domain", "acme.example"), ("industry", "Iron")]).await;
    people::set(&world.hub, &record.id, "industry", Some("Iron")).await.unwrap();
    assert!(open(&world).await.is_empty());
}

async fn deleted(world: &World) -> concord_hub::review::Review {
    world.sees("north", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    world.sees("south", "1", &[("name", "Acme"), ("domain", "acme.example")]).await;
    world.clock.advance(std::time::Duration::from_secs(60));
    world.observes("south", Snapshot::deleted(Entity::Organization, "1", world.hub.now())).await;
    let mut open = open(world).await;
    assert_eq!(open.len(), 1);
    open.remove(0)
}

#[tokio::test]
async fn a_delete_goes_everywhere_when_a_person_says_so() {
    let world = World::new();
    let review = deleted(&world).await;
    assert!(world.owner("north", "1").await.removal.is_none(), "the others keep it until then");
    reviews::decide(&world.hub, &review.id, "delete_everywhere", None).await.unwrap();
    let record = world.owner("north", "1").await;
    assert!(!record.removal.as_ref().unwrap().archive);
    assert!(record.pending().contains_key(&concord_connector::ConnectionName::from("north")), "north is told");
    assert!(open(&world).await.is_empty());
}

#[tokio::test]
async fn what_was_deleted_is_created_again_when_a_person_says_so() {
    let scope = "[connections.south.scope]\norganization = \"all\"\n[connections.erp]";
    let world = World::with(&DOCUMENT.replace("[connections.erp]", scope));
    let review = deleted(&world).await;
    let south = concord_connector::ConnectionName::from("south");
    assert!(!world.owner("north", "1").await.creates.contains_key(&south), "a deleted record is not created again");
    reviews::decide(&world.hub, &review.id, "create_again", None).await.unwrap();
    let record = world.owner("north", "1").await;
    assert!(record.creates.contains_key(&south));
    assert_eq!(record.facets.len(), 1);
}

#[tokio::test]
async fn a_refused_delivery_begins_again() {
    let world = World::new();
    let record = world.sees("north", "1", &[("name", "Acme")]).await;
    let subject = Subject::Refused { record: record.id.clone(), connection: "north".into() };
    let review = concord_hub::review::Review::new(subject, "North refuses it.".into(), &["retry", "dismiss"]);
    let item =
        concord_hub::ports::Item::new(concord_hub::keys::review(&review.id), serde_json::to_vec(&review).unwrap());
    let put = concord_hub::ports::TableChange::Put(item, concord_hub::ports::Condition::Absent);
    concord_hub::ports::Table::transact(&world.table, vec![put]).await.unwrap();
    world.queue.take_sent();
    reviews::decide(&world.hub, &review.id, "retry", None).await.unwrap();
    assert_eq!(world.sent(&QueueName::Deliveries("north".into())).len(), 1);
    assert!(
        reviews::show(&world.hub, &review.id).await.unwrap().is_none(),
        "should it be refused again, it is asked again"
    );
}
