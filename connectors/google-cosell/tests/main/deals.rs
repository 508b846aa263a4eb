use concord_connector::{
    Connector, Context,
    Entity::CosellDeal,
    Fault, Fields, Instant, Kind, Operation, Outcome, Snapshot, Unverified, Value, Webhook,
    exchange::{Change, Refused, Write, Written},
    sandbox::{Act, Sandbox, Subscriber},
    testing::{KEYS, authorize, drive, learn},
    value::{Address, AddressPart, Currency, Money},
};
use concord_google_cosell::{connector, sandbox::Hub};
use serde_json::{Value as Json, json};
use std::{fs, path::Path, time::Duration};

struct Bench {
    vendor: Hub,
    cx: Context,
    now: Instant,
    authorization: Vec<(String, String)>,
    exchanges: Vec<Json>,
}

impl Bench {
    /// A partner whose deals are submitted as they are made.
    fn new() -> Self {
        let connector = connector();
        let mut vendor = Hub::new(1);
        let mut cx = Context::new("cosell-test", connector.manifest());
        cx.options.extend(vendor.options());
        cx.options.insert("submit".into(), "yes".into());
        let now = Instant::from_ms(1_767_225_600_000);
        let authorization = authorize(connector.manifest(), &cx, &mut vendor, now).unwrap();
        let mut bench = Self { vendor, cx, now, authorization, exchanges: Vec::new() };
        let Ok(Outcome::Account(account)) = bench.run(&Operation::Describe) else { panic!() };
        learn(&mut bench.cx, &account);
        bench
    }

    fn run(&mut self, operation: &Operation) -> concord_connector::Result<Outcome> {
        self.exchanges.clear();
        let (vendor, exchanges, authorization, now) =
            (&mut self.vendor, &mut self.exchanges, &self.authorization, self.now);
        drive::exchange(&connector(), &self.cx, operation, &mut |request| {
            let answer = drive::response(&vendor.handle(now, &drive::wire("/v1alpha1", request, authorization)), now);
            exchanges.push(json!({ "request": request, "response": answer }));
            if answer.status == 0 {
                return Err(Fault::new(Kind::Unknown, "test", "the answer got lost"));
            }
            Ok(answer)
        })
    }

    fn later(&mut self, hours: u64) {
        self.now = self.now.plus(Duration::from_secs(hours * 3_600));
        self.authorization = authorize(connector().manifest(), &self.cx, &mut self.vendor, self.now).unwrap();
    }

    fn send(&mut self, write: &Write) -> Result<Written, Refused> {
        match self.run(&Operation::Write { entity: CosellDeal, writes: vec![write.clone()] }) {
            Ok(Outcome::Written(mut rows)) => rows.remove(0),
            other => panic!("{other:?}"),
        }
    }

    fn done(&mut self, write: &Write) -> Snapshot {
        match self.send(write) {
            Ok(Written::Done { after, .. }) => after,
            other => panic!("{other:?}"),
        }
    }

    fn read(&mut self, seen: &Snapshot) -> Snapshot {
        let fetch = Operation::Fetch { entity: CosellDeal, ids: vec![seen.id.clone()] };
        let Ok(Outcome::Records(mut rows)) = self.run(&fetch) else { panic!() };
        rows.remove(0).1.unwrap()
    }

    fn patches(&self) -> Vec<&Json> {
        let all = self.exchanges.iter().map(|exchange| &exchange["request"]);
        all.filter(|request| request["method"].as_str().is_some_and(|method| method.eq_ignore_ascii_case("patch")))
            .collect()
    }
}

fn word(text: &str) -> Option<Value> {
    Some(Value::Enum(text.into()))
}

