//! Creates whose outcome is unknown, found again in another way than by their own search.

use crate::crm::{company, edit, text};
use concord_connector::{
    Entity, Field, Reference, Snapshot, SourceVersion, Value,
    sandbox::{Sandbox, Trouble},
};
use concord_hub::{
    message::Observation,
    policy::{FieldPolicy, Others, Rule},
    steps::reconcile,
};
use concord_tests::world::{Account, World, account, links};
use serde_json::json;

const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

async fn crms() -> World {
    let sync = |name, system| Account { creates: BOTH, maps: BOTH, ..account(name, system) };
    World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await
}

fn accounts(vendor: &mut dyn Sandbox) -> Vec<String> {
    vendor.records().remove("Account").unwrap_or_default().into_keys().collect()
}

/// Works without the scheduler until Salesforce has an account whose create was not answered.
async fn unanswered(world: &mut World, properties: serde_json::Value) -> (String, String) {
    world.vendor("salesforce", |vendor| {
        vendor.faults().plan("composite", Trouble::LoseAnswer);
        vendor.faults().lose_webhooks = true;
    });
    let act = concord_connector::sandbox::Act::Create {
        object: "companies".into(),
        fields: json!({ "properties": properties }),
    };
    let company = world.act("hubspot-eu", act);
    for _ in 0..50 {
        world.round().await;
        if let [account] = world.vendor("salesforce", accounts).as_slice() {
            return (company, account.clone());
        }
    }
    panic!("the account was never made: {:?}", world.hub.tally.counts());
}

#[tokio::test]
async fn a_placeholder_that_bears_our_marker_joins_the_record_that_it_was_made_for() {
    let mut world = crms().await;
    // Without a domain no key joins the two.
    let (_, account) = unanswered(&mut world, json!({ "name": "Acme" })).await;
    // An opportunity that a person made for the new account is read before the account itself.
    let mut deal = Snapshot::new(Entity::Opportunity, "006000000000001AAA", SourceVersion(1));
    deal.fields.insert("name".into(), Some(Value::Text("Deal".into())));
    deal.fields
        .insert("customer".into(), Some(Value::from(Reference::external(Entity::Organization, account.as_str()))));
    let observation = Observation {
        connection: "salesforce".into(),
        snapshot: deal,
        read_at: world.now(),
        signalled_at: None,
        from_history: false,
        ours: Default::default(),
        looked: true,
    };
    reconcile::observe(&world.hub, &observation).await.expect("an observation that can be taken in");
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 2, "{:?}", links(&record));
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
    assert_eq!(world.vendor("salesforce", accounts).len(), 1);
    let companies = world.vendor("hubspot-eu", |vendor| vendor.records()["companies"].len());
    assert_eq!(companies, 1, "the account is no company of its own");
}

#[tokio::test]
async fn what_a_create_of_unknown_outcome_wrote_is_nobodys_claim() {
    let mut world = crms().await;
    world.reconfigure(|settings| {
        let policy = FieldPolicy {
            rule: Rule::Owner,
            order: vec!["salesforce".into(), "hubspot-eu".into()],
            only: false,
            others: Others::Revert,
        };
        settings.policy.set(Entity::Organization, Field::from("name"), policy);
    });
    let (id, _) = unanswered(&mut world, json!({ "name": "Acme", "domain": "acme.example" })).await;
    // Before the create is found again the only person who ever said anything says something else.
    world.act("hubspot-eu", edit("companies", &id, json!({ "properties": { "name": "Acme AG" } })));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 2, "{:?}", links(&record));
    assert_eq!(text(&record, "name"), "Acme AG", "Salesforce said nothing: it showed what we had written");
    assert_eq!(world.shown(&record, "salesforce", "Account")["Name"], "Acme AG");
    assert_eq!(world.shown(&record, "hubspot-eu", "companies")["properties"]["name"], "Acme AG");
    assert_eq!(world.vendor("salesforce", accounts).len(), 1);
}

#[tokio::test]
async fn a_create_that_is_found_by_its_own_search_is_adopted_once() {
    let mut world = crms().await;
    let (_, account) = unanswered(&mut world, json!({ "name": "Acme", "domain": "acme.example" })).await;
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert!(links(&record).contains(&format!("salesforce/{account}")), "{:?}", links(&record));
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
    world.act("hubspot-eu", company("Other", "other.example"));
    world.settle().await;
    assert_eq!(world.vendor("salesforce", accounts).len(), 2);
}
