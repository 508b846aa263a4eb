//! A deal from its first stage to its payment, and every part of it from every other.

use super::*;
use crate::crm::edit;
use concord_connector::{Instant, RecordId, Target};
use concord_hub::{
    deal,
    derive::{Derivation, Makes, Marketplace, Percent},
    explain,
    ports::Index,
    record::{Stored, decode},
    settings::Scope,
    testing::When,
    usage,
};
use std::collections::BTreeSet;

/// CRM, marketplace and ERP, with the rules that carry a deal through them.
async fn three() -> World {
    const CRM: &[Entity] = &[Entity::Organization, Entity::Opportunity, Entity::Order, Entity::Invoice];
    let crm = Account { creates: CRM, ..account("crm", "hubspot") };
    let erp = Account { creates: &[Entity::Organization, Entity::Order], ..account("erp", "tryton") };
    let mut world = World::new(&[crm, seller(), erp]).await;
    world.in_one_store();
    world.reconfigure(|settings| {
        let mut defaults = year();
        for deals in ["name", "amount"] {
            defaults.remove(deals);
        }
        defaults.insert("cloud".into(), json!("aws"));
        for rule in [
            Derivation {
                name: "offers.aws".into(),
                when: [("stage".to_owned(), vec!["won".to_owned()])].into(),
                defaults,
                renew_before_days: Some(90),
                ..Derivation::default()
            },
            Derivation {
                name: "orders.erp".into(),
                makes: Makes::Order,
                when: [("status".to_owned(), vec!["active".to_owned()])].into(),
                ..Derivation::default()
            },
        ] {
            settings.derivations.insert(rule.name.clone(), rule);
        }
        let market = Marketplace { fee: Percent::parse("3 %"), ..Marketplace::default() };
        settings.marketplaces.insert("aws".into(), market);
        let seller = settings.connections.get_mut("seller").expect("the seller");
        seller.scope.insert(Entity::UsageRecord, Scope::All);
    });
    world
}

/// A deal that is won at the CRM, and the offer that it became.
async fn won(world: &mut World) -> Record {
    let company = json!({ "properties": { "name": "Contoso", "domain": "contoso.example" } });
    let company = world.act("crm", Act::Create { object: "companies".into(), fields: company });
    let deal = json!({
        "properties": { "dealname": "Contoso", "amount": "24000", "deal_currency_code": "USD", "dealstage": "contractsent", "pipeline": "default" },
        "associations": [{ "to": "companies", "id": company, "label": "Primary" }],
    });
    let id = world.act("crm", Act::Create { object: "deals".into(), fields: deal });
    minutes(world, 2).await;
    world.act("crm", edit("deals", &id, json!({ "properties": { "dealstage": "closedwon" } })));
    minutes(world, 10).await;
    let offers = world.records(OFFER).await;
    offers.into_iter().find(|offer| word(offer, "name") == "Contoso").expect("the deal's offer")
}

/// The same, accepted; the agreement.
async fn agreed(world: &mut World) -> Record {
    won(world).await;
    let at_aws = the_offer(world);
    let id = accept(world, &at_aws);
    minutes(world, 10).await;
    let agreements = world.records(Entity::Agreement).await;
    let ours = agreements.into_iter().find(|one| one.facets.iter().any(|facet| facet.link.id.as_str() == id));
    ours.expect("the agreement")
}

/// What refers to the agreement of ours.
async fn entitlement(world: &World, agreement: &Record) -> Record {
    let all = world.records(Entity::Entitlement).await;
    all.into_iter().find(|one| word(one, "agreement").contains(agreement.id.as_str())).expect("what may be used")
}

fn press(world: &World, model: &str, id: &str, button: &str) {
    let fields = json!({ "__action__": button });
    world.act("erp", Act::Update { object: model.into(), id: id.into(), fields });
}