fn deal() -> Fields {
    let address = Address::from_parts([
        (AddressPart::City, "New York".to_owned()),
        (AddressPart::Region, "NY".to_owned()),
        (AddressPart::PostalCode, "10001".to_owned()),
        (AddressPart::Country, "US".to_owned()),
    ]);
    let amount = Money { minor: 15_000_050, currency: Currency::parse("USD").unwrap() };
    let fields = [
        ("name", Value::text("Contoso data platform")),
        ("customer_name", Value::text("Contoso Ltd")),
        ("website", Value::text("contoso.example")),
        ("size", Value::text("500")),
        ("address", address.map(Value::Address)),
        ("given_name", Value::text("Bo")),
        ("family_name", Value::text("Lee")),
        ("email", Value::text("bo@contoso.example")),
        ("problem", Value::text("Reconcile partner deals")),
        ("amount", Some(Value::Money(amount))),
        ("close_date", Some(Value::Date("2026-06-30".parse().unwrap()))),
        ("help", Value::list(vec![Value::text("TECH").unwrap()])),
        ("consent", word("given")),
    ];
    fields.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

fn create(fields: Fields) -> Write {
    Write { token: None, record: "d-1".into(), change: Change::Create { idempotency: "c".into() }, fields }
}

fn update(seen: &Snapshot, field: &str, value: Option<Value>) -> Write {
    let held = seen.fields.get(field).map(|now| (field.into(), now.clone())).into_iter().collect();
    let change = Change::Update { id: seen.id.clone(), revision: None, held, held_at: Instant::EPOCH };
    Write { token: None, record: "d-1".into(), change, fields: [(field.into(), value)].into() }
}

fn said<'a>(snapshot: &'a Snapshot, field: &str) -> &'a str {
    snapshot.fields[field].as_ref().and_then(Value::as_str).unwrap()
}

#[test]
fn a_deal_is_submitted_reviewed_moved_and_won() {
    let mut bench = Bench::new();
    let made = bench.done(&create(deal()));
    assert_eq!((said(&made, "status"), said(&made, "origin")), ("under_review", "partner"));
    assert_eq!(made.marker.as_ref().map(|marker| marker.as_str()), Some("d-1"));
    for (field, wanted) in &deal() {
        assert_eq!(made.fields.get(field), Some(wanted), "{field} comes back as it was written");
    }
    // While Google reviews it, it can be changed by nobody: what is wanted waits.
    let change = update(&made, "next_step", Value::text("Jane sends a plan"));
    assert!(matches!(bench.send(&change), Ok(Written::Closed { .. })));
    assert!(bench.patches().is_empty());
    bench.later(5);
    let accepted = bench.read(&made);
    assert_eq!(said(&accepted, "status"), "accepted");
    let moved = bench.done(&change);
    assert_eq!(
        bench.patches()[0]["query"][0],
        json!(["updateMask", "isvSolutionConnectInfo.nextStep"]),
        "and nothing else"
    );
    assert_eq!(said(&moved, "next_step"), "Jane sends a plan");
    let moved = bench.done(&update(&moved, "stage", word("committed")));
    assert_eq!(said(&moved, "stage"), "business_validation", "Google has one stage for both");
    let won = bench.done(&update(&moved, "stage", word("won")));
    assert_eq!(said(&won, "stage"), "won");
    assert_eq!(bench.vendor.records()["opportunities"].len(), 1);
}

#[test]
fn a_stage_waits_for_googles_word_and_holds_up_nothing() {
    let mut bench = Bench::new();
    let mut private = deal();
    private.insert("consent".into(), word("withheld"));
    let draft = bench.done(&create(private));
    assert_eq!(said(&draft, "status"), "not_submitted");
    let mut both = update(&draft, "stage", word("technical_validation"));
    both.fields.insert("problem".into(), Value::text("Another one"));
    assert!(matches!(bench.send(&both), Ok(Written::Closed { .. })));
    assert_eq!(said(&bench.read(&draft), "problem"), "Another one");
    // Two stages of ours are one of theirs: nothing moves, and nothing waits.
    assert!(matches!(bench.send(&update(&draft, "stage", word("prospect"))), Ok(Written::Done { .. })));
    // With the customer's word it goes.
    let now = bench.read(&draft);
    assert_eq!(said(&bench.done(&update(&now, "consent", word("given"))), "status"), "under_review");
}

#[test]
fn what_was_not_accepted_is_changed_and_goes_again() {
    let mut bench = Bench::new();
    let mut unwanted = deal();
    unwanted.insert("website".into(), Value::text("unwanted.example"));
    let made = bench.done(&create(unwanted));
    bench.later(5);
    let refused = bench.read(&made);
    assert_eq!(said(&refused, "status"), "rejected");
    assert!(said(&refused, "status_reason").contains("another partner"));
    let again = bench.done(&update(&refused, "website", Value::text("contoso.example")));
    assert_eq!(said(&again, "status"), "under_review");
    bench.later(5);
    assert_eq!(said(&bench.read(&made), "status"), "accepted");
}

