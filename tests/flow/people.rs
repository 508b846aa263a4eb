//! What people decide reaches every system, and can be taken back.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, sandbox::Act};
use concord_hub::{events::Count, people, record::Record, settings::Scope};
use concord_tests::world::{Account, World, account, links};
use serde_json::{Value as Json, json};

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

fn small<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { maps: ORGANIZATIONS, ..account(name, system) }
}

async fn crms() -> World {
    World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await
}

/// The same without creating anything: a record in each system, that nobody knows to be one.
async fn apart() -> (World, String, String) {
    let mut world = crms().await;
    world.reconfigure(|settings| {
        for connection in settings.connections.values_mut() {
            connection.scope.insert(Entity::Organization, Scope::Linked);
        }
    });
    let properties = json!({"name": "Acme GmbH", "phone": "1", "description": "from hubspot"});
    let company = Act::Create { object: "companies".into(), fields: json!({ "properties": properties }) };
    let id = world.act("hubspot-eu", company);
    let fields = json!({"Name": "Acme", "Industry": "Energy", "Description": "from salesforce"});
    let there = world.act("salesforce", Act::Create { object: "Account".into(), fields });
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 2);
    (world, id, there)
}

fn holder(records: &[Record], link: &str) -> Record {
    records.iter().find(|record| links(record).contains(&link.to_owned())).expect("a record").clone()
}

fn hubspot(world: &World, id: &str) -> Json {
    world.vendor("hubspot-eu", |vendor| vendor.records()["companies"][id]["properties"].clone())
}

fn salesforce(world: &World, id: &str) -> Json {
    world.vendor("salesforce", |vendor| vendor.records()["Account"][id].clone())
}

#[tokio::test]
async fn a_value_that_a_person_sets_reaches_every_system_and_a_later_edit_wins_over_it() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    people::set(&world.hub, &record.id, "phone", Some("+49 30 7")).await.expect("a value");
    world.settle().await;
    let there = world.shown(&world.only(Entity::Organization).await, "salesforce", "Account");
    assert_eq!((&hubspot(&world, &id)["phone"], &there["Phone"]), (&json!("+49 30 7"), &json!("+49 30 7")));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "8"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "8");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "8");
    people::set(&world.hub, &record.id, "phone", None).await.expect("a value");
    world.settle().await;
    assert_eq!(world.shown(&world.only(Entity::Organization).await, "salesforce", "Account")["Phone"], Json::Null);
}

#[tokio::test]
async fn a_merge_keeps_both_in_step_and_an_unmerge_gives_back_what_each_side_had_said() {
    let (mut world, id, there) = apart().await;
    let before = world.records(Entity::Organization).await;
    let (ours, theirs) =
        (holder(&before, &format!("hubspot-eu/{id}")), holder(&before, &format!("salesforce/{there}")));
    people::merge(&world.hub, &ours.id, &theirs.id).await.expect("they may be one");
    world.settle().await;
    let one = world.only(Entity::Organization).await;
    assert_eq!(links(&one).len(), 2);
    assert_eq!((text(&one, "phone"), text(&one, "industry")), ("1".into(), "Energy".into()));
    assert_eq!(salesforce(&world, &there)["Phone"], "1");
    assert_eq!(hubspot(&world, &id)["concord_industry"], "Energy");
    assert_eq!(hubspot(&world, &id)["description"], salesforce(&world, &there)["Description"]);
    // While they are one, people at Salesforce say something of their own.
    world.act("salesforce", edit("Account", &there, json!({"Website": "acme.example"})));
    world.settle().await;
    assert_eq!(hubspot(&world, &id)["website"], "acme.example");
    people::unmerge(&world.hub, &one.id, None).await.expect("it was merged");
    world.settle().await;
    let after = world.records(Entity::Organization).await;
    assert_eq!(after.len(), 2);
    let (ours, theirs) = (holder(&after, &format!("hubspot-eu/{id}")), holder(&after, &format!("salesforce/{there}")));
    for (field, here, elsewhere) in [
        ("name", "Acme GmbH", "Acme"),
        ("phone", "1", ""),
        ("industry", "", "Energy"),
        ("description", "from hubspot", "from salesforce"),
        ("website", "", "acme.example"),
    ] {
        assert_eq!((text(&ours, field), text(&theirs, field)), (here.into(), elsewhere.into()), "{field}");
    }
    // And from then on each goes its own way.
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "9"}})));
    world.settle().await;
    assert_ne!(salesforce(&world, &there)["Phone"], "9");
}

#[tokio::test]
async fn what_a_person_keeps_apart_no_key_joins() {
    let (mut world, id, there) = apart().await;
    let records = world.records(Entity::Organization).await;
    let ids: Vec<_> = records.iter().map(|record| record.id.clone()).collect();
    people::apart(&world.hub, &ids).await.expect("a decision");
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"domain": "acme.example"}})));
    world.act("salesforce", edit("Account", &there, json!({"Website": "https://acme.example"})));
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 2);
}

#[tokio::test]
async fn a_link_that_a_person_makes_is_used_and_one_taken_away_is_not() {
    let (mut world, id, there) = apart().await;
    let records = world.records(Entity::Organization).await;
    let ours = holder(&records, &format!("hubspot-eu/{id}"));
    people::link(&world.hub, &ours.id, &"salesforce".into(), &there.as_str().into()).await.expect("a link");
    world.settle().await;
    let one = world.only(Entity::Organization).await;
    assert_eq!(links(&one).len(), 2);
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "5"}})));
    world.settle().await;
    assert_eq!(salesforce(&world, &there)["Phone"], "5");
    people::unlink(&world.hub, &one.id, &"salesforce".into(), &there.as_str().into()).await.expect("it was linked");
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "6"}})));
    world.settle().await;
    assert_ne!(salesforce(&world, &there)["Phone"], "6");
    assert_eq!(world.records(Entity::Organization).await.len(), 2);
    assert_eq!(world.hub.tally.get(Count::Creates), 0);
}
