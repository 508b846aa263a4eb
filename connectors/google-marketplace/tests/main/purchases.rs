use concord_connector::{
    Connector, Context, Entity,
    Entity::Entitlement,
    Fault, Fields, Instant, Kind, Operation, Outcome, Reference, Snapshot, Value,
    exchange::{Change, Refused, Write, Written},
    sandbox::{Act, Sandbox},
    testing::{authorize, drive, judge, learn},
};
use concord_google_marketplace::{connector, sandbox::Provider};
use serde_json::{Value as Json, json};
use std::{fs, path::Path};

pub(crate) struct Bench {
    pub(crate) vendor: Provider,
    pub(crate) cx: Context,
    pub(crate) now: Instant,
    authorization: Vec<(String, String)>,
    exchanges: Vec<Json>,
    calls: Vec<Json>,
}

/// Whatever a scenario sent is held against Google's own descriptions, where `tests/google-models/prepare` has put them.
impl Drop for Bench {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(judge::mistakes("google-models", &self.calls).unwrap(), Vec::<String>::new());
        }
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        let connector = connector();
        let mut vendor = Provider::new(1);
        let mut cx = Context::new("google-test", connector.manifest());
        cx.options.extend(vendor.options());
        let now = Instant::from_ms(1_767_225_600_000);
        let authorization = authorize(connector.manifest(), &cx, &mut vendor, now).unwrap();
        let mut bench = Self { vendor, cx, now, authorization, exchanges: Vec::new(), calls: Vec::new() };
        let Outcome::Account(account) = bench.run(&Operation::Describe) else { panic!() };
        learn(&mut bench.cx, &account);
        bench
    }

    pub(crate) fn run(&mut self, operation: &Operation) -> Outcome {
        self.try_run(operation).unwrap()
    }

    pub(crate) fn try_run(&mut self, operation: &Operation) -> concord_connector::Result<Outcome> {
        self.exchanges.clear();
        let (vendor, exchanges, authorization, now) =
            (&mut self.vendor, &mut self.exchanges, &self.authorization, self.now);
        drive::exchange(&connector(), &self.cx, operation, &mut |request| {
            let answer = drive::response(&vendor.handle(now, &drive::wire("/v1", request, authorization)), now);
            exchanges.push(json!({ "request": request, "response": answer }));
            if answer.status == 0 {
                return Err(Fault::new(Kind::Unknown, "test", "the answer got lost"));
            }
            Ok(answer)
        })
        .inspect(|_| self.calls.extend(self.exchanges.iter().cloned()))
    }

    fn purchase(&mut self) -> Snapshot {
        let act = Act::Create { object: "entitlements".into(), fields: json!({}) };
        let id = self.vendor.act(self.now, act).unwrap();
        self.read(&id)
    }

    fn read(&mut self, id: &str) -> Snapshot {
        let Outcome::Records(mut rows) = self.run(&Operation::Fetch { entity: Entitlement, ids: vec![id.into()] })
        else {
            panic!()
        };
        rows.remove(0).1.unwrap()
    }

    fn decide(&mut self, seen: &Snapshot, decision: &str) -> Result<Written, Refused> {
        match self.run(&Operation::Write { entity: Entitlement, writes: vec![decision_of(seen, decision)] }) {
            Outcome::Written(mut rows) => rows.remove(0),
            other => panic!("{other:?}"),
        }
    }
}

fn decision_of(seen: &Snapshot, decision: &str) -> Write {
    let mut fields = Fields::from([("decision".into(), Some(Value::Enum(decision.into())))]);
    fields.insert("decision_reason".into(), Value::text("we do not know you"));
    let change = Change::Update { id: seen.id.clone(), revision: None, held: Fields::new(), held_at: Instant::EPOCH };
    Write { token: None, record: "r-1".into(), change, fields }
}

pub(crate) fn status(snapshot: &Snapshot) -> &str {
    snapshot.fields["status"].as_ref().and_then(Value::as_str).unwrap()
}

fn use_of(id: &str, metric: &str, quantity: &str) -> Write {
    let fields = [
        ("entitlement", Some(Value::from(Reference::external(Entitlement, id)))),
        ("dimension", Value::text(metric)),
        ("quantity", Value::text(quantity)),
        ("hour", Some(Value::Instant(Instant::from_ms(1_767_222_000_000)))),
    ];
    let fields = fields.into_iter().map(|(name, value)| (name.into(), value)).collect();
    Write { token: None, record: "u-1".into(), change: Change::Create { idempotency: "u-1".into() }, fields }
}

