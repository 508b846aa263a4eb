//! What buyers do: agreements, licences, usage.

use crate::world::*;
use concord_connector::{
    Entity, Instant, Operation, Outcome, Value,
    exchange::Written,
    sandbox::{Act, Sandbox},
};
use serde_json::json;

const OFFER: Entity = Entity::PrivateOffer;

#[test]
fn an_accepted_offer_is_an_agreement_and_a_licence() {
    let mut world = World::new();
    let offer = world.done(OFFER, &create("one", offer()));
    world.heard();
    let agreement = world.accept(&offer.id);
    world.later(15);
    let heard = world.heard();
    let told: Vec<_> = heard.iter().map(|signal| (signal.entity, signal.id.clone())).collect();
    assert_eq!(told, [(Entity::Agreement, agreement.clone()), (OFFER, offer.id.clone())]);
    assert_eq!(world.fetch(OFFER, &offer.id).unwrap().fields["status"], word("accepted"));

    let read = world.fetch(Entity::Agreement, &agreement).unwrap().fields;
    assert_eq!(read["private_offer"], to(OFFER, offer.id.as_str()));
    assert_eq!(read["amount"], money("24000.00", "USD"));
    assert_eq!((&read["status"], &read["renews"]), (&word("active"), &word("no")));
    assert_eq!(read["buyer_account"], text("222233334444"));

    world.later(60);
    let heard = world.heard();
    let licence = heard.iter().find(|signal| signal.entity == Entity::Entitlement).unwrap().id.clone();
    let read = world.fetch(Entity::Entitlement, &licence).unwrap().fields;
    assert_eq!(read["agreement"], to(Entity::Agreement, agreement.as_str()));
    assert_eq!(read["dimensions"], lines(&["BasicService 100"]));
    assert_eq!(read["status"], word("active"));

    let fields = json!({ "status": "CANCELLED" });
    world.act(Act::Update { object: "Agreement".into(), id: agreement.to_string(), fields });
    world.later(15);
    assert_eq!(world.fetch(Entity::Agreement, &agreement).unwrap().fields["status"], word("ended"));
    assert_eq!(world.fetch(Entity::Entitlement, &licence).unwrap().fields["status"], word("ended"));
    assert_eq!(world.fetch(OFFER, &offer.id).unwrap().fields["status"], word("ended"));
}

#[test]
fn an_acceptance_that_no_event_told_of_is_found() {
    let mut world = World::new();
    let offer = world.done(OFFER, &create("one", offer()));
    world.later(3600);
    let (_, offers) = world.polled(OFFER, None);
    let (_, agreements) = world.polled(Entity::Agreement, None);
    let (_, rights) = world.polled(Entity::Entitlement, None);
    world.later(86_400);
    world.seller.faults().lose_webhooks = true;
    let agreement = world.accept(&offer.id);
    world.later(120);
    assert!(world.heard().is_empty());
    let (changed, _) = world.polled(OFFER, Some(offers));
    let status = changed.iter().find(|row| row.id == offer.id).map(|row| row.fields["status"].clone());
    assert_eq!(status, Some(word("accepted")));
    let (changed, _) = world.polled(Entity::Agreement, Some(agreements));
    assert_eq!(changed.iter().map(|row| row.id.clone()).collect::<Vec<_>>(), [agreement]);
    assert_eq!(world.polled(Entity::Entitlement, Some(rights)).0.len(), 1);
}

#[test]
fn an_offer_that_nobody_accepts_expires_without_a_change() {
    let mut world = World::new();
    let offer = world.done(OFFER, &create("one", offer()));
    world.later(3600);
    let (_, cursor) = world.polled(OFFER, None);
    world.later(31 * 86_400);
    let (changed, _) = world.polled(OFFER, Some(cursor));
    assert_eq!(changed.iter().find(|row| row.id == offer.id).unwrap().fields["status"], word("expired"));
}

