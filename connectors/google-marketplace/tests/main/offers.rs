use crate::purchases::{Bench, keep, status};
use concord_connector::{
    Connector as _,
    Entity::PrivateOffer,
    ExternalId, Fields, Kind, Operation, Outcome, Snapshot, Value,
    exchange::{Change, Checked, Refused, Write, Written},
    sandbox::{Act, Sandbox as _, Trouble},
    value::{Currency, Money},
};
use concord_google_marketplace::connector;
use serde_json::{Value as Json, json};
use std::time::Duration;

fn money(minor: i64, code: &str) -> Option<Value> {
    Some(Value::Money(Money { minor, currency: Currency::parse(code).unwrap() }))
}
fn list(lines: &[&str]) -> Option<Value> {
    Value::list(lines.iter().filter_map(|line| Value::text(line)).collect())
}
fn day(text: &str) -> Option<Value> {
    text.parse().ok().map(Value::Date)
}

fn offer(more: &[(&str, Option<Value>)]) -> Fields {
    let fields = [
        ("name", Value::text("Contoso 12 months")),
        ("kind", Some(Value::Enum("new".into()))),
        ("customer_name", Value::text("Contoso Ltd")),
        ("contact", Value::text("Bo Lee")),
        ("product", Value::text("projects/isv-public/locations/global/services/sync/standardOffers/pro")),
        ("buyers", list(&["billingAccounts/012345-567890-ABCDEF"])),
        ("amount", money(2_400_050, "USD")),
        ("duration", Value::text("P12M")),
        ("accept_by", day("2026-02-28")),
        ("internal_note", Value::text("Deal 7")),
        ("note_to_buyer", Value::text("As agreed")),
        ("eula", Value::text("standard")),
    ];
    fields.into_iter().chain(more.iter().cloned()).map(|(name, value)| (name.into(), value)).collect()
}

fn create(record: &str, fields: Fields) -> Write {
    Write { token: Some("t".into()), record: record.into(), change: Change::Create { idempotency: "c".into() }, fields }
}

fn update(seen: &Snapshot, field: &str, value: Option<Value>) -> Write {
    let held = seen.fields.get(field).map(|now| (field.into(), now.clone())).into_iter().collect();
    let change =
        Change::Update { id: seen.id.clone(), revision: None, held, held_at: concord_connector::Instant::EPOCH };
    Write { token: None, record: "o-1".into(), change, fields: [(field.into(), value)].into() }
}

fn sent(bench: &mut Bench, write: &Write) -> Result<Written, Refused> {
    match bench.run(&Operation::Write { entity: PrivateOffer, writes: vec![write.clone()] }) {
        Outcome::Written(mut rows) => rows.remove(0),
        other => panic!("{other:?}"),
    }
}

fn checked(bench: &mut Bench, operation: &ExternalId, write: &Write) -> Checked {
    let check = Operation::Check { entity: PrivateOffer, operation: operation.clone(), write: Box::new(write.clone()) };
    match bench.run(&check) {
        Outcome::Checked(checked) => checked,
        other => panic!("{other:?}"),
    }
}

/// Written, and followed to its end.
fn done(bench: &mut Bench, write: &Write) -> Snapshot {
    let Ok(Written::Running(running)) = sent(bench, write) else { panic!("no publication") };
    assert!(matches!(checked(bench, &running.operation, write), Checked::Running { .. }), "Google looks over it");
    bench.now = bench.now.plus(Duration::from_secs(300));
    match checked(bench, &running.operation, write) {
        Checked::Done { after, created: true } => after,
        other => panic!("{other:?}"),
    }
}

fn offers(bench: &Bench) -> Vec<Json> {
    bench.vendor.records()["privateOffers"].values().cloned().collect()
}