#[tokio::test]
async fn an_agreement_becomes_an_order_that_is_invoiced_and_paid_and_every_part_leads_to_all() {
    let mut world = three().await;
    let agreement = agreed(&mut world).await;
    assert!(!word(&agreement, "organization").is_empty(), "the offer knows whose it is");
    assert_eq!((word(&agreement, "fee").as_str(), word(&agreement, "net_amount").as_str()), ("3", "23280.00 USD"));
    let order = world.only(Entity::Order).await;
    assert_eq!(word(&order, "total"), "24000.00 USD");
    let erp = "erp".into();
    let sale = order.live_at(&erp).next().expect("a sale in Tryton").link.id.as_str().to_owned();
    for button in ["quote", "confirm", "process"] {
        press(&world, "sale.sale", &sale, button);
    }
    minutes(&mut world, 3).await;
    let invoice = world.only(Entity::Invoice).await;
    let id = invoice.live_at(&erp).next().expect("an invoice in Tryton").link.id.as_str().to_owned();
    press(&world, "account.invoice", &id, "post");
    press(&world, "account.invoice", &id, "pay");
    let entitlement = entitlement(&world, &agreement).await;
    let report = usage::Report { dimension: "api_calls", quantity: "40", hour: None };
    let word_of = people::Word::default();
    usage::report(&world.hub, &entitlement.id, &report, &word_of).await.expect("a report");
    minutes(&mut world, 5).await;

    let parts = |deal: &deal::Deal| deal.parts.iter().map(|part| part.id.clone()).collect::<BTreeSet<RecordId>>();
    let whole = deal::deal(&world.hub, &invoice.id).await.expect("a deal").expect("the record");
    let entities: BTreeSet<&str> = whole.parts.iter().map(|part| part.entity.name()).collect();
    let expected = ["agreement", "entitlement", "invoice", "opportunity", "order", "private_offer"];
    assert_eq!(entities, BTreeSet::from(expected));
    assert_eq!(whole.missing, ["deal_registration", "cosell_deal", "transaction"]);
    assert_eq!((whole.usage[0].quantity.as_str(), whole.usage[0].accepted.as_str()), ("40", "40"));
    assert_eq!(
        (whole.paid[0].invoiced.as_str(), whole.paid[0].paid.as_str(), whole.paid[0].net.as_deref()),
        ("24000.00 USD", "24000.00 USD", Some("23280.00 USD"))
    );
    for part in &whole.parts {
        let from_here = deal::deal(&world.hub, &part.id).await.expect("a deal").expect("the record");
        assert_eq!(parts(&from_here), parts(&whole), "from {}", part.entity);
    }
    assert!(world.reviews().await.is_empty(), "{:#?}", world.reviews().await);
}

#[tokio::test]
async fn what_an_order_comes_to_is_the_order_systems_once_that_changes_it() {
    let mut world = three().await;
    agreed(&mut world).await;
    let order = world.only(Entity::Order).await;
    let sale = order.live_at(&"erp".into()).next().expect("a sale in Tryton").link.id.as_str().to_owned();
    let price = json!({ "__class__": "Decimal", "decimal": "500.00" });
    let more = json!({ "lines": [["create", [
        { "type": "line", "product": 1, "unit": 1, "quantity": 1, "unit_price": price, "description": "Setting up" },
    ]]] });
    world.act("erp", Act::Update { object: "sale.sale".into(), id: sale, fields: more });
    minutes(&mut world, 3).await;
    let order = world.record(&order.id).await;
    assert_eq!(word(&order, "total"), "24500.00 USD");
    let at_crm = world.shown(&order, "crm", "orders");
    assert!(at_crm.to_string().contains("24500"), "{at_crm}");
}

#[tokio::test]
async fn the_net_is_worked_out_again_and_explained_and_a_person_may_say_another_fee() {
    let mut world = three().await;
    let offer = won(&mut world).await;
    assert_eq!((word(&offer, "fee").as_str(), word(&offer, "net_amount").as_str()), ("3", "23280.00 USD"));
    let told = explain::explain(&world.hub, &offer.id).await.expect("a story").expect("the record").text(None);
    assert!(told.contains("a rule of the configuration ([marketplaces.aws]: \"24000.00 USD less 3 %"), "{told}");
    people::set(&world.hub, &offer.id, "fee", Some("1.5")).await.expect("a fee");
    minutes(&mut world, 1).await;
    let offer = world.record(&offer.id).await;
    assert_eq!((word(&offer, "fee").as_str(), word(&offer, "net_amount").as_str()), ("1.5", "23640.00 USD"));
    world.reconfigure(|settings| {
        settings.marketplaces.get_mut("aws").expect("a market").fee = Percent::parse("2");
    });
    steps::reconfigure::run(&world.hub).await.expect("the new configuration");
    minutes(&mut world, 1).await;
    assert_eq!(word(&world.record(&offer.id).await, "net_amount"), "23640.00 USD", "what a person said holds");
    people::withdraw(&world.hub, &offer.id, "fee", &people::Word::default()).await.expect("taken back");
    minutes(&mut world, 1).await;
    let offer = world.record(&offer.id).await;
    assert_eq!((word(&offer, "fee").as_str(), word(&offer, "net_amount").as_str()), ("2", "23520.00 USD"));
}

