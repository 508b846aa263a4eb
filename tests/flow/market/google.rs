//! Private offers and co-sell deals at Google, through the hub.

use super::*;
use concord_connector::sandbox::Trouble;
use concord_hub::people;

fn of(world: &World, name: &str, object: &str) -> Vec<Json> {
    let records = world.vendor(name, |vendor| vendor.records());
    records.get(object).cloned().unwrap_or_default().into_values().collect()
}

fn offer() -> people::Said {
    let fields = json!({
        "name": "Contoso 12 months", "kind": "new", "customer_name": "Contoso Ltd", "contact": "Bo Lee",
        "product": "projects/isv-public/locations/global/services/sync/standardOffers/pro",
        "buyers": ["billingAccounts/012345-567890-ABCDEF"], "amount": "24000.00 USD", "duration": "P12M",
        "accept_by": "2026-02-28", "eula": "standard",
    });
    match fields {
        Json::Object(fields) => fields,
        _ => unreachable!("an object"),
    }
}

#[tokio::test]
async fn an_offer_at_google_is_made_once_whatever_gets_lost_and_its_acceptance_is_known() {
    const CREATES: &[Entity] = &[OFFER];
    for lost in ["/documents", ":publish", "/privateOffers"] {
        let mut world = World::new(&[Account { creates: CREATES, ..account("cloud", "google-marketplace") }]).await;
        minutes(&mut world, 2).await;
        world.vendor("cloud", |vendor| vendor.faults().plan(lost, Trouble::LoseAnswer));
        let offer = make(&world, offer()).await;
        minutes(&mut world, 30).await;
        let there = of(&world, "cloud", "privateOffers");
        assert_eq!(there.len(), 1, "{lost}: {there:#?}");
        let record = world.record(&offer.id).await;
        assert_eq!(word(&record, "status"), "open", "{lost}");
        assert!(record.pending().is_empty(), "{lost}: {:?}", record.outbox);
        let id = there[0]["name"].as_str().and_then(|name| name.rsplit('/').next()).expect("an id").to_owned();
        world.act("cloud", Act::Update { object: "privateOffers".into(), id, fields: json!({ "state": "ACCEPTED" }) });
        minutes(&mut world, 2).await;
        assert_eq!(word(&world.record(&offer.id).await, "status"), "accepted", "{lost}: the purchase tells of it");
        let rights = world.records(Entity::Entitlement).await;
        assert!(rights.iter().any(|one| word(one, "private_offer").contains(offer.id.as_str())), "{lost}");
    }
}

#[tokio::test]
async fn a_deal_shared_with_google_waits_while_google_reviews_it() {
    const CREATES: &[Entity] = &[Entity::CosellDeal];
    let mut world = World::new(&[Account { creates: CREATES, ..account("cosell", "google-cosell") }]).await;
    world.reconfigure(|settings| {
        let name = concord_connector::ConnectionName::from("cosell");
        let connection = settings.connections.get_mut(&name).expect("the connection");
        connection.context.options.insert("submit".into(), "yes".into());
    });
    minutes(&mut world, 2).await;
    let fields = json!({
        "name": "Contoso data platform", "customer_name": "Contoso Ltd", "website": "contoso.example", "size": "500",
        "address": "city=New York, country=US", "given_name": "Bo", "family_name": "Lee",
        "email": "bo@contoso.example", "consent": "given",
    });
    let Json::Object(fields) = fields else { unreachable!("an object") };
    let deal = people::make(&world.hub, Entity::CosellDeal, &fields, &people::Word::default()).await.expect("a deal");
    minutes(&mut world, 5).await;
    assert_eq!(word(&world.record(&deal.id).await, "status"), "under_review");
    people::set(&world.hub, &deal.id, "next_step", Some("Jane sends a plan")).await.expect("a step");
    minutes(&mut world, 10).await;
    assert!(!world.record(&deal.id).await.pending().is_empty(), "it waits, and is shown as waiting");
    world.clock.advance(Duration::from_secs(4 * 3_600));
    minutes(&mut world, 90).await;
    let there = of(&world, "cosell", "opportunities");
    assert_eq!(there.len(), 1);
    assert_eq!(there[0]["isvSolutionConnectInfo"]["nextStep"], "Jane sends a plan");
    let record = world.record(&deal.id).await;
    assert_eq!(word(&record, "status"), "accepted");
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
}
