//! References between records, through links in both directions: waiting for what is not there yet, going on without it,
//! following merges.

use crate::crm::{company, edit};
use concord_connector::{Entity, Reference, Value, sandbox::Act};
use concord_hub::{events::Count, people, settings::Scope};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

async fn crms() -> World {
    let sync = |name, system| Account { creates: BOTH, maps: BOTH, ..account(name, system) };
    World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await
}

fn deal_of(customer: &str) -> Act {
    Act::Create {
        object: "deals".into(),
        fields: json!({
            "properties": {"dealname": "Deal", "dealstage": "qualifiedtobuy", "closedate": "2026-06-30T10:00:00Z"},
            "associations": [{"to": "companies", "id": customer, "label": "Primary"}]
        }),
    }
}

async fn customer_there(world: &World) -> serde_json::Value {
    let deal = world.named(Entity::Opportunity, "Deal").await;
    assert!(deal.pending().is_empty(), "{:?}", deal.outbox);
    world.shown(&deal, "salesforce", "Opportunity")["AccountId"].clone()
}

#[tokio::test]
async fn a_deal_goes_without_a_customer_that_is_out_of_scope_and_gets_it_once_it_is_there() {
    let mut world = crms().await;
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("a connection");
        let scope = Scope::Where { field: "roles".into(), values: vec!["customer".into()] };
        connection.scope.insert(Entity::Organization, scope);
    });
    let customer = world.act("hubspot-eu", company("Customer", "customer.example"));
    world.act("hubspot-eu", deal_of(&customer));
    world.settle().await;
    let deal = world.named(Entity::Opportunity, "Deal").await;
    assert_eq!(links(&deal).len(), 2, "the deal is there without it: {:?}", deal.outbox);
    let accounts = world.vendor("salesforce", |vendor| vendor.records().get("Account").map_or(0, |found| found.len()));
    assert_eq!(accounts, 0, "a delivery never writes another record");
    world.act("hubspot-eu", edit("companies", &customer, json!({"properties": {"concord_roles": "customer"}})));
    world.settle().await;
    let there = world.shown(&world.named(Entity::Organization, "Customer").await, "salesforce", "Account");
    assert_eq!(customer_there(&world).await, there["Id"]);
}

#[tokio::test]
async fn a_reference_that_is_seen_before_its_record_leads_to_it_later() {
    let mut world = crms().await;
    let customer = world.act("hubspot-eu", company("Customer", "customer.example"));
    world.act("hubspot-eu", deal_of(&customer));
    // The events about the company are lost; the deal's reference alone brings it.
    world.vendor("hubspot-eu", |vendor| vendor.faults().reverse_webhooks = true);
    world.settle().await;
    let there = world.shown(&world.named(Entity::Organization, "Customer").await, "salesforce", "Account");
    assert_eq!(customer_there(&world).await, there["Id"]);
    assert_eq!(world.records(Entity::Organization).await.len(), 1);
}

#[tokio::test]
async fn a_change_of_the_customer_reaches_the_other_system_both_ways() {
    let mut world = crms().await;
    let first = world.act("hubspot-eu", company("First", "first.example"));
    let second = world.act("hubspot-eu", company("Second", "second.example"));
    let deal = world.act("hubspot-eu", deal_of(&first));
    world.settle().await;
    let account = |world: &World, record: &concord_hub::record::Record| {
        world.shown(record, "salesforce", "Account")["Id"].clone()
    };
    let first_there = account(&world, &world.named(Entity::Organization, "First").await);
    let second_there = account(&world, &world.named(Entity::Organization, "Second").await);
    assert_eq!(customer_there(&world).await, first_there);
    let opportunity = world.shown(&world.named(Entity::Opportunity, "Deal").await, "salesforce", "Opportunity");
    let id = opportunity["Id"].as_str().expect("an id").to_owned();
    world.act("salesforce", edit("Opportunity", &id, json!({"AccountId": second_there})));
    world.settle().await;
    let shown = world.vendor("hubspot-eu", |vendor| vendor.records()["deals"][&deal]["associations"].to_string());
    assert!(shown.contains(&second), "{shown}");
    assert_eq!(customer_there(&world).await, second_there);
}

#[tokio::test]
async fn a_reference_follows_its_record_through_a_merge() {
    let mut world = crms().await;
    let first = world.act("hubspot-eu", company("First", "first.example"));
    let deal = world.act("hubspot-eu", deal_of(&first));
    world.settle().await;
    // Another account that people know to be the same customer; it has no key that says so.
    world.reconfigure(|settings| {
        settings.connections.get_mut("salesforce").expect("it").scope.insert(Entity::Organization, Scope::Linked);
    });
    let second = world.act("hubspot-eu", company("Second", "second.example"));
    world.settle().await;
    world.act("hubspot-eu", Act::Merge { object: "companies".into(), winner: second.clone(), loser: first });
    world.settle().await;
    let holder = world.named(Entity::Organization, "Second").await;
    let there = world.shown(&holder, "salesforce", "Account");
    assert_eq!(customer_there(&world).await, there["Id"], "the account went with its record");
    let shown = world.vendor("hubspot-eu", |vendor| vendor.records()["deals"][&deal]["associations"].to_string());
    assert!(shown.contains(&second), "{shown}");
}

