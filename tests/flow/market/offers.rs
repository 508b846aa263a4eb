//! An offer's life.

use super::*;
use crate::crm::edit;
use concord_hub::{derive::Derivation, operation::State, preview};

#[tokio::test]
async fn a_deal_that_is_committed_becomes_one_offer_and_everybody_knows_when_it_is_accepted() {
    let mut world = World::new(&[account("crm", "hubspot"), seller()]).await;
    let mut defaults = year();
    for deals in ["name", "amount"] {
        defaults.remove(deals);
    }
    world.reconfigure(|settings| {
        let rule = Derivation {
            name: "offers.aws".into(),
            when: [("stage".to_owned(), vec!["committed".to_owned(), "won".to_owned()])].into(),
            defaults,
            ..Derivation::default()
        };
        settings.derivations.insert(rule.name.clone(), rule);
    });
    let deal = json!({ "properties": {
        "dealname": "Contoso", "amount": "24000", "deal_currency_code": "USD", "dealstage": "appointmentscheduled", "pipeline": "default",
    } });
    let id = world.act("crm", Act::Create { object: "deals".into(), fields: deal });
    minutes(&mut world, 3).await;
    assert!(world.records(OFFER).await.iter().all(|offer| offer.value("opportunity").is_none()), "not yet");
    world.act("crm", edit("deals", &id, json!({ "properties": { "dealstage": "contractsent" } })));
    minutes(&mut world, 12).await;

    let deal = world.only(Entity::Opportunity).await;
    let offers = world.records(OFFER).await;
    let offer = offers.iter().find(|offer| word(offer, "name") == "Contoso").expect("the deal's offer");
    assert_eq!(word(&deal, "stage"), "committed");
    assert_eq!((word(offer, "amount").as_str(), word(offer, "status").as_str()), ("24000.00 USD", "open"));
    assert!(word(offer, "opportunity").contains(deal.id.as_str()));
    assert!(offer.pending().is_empty(), "{:?}", offer.outbox);
    let at_aws = the_offer(&world);

    // The deal is told of again and again: it stays one offer.
    world.act("crm", edit("deals", &id, json!({ "properties": { "description": "Signed soon" } })));
    minutes(&mut world, 5).await;
    assert_eq!(the_offer(&world), at_aws);

    let agreed = accept(&world, &at_aws);
    minutes(&mut world, 5).await;
    let agreements = world.records(Entity::Agreement).await;
    let agreement = agreements.iter().find(|one| one.facets.iter().any(|facet| facet.link.id.as_str() == agreed));
    let agreement = agreement.expect("the agreement");
    assert_eq!(word(agreement, "status"), "active");
    assert!(word(agreement, "private_offer").contains(offer.id.as_str()));
    assert_eq!(word(&world.record(&offer.id).await, "status"), "accepted");
    let entitlements = world.records(Entity::Entitlement).await;
    assert!(entitlements.iter().any(|one| word(one, "agreement").contains(agreement.id.as_str())), "what may be used");
}

#[tokio::test]
async fn an_acceptance_whose_event_is_lost_is_found_by_a_look() {
    let mut world = World::new(&[seller()]).await;
    let offer = make(&world, year()).await;
    minutes(&mut world, 8).await;
    world.vendor("seller", |vendor| vendor.faults().lose_webhooks = true);
    accept(&world, &the_offer(&world));
    minutes(&mut world, 30).await;
    assert_eq!(word(&world.record(&offer.id).await, "status"), "accepted");
}

#[tokio::test]
async fn a_job_whose_end_nobody_tells_is_asked_after() {
    let mut world = World::new(&[seller()]).await;
    world.vendor("seller", |vendor| vendor.faults().lose_webhooks = true);
    let offer = make(&world, year()).await;
    minutes(&mut world, 2).await;
    let running = world.hub.operations(&"seller".into()).await.expect("operations");
    assert!(matches!(running[0].state, State::Running { .. }), "{:?}", running[0].state);
    minutes(&mut world, 10).await;
    assert_eq!(word(&world.record(&offer.id).await, "status"), "open");
    let ended = world.hub.operations(&"seller".into()).await.expect("operations");
    assert_eq!(ended[0].state, State::Succeeded);
}

