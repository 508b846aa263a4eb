//! A system that nobody here has heard of, described by the file in the guide, in step with one that is built in.

use concord_connector::{Connector, Entity, Manifest, rest::Rest, sandbox::Act, testing::Derived};
use concord_tests::world::{Stranger, World, account};
use serde_json::json;
use std::sync::Arc;

/// The example of the guide.
fn orbit() -> Stranger {
    let guide = include_str!("../../docs/connector-toml.md");
    let (_, rest) = guide.split_once("<!-- example:begin -->\n```toml\n").expect("the guide has an example");
    let text = rest.split("```").next().expect("the guide has an example");
    let manifest = Manifest::parse(text).expect("a manifest");
    let rest = Rest::new(manifest).expect("a system that a file describes");
    let manifest = rest.manifest().clone();
    Stranger { connector: Arc::new(rest), start: Box::new(move || Box::new(Derived::new(&manifest))) }
}

async fn world() -> World {
    World::beside(&[account("orbit", "orbit"), account("hubspot", "hubspot")], &[orbit()]).await
}

fn company(name: &str, domain: &str) -> Act {
    let fields = json!({ "name": name, "website": domain, "kinds": ["CLIENT"], "contact": { "phone": "+49 30 1" } });
    Act::Create { object: "companies".into(), fields }
}

#[tokio::test]
async fn records_edits_and_deletes_travel_both_ways() {
    let mut world = world().await;
    let id = world.act("orbit", company("Example Ltd", "one.example.com"));
    world.settle().await;
    let record = world.named(Entity::Organization, "Example Ltd").await;
    assert_eq!(world.shown(&record, "hubspot", "companies")["properties"]["domain"], "one.example.com");

    // There is no read: the event carried the record.
    let read = world.vendor("orbit", |vendor| vendor.served().get(&format!("GET /v1/companies/{id}")).copied());
    assert_eq!(read, None);

    let facet = record.live_at(&"hubspot".into()).next().unwrap().link.id.as_str().to_owned();
    let fields = json!({ "properties": { "name": "Example Inc" } });
    world.act("hubspot", Act::Update { object: "companies".into(), id: facet, fields });
    let fields = json!({ "contact": { "phone": "+49 30 2" } });
    world.act("orbit", Act::Update { object: "companies".into(), id: id.clone(), fields });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(world.shown(&record, "orbit", "companies")["name"], "Example Inc");
    assert_eq!(world.shown(&record, "hubspot", "companies")["properties"]["phone"], "+49 30 2");

    world.act("orbit", Act::Delete { object: "companies".into(), id });
    world.settle().await;
    let record = world.only(Entity::Organization).await;
    assert_eq!(record.live_at(&"orbit".into()).count(), 0, "gone there");
    assert_eq!(record.live_at(&"hubspot".into()).count(), 1, "and kept elsewhere");
}

#[tokio::test]
async fn what_hubspot_has_is_made_there_once_though_the_answer_is_lost() {
    let mut world = world().await;
    world.vendor("orbit", |vendor| {
        vendor.faults().plan("/v1/companies", concord_connector::sandbox::Trouble::Throttle(Some(2)));
    });
    let fields = json!({ "properties": { "name": "From HubSpot", "domain": "two.example.com" } });
    world.act("hubspot", Act::Create { object: "companies".into(), fields });
    world.settle().await;
    let record = world.named(Entity::Organization, "From HubSpot").await;
    let shown = world.shown(&record, "orbit", "companies");
    assert_eq!((&shown["name"], &shown["external_ref"]), (&json!("From HubSpot"), &json!(record.id.as_str())));
    world.vendor("orbit", |vendor| assert_eq!(vendor.records()["companies"].len(), 1));
}

/// Webhooks are lost; the polls find what they told of.
#[tokio::test]
async fn lost_webhooks_are_healed_by_polls() {
    let mut world = world().await;
    world.vendor("orbit", |vendor| vendor.faults().lose_webhooks = true);
    for n in 0..70 {
        world.act("orbit", company(&format!("Company {n}"), &format!("c{n}.example.com")));
    }
    world.settle().await;
    assert_eq!(world.records(Entity::Organization).await.len(), 70);
    world.vendor("hubspot", |vendor| assert_eq!(vendor.records()["companies"].len(), 70));
}

/// PartnerStack joins a CRM: a partner signs up there and is the company of the same domain; deals go there.
#[tokio::test]
async fn partners_join_by_domain_and_deals_reach_partnerstack() {
    let mut partnerstack = account("partnerstack", "partnerstack");
    partnerstack.creates = &[Entity::DealRegistration];
    let mut hubspot = account("hubspot", "hubspot");
    hubspot.creates = &[Entity::Organization, Entity::DealRegistration, Entity::Partnership];
    let mut world = World::new(&[partnerstack, hubspot]).await;
    let fields = json!({ "properties": { "name": "Example Partner", "domain": "partner.example.com" } });
    let company = world.act("hubspot", Act::Create { object: "companies".into(), fields });
    let fields = json!({ "partner_key": "example", "email": "ana@partner.example.com", "first_name": "Ana",
        "last_name": "Example", "team": { "key": "stck_1", "name": "Example Partner" } });
    world.act("partnerstack", Act::Create { object: "partnerships".into(), fields });
    world.settle().await;
    let partner = world.named(Entity::Organization, "Example Partner").await;
    assert_eq!(partner.facets.len(), 2, "{:?}", concord_tests::world::links(&partner));
    assert_eq!(partner.live_at(&"hubspot".into()).next().unwrap().link.id.as_str(), company);
    let place = world.records(Entity::Partnership).await;
    let tiers: Vec<_> = place.iter().filter_map(|one| one.value("tier")?.as_str().map(str::to_owned)).collect();
    assert!(tiers.contains(&"Resellers".to_owned()), "the group is the tier: {tiers:?}");

    let fields = json!({ "account_name": "Customer Ltd", "partner_key": "example", "amount": 125_000, "stage": "new",
        "close_date": "2026-06-30" });
    let deal = world.act("partnerstack", Act::Create { object: "deals".into(), fields });
    world.settle().await;
    let registration = world.only(Entity::DealRegistration).await;
    let there = world.shown(&registration, "hubspot", "p_deal_registrations");
    assert_eq!(there["properties"]["customer_name"], "Customer Ltd");
    assert_eq!(there["properties"]["status"], "submitted");
    let id = registration.live_at(&"hubspot".into()).next().unwrap().link.id.as_str().to_owned();
    let fields = json!({ "properties": { "status": "approved" } });
    world.act("hubspot", Act::Update { object: "p_deal_registrations".into(), id, fields });
    world.settle().await;
    let shown = world.vendor("partnerstack", |vendor| vendor.records()["deals"][&deal].clone());
    assert_eq!((&shown["stage"], &shown["amount"]), (&json!("qualified"), &json!(125_000)));
}