#[test]
fn an_account_is_approved_before_what_it_purchased() {
    let mut bench = Bench::new();
    let seen = bench.purchase();
    assert_eq!(status(&seen), "pending_activation");
    let Ok(Written::Done { after, .. }) = bench.decide(&seen, "approved") else { panic!() };
    assert_eq!(status(&after), "active");
    assert_eq!(bench.vendor.served().get("POST /providers/{}/accounts/{}:approve"), Some(&1));
    // Once more changes nothing.
    bench.decide(&after, "approved").unwrap();
    assert_eq!(bench.vendor.served().get("POST /providers/{}/entitlements/{}:approve"), Some(&1));
    assert!(bench.decide(&after, "rejected").unwrap_err().message.contains("only the buyer"));
}

#[test]
fn a_purchase_and_a_change_of_plan_can_be_refused() {
    let mut bench = Bench::new();
    let seen = bench.purchase();
    let Ok(Written::Done { after, .. }) = bench.decide(&seen, "rejected") else { panic!() };
    assert_eq!(status(&after), "ended");
    let seen = bench.purchase();
    bench.decide(&seen, "approved").unwrap();
    let plan = json!({ "newPendingPlan": "ultra" });
    for (decision, expected) in [("rejected", "pro"), ("approved", "ultra")] {
        let act = Act::Update { object: "entitlements".into(), id: seen.id.to_string(), fields: plan.clone() };
        bench.vendor.act(bench.now, act).unwrap();
        let asked = bench.read(seen.id.as_str());
        assert_eq!(status(&asked), "change_pending");
        let Ok(Written::Done { after, .. }) = bench.decide(&asked, decision) else { panic!() };
        assert_eq!(after.fields["plan"].as_ref().and_then(Value::as_str), Some(expected));
    }
}

#[test]
fn usage_counts_once_and_only_where_it_may() {
    let mut bench = Bench::new();
    let seen = bench.purchase();
    let id = seen.id.to_string();
    let send = |bench: &mut Bench, writes: Vec<Write>| match bench
        .run(&Operation::Write { entity: Entity::UsageRecord, writes })
    {
        Outcome::Written(rows) => rows,
        other => panic!("{other:?}"),
    };
    let early = send(&mut bench, vec![use_of(&id, "api_calls", "5")]);
    assert!(early[0].as_ref().unwrap_err().message.contains("SERVICE_NOT_ACTIVATED"), "{early:?}");
    bench.decide(&seen, "approved").unwrap();
    for _ in 0..2 {
        let rows = send(
            &mut bench,
            vec![use_of(&id, "api_calls", "5"), use_of(&id, "teapots", "1.5"), use_of(&id, "api_calls", "-1")],
        );
        assert!(rows[0].is_ok(), "{rows:?}");
        assert!(rows[1].as_ref().unwrap_err().message.contains("metric is not known"), "{rows:?}");
        assert!(rows[2].as_ref().unwrap_err().message.contains("quantity: write a decimal number"), "{rows:?}");
    }
    assert_eq!(bench.vendor.records()["operations"].len(), 1);
}

pub(crate) fn keep(bench: &mut Bench, name: &str, about: &str, operation: &Operation) -> Outcome {
    let outcome = bench.run(operation);
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
    let seen = bench.purchase();
    let ids = vec![seen.id.clone(), "999999999".into()];
    keep(bench, "fetch", "One that is there, one that is not.", &Operation::Fetch { entity: Entitlement, ids });
    let writes = vec![decision_of(&seen, "approved")];
    keep(
        bench,
        "approve",
        "The account first, and the entitlement after it.",
        &Operation::Write { entity: Entitlement, writes },
    );
    let writes = vec![use_of(seen.id.as_str(), "api_calls", "5"), use_of(seen.id.as_str(), "teapots", "1")];
    let report = Operation::Write { entity: Entity::UsageRecord, writes };
    keep(bench, "report", "One operation counts, one is refused.", &report);
    let find = Operation::Find { entity: Entitlement, record: "r-1".into(), keys: Vec::new() };
    keep(bench, "find", "Nothing of ours can be put into an entitlement.", &find);
    for _ in 0..12 {
        bench.purchase();
    }
    let poll = Operation::Poll { entity: Entitlement, cursor: None, until: bench.now };
    keep(bench, "poll", "The first of two pages.", &poll);
}