#[tokio::test]
async fn what_is_wanted_while_a_job_runs_goes_once_when_it_has_ended() {
    let mut world = World::new(&[seller()]).await;
    let offer = make(&world, year()).await;
    minutes(&mut world, 1).await;
    for day in ["2026-02-10", "2026-02-20", "2026-02-28"] {
        people::set(&world.hub, &offer.id, "accept_by", Some(day)).await.expect("a day");
        while world.round().await {}
        world.clock.advance(Duration::from_secs(5));
    }
    let sent = |world: &World| {
        let served = world.vendor("seller", |vendor| vendor.served().clone());
        served.iter().filter(|(call, _)| call.contains("StartChangeSet")).map(|(_, count)| count).sum::<u64>()
    };
    assert_eq!(sent(&world), 1, "one at a time");
    minutes(&mut world, 15).await;
    assert_eq!(sent(&world), 2, "the latest, once");
    let offers = there(&world);
    assert!(offers[0].to_string().contains("2026-02-28"), "{offers:#?}");
    assert!(world.record(&offer.id).await.pending().is_empty());
}

#[tokio::test]
async fn what_cannot_be_is_not_sent_and_says_what_to_write() {
    let mut world = World::new(&[seller()]).await;
    let mut fields = year();
    fields.insert("buyers".into(), json!(["12345"]));
    fields.insert("name".into(), json!("x".repeat(151)));
    let offer = make(&world, fields).await;
    minutes(&mut world, 3).await;
    assert!(there(&world).is_empty(), "nothing was sent");
    let previews = preview::preview(&world.hub, &offer.id, true).await.expect("a preview");
    let fields: Vec<&str> =
        previews[0].mistakes.iter().filter_map(|unfit| unfit.field.as_ref()).map(|field| field.as_str()).collect();
    assert!(fields.contains(&"buyers") && fields.contains(&"name"), "{:?}", previews[0].mistakes);
    assert!(previews[0].request.is_none(), "what cannot be has no request");

    let right = json!({ "buyers": ["222233334444"], "name": "Contoso" });
    let right = right.as_object().expect("an object");
    people::set_all(&world.hub, &offer.id, right, &people::Word::default()).await.expect("values");
    let previews = preview::preview(&world.hub, &offer.id, true).await.expect("a preview");
    let request = previews[0].request.as_ref().expect("the exact request");
    assert!(request["url"].as_str().is_some_and(|url| url.ends_with("/StartChangeSet")), "{request}");
    assert_eq!(request["body"]["ChangeSet"][0]["ChangeType"], "CreateOffer");
    assert!(there(&world).is_empty(), "a look writes nothing");
    minutes(&mut world, 10).await;
    the_offer(&world);
}

#[tokio::test]
async fn what_a_vendor_refuses_late_is_shown_on_its_field_and_goes_when_it_is_mended() {
    let mut world = World::new(&[seller()]).await;
    let mut fields = year();
    fields.insert("buyers".into(), json!(["000000000001"]));
    let offer = make(&world, fields).await;
    minutes(&mut world, 12).await;
    let operations = world.hub.operations(&"seller".into()).await.expect("operations");
    let State::Refused { mistakes } = &operations[0].state else { panic!("{:?}", operations[0].state) };
    assert_eq!(mistakes[0].field.as_ref().map(|field| field.as_str()), Some("buyers"));
    people::set(&world.hub, &offer.id, "buyers", Some("222233334444")).await.expect("a buyer");
    minutes(&mut world, 15).await;
    the_offer(&world);
    assert_eq!(word(&world.record(&offer.id).await, "status"), "open");
}
