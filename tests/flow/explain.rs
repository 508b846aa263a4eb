//! Law 7: every golden field names its source, time and rule; every delivery and failure is visible with a sentence that
//! an admin can act on.

use crate::crm::{company, edit};
use concord_connector::{Entity, Field, sandbox::Act};
use concord_hub::{
    explain::{self, Explanation},
    policy::{FieldPolicy, Others, Rule},
    settings::{Mode, Scope},
    views::{self, State},
};
use concord_tests::world::{Account, World, account};
use serde_json::json;
use std::time::Duration;

const ORGANIZATIONS: &[Entity] = &[Entity::Organization];
const BOTH: &[Entity] = &[Entity::Organization, Entity::Opportunity];

async fn crms(maps: &'static [Entity]) -> World {
    let sync = |name, system| Account { creates: maps, maps, ..account(name, system) };
    World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await
}

async fn explained(world: &World, entity: Entity) -> Explanation {
    let record = world.only(entity).await;
    explain::explain(&world.hub, &record.id).await.expect("a store").expect("a record")
}

/// A sentence that somebody can act on: it is one, and it says something.
fn is_a_sentence(text: &str) {
    assert!(text.split_whitespace().count() >= 3, "no sentence: {text}");
    for jargon in ["None", "Some(", "{", "unwrap", "null"] {
        assert!(!text.contains(jargon), "`{jargon}` is nothing to act on: {text}");
    }
}

fn names_its_source(explanation: &Explanation) {
    assert!(!explanation.fields.is_empty());
    for story in &explanation.fields {
        is_a_sentence(&story.because);
        let by = story.said_by.as_ref().unwrap_or_else(|| panic!("`{}` has a source", story.field));
        let named = by.connection.as_str() == "concord" || story.because.contains(&by.to_string());
        assert!(named, "`{}` names its source: {}", story.field, story.because);
        let time = match story.at {
            Some(at) => at.0.to_string(),
            None => "at first sight".into(),
        };
        assert!(story.because.contains(&time), "`{}` names its time: {}", story.field, story.because);
        let rule = format!("rule `{}`", story.rule.name());
        assert!(story.because.contains(&rule), "`{}` names its rule: {}", story.field, story.because);
        for held in &story.elsewhere {
            is_a_sentence(&held.why);
        }
    }
}

#[tokio::test]
async fn every_golden_field_names_its_source_its_time_and_its_rule() {
    let mut world = crms(BOTH).await;
    let customer = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.act("hubspot-eu", Act::Create {
        object: "deals".into(),
        fields: json!({
            "properties": {"dealname": "Deal", "amount": "10", "deal_currency_code": "EUR", "dealstage": "qualifiedtobuy", "closedate": "2026-06-30T10:00:00Z"},
            "associations": [{"to": "companies", "id": customer, "label": "Primary"}]
        }),
    });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
    let properties = json!({"phone": "1", "concord_roles": "partner", "description": "by hubspot", "city": "Bonn"});
    world.act("hubspot-eu", edit("companies", &customer, json!({"properties": properties})));
    world.clock.advance(Duration::from_secs(5));
    world.act("salesforce", edit("Account", &there, json!({"Phone": "2", "Concord_Roles__c": "Customer"})));
    world.settle().await;
    concord_hub::people::set(&world.hub, &record.id, "industry", Some("Energy")).await.expect("a value");
    world.settle().await;
    for entity in [Entity::Organization, Entity::Opportunity] {
        let explanation = explained(&world, entity).await;
        names_its_source(&explanation);
        let golden = world.only(entity).await.golden;
        let told: Vec<&Field> = explanation.fields.iter().map(|story| &story.field).collect();
        assert!(golden.keys().all(|field| told.contains(&field)), "{told:?}");
        assert_eq!(explanation.work, Vec::<String>::new(), "nothing is left to do");
    }
    let explanation = explained(&world, Entity::Organization).await;
    let phone = explanation.fields.iter().find(|story| story.field.as_str() == "phone").expect("a phone");
    assert_eq!(phone.value.as_deref(), Some("2"));
    assert_eq!(phone.lost.len(), 1, "the loser is named: {:?}", phone.lost);
    assert_eq!((phone.lost[0].value.as_deref(), phone.lost[0].counts), (Some("1"), true));
    assert!(phone.because.contains("against another edit"), "{}", phone.because);
    let industry = explanation.fields.iter().find(|story| story.field.as_str() == "industry").expect("an industry");
    assert!(industry.because.contains("a person in Concord"), "{}", industry.because);
    let text = explanation.text(None);
    for part in ["phone = `2`", "hubspot-eu", "salesforce", "external records"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[tokio::test]
async fn every_rule_is_named_by_the_fields_that_it_decides() {
    for rule in [Rule::Owner, Rule::Latest, Rule::Manual] {
        let mut world = crms(ORGANIZATIONS).await;
        world.reconfigure(|settings| {
            let policy = FieldPolicy {
                rule,
                order: vec!["salesforce".into(), "hubspot-eu".into()],
                only: false,
                others: Others::Revert,
            };
            settings.policy.set(Entity::Organization, Field::from("phone"), policy);
        });
        let id = world.act("hubspot-eu", company("Acme", "acme.example"));
        world.settle().await;
        world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "1"}})));
        if rule == Rule::Manual {
            let record = world.only(Entity::Organization).await;
            let there = world.shown(&record, "salesforce", "Account")["Id"].as_str().expect("an id").to_owned();
            world.act("salesforce", edit("Account", &there, json!({"Phone": "2"})));
        }
        world.settle().await;
        let explanation = explained(&world, Entity::Organization).await;
        let phone = explanation.fields.iter().find(|story| story.field.as_str() == "phone").expect("a phone");
        assert_eq!(phone.rule, rule);
        assert!(phone.because.contains(&format!("`{}`", rule.name())), "{}", phone.because);
        if rule == Rule::Manual {
            assert!(phone.because.contains("a person has to decide"), "{}", phone.because);
            assert_eq!(phone.lost.len(), 2, "both values are shown: {:?}", phone.lost);
        }
    }
}

