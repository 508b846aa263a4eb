//! Two CRMs and an ERP in step.

use concord_connector::{Entity, sandbox::Act};
use concord_tests::world::{World, account, links};
use serde_json::json;

fn company(name: &str, domain: &str) -> Act {
    Act::Create { object: "companies".into(), fields: json!({"properties": {"name": name, "domain": domain}}) }
}

#[tokio::test]
async fn a_company_made_in_one_crm_appears_in_the_others() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce"), account("tryton", "tryton")]).await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(record.value("name").and_then(|v| v.as_str()), Some("Acme"));
    assert_eq!(links(&record).len(), 3, "{:?} {:?}", links(&record), record.outbox);
    let accounts = world.vendor("salesforce", |vendor| vendor.records()["Account"].clone());
    assert_eq!(accounts.len(), 1);
    assert!(record.pending().is_empty(), "{record:#?}");
}

#[tokio::test]
async fn different_fields_edited_in_two_systems_at_once_both_survive() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let account_id = world.vendor("salesforce", |vendor| vendor.records()["Account"].keys().next().cloned()).expect("an account");
    world.act("hubspot-eu", Act::Update { object: "companies".into(), id: id.clone(), fields: json!({"properties": {"phone": "+49 30 1"}}) });
    world.act("salesforce", Act::Update { object: "Account".into(), id: account_id.clone(), fields: json!({"Industry": "Energy"}) });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(record.value("phone").and_then(|v| v.as_str()), Some("+49 30 1"));
    assert_eq!(record.value("industry").and_then(|v| v.as_str()), Some("Energy"));
    let account = world.vendor("salesforce", |vendor| vendor.records()["Account"][&account_id].clone());
    assert_eq!(account["Phone"], "+49 30 1");
    assert_eq!(account["Industry"], "Energy");
    let company = world.vendor("hubspot-eu", |vendor| vendor.records()["companies"][&id].clone());
    assert_eq!(company["properties"]["concord_industry"], "Energy");
    assert!(record.pending().is_empty());
}
