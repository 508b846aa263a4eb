//! The six field policies, and parking, from an edit at a vendor to what every other vendor shows.

use crate::crm::{company, edit, text};
use concord_connector::{Entity, Field, sandbox::Act};
use concord_hub::{
    events::Count,
    policy::{FieldPolicy, Others, Rule},
    review::Subject,
    reviews,
};
use concord_tests::world::{Account, World, account};
use serde_json::{Value as Json, json};
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

async fn crms(maps: &'static [Entity]) -> World {
    let sync = |name, system| Account { creates: maps, maps, ..account(name, system) };
    World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await
}

fn policy(world: &World, entity: Entity, field: &str, rule: Rule, order: &[&str], only: bool, others: Others) {
    let order = order.iter().map(|name| (*name).into()).collect();
    world.reconfigure(|settings| {
        settings.policy.set(entity, Field::from(field), FieldPolicy { rule, order, only, others });
    });
}

fn in_hubspot(world: &World, object: &str, id: &str, properties: Json) {
    world.act("hubspot-eu", edit(object, id, json!({ "properties": properties })));
}

/// An organization in both systems: its ids there.
async fn acme(world: &mut World) -> (String, String) {
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    let there = world.shown(&world.only(Entity::Organization).await, "salesforce", "Account")["Id"].clone();
    (id, there.as_str().expect("an id").to_owned())
}

/// An opportunity in both systems: its ids there.
async fn deal(world: &mut World, properties: Json) -> (String, String) {
    let mut all = json!({"dealname": "Deal", "dealstage": "qualifiedtobuy", "closedate": "2026-06-30T00:00:00Z"});
    for (name, value) in properties.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    let id = world.act("hubspot-eu", Act::Create { object: "deals".into(), fields: json!({"properties": all}) });
    world.settle().await;
    let there = world.shown(&world.only(Entity::Opportunity).await, "salesforce", "Opportunity")["Id"].clone();
    (id, there.as_str().expect("an id").to_owned())
}

async fn phones(world: &World) -> (String, Json, Json) {
    let record = world.only(Entity::Organization).await;
    let company = world.shown(&record, "hubspot-eu", "companies")["properties"]["phone"].clone();
    (text(&record, "phone"), company, world.shown(&record, "salesforce", "Account")["Phone"].clone())
}

#[tokio::test]
async fn an_owner_with_revert_takes_edits_of_others_back() {
    let mut world = crms(ORGANIZATIONS).await;
    policy(&world, Entity::Organization, "phone", Rule::Owner, &["salesforce"], true, Others::Revert);
    let (id, there) = acme(&mut world).await;
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1"})));
    world.settle().await;
    in_hubspot(&world, "companies", &id, json!({"phone": "2"}));
    world.settle().await;
    assert_eq!(phones(&world).await, ("1".into(), json!("1"), json!("1")));
}

#[tokio::test]
async fn an_owner_with_leave_lets_others_keep_their_own_value() {
    let mut world = crms(ORGANIZATIONS).await;
    policy(&world, Entity::Organization, "phone", Rule::Owner, &["salesforce"], true, Others::Leave);
    let (id, there) = acme(&mut world).await;
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1"})));
    in_hubspot(&world, "companies", &id, json!({"phone": "2"}));
    world.settle().await;
    assert_eq!(phones(&world).await, ("1".into(), json!("2"), json!("1")));
    world.act("salesforce", edit("Account", &there, json!({"Phone": "3"})));
    world.settle().await;
    assert_eq!(phones(&world).await, ("3".into(), json!("2"), json!("3")));
    assert!(world.only(Entity::Organization).await.pending().is_empty());
}

#[tokio::test]
async fn the_first_owner_that_says_anything_wins_whoever_edits_last() {
    let mut world = crms(ORGANIZATIONS).await;
    let order = ["salesforce", "hubspot-eu"];
    policy(&world, Entity::Organization, "phone", Rule::Owner, &order, false, Others::Revert);
    let (id, there) = acme(&mut world).await;
    in_hubspot(&world, "companies", &id, json!({"phone": "2"}));
    world.settle().await;
    assert_eq!(phones(&world).await.0, "2", "the first owner has said nothing yet");
    world.act("salesforce", edit("Account", &there, json!({"Phone": "1"})));
    world.settle().await;
    in_hubspot(&world, "companies", &id, json!({"phone": "3"}));
    world.settle().await;
    assert_eq!(phones(&world).await, ("1".into(), json!("1"), json!("1")));
}