#[test]
fn an_answer_that_gets_lost_makes_no_second_deal() {
    for skipped in 0..4 {
        let mut bench = Bench::new();
        let write = create(deal());
        let operation = Operation::Write { entity: CosellDeal, writes: vec![write.clone()] };
        // The search, the draft, its submission, and the look at it: each answer is lost in turn.
        let mut seen = 0;
        let (vendor, authorization, now, cx) = (&mut bench.vendor, &bench.authorization, bench.now, &bench.cx);
        let lost = drive::exchange(&connector(), cx, &operation, &mut |request| {
            let answer = drive::response(&vendor.handle(now, &drive::wire("/v1alpha1", request, authorization)), now);
            seen += 1;
            match seen > skipped {
                true => Err(Fault::new(Kind::Unknown, "test", "the answer got lost")),
                false => Ok(answer),
            }
        });
        assert_eq!(lost.unwrap_err().kind, Kind::Unknown);
        let find = Operation::Find { entity: CosellDeal, record: "d-1".into(), keys: Vec::new() };
        let Ok(Outcome::Found(found)) = bench.run(&find) else { panic!() };
        match bench.send(&write) {
            Ok(Written::Done { after, .. }) if found.is_empty() => assert_eq!(said(&after, "status"), "under_review"),
            Ok(Written::Exists(id)) => assert_eq!(found, [id]),
            other => panic!("{skipped}: {other:?}"),
        }
        let deals = bench.vendor.records()["opportunities"].clone();
        assert_eq!(deals.len(), 1, "{skipped}");
        assert!(deals.values().all(|deal| deal["state"] == "SUBMITTED"), "{skipped}: {deals:?}");
    }
}

#[test]
fn an_edit_of_googles_is_covered_by_nothing() {
    let mut bench = Bench::new();
    let made = bench.done(&create(deal()));
    bench.later(5);
    let held = bench.read(&made);
    let act = Act::Update {
        object: "opportunities".into(),
        id: made.id.to_string(),
        fields: json!({ "nextStep": "Theirs" }),
    };
    bench.vendor.act(bench.now, act).unwrap();
    let mut ours = update(&held, "next_step", Value::text("Ours"));
    if let Change::Update { held, .. } = &mut ours.change {
        held.insert("next_step".into(), None);
    }
    let Ok(Written::Moved(seen)) = bench.send(&ours) else { panic!("covered") };
    assert_eq!(said(&seen, "next_step"), "Theirs");
}

#[test]
fn what_cannot_be_is_told_on_its_field_and_where_we_are_not_let_in_nothing_is_asked() {
    let mut bench = Bench::new();
    let mut wrong = deal();
    for (field, value) in [
        ("website", Value::text("https://contoso.example/")),
        ("size", Value::text("many")),
        ("phone", Value::text("202 555 0123")),
        ("address", None),
        ("help", Value::list(vec![Value::text("EVERYTHING").unwrap()])),
    ] {
        wrong.insert(field.into(), value);
    }
    let told = connector().preflight(&bench.cx, CosellDeal, &create(wrong));
    let fields: Vec<&str> = told.iter().filter_map(|unfit| unfit.field.as_ref().map(|field| field.as_str())).collect();
    assert_eq!(fields, ["address", "website", "size", "phone", "help"], "{told:#?}");
    assert_eq!(connector().preflight(&bench.cx, CosellDeal, &create(deal())), []);
    bench.cx.options.insert("channel_api".into(), "false".into());
    let before = bench.vendor.served().clone();
    assert!(bench.send(&create(deal())).unwrap_err().message.contains("channel_api"));
    let poll = Operation::Poll { entity: CosellDeal, cursor: None, until: bench.now };
    assert!(matches!(bench.run(&poll), Ok(Outcome::Page { records, .. }) if records.is_empty()));
    assert!(matches!(bench.run(&Operation::Describe), Ok(Outcome::Account(_))));
    assert_eq!(bench.vendor.served(), &before);
}

