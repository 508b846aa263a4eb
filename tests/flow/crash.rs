//! Law 2: after ingest answered 2xx the change reaches every subscribed system, whatever fails in between.

use crate::crm::{company, edit, text};
use concord_connector::Entity;
use concord_hub::testing::When;
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];

fn small<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { maps: ORGANIZATIONS, ..account(name, system) }
}

/// A company is made in one system and edited in both; then everybody has to agree.
async fn history(break_at: Option<(u64, When, bool)>) -> u64 {
    let mut world = World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await;
    match break_at {
        Some((call, when, true)) => world.plan.crash(call, when),
        Some((call, when, false)) => world.plan.fail(call, when),
        None => world.plan.fail(u64::MAX, When::Before),
    }
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let there =
        world.vendor("salesforce", |vendor| vendor.records()["Account"].keys().next().cloned()).expect("an account");
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.act("salesforce", edit("Account", &there, json!({"Industry": "Energy"})));
    world.settle().await;
    let calls = world.plan.calls();
    world.plan.heal();
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 2, "{break_at:?}: {:?}", links(&record));
    assert_eq!(
        (text(&record, "phone"), text(&record, "industry")),
        ("+49 30 1".into(), "Energy".into()),
        "{break_at:?}"
    );
    assert_eq!(
        world.vendor("salesforce", |vendor| vendor.records()["Account"].len()),
        1,
        "{break_at:?}: created twice"
    );
    assert_eq!(
        world.vendor("hubspot-eu", |vendor| vendor.records()["companies"].len()),
        1,
        "{break_at:?}: created twice"
    );
    let account = world.shown(&record, "salesforce", "Account");
    assert_eq!((&account["Phone"], &account["Industry"]), (&json!("+49 30 1"), &json!("Energy")), "{break_at:?}");
    let company = world.shown(&record, "hubspot-eu", "companies");
    assert_eq!(company["properties"]["concord_industry"], "Energy", "{break_at:?}");
    assert!(record.pending().is_empty(), "{break_at:?}: {:?}", record.outbox);
    calls
}

#[tokio::test]
async fn nothing_is_lost_whichever_port_call_fails() {
    let calls = history(None).await;
    assert!(calls > 50, "the history is worth breaking: {calls} calls");
    for when in [When::Before, When::After] {
        for call in 1..=calls {
            history(Some((call, when, false))).await;
        }
    }
}