#[tokio::test]
async fn a_delivery_that_is_refused_is_visible_with_what_the_vendor_said() {
    let mut world = crms(ORGANIZATIONS).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    // An address that one system takes and the other refuses.
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"company_email": "a@b@acme.example"}})));
    work(&mut world, 60).await;
    let record = world.only(Entity::Organization).await;
    let deliveries = views::deliveries(&world.hub, None, 10).await.expect("a store");
    let [delivery] = deliveries.as_slice() else { panic!("it is listed: {deliveries:#?} {:#?}", record.outbox) };
    assert_eq!((&delivery.record, delivery.connection.as_str()), (&record.id, "salesforce"));
    assert!(matches!(delivery.state, State::Failed | State::Parked), "{delivery:#?}");
    assert!(delivery.fields.iter().any(|field| field.as_str() == "email"));
    let fault = delivery.fault.as_deref().expect("what the system said");
    is_a_sentence(fault);
    assert!(fault.contains("INVALID_EMAIL_ADDRESS") || fault.contains("Concord_Email__c"), "names the field: {fault}");
    let explanation = explained(&world, Entity::Organization).await;
    assert!(explanation.work.iter().any(|line| line.contains("salesforce refused it")), "{:?}", explanation.work);
    explanation.work.iter().for_each(|line| is_a_sentence(line));
    let letters = views::dead_letters(&world.hub, None, 10).await.expect("a store").letters;
    assert_eq!(letters.len(), usize::from(delivery.state == State::Parked));
    // The admin corrects the value, and it goes by itself.
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"company_email": "a@acme.example"}})));
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "salesforce", "Account")["Concord_Email__c"], "a@acme.example");
    assert_eq!(views::deliveries(&world.hub, None, 10).await.expect("a store"), Vec::new());
}

/// So many rounds, quiet or not.
async fn work(world: &mut World, rounds: usize) {
    for _ in 0..rounds {
        while world.round().await {}
        world.clock.advance(Duration::from_secs(5));
        concord_hub::steps::schedule::tick(&world.hub).await.expect("ports in memory");
    }
}

#[tokio::test]
async fn why_a_system_holds_something_else_is_said_in_each_case() {
    let mut world = crms(ORGANIZATIONS).await;
    let long = "x".repeat(300);
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"name": long, "phone": "1"}})));
    world.settle().await;
    let why = |explanation: &Explanation, field: &str| {
        let story = explanation.fields.iter().find(|story| story.field.as_str() == field).expect("a field");
        let held = story.elsewhere.iter().find(|held| held.at.connection.as_str() == "salesforce");
        held.map(|held| held.why.clone()).unwrap_or_default()
    };
    let explanation = explained(&world, Entity::Organization).await;
    assert!(why(&explanation, "name").contains("how Salesforce stores that value"), "{}", why(&explanation, "name"));
    world.reconfigure(|settings| {
        settings.connections.get_mut("salesforce").expect("a connection").mode = Mode::Observe;
    });
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "2"}})));
    world.settle().await;
    let explanation = explained(&world, Entity::Organization).await;
    assert!(why(&explanation, "phone").contains("`mode = \"sync\"` would write it"), "{}", why(&explanation, "phone"));
    world.reconfigure(|settings| {
        let connection = settings.connections.get_mut("salesforce").expect("a connection");
        connection.mode = Mode::Sync;
        let scope = Scope::Where { field: "roles".into(), values: vec!["partner".into()] };
        connection.scope.insert(Entity::Organization, scope);
    });
    concord_hub::steps::reconfigure::run(&world.hub).await.expect("a store");
    world.settle().await;
    let explanation = explained(&world, Entity::Organization).await;
    assert!(why(&explanation, "phone").contains("out of this connection's scope"), "{}", why(&explanation, "phone"));
}

#[tokio::test]
async fn what_is_on_its_way_during_an_outage_is_listed_and_explained() {
    let mut world = crms(ORGANIZATIONS).await;
    let id = world.act("hubspot-eu", company("Acme", "acme.example"));
    world.settle().await;
    world.vendor("salesforce", |vendor| vendor.faults().outage = Some(503));
    world.act("hubspot-eu", edit("companies", &id, json!({"properties": {"phone": "1"}})));
    work(&mut world, 60).await;
    let deliveries = views::deliveries(&world.hub, Some(State::Pending), 10).await.expect("a store");
    assert_eq!(deliveries.len(), 1, "an outage is no failure of the record");
    let explanation = explained(&world, Entity::Organization).await;
    assert!(explanation.work.iter().any(|line| line.contains("phone is to be written to salesforce")));
    let connections = views::connections(&world.hub).await.expect("a store");
    let trouble = connections.iter().find(|one| one.name.as_str() == "salesforce").expect("it").trouble.as_ref();
    is_a_sentence(&trouble.expect("the connection is in trouble").reason);
    world.vendor("salesforce", |vendor| vendor.faults().outage = None);
    // The longer an outage lasts the less often it is tried.
    work(&mut world, 300).await;
    assert_eq!(world.shown(&world.only(Entity::Organization).await, "salesforce", "Account")["Phone"], "1");
}
