use crate::bench::{Bench, create, day, fields, said, text, update, word};
use concord_connector::{
    Connector,
    Entity::PrivateOffer,
    Fields, Kind, Operation, Outcome, Value,
    exchange::{Checked, Written},
    sandbox::Sandbox,
    value::{Currency, Money},
};
use concord_microsoft_marketplace::connector;
use serde_json::json;

pub(crate) const PRODUCT: &str = "product/00000001-0000-4000-8000-0000000000c1";
const PLAN: &str = "plan/00000001-0000-4000-8000-0000000000c1/00000001-0000-4000-8000-0000000000d1";
const BUYER: &str = "00000001-0000-4000-8000-0000000000e1:00000001-0000-4000-8000-000000000001_2019-05-31";

fn list(lines: &[&str]) -> Option<Value> {
    Value::list(lines.iter().filter_map(|line| Value::text(line)).collect())
}

pub(crate) fn offer() -> Fields {
    fields([
        ("name", text("Contoso 12 months")),
        ("product", text(PRODUCT)),
        ("plan", text(PLAN)),
        ("buyers", list(&[BUYER])),
        ("discount", text("10")),
        ("accept_by", day("2026-12-31")),
        ("ends_on", day("2027-12-31")),
    ])
}

fn price() -> Option<Value> {
    Some(Value::Money(Money { minor: 2_400_000, currency: Currency::parse("USD")? }))
}

#[test]
fn an_offer_is_made_published_and_accepted() {
    let mut bench = Bench::new();
    let write = create("offer-1", offer());
    let Ok(Written::Running(running)) = bench.write(PrivateOffer, write.clone()) else { panic!("no job") };
    assert_eq!(running.again_s, 60, "a job is asked after at most once a minute");
    let sent = &bench.exchanges.last().unwrap()["request"];
    let made = &sent["body"]["json"]["resources"][0];
    assert_eq!(made["name"], "Contoso 12 months #offer-1");
    assert_eq!(made["state"], "draft", "nobody sees it before it is known to be the only one");
    assert_eq!(made["pricing"][0]["discountPercentage"], json!(10));
    assert_eq!(
        (&made["acceptBy"], &made["end"], &made["variableStartDate"]),
        (&json!("2026-12-31"), &json!("2027-12-31"), &json!(true))
    );
    bench.later(30);
    assert_eq!(bench.check(PrivateOffer, &running.operation, &write), Checked::Running { again_s: 60 });
    bench.later(60);
    let Checked::Next(next) = bench.check(PrivateOffer, &running.operation, &write) else { panic!("no next job") };
    let published = &bench.exchanges.last().unwrap()["request"]["body"]["json"]["resources"][0];
    assert_eq!((&published["state"], published["id"].is_string()), (&json!("live"), true));
    bench.later(60);
    let Checked::Done { after, created } = bench.check(PrivateOffer, &next.operation, &write) else { panic!("no end") };
    assert!(created);
    assert_eq!(
        (said(&after, "status"), said(&after, "name"), said(&after, "discount")),
        ("open", "Contoso 12 months", "10")
    );
    assert_eq!(after.marker.as_ref().map(|marker| marker.as_str()), Some("offer-1"));

    bench.act("private-offer", after.id.as_str(), json!({ "subStatus": "accepted" })).unwrap();
    assert_eq!(said(&bench.read(PrivateOffer, &after.id).unwrap(), "status"), "accepted");
    let refused = bench.write(PrivateOffer, update(&after, fields([("withdrawn", word("yes"))]))).unwrap_err();
    assert!(
        refused.kind == Kind::Rejected && refused.message.contains("withdrawn: the customer has accepted it"),
        "{refused:?}"
    );
}

#[test]
fn an_amount_and_meters_become_prices_of_the_offer() {
    let mut bench = Bench::new();
    let mut fields = offer();
    fields.insert("discount".into(), None);
    fields.extend(crate::bench::fields([
        ("amount", price()),
        ("duration", text("P12M")),
        ("rates", list(&["api_calls 0.002 USD"])),
        ("grants", list(&["api_calls 1000"])),
    ]));
    bench.done(PrivateOffer, create("offer-2", fields));
    let made = bench.cloud.records()["private-offer"].values().next().unwrap().clone();
    assert_eq!(made["offerPricingType"], "saasNewCustomizedPlans");
    assert_eq!(made["pricing"][0]["basePlan"], PLAN);
    assert_eq!(made["pricing"][0]["priceDetails"]["resourceName"], "prices");
}

#[test]
fn what_cannot_be_is_told_on_its_field_before_anything_is_sent() {
    let bench = Bench::new();
    let mut fields = offer();
    fields.extend(crate::bench::fields([
        ("buyers", list(&["contoso"])),
        ("plan", text("gold")),
        ("accept_by", day("2028-01-01")),
        ("amount", Some(Value::Money(Money { minor: 100, currency: Currency::parse("EUR").unwrap() }))),
    ]));
    let told = connector().preflight(&bench.cx, PrivateOffer, &create("offer-3", fields));
    let fields: Vec<&str> = told.iter().filter_map(|unfit| unfit.field.as_ref().map(|field| field.as_str())).collect();
    assert_eq!(fields, ["plan", "buyers", "discount", "amount", "duration", "ends_on"], "{told:#?}");
    assert_eq!(connector().preflight(&bench.cx, PrivateOffer, &create("offer-3", offer())), []);
}