#[test]
fn events_are_read_in_either_spelling() {
    use base64::{Engine as _, engine::general_purpose::STANDARD};
    let mut bench = Bench::new();
    let made = bench.done(&create(deal()));
    let url = "https://hub.example.com/hooks/google-cosell".to_owned();
    bench.vendor.subscribe(Some(Subscriber { url, secret: String::new() }));
    bench.later(5);
    let push = bench.vendor.pushes(bench.now).remove(0).request;
    let scheme = connector().manifest().webhooks[0].filled(&bench.cx.options);
    let hear = |body: Vec<u8>| {
        let hook = Webhook::<Unverified>::new("POST", push.target.clone(), None, push.headers.clone(), body);
        let hook = hook.verify(&scheme, &[KEYS.as_bytes()], bench.now).unwrap();
        connector().signals(&bench.cx, &hook).unwrap()
    };
    assert_eq!(hear(push.body.clone())[0].id, made.id);
    let told = |event: Json| {
        let data = STANDARD.encode(event.to_string());
        json!({ "message": { "data": data, "messageId": "7" } }).to_string().into_bytes()
    };
    let snake = json!({ "opportunity_event": { "event_type": "UPDATED", "opportunity": "opportunities/77" } });
    assert_eq!(hear(told(snake))[0].id.as_str(), "77");
    let detached =
        json!({ "opportunityEvent": { "eventType": "PARTNER_DETACHED", "opportunity": "opportunities/77" } });
    assert!(hear(told(detached)).is_empty());
    assert!(hear(told(json!({ "customerEvent": {} }))).is_empty());
}

fn keep(bench: &mut Bench, name: &str, about: &str, operation: &Operation) -> Outcome {
    let outcome = bench.run(operation).unwrap();
    let mut exchanges = bench.exchanges.clone();
    for exchange in &mut exchanges {
        for free in ["accept", "limit"] {
            exchange["request"].as_object_mut().map(|request| request.remove(free));
        }
    }
    let recording = json!({ "about": about, "options": bench.cx.options, "operation": operation, "exchanges": exchanges, "outcome": outcome });
    let text = format!("{}\n", serde_json::to_string_pretty(&recording).unwrap());
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("fixtures/{name}.json"));
    if std::env::var_os("UPDATE").is_some() {
        fs::write(file, text).unwrap();
    } else {
        assert!(fs::read_to_string(&file).is_ok_and(|kept| kept == text), "{name} is old; UPDATE=1 makes it anew");
    }
    outcome
}

#[test]
fn every_kind_of_operation_is_recorded() {
    let mut bench = Bench::new();
    let bench = &mut bench;
    keep(bench, "describe", "A page of one shows that we are let in.", &Operation::Describe);
    let operation = Operation::Write { entity: CosellDeal, writes: vec![create(deal())] };
    let Outcome::Written(mut rows) = keep(bench, "create", "A draft, and its submission.", &operation) else {
        panic!()
    };
    let Ok(Written::Done { after: made, .. }) = rows.remove(0) else { panic!() };
    let find = Operation::Find { entity: CosellDeal, record: "d-1".into(), keys: Vec::new() };
    keep(bench, "find", "Our mark is the last line of the notes.", &find);
    let change = update(&made, "next_step", Value::text("Jane sends a plan"));
    let operation = Operation::Write { entity: CosellDeal, writes: vec![change] };
    keep(bench, "update_closed", "Google reviews it: what is wanted waits.", &operation);
    bench.later(5);
    keep(bench, "update", "The field that changed, and no other.", &operation);
    let ids = vec![made.id, "999999999".into()];
    keep(bench, "fetch", "One that is there, one that is not.", &Operation::Fetch { entity: CosellDeal, ids });
    for number in 0..12 {
        let fields = json!({ "opportunityInfo": { "displayName": format!("Of Google's own, {number}") } });
        bench.vendor.act(bench.now, Act::Create { object: "opportunities".into(), fields }).unwrap();
    }
    let until = bench.now;
    let poll = |cursor| Operation::Poll { entity: CosellDeal, cursor, until };
    let Outcome::Page { cursor, more: true, .. } = keep(bench, "poll", "The first of two pages.", &poll(None)) else {
        panic!()
    };
    keep(bench, "poll_end", "The last page.", &poll(Some(cursor)));
}
