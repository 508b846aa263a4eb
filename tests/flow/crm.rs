//! Two CRMs and an ERP in step.

use concord_connector::{
    Entity,
    sandbox::{Act, Trouble},
};
use concord_hub::{events::Count, review::Subject};
use concord_tests::world::{Account, World, account, links};
use serde_json::{Value, json};

/// An account in which only organizations are mapped.
pub(crate) fn small<'a>(name: &'a str, system: &'a str) -> Account<'a> {
    Account { maps: &[Entity::Organization], ..account(name, system) }
}
/// Two CRMs with organizations.
pub(crate) async fn crms() -> World {
    World::new(&[small("hubspot-eu", "hubspot"), small("salesforce", "salesforce")]).await
}
pub(crate) fn company(name: &str, domain: &str) -> Act {
    Act::Create { object: "companies".into(), fields: json!({"properties": {"name": name, "domain": domain}}) }
}
pub(crate) fn edit(object: &str, id: &str, fields: Value) -> Act {
    Act::Update { object: object.into(), id: id.into(), fields }
}
pub(crate) fn text(record: &concord_hub::record::Record, field: &str) -> String {
    record.value(field).map(ToString::to_string).unwrap_or_default()
}

#[tokio::test]
async fn a_company_made_in_one_crm_appears_in_the_others() {
    let mut world = World::new(&[
        account("hubspot-eu", "hubspot"),
        account("salesforce", "salesforce"),
        account("tryton", "tryton"),
    ])
    .await;
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.named(Entity::Organization, "Acme").await;
    assert_eq!(links(&record).len(), 3, "{:?} {:?}", links(&record), record.outbox);
    assert_eq!(world.shown(&record, "salesforce", "Account")["Name"], "Acme");
    assert_eq!(world.shown(&record, "tryton", "party.party")["name"], "Acme");
    assert!(record.pending().is_empty(), "{record:#?}");
}

#[tokio::test]
async fn different_fields_edited_in_two_systems_at_once_both_survive() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 1"}})));
    world.act("salesforce", edit("Account", &there, json!({"Industry": "Energy"})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let (account, company) =
        (world.shown(&record, "salesforce", "Account"), world.shown(&record, "hubspot-eu", "companies"));
    assert_eq!((&account["Phone"], &account["Industry"]), (&json!("+49 30 1"), &json!("Energy")));
    let properties = &company["properties"];
    assert_eq!((&properties["phone"], &properties["concord_industry"]), (&json!("+49 30 1"), &json!("Energy")));
    assert!(record.pending().is_empty());
}

#[tokio::test]
async fn the_same_company_made_in_two_crms_at_once_is_one_record_and_is_created_nowhere() {
    let mut world = World::new(&[
        account("hubspot-eu", "hubspot"),
        account("salesforce", "salesforce"),
        account("hubspot-us", "hubspot"),
    ])
    .await;
    world.act("hubspot-eu", company("Acme GmbH", "acme.example"));
    world.act(
        "salesforce",
        Act::Create {
            object: "Account".into(),
            fields: json!({"Name": "Acme", "Website": "https://www.acme.example"}),
        },
    );
    world.act("hubspot-us", company("ACME", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 3, "{:?}", links(&record));
    assert_eq!(world.hub.tally.get(Count::Creates), 0);
    for (name, object) in [("hubspot-eu", "companies"), ("salesforce", "Account"), ("hubspot-us", "companies")] {
        assert_eq!(world.vendor(name, |vendor| vendor.records()[object].len()), 1, "{name}");
    }
    assert!(record.pending().is_empty());
}

#[tokio::test]
async fn a_webhook_caused_by_our_own_write_commits_nothing() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "+49 30 2"}})));
    world.settle().await;
    let before = world.only(Entity::Organization).await;
    let deliveries = world.hub.tally.get(Count::Deliveries);
    // Whatever polls and late webhooks bring for another half hour is an echo.
    for _ in 0..12 {
        world.clock.advance(std::time::Duration::from_secs(150));
        world.settle().await;
    }
    let after = world.only(Entity::Organization).await;
    assert_eq!(after.version, before.version);
    assert_eq!(world.hub.tally.get(Count::Deliveries), deliveries);
    assert_eq!(deliveries, 2, "one create and one update");
}

