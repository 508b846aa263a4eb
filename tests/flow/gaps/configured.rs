//! A configuration that changes while traffic flows, and the process dies in between.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Field};
use concord_hub::{
    policy::{FieldPolicy, Others, Rule},
    steps,
    testing::When,
};
use concord_tests::world::{Account, World, account};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
const MANY: usize = 120;

fn owned_by(world: &World, owner: &str) {
    let policy = FieldPolicy { rule: Rule::Owner, order: vec![owner.into()], only: true, others: Others::Revert };
    world.reconfigure(|settings| settings.policy.set(Entity::Organization, Field::from("phone"), policy));
}

/// Companies whose phone was edited in both systems, at HubSpot last.
async fn edited() -> (World, Vec<String>) {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let ids: Vec<String> =
        (0..MANY).map(|n| world.act("hubspot-eu", company(&format!("C{n}"), &format!("c{n}.example")))).collect();
    world.settle().await;
    for record in world.records(Entity::Organization).await {
        let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
        world.act("salesforce", edit("Account", &there, json!({ "Phone": "salesforce" })));
    }
    world.settle().await;
    for id in &ids {
        world.act("hubspot-eu", edit("companies", id, json!({ "properties": { "phone": "hubspot" } })));
    }
    world.settle().await;
    (world, ids)
}

#[tokio::test]
async fn edits_during_a_new_policy_and_a_crash_in_its_middle_end_in_agreement() {
    let (mut world, ids) = edited().await;
    owned_by(&world, "salesforce");
    // The job dies again and again; between its attempts people go on editing everywhere.
    for (round, call) in [10, 40, 60, 60].into_iter().enumerate() {
        world.plan.crash(call, When::After);
        let broken = steps::reconfigure::run(&world.hub).await;
        assert!(broken.is_err() && world.plan.fired(), "attempt {round} dies");
        world.plan.heal();
        for id in ids.iter().skip(round * 10).take(10) {
            let description = json!({ "properties": { "description": format!("edited in round {round}") } });
            world.act("hubspot-eu", edit("companies", id, description));
        }
        while world.round().await {}
    }
    let resolved = steps::reconfigure::run(&world.hub).await.expect("a store");
    assert!(resolved > 0 && resolved < MANY as u64, "it went on where it was: {resolved}");
    world.settle().await;
    assert_eq!(steps::reconfigure::run(&world.hub).await.expect("a store"), 0, "once is enough");
    let revision = world.hub.settings().revision;
    let records = world.records(Entity::Organization).await;
    assert_eq!(records.len(), MANY);
    for record in records {
        assert_eq!((text(&record, "phone"), record.configuration), ("salesforce".into(), revision));
        let (there, here) =
            (world.shown(&record, "salesforce", "Account"), world.shown(&record, "hubspot-eu", "companies"));
        assert_eq!((&there["Phone"], &here["properties"]["phone"]), (&json!("salesforce"), &json!("salesforce")));
        assert_eq!(there["Description"], here["properties"]["description"], "an edit in between is not lost");
        assert!(record.pending().is_empty(), "{:?}", record.outbox);
    }
    let edited = world.records(Entity::Organization).await;
    let told = edited.iter().filter(|record| text(record, "description").starts_with("edited in round")).count();
    assert_eq!(told, 40);
}

#[tokio::test]
async fn live_traffic_flows_while_records_wait_for_the_new_policy() {
    let (mut world, ids) = edited().await;
    owned_by(&world, "salesforce");
    // Nothing was resolved again yet: an edit takes its record along at once.
    world.act("hubspot-eu", edit("companies", &ids[7], json!({ "properties": { "description": "now" } })));
    while world.round().await {}
    let record = world.named(Entity::Organization, "C7").await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Description"], "now");
    assert_eq!(record.configuration, world.hub.settings().revision);
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    for record in world.records(Entity::Organization).await {
        assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"], "salesforce");
    }
}

#[tokio::test]
async fn a_field_that_is_mapped_later_is_read_by_itself() {
    let small = |name, system| Account { maps: ORGANIZATIONS, ..account(name, system) };
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    let whole = world.hub.settings().connections["hubspot-eu"].context.mappings.clone();
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("hubspot-eu").expect("a connection");
        for mapping in connection.context.mappings.values_mut() {
            mapping.fields.retain(|rule| rule.field.as_str() != "phone");
        }
    });
    steps::reconfigure::run(&world.hub).await.expect("a store");
    let act = concord_connector::sandbox::Act::Create {
        object: "companies".into(),
        fields: json!({ "properties": { "name": "Acme", "domain": "acme.example", "phone": "+49 30 1" } }),
    };
    world.act("hubspot-eu", act);
    world.settle().await;
    assert_eq!(text(&world.only(Entity::Organization).await, "phone"), "");
    world.reconfigure(|settings| {
        settings.connections.get_mut("hubspot-eu").expect("a connection").context.mappings = whole;
    });
    steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(text(&record, "phone"), "+49 30 1");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Phone"], "+49 30 1");
}
