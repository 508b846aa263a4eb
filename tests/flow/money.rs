//! Amounts and dates through two CRMs: currencies of none, two and three decimals; days in the accounts' own time zones.

use crate::crm::{edit, text};
use concord_connector::{Entity, exchange, sandbox::Act, testing::learn, value::Currency};
use concord_hub::{events::Count, record::Record};
use concord_tests::world::{Account, World, account, links};
use serde_json::{Value as Json, json};

const DEALS: &[Entity] = &[Entity::Opportunity];

async fn crms() -> World {
    let sync = |name, system| Account { creates: DEALS, maps: DEALS, ..account(name, system) };
    World::new(&[sync("hubspot-eu", "hubspot"), sync("salesforce", "salesforce")]).await
}

/// What the account says of itself.
fn located(world: &World, name: &str, time_zone: &str, currency: Option<&str>) {
    world.reconfigure(|settings| {
        let said = exchange::Account {
            time_zone: Some(time_zone.to_owned()),
            currency: currency.and_then(Currency::parse),
            ..exchange::Account::default()
        };
        learn(&mut settings.connections.get_mut(name).expect("a connection").context, &said);
    });
}

fn deal(properties: Json) -> Act {
    let mut all = json!({"dealname": "Deal", "dealstage": "qualifiedtobuy", "closedate": "2026-06-30T00:00:00Z"});
    for (name, value) in properties.as_object().into_iter().flatten() {
        all[name] = value.clone();
    }
    Act::Create { object: "deals".into(), fields: json!({ "properties": all }) }
}

struct Shown {
    record: Record,
    hubspot: Json,
    salesforce: Json,
}

async fn shown(world: &World) -> Shown {
    let record = world.only(Entity::Opportunity).await;
    assert_eq!(links(&record).len(), 2, "{:?}", record.outbox);
    assert!(record.pending().is_empty(), "{:?}", record.outbox);
    Shown {
        hubspot: world.shown(&record, "hubspot-eu", "deals")["properties"].clone(),
        salesforce: world.shown(&record, "salesforce", "Opportunity"),
        record,
    }
}

/// Nothing more is written, however long one waits.
async fn stays(world: &mut World) {
    let before = world.hub.tally.get(Count::Deliveries);
    world.clock.advance(std::time::Duration::from_secs(3600));
    world.settle().await;
    assert_eq!(world.hub.tally.get(Count::Deliveries), before);
}

/// The amount as people read it, then as each system shows it.
async fn amount(typed: &str, currency: &str) -> (String, Json, String, Json) {
    let mut world = crms().await;
    world.act("hubspot-eu", deal(json!({"amount": typed, "deal_currency_code": currency})));
    world.settle().await;
    stays(&mut world).await;
    let shown = shown(&world).await;
    (
        text(&shown.record, "amount"),
        shown.hubspot["amount"].clone(),
        shown.salesforce["Amount"].to_string(),
        shown.salesforce["CurrencyIsoCode"].clone(),
    )
}

#[tokio::test]
async fn yen_have_no_decimals() {
    let (golden, hubspot, salesforce, currency) = amount("1500000", "JPY").await;
    assert_eq!((golden.as_str(), hubspot, currency), ("1500000 JPY", json!("1500000"), json!("JPY")));
    // The vendor shows every amount as a decimal number.
    assert_eq!(salesforce.trim_end_matches(".0"), "1500000");
}

#[tokio::test]
async fn dinars_have_three_decimals_and_settle_where_only_two_are_kept() {
    let (golden, hubspot, salesforce, currency) = amount("1234.567", "KWD").await;
    assert_eq!((golden.as_str(), hubspot, currency), ("1234.567 KWD", json!("1234.567"), json!("KWD")));
    assert!(salesforce.starts_with("1234.5"), "kept as well as it can be: {salesforce}");
}

#[tokio::test]
async fn cents_survive_a_system_that_drops_zeros() {
    assert_eq!(amount("1234.50", "EUR").await.0, "1234.50 EUR");
    assert_eq!(amount("0.10", "USD").await.0, "0.10 USD");
    assert_eq!(amount("90071992547409.93", "EUR").await.0, "90071992547409.93 EUR", "beyond what a float can hold");
}

#[tokio::test]
async fn a_yen_with_decimals_is_put_aside() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", deal(json!({"amount": "10.5", "deal_currency_code": "JPY"})));
    world.settle().await;
    assert_eq!(world.records(Entity::Opportunity).await.len(), 0);
    let letters = concord_hub::views::dead_letters(&world.hub, None, 10).await.expect("a store").letters;
    assert_eq!(letters.len(), 1, "{letters:#?}");
    for part in ["hubspot", id.as_str(), "/properties/amount"] {
        assert!(letters[0].reason.contains(part), "{}", letters[0].reason);
    }
}