#[test]
fn a_renewal_takes_the_place_of_an_agreement() {
    let mut world = World::new();
    let first = world.done(OFFER, &create("one", offer()));
    let agreement = world.accept(&first.id);
    world.later(86_400);
    let mut wanted = offer();
    for name in ["buyers", "product", "duration", "installments"] {
        wanted.remove(name);
    }
    wanted.insert("kind".into(), word("renewal"));
    wanted.insert("agreement".into(), to(Entity::Agreement, agreement.as_str()));
    wanted.insert("ends_on".into(), day("2027-12-31"));
    let write = create("two", wanted);
    let renewal = world.done(OFFER, &write);
    assert_eq!(renewal.fields["kind"], word("renewal"));
    assert_eq!(renewal.fields["agreement"], to(Entity::Agreement, agreement.as_str()));
    let next = world.accept(&renewal.id);
    world.later(120);
    let read = world.fetch(Entity::Agreement, &next).unwrap().fields;
    assert_eq!(read["replaces"], to(Entity::Agreement, agreement.as_str()));
    assert_eq!(read["ends_on"], day("2027-12-31"));
    assert_eq!(world.fetch(Entity::Agreement, &agreement).unwrap().fields["status"], word("superseded"));
}

#[test]
fn a_reseller_sells_on_with_a_markup() {
    let mut world = World::new();
    let authorization = world.done(
        Entity::ResaleAuthorization,
        &create(
            "right",
            fields([
                ("name", text("Contoso through Fabrikam")),
                ("product", text(concord_aws_marketplace::sandbox::PRODUCT)),
                ("reseller_account", text(concord_aws_marketplace::sandbox::RESELLER)),
                ("pricing", word("contract")),
                ("prices", lines(&["BasicService 150 USD"])),
                ("duration", text("P12M")),
                ("offers", text("1")),
                ("eula", text("standard")),
            ]),
        ),
    );
    assert_eq!(authorization.fields["status"], word("open"));
    let offer = world.done(
        OFFER,
        &create(
            "resold",
            fields([
                ("name", text("Contoso through Fabrikam")),
                ("resale_authorization", to(Entity::ResaleAuthorization, authorization.id.as_str())),
                ("markup", text("5.0")),
                ("buyers", lines(&["222233334444"])),
                ("duration", text("P450D")),
                ("accept_by", day("2026-05-31")),
            ]),
        ),
    );
    assert_eq!(offer.fields["markup"], text("5.0"));
    assert_eq!(offer.fields["status"], word("open"));
}

fn usage(entitlement: &str, hour: Instant, quantity: &str) -> concord_connector::Fields {
    fields([
        ("entitlement", to(Entity::Entitlement, entitlement)),
        ("dimension", text("api_calls")),
        ("quantity", text(quantity)),
        ("hour", Some(Value::Instant(hour))),
    ])
}

#[test]
fn usage_counts_once_and_one_old_hour_spoils_nothing() {
    let mut world = World::new();
    world.later(7200);
    let licence = world.polled(Entity::Entitlement, None).0[0].id.to_string();
    let at = |hours: i64| Instant::from_ms(START.ms() + hours * 3_600_000);
    let writes = vec![
        create("a", usage(&licence, at(0), "3.5")),
        create("b", usage(&licence, at(1), "4")),
        create("c", usage(&licence, at(-48), "1")),
        create("d", usage(&licence, at(0), "3.5")),
        create("e", usage("nobody", at(0), "1")),
    ];
    let run = |world: &mut World, writes: Vec<_>| match world
        .run(&Operation::Write { entity: Entity::UsageRecord, writes })
        .unwrap()
    {
        Outcome::Written(rows) => rows,
        other => panic!("{other:?}"),
    };
    let rows = run(&mut world, writes.clone());
    let status = |row: &std::result::Result<Written, _>| match row {
        Ok(Written::Done { after, .. }) => after.fields["status"].clone(),
        _ => None,
    };
    assert_eq!(
        rows.iter().map(status).collect::<Vec<_>>(),
        [word("accepted"), word("accepted"), None, word("accepted"), None]
    );
    let Err(old) = &rows[2] else { panic!() };
    assert!(old.message.contains("24 hours"), "{}", old.message);
    assert_eq!(world.seller.records()["UsageRecord"].len(), 2);
    // Again, and with another quantity.
    assert_eq!(status(&run(&mut world, vec![writes[0].clone()])[0]), word("accepted"));
    let other = vec![create("f", usage(&licence, at(0), "9"))];
    assert_eq!(status(&run(&mut world, other)[0]), word("duplicate"));
}