#[test]
fn an_offer_is_drafted_looked_over_published_and_accepted() {
    let mut bench = Bench::new();
    let made = done(&mut bench, &create("o-1", offer(&[])));
    assert_eq!(status(&made), "open");
    assert_eq!(made.marker.as_ref().map(|one| one.as_str()), Some("o-1"));
    for (field, wanted) in offer(&[]).iter().filter(|(field, _)| field.as_str() != "eula") {
        assert_eq!(made.fields.get(field), Some(wanted), "{field} comes back as it was written");
    }
    assert_eq!(made.fields["fee"], Value::text("3"));
    let there = &offers(&bench)[0];
    assert_eq!(there["acceptDeadlineTime"]["month"], 3, "the last day is over when the next one begins");
    let price = &there["singleProductOffer"]["standardIntervalPrice"];
    assert_eq!(price["standardInterval"], "YEARLY_NOT_PRORATED");
    let fee = json!({ "currencyCode": "USD", "units": "24000", "nanos": 500_000_000 });
    assert_eq!(price["priceModel"]["flatFee"]["flatFeeOverride"], fee);

    let accept =
        Act::Update { object: "privateOffers".into(), id: made.id.to_string(), fields: json!({ "state": "ACCEPTED" }) };
    let bought = bench.vendor.act(bench.now, accept).unwrap();
    let Outcome::Records(rows) = bench.run(&Operation::Fetch { entity: PrivateOffer, ids: vec![made.id.clone()] })
    else {
        panic!()
    };
    assert_eq!(status(rows[0].1.as_ref().unwrap()), "accepted");
    let ids = vec![bought.as_str().into()];
    let Outcome::Records(rows) = bench.run(&Operation::Fetch { entity: concord_connector::Entity::Entitlement, ids })
    else {
        panic!()
    };
    let right = &rows[0].1.as_ref().unwrap().fields["private_offer"];
    assert!(format!("{right:?}").contains(made.id.as_str()), "{right:?}");
    let refused = sent(&mut bench, &update(&made, "withdrawn", Some(Value::Enum("yes".into())))).unwrap_err();
    assert_eq!(refused.kind, Kind::Rejected);
}

#[test]
fn of_a_published_offer_the_last_day_is_changed_and_nothing_else() {
    let mut bench = Bench::new();
    let made = done(&mut bench, &create("o-1", offer(&[])));
    let Ok(Written::Done { after, .. }) = sent(&mut bench, &update(&made, "accept_by", day("2026-03-15"))) else {
        panic!()
    };
    assert_eq!(after.fields["accept_by"], day("2026-03-15"));
    let refused = sent(&mut bench, &update(&after, "accept_by", day("2026-12-31"))).unwrap_err();
    assert!(refused.message.contains("accept_by: Google says"), "{refused:?}");
    let refused = sent(&mut bench, &update(&after, "amount", money(1, "USD"))).unwrap_err();
    assert!(refused.message.contains("amount: Google takes no change"), "{refused:?}");
    let Ok(Written::Done { after, .. }) =
        sent(&mut bench, &update(&after, "withdrawn", Some(Value::Enum("yes".into()))))
    else {
        panic!()
    };
    assert_eq!(status(&after), "withdrawn");
}

#[test]
fn an_answer_that_gets_lost_makes_no_second_offer() {
    for lost in ["/documents", ":publish", "/privateOffers"] {
        let mut bench = Bench::new();
        let write = create("o-1", offer(&[]));
        bench.vendor.faults().plan(lost, Trouble::LoseAnswer);
        let operation = Operation::Write { entity: PrivateOffer, writes: vec![write.clone()] };
        let mut tries = 0;
        while !matches!(&bench.try_run(&operation), Ok(Outcome::Written(rows)) if rows[0].is_ok()) {
            tries += 1;
            assert!(tries < 5, "{lost}");
        }
        assert!(tries > 0, "{lost}: an answer got lost");
        bench.now = bench.now.plus(Duration::from_secs(300));
        let Ok(Written::Exists(id)) = sent(&mut bench, &write) else { panic!("{lost}: it is there") };
        assert_eq!(offers(&bench).len(), 1, "{lost}");
        let find = Operation::Find { entity: PrivateOffer, record: "o-1".into(), keys: Vec::new() };
        assert_eq!(bench.run(&find), Outcome::Found(vec![id]));
    }
}

#[test]
fn what_cannot_be_is_told_on_its_field() {
    let bench = Bench::new();
    let wrong = offer(&[
        ("customer_name", None),
        ("buyers", list(&["contoso"])),
        ("product", Value::text("sync")),
        ("amount", money(2_400_050, "EUR")),
        ("duration", Value::text("P1Y")),
        ("note_to_buyer", Value::text(&"x".repeat(121))),
        ("accept_by", None),
        ("kind", Some(Value::Enum("amendment".into()))),
    ]);
    let told = connector().preflight(&bench.cx, PrivateOffer, &create("o-1", wrong));
    let mut fields: Vec<&str> =
        told.iter().filter_map(|unfit| unfit.field.as_ref().map(|field| field.as_str())).collect();
    fields.sort_unstable();
    fields.dedup();
    assert_eq!(
        fields,
        ["accept_by", "amount", "buyers", "customer_name", "duration", "kind", "note_to_buyer", "product"],
        "{told:#?}"
    );
    assert_eq!(connector().preflight(&bench.cx, PrivateOffer, &create("o-1", offer(&[]))), []);
    let parts = offer(&[("amount", money(1_000_001, "USD")), ("duration", Value::text("P9M"))]);
    assert_eq!(
        connector().preflight(&bench.cx, PrivateOffer, &create("o-1", parts)).len(),
        1,
        "three equal parts of cents"
    );
    let mut off = bench.cx.clone();
    off.options.insert("producer_api".into(), "false".into());
    assert!(
        connector().preflight(&off, PrivateOffer, &create("o-1", offer(&[])))[0].to_string().contains("producer_api")
    );
}