#[tokio::test]
async fn an_end_that_is_near_is_told_and_its_renewal_is_drafted_once_and_sent_when_a_person_says_so() {
    let mut world = three().await;
    let agreement = agreed(&mut world).await;
    assert_eq!(word(&agreement, "ending"), "no");
    let ends: concord_connector::time::Date = word(&agreement, "ends_on").parse().expect("a last day");
    let day = |before: i64| {
        let last = Instant::parse(&format!("{ends}T01:00:00Z")).expect("a day");
        last.minus(Duration::from_secs(before.unsigned_abs() * 86_400))
    };
    let drafts = |offers: Vec<Record>| -> Vec<Record> {
        offers.into_iter().filter(|offer| word(offer, "kind") == "renewal").collect()
    };
    let go_to =
        |world: &World, at: Instant| world.clock.advance(Duration::from_millis((at.ms() - world.now().ms()) as u64));
    go_to(&world, day(91));
    minutes(&mut world, 2).await;
    assert!(drafts(world.records(OFFER).await).is_empty() && world.reviews().await.is_empty(), "not yet");
    go_to(&world, day(90));
    minutes(&mut world, 3).await;
    let draft = drafts(world.records(OFFER).await);
    assert_eq!(draft.len(), 1, "one renewal");
    let draft = draft[0].clone();
    assert_eq!(there(&world).len(), 1, "a draft goes nowhere");
    assert_eq!((word(&draft, "confirmed").as_str(), word(&draft, "name").as_str()), ("no", "Contoso - renewal"));
    assert!(word(&draft, "agreement").contains(agreement.id.as_str()));
    let asked = world.reviews().await;
    assert_eq!(asked.len(), 1, "{asked:#?}");
    assert!(asked[0].sentence.contains("is drafted"), "{}", asked[0].sentence);

    go_to(&world, day(59));
    minutes(&mut world, 3).await;
    assert_eq!(word(&world.record(&agreement.id).await, "ending"), "yes");
    let asked = world.reviews().await;
    assert!(asked.iter().any(|one| one.sentence.contains("ends on") && one.sentence.contains(agreement.id.as_str())));
    assert_eq!(drafts(world.records(OFFER).await).len(), 1, "still one");

    let question = asked.iter().find(|one| one.choices[0] == "send").expect("the question about the draft");
    concord_hub::reviews::decide(&world.hub, &question.id, "send", None).await.expect("a decision");
    minutes(&mut world, 12).await;
    let operations = world.hub.operations(&"seller".into()).await.expect("operations");
    let about: Vec<_> = operations.iter().filter(|one| one.record == draft.id).collect();
    assert_eq!(there(&world).len(), 2, "{about:#?} {:#?}", world.record(&draft.id).await.outbox);
    assert!(world.reviews().await.iter().all(|one| one.choices[0] != "send"), "it is not asked again");

    // The renewal is accepted: nothing ends any more.
    let renewal = world.record(&draft.id).await;
    assert_eq!(word(&renewal, "status"), "open");
    let at_aws = renewal.live_at(&"seller".into()).next().expect("an offer").link.id.as_str().to_owned();
    accept(&world, &at_aws);
    minutes(&mut world, 10).await;
    let agreement = world.record(&agreement.id).await;
    assert_eq!((word(&agreement, "status").as_str(), word(&agreement, "ending").as_str()), ("superseded", ""));
    assert!(world.reviews().await.is_empty(), "{:#?}", world.reviews().await);
}

/// The law of the index: an item shows under exactly the records that its record refers to.
async fn the_index_is_true(world: &World) {
    let mut any = 0;
    for item in world.table.items().into_iter().filter(|item| item.key.partition.starts_with("R#")) {
        let shown: BTreeSet<String> = item
            .index
            .iter()
            .filter(|entry| entry.index == Index::Refers)
            .map(|entry| entry.partition.clone())
            .collect();
        let refers = match decode(&item).expect("a stored record") {
            Stored::Redirect(_) => BTreeSet::new(),
            Stored::Record(record) => {
                let values = record.golden.values().filter_map(|golden| golden.value.clone());
                let references: Vec<_> =
                    values.flat_map(|value| value.references().into_iter().cloned().collect::<Vec<_>>()).collect();
                let ids = references.into_iter().filter_map(|one| match one.to {
                    Target::Record(id) => Some(id.to_string()),
                    Target::External(_) => None,
                });
                ids.collect()
            }
        };
        any += refers.len();
        assert_eq!(shown, refers, "{}", item.key.partition);
    }
    assert!(any > 0, "nothing refers to anything");
}