#[tokio::test]
async fn an_edit_of_the_currency_alone_reaches_the_other_system() {
    let mut world = crms().await;
    let id = world.act("hubspot-eu", deal(json!({"amount": "100", "deal_currency_code": "EUR"})));
    world.settle().await;
    world.act("hubspot-eu", edit("deals", &id, json!({"properties": {"deal_currency_code": "USD"}})));
    world.settle().await;
    let shown = shown(&world).await;
    assert_eq!(text(&shown.record, "amount"), "100.00 USD");
    assert_eq!(shown.salesforce["CurrencyIsoCode"], "USD");
}

/// A close date travels from an instant in a zone to a day, and back from a day to an instant in that zone.
async fn day(zone: &str, typed: &str, day: &str, later: &str, written: &str) {
    let mut world = crms().await;
    located(&world, "hubspot-eu", zone, None);
    world.act("hubspot-eu", deal(json!({"closedate": typed})));
    world.settle().await;
    let first = shown(&world).await;
    assert_eq!(
        (text(&first.record, "close_date"), &first.salesforce["CloseDate"]),
        (day.into(), &json!(day)),
        "{zone}"
    );
    let there = first.salesforce["Id"].as_str().expect("an id").to_owned();
    assert_eq!(first.hubspot["closedate"].as_str().map(|at| &at[..16]), typed.get(..16), "left as it was typed");
    world.act("salesforce", edit("Opportunity", &there, json!({"CloseDate": later})));
    world.settle().await;
    stays(&mut world).await;
    let second = shown(&world).await;
    assert_eq!(text(&second.record, "close_date"), later, "{zone}");
    assert_eq!(second.hubspot["closedate"], written, "{zone}: midnight there");
    assert_eq!(second.salesforce["CloseDate"], later, "{zone}");
}

#[tokio::test]
async fn a_day_at_utc_plus_13_is_that_day() {
    // One in the morning of the 30th in Tonga is noon of the 29th in London.
    day("Pacific/Tongatapu", "2026-06-29T12:00:00.000Z", "2026-06-30", "2026-07-02", "2026-07-01T11:00:00.000Z").await;
    day("Pacific/Auckland", "2026-01-14T11:30:00.000Z", "2026-01-15", "2026-01-16", "2026-01-15T11:00:00.000Z").await;
}

#[tokio::test]
async fn a_day_behind_utc_is_that_day() {
    day("Pacific/Pago_Pago", "2026-06-30T10:59:00.000Z", "2026-06-29", "2026-07-02", "2026-07-02T11:00:00.000Z").await;
}

#[tokio::test]
async fn days_on_which_clocks_change_are_no_other_day() {
    day("Europe/Berlin", "2026-03-28T23:00:00.000Z", "2026-03-29", "2026-03-30", "2026-03-29T22:00:00.000Z").await;
    day("Europe/Berlin", "2026-10-24T22:00:00.000Z", "2026-10-25", "2026-10-26", "2026-10-25T23:00:00.000Z").await;
    // There is no midnight on that day in Chile: the day begins at one o'clock.
    day("America/Santiago", "2026-09-05T16:00:00.000Z", "2026-09-05", "2026-09-06", "2026-09-06T04:00:00.000Z").await;
}

#[tokio::test]
async fn two_accounts_in_different_zones_mean_the_same_day() {
    let sync = |name, system| Account { creates: DEALS, maps: DEALS, ..account(name, system) };
    let mut world = World::new(&[sync("hubspot-eu", "hubspot"), sync("hubspot-nz", "hubspot")]).await;
    located(&world, "hubspot-eu", "America/Los_Angeles", Some("USD"));
    located(&world, "hubspot-nz", "Pacific/Auckland", Some("NZD"));
    world.act(
        "hubspot-eu",
        deal(json!({"closedate": "2026-01-15T08:00:00.000Z", "amount": "10", "deal_currency_code": ""})),
    );
    world.settle().await;
    stays(&mut world).await;
    let record = world.only(Entity::Opportunity).await;
    assert_eq!((text(&record, "close_date"), text(&record, "amount")), ("2026-01-15".into(), "10.00 USD".into()));
    let there = world.shown(&record, "hubspot-nz", "deals")["properties"].clone();
    assert_eq!(there["closedate"], "2026-01-14T11:00:00.000Z");
    assert_eq!((&there["amount"], &there["deal_currency_code"]), (&json!("10"), &json!("USD")));
}