#[test]
fn installments_are_an_amount_of_their_own_days() {
    let mut bench = Bench::new();
    let parts = offer(&[
        ("installments", list(&["2026-03-15 12000.00 USD", "2026-09-15 12000.50 USD"])),
        ("starts_on", day("2026-03-15")),
    ]);
    let made = done(&mut bench, &create("o-1", parts.clone()));
    for field in ["installments", "amount", "starts_on", "duration"] {
        assert_eq!(made.fields[field], parts[field], "{field}");
    }
}

#[test]
fn what_google_finds_out_is_told_and_a_draft_that_comes_back_is_used_again() {
    let mut bench = Bench::new();
    let late = create("o-1", offer(&[("accept_by", day("2026-08-31"))]));
    let refused = sent(&mut bench, &late).unwrap_err();
    assert!(refused.message.contains("accept_by: Google says: The deadline"), "{refused:?}");
    let polled = bench.run(&Operation::Poll { entity: PrivateOffer, cursor: None, until: bench.now });
    assert!(
        matches!(&polled, Outcome::Page { records, .. } if records.is_empty()),
        "a draft is on its way: {polled:?}"
    );
    let unwanted = create("o-1", offer(&[("buyers", list(&["billingAccounts/000000-000000-000000"]))]));
    let Ok(Written::Running(running)) = sent(&mut bench, &unwanted) else { panic!() };
    bench.now = bench.now.plus(Duration::from_secs(300));
    let Checked::Refused { mistakes } = checked(&mut bench, &running.operation, &unwanted) else { panic!() };
    assert!(mistakes[0].to_string().contains("Producer Portal says why"), "{mistakes:?}");
    assert_eq!(status(&done(&mut bench, &create("o-1", offer(&[])))), "open");
    assert_eq!(offers(&bench).len(), 1, "the draft that was there");
}

#[test]
fn where_google_has_not_let_us_in_nothing_is_asked() {
    let mut bench = Bench::new();
    bench.cx.options.insert("producer_api".into(), "false".into());
    let before = bench.vendor.served().clone();
    let poll = Operation::Poll { entity: PrivateOffer, cursor: None, until: bench.now };
    assert!(matches!(bench.run(&poll), Outcome::Page { records, more: false, .. } if records.is_empty()));
    let find = Operation::Find { entity: PrivateOffer, record: "o-1".into(), keys: Vec::new() };
    assert_eq!(bench.run(&find), Outcome::Found(Vec::new()));
    assert!(sent(&mut bench, &create("o-1", offer(&[]))).unwrap_err().message.contains("producer_api"));
    assert_eq!(bench.vendor.served(), &before);
}

#[test]
fn offers_are_recorded() {
    let mut bench = Bench::new();
    let bench = &mut bench;
    let write = create("o-1", offer(&[]));
    let operation = Operation::Write { entity: PrivateOffer, writes: vec![write.clone()] };
    let about = "A draft, its terms of use, a look of Google's, and the publication.";
    let Outcome::Written(mut rows) = keep(bench, "create_offer", about, &operation) else { panic!() };
    let Ok(Written::Running(running)) = rows.remove(0) else { panic!() };
    let check = Operation::Check { entity: PrivateOffer, operation: running.operation, write: Box::new(write) };
    keep(bench, "check_offer_running", "Google looks over it.", &check);
    bench.now = bench.now.plus(Duration::from_secs(300));
    let Outcome::Checked(Checked::Done { after, .. }) = keep(bench, "check_offer", "It is published.", &check) else {
        panic!()
    };
    let find = Operation::Find { entity: PrivateOffer, record: "o-1".into(), keys: Vec::new() };
    keep(bench, "find_offer", "Our mark is the last line of the note that customers do not see.", &find);
    let poll = Operation::Poll { entity: PrivateOffer, cursor: None, until: bench.now };
    let Outcome::Page { cursor, .. } = keep(bench, "poll_offers", "All of them, the first time.", &poll) else {
        panic!()
    };
    let poll = Operation::Poll { entity: PrivateOffer, cursor: Some(cursor), until: bench.now };
    keep(bench, "poll_offers_since", "What changed since then.", &poll);
    let write = update(&after, "accept_by", day("2026-03-15"));
    let extend = Operation::Write { entity: PrivateOffer, writes: vec![write] };
    keep(bench, "extend_offer", "The last day is all that can be changed.", &extend);
    let write = update(&after, "withdrawn", Some(Value::Enum("yes".into())));
    keep(bench, "withdraw_offer", "It is taken back.", &Operation::Write { entity: PrivateOffer, writes: vec![write] });
}