#[tokio::test]
async fn records_that_a_person_merges_are_one_customer_of_their_deals() {
    let mut world = crms().await;
    world.reconfigure(|settings| {
        for connection in settings.connections.values_mut() {
            connection.scope.insert(Entity::Organization, Scope::Linked);
        }
    });
    let here = world
        .act("hubspot-eu", Act::Create { object: "companies".into(), fields: json!({"properties": {"name": "Here"}}) });
    let there = world.act("salesforce", Act::Create { object: "Account".into(), fields: json!({"Name": "There"}) });
    world.act("hubspot-eu", deal_of(&here));
    world.settle().await;
    let records = world.records(Entity::Organization).await;
    people::merge(&world.hub, &records[0].id, &records[1].id).await.expect("they may be one");
    world.act("hubspot-eu", edit("companies", &here, json!({"properties": {"phone": "1"}})));
    world.settle().await;
    let deal = world.named(Entity::Opportunity, "Deal").await;
    let id = deal.live_at(&"hubspot-eu".into()).next().expect("it is there").link.id.to_string();
    world.act("hubspot-eu", edit("deals", &id, json!({"properties": {"hs_next_step": "call"}})));
    world.settle().await;
    assert_eq!(customer_there(&world).await, json!(there));
    assert_eq!(world.hub.tally.get(Count::Creates), 1, "the deal alone");
}

#[tokio::test]
async fn a_deal_leads_to_its_own_customer_when_records_that_were_joined_are_parted() {
    let mut world = crms().await;
    for (name, domain) in [("First", "first.example"), ("Second", "second.example")] {
        let customer = world.act("hubspot-eu", company(name, domain));
        let mut deal = deal_of(&customer);
        if let Act::Create { fields, .. } = &mut deal {
            fields["properties"]["dealname"] = json!(format!("Deal of {name}"));
        }
        world.act("hubspot-eu", deal);
    }
    world.settle().await;
    let records = world.records(Entity::Organization).await;
    people::merge(&world.hub, &records[0].id, &records[1].id).await.expect("they may be one");
    world.settle().await;
    let one = world.only(Entity::Organization).await;
    for deal in world.records(Entity::Opportunity).await {
        // Whoever changes a deal now finds one customer.
        let id = deal.live_at(&"hubspot-eu".into()).next().expect("it is there").link.id.to_string();
        world.act("hubspot-eu", edit("deals", &id, json!({"properties": {"hs_next_step": "call"}})));
    }
    world.settle().await;
    for deal in world.records(Entity::Opportunity).await {
        assert_eq!(
            deal.value("organization"),
            Some(&Value::from(Reference::record(Entity::Organization, one.id.clone())))
        );
    }
    people::unmerge(&world.hub, &one.id, None).await.expect("it was merged");
    world.settle().await;
    for name in ["First", "Second"] {
        let (customer, deal) = (
            world.named(Entity::Organization, name).await,
            world.named(Entity::Opportunity, &format!("Deal of {name}")).await,
        );
        let reference = Value::from(Reference::record(Entity::Organization, customer.id.clone()));
        assert_eq!(deal.value("organization"), Some(&reference), "{name}");
        let account = world.shown(&customer, "salesforce", "Account");
        assert_eq!(world.shown(&deal, "salesforce", "Opportunity")["AccountId"], account["Id"], "{name}");
    }
}

#[tokio::test]
async fn an_order_waits_for_its_customer_and_is_woken_by_it() {
    let entities: &[Entity] = &[Entity::Organization, Entity::Order];
    let sync = |name, system| Account { creates: entities, maps: entities, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("tryton", "tryton")]).await;
    let customer = world.act("hubspot-eu", company("Customer", "customer.example"));
    world.act(
        "hubspot-eu",
        Act::Create {
            object: "orders".into(),
            fields: json!({
                "properties": {"hs_order_name": "Order", "hs_total_price": "100.00", "hs_currency_code": "EUR"},
                "associations": [{"to": "companies", "id": customer}]
            }),
        },
    );
    world.settle().await;
    let party = world.shown(&world.named(Entity::Organization, "Customer").await, "tryton", "party.party");
    let order = world.only(Entity::Order).await;
    assert_eq!(links(&order).len(), 2, "{:?}", order.outbox);
    let sale = world.shown(&order, "tryton", "sale.sale");
    assert_eq!(sale["party"], party["id"], "{sale}");
}
