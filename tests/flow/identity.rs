//! What becomes of records that turn out to be one.

use crate::crm::company;
use concord_connector::{Entity, Target, Value, sandbox::Act};
use concord_tests::world::{Account, World, account, links};
use serde_json::{Value as Json, json};

fn create(object: &str, fields: Json) -> Act {
    Act::Create { object: object.into(), fields }
}

#[tokio::test]
async fn a_reference_to_a_company_that_joined_another_at_birth_leads_to_it() {
    let creates = &[Entity::Organization, Entity::Opportunity];
    let mut world = World::new(&[
        account("hubspot-eu", "hubspot"),
        Account { creates, ..account("salesforce", "salesforce") },
        Account { creates: &[], ..account("hubspot-us", "hubspot") },
    ])
    .await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let twin = world.act("hubspot-us", company("ACME", "acme.example"));
    world.settle().await;
    let acme = world.only(Entity::Organization).await;
    assert_eq!(links(&acme).len(), 3, "{:?}", links(&acme));
    let deal = json!({
        "properties": { "dealname": "Deal", "dealstage": "contractsent", "pipeline": "default", "closedate": "2027-03-31T00:00:00Z" },
        "associations": [{ "to": "companies", "id": twin, "label": "Primary" }],
    });
    world.act("hubspot-us", create("deals", deal));
    world.settle().await;
    let deal = world.only(Entity::Opportunity).await;
    let Some(Value::Ref(reference)) = deal.value("organization") else { panic!("{:?}", deal.golden) };
    let Target::Record(home) = &reference.to else { panic!("{reference}") };
    assert_eq!(world.record(home).await.id, acme.id);
    let account = world.shown(&acme, "salesforce", "Account")["Id"].clone();
    assert_eq!(world.shown(&deal, "salesforce", "Opportunity")["AccountId"], account);
}

#[tokio::test]
async fn who_was_merged_away_in_one_system_keeps_a_name_while_nobody_has_decided() {
    let creates = &[Entity::Person];
    let mut world = World::new(&[
        Account { creates, ..account("hubspot-eu", "hubspot") },
        Account { creates, ..account("salesforce", "salesforce") },
    ])
    .await;
    let person = |n: u32| {
        let email = format!("robin{n}@people.example");
        create(
            "contacts",
            json!({ "properties": { "firstname": "Robin", "lastname": format!("Example {n}"), "email": email } }),
        )
    };
    let (winner, loser) = (world.act("hubspot-eu", person(1)), world.act("hubspot-eu", person(2)));
    world.settle().await;
    world.act("hubspot-eu", Act::Merge { object: "contacts".into(), winner, loser });
    world.settle().await;
    // Two contacts in Salesforce: they cannot be one without a person's word.
    let people = world.records(Entity::Person).await;
    assert_eq!(people.len(), 2);
    for person in &people {
        assert!(person.value("family_name").is_some(), "{:?}", person.golden);
        assert!(person.pending().is_empty(), "nothing is on its way to what is gone: {:?}", person.pending());
    }
    assert_eq!(world.reviews().await.len(), 1);
}