#[tokio::test]
async fn f10_a_create_whose_answer_is_lost_is_not_repeated() {
    let mut world = World::new(&[
        account("hubspot-eu", "hubspot"),
        account("hubspot-us", "hubspot"),
        account("salesforce", "salesforce"),
    ])
    .await;
    world.vendor("hubspot-us", |vendor| vendor.faults().plan("batch/upsert", Trouble::LoseAnswer));
    world.vendor("salesforce", |vendor| vendor.faults().plan("composite", Trouble::LoseAnswer));
    world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(links(&record).len(), 3, "{:?} {:?}", links(&record), record.outbox);
    assert_eq!(world.vendor("hubspot-us", |vendor| vendor.records()["companies"].len()), 1);
    assert_eq!(world.vendor("salesforce", |vendor| vendor.records()["Account"].len()), 1);
}

#[tokio::test]
async fn throttles_and_outages_end_in_agreement() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    for n in 0..20 {
        world.act("hubspot-eu", company(&format!("Partner {n}"), &format!("partner-{n}.example")));
    }
    world.vendor("salesforce", |vendor| {
        for _ in 0..3 {
            vendor.faults().plan("/services/data", Trouble::Throttle(Some(2)));
            vendor.faults().plan("/services/data", Trouble::Fail(503));
        }
    });
    world.settle().await;
    let records = world.records(Entity::Organization).await;
    assert_eq!(records.len(), 20);
    for record in &records {
        assert_eq!(links(record).len(), 2, "{:?} {:?}", links(record), record.outbox);
    }
    assert!(world.hub.tally.get(Count::Throttles) + world.hub.tally.get(Count::Outages) > 0);
}

#[tokio::test]
async fn a_delete_is_told_to_a_person_and_the_others_keep_the_record() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.act("hubspot-eu", Act::Delete { object: "companies".into(), id });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(record.facets.iter().filter(|facet| facet.is_live()).count(), 1);
    assert_eq!(text(&record, "name"), "Acme");
    assert_eq!(
        world.vendor("hubspot-eu", |vendor| vendor.records().get("companies").map_or(0, |found| found.len())),
        0,
        "it is not created there again"
    );
    let reviews = world.reviews().await;
    assert!(matches!(reviews.as_slice(), [one] if matches!(one.subject, Subject::Deleted { .. })), "{reviews:?}");
}

#[tokio::test]
async fn a_merge_at_the_vendor_merges_the_records() {
    let mut world = World::new(&[account("hubspot-eu", "hubspot"), account("salesforce", "salesforce")]).await;
    let winner = world.act("hubspot-eu", company("Acme", "acme.example"));
    let loser = world.act("hubspot-eu", company("Acme Inc", "acme-inc.example"));
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 2);
    world.act("hubspot-eu", Act::Merge { object: "companies".into(), winner: winner.clone(), loser });
    world.settle().await;
    let records = world.records(Entity::Organization).await;
    let holder =
        records.iter().find(|record| links(record).contains(&format!("hubspot-eu/{winner}"))).expect("the winner");
    assert_eq!(text(holder, "name"), "Acme");
}

#[tokio::test]
async fn an_opportunity_finds_its_customer_and_partners_in_the_other_crm() {
    let both = &[Entity::Organization, Entity::Opportunity];
    let sync = |name, system| Account { creates: both, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await;
    let customer = world.act("hubspot-eu", company("Customer", "customer.example"));
    let partner = world.act("hubspot-eu", company("Partner", "partner.example"));
    world.act("hubspot-eu", Act::Create {
        object: "deals".into(),
        fields: json!({
            "properties": {"dealname": "Big deal", "amount": "1234.50", "deal_currency_code": "EUR", "dealstage": "presentationscheduled", "closedate": "2026-06-30T10:00:00Z"},
            "associations": [{"to": "companies", "id": customer, "label": "Primary"}, {"to": "companies", "id": partner, "label": "Reseller"}]
        }),
    });
    world.settle().await;
    let deal = world.named(Entity::Opportunity, "Big deal").await;
    assert_eq!(links(&deal).len(), 2, "{:?} {:?} {:?}", links(&deal), deal.outbox, deal.golden);
    let (customer, partner) =
        (world.named(Entity::Organization, "Customer").await, world.named(Entity::Organization, "Partner").await);
    let shown = world.shown(&deal, "salesforce", "Opportunity");
    assert_eq!(shown["AccountId"], world.shown(&customer, "salesforce", "Account")["Id"]);
    assert_eq!(
        shown["OpportunityPartners"][0]["AccountToId"],
        world.shown(&partner, "salesforce", "Account")["Id"],
        "{shown}"
    );
    assert!(deal.pending().is_empty(), "{:?}", deal.outbox);
}