#[tokio::test]
async fn a_merged_part_answers_to_all_that_it_was_called() {
    let mut world = three().await;
    agreed(&mut world).await;
    let kept =
        json!({ "properties": { "dealname": "Contoso too", "dealstage": "contractsent", "pipeline": "default" } });
    let kept = world.act("crm", Act::Create { object: "deals".into(), fields: kept });
    minutes(&mut world, 2).await;
    let of_both = world.records(Entity::Opportunity).await;
    let crm = "crm".into();
    let id = |record: &Record| record.live_at(&crm).next().expect("a deal").link.id.as_str().to_owned();
    let won = of_both.iter().find(|record| id(record) != kept).map(id).expect("the deal that was won");
    world.act("crm", Act::Merge { object: "deals".into(), winner: kept, loser: won });
    minutes(&mut world, 5).await;
    let deal = world.only(Entity::Opportunity).await;
    let whole = deal::deal(&world.hub, &deal.id).await.expect("a deal").expect("the record");
    let entities: Vec<&str> = whole.parts.iter().map(|part| part.entity.name()).collect();
    assert_eq!(entities, ["opportunity", "private_offer", "agreement", "entitlement", "order"]);
    let offer = whole.parts[1].id.clone();
    let from_offer = deal::deal(&world.hub, &offer).await.expect("a deal").expect("the record");
    assert_eq!(from_offer.parts.len(), whole.parts.len());
    the_index_is_true(&world).await;
}

#[tokio::test]
async fn whichever_port_call_fails_there_is_one_order_and_the_index_is_true() {
    let mut world = three().await;
    won(&mut world).await;
    let at_aws = the_offer(&world);
    accept(&world, &at_aws);
    // In each minute another call of a port fails, before or after it did what it was for.
    for call in 1..=40 {
        world.plan.fail(call, if call % 2 == 0 { When::Before } else { When::After });
        minutes(&mut world, 1).await;
        world.plan.heal();
    }
    minutes(&mut world, 5).await;
    let order = world.only(Entity::Order).await;
    let sales = world.vendor("erp", |vendor| vendor.records())["sale.sale"].len();
    assert_eq!((word(&order, "total").as_str(), sales), ("24000.00 USD", 1));
    the_index_is_true(&world).await;
}

#[tokio::test]
async fn usage_is_reported_once_for_an_hour_and_listed() {
    let mut world = three().await;
    let agreement = agreed(&mut world).await;
    let entitlement = entitlement(&world, &agreement).await;
    let by = people::Word::default();
    let hour = Instant::from_ms(world.now().ms() / 3_600_000 * 3_600_000);
    let said = |quantity: &'static str, hour| usage::Report { dimension: "api_calls", quantity, hour };
    let first = usage::report(&world.hub, &entitlement.id, &said("12.50", Some(hour)), &by).await.expect("a report");
    let again = usage::report(&world.hub, &entitlement.id, &said("12.5", None), &by).await.expect("the same again");
    assert_eq!((first.id.clone(), false, true), (again.id, first.known, again.known));
    let other = usage::report(&world.hub, &entitlement.id, &said("13", Some(hour)), &by).await;
    assert!(other.is_err_and(|fault| fault.message().contains("keep the first")));
    let half = Instant::from_ms(hour.ms() - 1_800_000);
    let later = Instant::from_ms(hour.ms() + 2 * 3_600_000);
    for (report, why) in [
        (said("1", Some(half)), "full hour"),
        (said("1", Some(later)), "yet to come"),
        (said("-1", None), "no quantity"),
    ] {
        let refused = usage::report(&world.hub, &entitlement.id, &report, &by).await;
        assert!(refused.is_err_and(|fault| fault.message().contains(why)), "{why}");
    }
    let of_agreement = usage::report(&world.hub, &agreement.id, &said("1", None), &by).await;
    assert!(of_agreement.is_err_and(|fault| fault.message().contains("of an entitlement")));
    let before = Instant::from_ms(hour.ms() - 3_600_000);
    usage::report(&world.hub, &entitlement.id, &said("1", Some(before)), &by).await.expect("another hour");
    minutes(&mut world, 3).await;
    let listed = usage::list(&world.hub, &entitlement.id).await.expect("a list");
    let shown: Vec<_> = listed.iter().map(|one| (one.quantity.as_deref(), one.status.as_deref())).collect();
    assert_eq!(shown, [(Some("12.5"), Some("accepted")), (Some("1"), Some("accepted"))]);
    let metered = world.vendor("seller", |vendor| vendor.records());
    assert_eq!(metered["UsageRecord"].len(), 2);
}