#[test]
fn what_fails_late_is_told_on_its_field() {
    let mut bench = Bench::new();
    let mut fields = offer();
    fields.insert("plan".into(), text("plan/00000001-0000-4000-8000-0000000000c1/nowhere"));
    let Checked::Refused { mistakes } = bench.carry(PrivateOffer, create("offer-4", fields)) else { panic!("taken") };
    assert_eq!(mistakes[0].field.as_ref().map(|field| field.as_str()), Some("plan"));
    assert!(mistakes[0].to_string().contains("Microsoft says: The plan does not exist"), "{mistakes:?}");
}

#[test]
fn a_lost_answer_makes_no_second_offer() {
    let mut bench = Bench::new();
    let write = create("offer-5", offer());
    bench.cloud.faults().plan("/configure", concord_connector::sandbox::Trouble::LoseAnswer);
    let lost = bench.try_run(&Operation::Write { entity: PrivateOffer, writes: vec![write.clone()] }).unwrap_err();
    assert_eq!(lost.kind, Kind::Unknown);
    // The hub waits for as long as a new offer may be in no list, and searches.
    bench.later(connector().manifest().capabilities.search_lag_s);
    let find = Operation::Find { entity: PrivateOffer, record: "offer-5".into(), keys: Vec::new() };
    assert_eq!(bench.run(&find), Outcome::Found(Vec::new()), "a draft is on its way, and nobody's to adopt");
    let polled = bench.run(&Operation::Poll { entity: PrivateOffer, cursor: None, until: bench.now });
    assert!(matches!(&polled, Outcome::Page { records, .. } if records.is_empty()), "{polled:?}");
    let after = bench.done(PrivateOffer, write.clone());
    assert_eq!(said(&after, "status"), "open");
    assert_eq!(bench.cloud.records()["private-offer"].len(), 1, "the draft that the lost answer was about");
    assert_eq!(bench.run(&find), Outcome::Found(vec![after.id.clone()]));
    assert_eq!(bench.write(PrivateOffer, write), Ok(Written::Exists(after.id)));
}

/// What customers can see of offers of ours.
fn live(bench: &Bench) -> usize {
    bench.cloud.records()["private-offer"].values().filter(|offer| offer["state"] == "live").count()
}

#[test]
fn a_job_that_is_late_by_hours_makes_no_second_offer() {
    for (first_s, second_s) in [(1_800, 45), (45, 45), (900, 7_200), (20_000, 45)] {
        let mut bench = Bench::new();
        let write = create("offer-8", offer());
        bench.act("Settings", "", json!({ "job_s": first_s })).unwrap();
        bench.cloud.faults().plan("/configure", concord_connector::sandbox::Trouble::LoseAnswer);
        bench.try_run(&Operation::Write { entity: PrivateOffer, writes: vec![write.clone()] }).unwrap_err();
        bench.later(600);
        bench.act("Settings", "", json!({ "job_s": second_s })).unwrap();
        let mut write_again = bench.write(PrivateOffer, write.clone());
        for _ in 0..400 {
            let Ok(Written::Running(running)) = &write_again else { break };
            let running = running.clone();
            bench.later(60);
            bench.login();
            assert!(live(&bench) <= 1, "{first_s} s and {second_s} s: customers see one offer");
            match bench.check(PrivateOffer, &running.operation, &write) {
                Checked::Next(next) => write_again = Ok(Written::Running(next)),
                Checked::Running { .. } => {}
                Checked::Done { .. } => break,
                other => panic!("{other:?}"),
            }
        }
        bench.later(30_000);
        bench.login();
        assert_eq!(live(&bench), 1, "{first_s} s and {second_s} s");
    }
}

#[test]
fn an_offer_is_taken_back() {
    let mut bench = Bench::new();
    let after = bench.done(PrivateOffer, create("offer-6", offer()));
    let after = bench.done(PrivateOffer, update(&after, fields([("withdrawn", word("yes"))])));
    assert_eq!((said(&after, "status"), said(&after, "withdrawn")), ("withdrawn", "yes"));
    let refused = bench.write(PrivateOffer, update(&after, fields([("amount", price())]))).unwrap_err();
    assert!(refused.message.contains("amount: Microsoft takes no change of a private offer"), "{refused:?}");
}

#[test]
fn an_offer_that_nobody_accepted_expires() {
    let mut bench = Bench::new();
    let after = bench.done(PrivateOffer, create("offer-7", offer()));
    bench.later(366 * 86_400);
    bench.login();
    assert_eq!(said(&bench.read(PrivateOffer, &after.id).unwrap(), "status"), "expired");
}