#[tokio::test]
async fn a_monotone_stage_only_moves_forward() {
    let mut world = crms(BOTH).await;
    policy(&world, Entity::Opportunity, "stage", Rule::Monotone, &[], false, Others::Revert);
    let (id, there) = deal(&mut world, json!({})).await;
    world.act("salesforce", edit("Opportunity", &there, json!({"StageName": "Negotiation/Review"})));
    world.settle().await;
    // Somebody moves it back in the other system, later.
    in_hubspot(&world, "deals", &id, json!({"dealstage": "appointmentscheduled"}));
    world.settle().await;
    let record = world.only(Entity::Opportunity).await;
    assert_eq!(text(&record, "stage"), "committed");
    assert_eq!(world.shown(&record, "hubspot-eu", "deals")["properties"]["dealstage"], "contractsent");
    assert_eq!(world.shown(&record, "salesforce", "Opportunity")["StageName"], "Negotiation/Review");
    in_hubspot(&world, "deals", &id, json!({"dealstage": "closedwon"}));
    world.settle().await;
    let record = world.only(Entity::Opportunity).await;
    assert_eq!(world.shown(&record, "salesforce", "Opportunity")["StageName"], "Closed Won");
}

#[tokio::test]
async fn a_stage_of_many_to_one_stays_as_the_target_says_it() {
    let mut world = crms(BOTH).await;
    let (id, there) = deal(&mut world, json!({})).await;
    world.act("salesforce", edit("Opportunity", &there, json!({"StageName": "Needs Analysis"})));
    world.settle().await;
    in_hubspot(&world, "deals", &id, json!({"hs_next_step": "call"}));
    world.settle().await;
    let record = world.only(Entity::Opportunity).await;
    let shown = world.shown(&record, "salesforce", "Opportunity");
    assert_eq!((text(&record, "stage"), &shown["StageName"]), ("qualified".into(), &json!("Needs Analysis")));
    assert_eq!(shown["NextStep"], "call");
}

fn sorted(roles: &Json) -> Vec<String> {
    let mut roles: Vec<String> =
        roles.as_str().unwrap_or_default().split(';').filter(|r| !r.is_empty()).map(str::to_lowercase).collect();
    roles.sort();
    roles
}

