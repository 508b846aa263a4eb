//! Cloud marketplaces: deals become offers, offers agreements, and an operation at a vendor is done once whatever breaks.

mod crashes;
mod deals;
mod doors;
mod google;
mod jobs;
mod landings;
mod notices;
mod offers;
mod roles;

use concord_connector::{Entity, Value, sandbox::Act};
use concord_hub::{people, record::Record, steps};
use concord_tests::world::{Account, World, account};
use serde_json::{Value as Json, json};
use std::time::Duration;

const OFFER: Entity = Entity::PrivateOffer;

/// A seller's account at AWS in which offers are made.
fn seller<'a>() -> Account<'a> {
    const CREATES: &[Entity] = &[OFFER];
    Account { creates: CREATES, ..account("seller", "aws-marketplace") }
}

/// What a year for one buyer is, as a person writes it.
fn year() -> people::Said {
    let fields = json!({
        "name": "Contoso 12 months", "kind": "new", "product": "prod-sandboxexampl", "buyers": ["222233334444"],
        "pricing": "contract", "amount": "24000.00 USD", "grants": ["BasicService 100"],
        "installments": ["2026-01-20 12000.00 USD", "2026-07-20 12000.00 USD"],
        "duration": "P12M", "accept_by": "2026-01-31", "eula": "standard",
    });
    match fields {
        Json::Object(fields) => fields,
        _ => unreachable!("an object"),
    }
}

async fn make(world: &World, fields: people::Said) -> Record {
    people::make(&world.hub, OFFER, &fields, &people::Word::default()).await.expect("an offer")
}

/// The offers of ours at AWS; the public one is everybody's.
fn there(world: &World) -> Vec<Json> {
    let records = world.vendor("seller", |vendor| vendor.records());
    let offers = records.get("Offer").cloned().unwrap_or_default();
    offers.into_values().filter(|offer| offer["Name"] != "Example Sync for everybody").collect()
}

/// Works for a while, without regard to whether anything happens: vendors take minutes.
async fn minutes(world: &mut World, minutes: u64) {
    for _ in 0..minutes * 6 {
        while world.round().await {
            if world.plan.fired() {
                world.plan.heal();
            }
        }
        world.clock.advance(Duration::from_secs(10));
        let _ticked = steps::schedule::tick(&world.hub).await;
        if world.plan.fired() {
            world.plan.heal();
        }
    }
    while world.round().await {}
}

fn word(record: &Record, field: &str) -> String {
    record.value(field).map(Value::to_string).unwrap_or_default()
}

fn accept(world: &World, offer: &str) -> String {
    world.act("seller", Act::Create { object: "Agreement".into(), fields: json!({ "OfferId": offer }) })
}

/// The id of the only offer of ours at AWS.
fn the_offer(world: &World) -> String {
    let offers = there(world);
    assert_eq!(offers.len(), 1, "exactly one offer: {offers:#?}");
    offers[0]["Id"].as_str().expect("an id").to_owned()
}