#[tokio::test]
async fn roles_that_two_systems_add_at_once_are_all_there_and_a_removal_stays_removed() {
    let mut world = crms(ORGANIZATIONS).await;
    let (id, there) = acme(&mut world).await;
    in_hubspot(&world, "companies", &id, json!({"concord_roles": "partner;customer"}));
    world.act("salesforce", edit("Account", &there, json!({"Concord_Roles__c": "Distributor"})));
    world.settle().await;
    let both = |world: &World, record: &concord_hub::record::Record| {
        (
            sorted(&world.shown(record, "hubspot-eu", "companies")["properties"]["concord_roles"]),
            sorted(&world.shown(record, "salesforce", "Account")["Concord_Roles__c"]),
        )
    };
    let record = world.only(Entity::Organization).await;
    let all: Vec<String> = ["customer", "distributor", "partner"].map(str::to_owned).to_vec();
    assert_eq!(both(&world, &record), (all.clone(), all));
    world.clock.advance(Duration::from_secs(60));
    world.act("salesforce", edit("Account", &there, json!({"Concord_Roles__c": "Partner;Distributor"})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let left: Vec<String> = ["distributor", "partner"].map(str::to_owned).to_vec();
    assert_eq!(both(&world, &record), (left.clone(), left));
}

#[tokio::test]
async fn partners_that_two_crms_add_to_a_deal_are_all_on_it() {
    let mut world = crms(BOTH).await;
    let mut companies = Vec::new();
    for name in ["Customer", "North", "South"] {
        companies.push(world.act("hubspot-eu", company(name, &format!("{}.example", name.to_lowercase()))));
    }
    let (id, there) = deal(&mut world, json!({})).await;
    let account = |world: &World, record: &concord_hub::record::Record| {
        world.shown(record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned()
    };
    let south = account(&world, &world.named(Entity::Organization, "South").await);
    let north = account(&world, &world.named(Entity::Organization, "North").await);
    let linked =
        json!({"properties": {}, "associations": [{"to": "companies", "id": companies[1], "label": "Reseller"}]});
    world.act("hubspot-eu", edit("deals", &id, linked));
    world.act(
        "salesforce",
        Act::Create {
            object: "OpportunityPartner".into(),
            fields: json!({"OpportunityId": there, "AccountToId": south, "Role": "Distributor"}),
        },
    );
    world.settle().await;
    let record = world.only(Entity::Opportunity).await;
    let shown = world.shown(&record, "salesforce", "Opportunity");
    let mut partners: Vec<&str> = shown["OpportunityPartners"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(|p| p["AccountToId"].as_str())
        .collect();
    partners.sort_unstable();
    let mut wanted = vec![south.as_str(), north.as_str()];
    wanted.sort_unstable();
    assert_eq!(partners, wanted, "{shown}");
    let associations = world.shown(&record, "hubspot-eu", "deals")["associations"]["companies"].to_string();
    for company in [&companies[1], &companies[2]] {
        assert!(associations.contains(company.as_str()), "{associations}");
    }
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
}

#[tokio::test]
async fn a_manual_field_waits_for_a_person_and_then_holds_what_was_decided() {
    let mut world = crms(ORGANIZATIONS).await;
    policy(&world, Entity::Organization, "phone", Rule::Manual, &[], false, Others::Revert);
    let (id, there) = acme(&mut world).await;
    in_hubspot(&world, "companies", &id, json!({"phone": "1"}));
    world.act("salesforce", edit("Account", &there, json!({"Phone": "2"})));
    world.settle().await;
    assert_eq!(phones(&world).await, (String::new(), json!("1"), json!("2")), "both values are kept");
    let open = reviews::list(&world.hub, None, 10).await.expect("a store").reviews;
    let [question] = open.as_slice() else { panic!("one question: {open:#?}") };
    let Subject::Undecided { claims, .. } = &question.subject else { panic!("{question:#?}") };
    assert_eq!(claims.len(), 2);
    assert!(question.sentence.contains("says `1`") && question.sentence.contains("says `2`"), "{}", question.sentence);
    reviews::decide(&world.hub, &question.id, "set", Some("3")).await.expect("a choice");
    world.settle().await;
    assert_eq!(phones(&world).await, ("3".into(), json!("3"), json!("3")));
    assert!(reviews::list(&world.hub, None, 10).await.expect("a store").reviews.is_empty());
}

#[tokio::test]
async fn changes_of_an_amount_in_two_systems_add_up() {
    let mut world = crms(BOTH).await;
    policy(&world, Entity::Opportunity, "amount", Rule::Deltas, &["hubspot-eu", "salesforce"], false, Others::Revert);
    let (id, there) = deal(&mut world, json!({"amount": "1000.00", "deal_currency_code": "EUR"})).await;
    in_hubspot(&world, "deals", &id, json!({"amount": "1100.00"}));
    world.act("salesforce", edit("Opportunity", &there, json!({"Amount": 950.25})));
    world.settle().await;
    let record = world.only(Entity::Opportunity).await;
    assert_eq!(text(&record, "amount"), "1050.25 EUR", "plus 100, minus 49.75");
    assert_eq!(world.shown(&record, "hubspot-eu", "deals")["properties"]["amount"], "1050.25");
    assert_eq!(world.shown(&record, "salesforce", "Opportunity")["Amount"].to_string(), "1050.25");
    // On top of the sum, and then nothing more: receipts are no changes.
    in_hubspot(&world, "deals", &id, json!({"amount": "1050.00"}));
    world.settle().await;
    let record = world.only(Entity::Opportunity).await;
    assert_eq!(text(&record, "amount"), "1050.00 EUR");
    assert_eq!(world.shown(&record, "salesforce", "Opportunity")["Amount"].to_string(), "1050.0");
}

#[tokio::test]
async fn a_field_that_a_vendor_rewrites_every_time_is_parked_after_two_write_backs() {
    let mut world = crms(ORGANIZATIONS).await;
    policy(&world, Entity::Organization, "phone", Rule::Owner, &["hubspot-eu"], true, Others::Revert);
    let (id, there) = acme(&mut world).await;
    in_hubspot(&world, "companies", &id, json!({"phone": "1"}));
    world.settle().await;
    let before = world.hub.tally.get(Count::Deliveries);
    // A rule there puts its own value back, minutes after each of our writes.
    for _ in 0..6 {
        world.clock.advance(Duration::from_secs(600));
        world.act("salesforce", edit("Account", &there, json!({"Phone": "000"})));
        world.settle().await;
        if world.shown(&world.only(Entity::Organization).await, "salesforce", "Account")["Phone"] == "000" {
            break;
        }
    }
    assert_eq!(world.hub.tally.get(Count::Deliveries) - before, 2, "two write-backs and no third");
    let record = world.only(Entity::Organization).await;
    assert!(record.pending().is_empty());
    let open = reviews::list(&world.hub, None, 10).await.expect("a store").reviews;
    let [parked] = open.as_slice() else { panic!("one question: {open:#?}") };
    assert!(matches!(&parked.subject, Subject::ParkedField { field, .. } if field.as_str() == "phone"));
    assert!(parked.sentence.contains("Something at that system undoes it"), "{}", parked.sentence);
    assert_eq!(phones(&world).await, ("1".into(), json!("1"), json!("000")));
    // Other fields go on; and once the rule is gone a person resumes it.
    in_hubspot(&world, "companies", &id, json!({"description": "still in step"}));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Description"], "still in step");
    reviews::decide(&world.hub, &parked.id, "resume", None).await.expect("a choice");
    world.settle().await;
    assert_eq!(phones(&world).await, ("1".into(), json!("1"), json!("1")));
}

#[tokio::test]
async fn write_backs_that_are_more_than_a_day_apart_do_not_park() {
    let mut world = crms(ORGANIZATIONS).await;
    policy(&world, Entity::Organization, "phone", Rule::Owner, &["hubspot-eu"], true, Others::Revert);
    let (id, there) = acme(&mut world).await;
    in_hubspot(&world, "companies", &id, json!({"phone": "1"}));
    world.settle().await;
    for _ in 0..4 {
        world.clock.advance(Duration::from_secs(13 * 3600));
        world.act("salesforce", edit("Account", &there, json!({"Phone": "000"})));
        world.settle().await;
        assert_eq!(phones(&world).await, ("1".into(), json!("1"), json!("1")));
    }
    assert!(world.reviews().await.is_empty());
}
