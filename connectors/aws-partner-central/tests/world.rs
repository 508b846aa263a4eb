//! A connection beside a sandbox, with a clock and a record of what was exchanged.

use concord_aws_partner_central::sandbox::Partner;
use concord_connector::{
    Connector, Context, Entity, ExternalId, Fault, Fields, Instant, Money, Operation, Outcome, RecordId, Request,
    Response, Result, Signal, Snapshot, Unverified, Value, Webhook,
    exchange::{Change, Checked, Refused, Write, Written},
    sandbox::{Act, Sandbox, Subscriber},
    testing::{authorize, drive, judge},
    value::Currency,
};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// 2026-01-01T00:00:00Z.
pub(crate) const START: Instant = Instant::from_ms(1_767_225_600_000);

pub(crate) struct World {
    pub(crate) connector: Box<dyn Connector>,
    pub(crate) cx: Context,
    pub(crate) partner: Partner,
    pub(crate) now: Instant,
    pub(crate) exchanges: Vec<(Request, Response)>,
    authorization: Vec<(String, String)>,
    calls: Vec<Json>,
}

/// Whatever a scenario sent is held against AWS's own models, where `tests/botocore/prepare` has installed them.
impl Drop for World {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            assert_eq!(judge::mistakes("botocore", &self.calls).unwrap(), Vec::<String>::new());
        }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let connector = concord_aws_partner_central::connector();
        let cx = Context::new("aws", connector.manifest());
        let mut partner = Partner::new(1);
        let authorization = authorize(connector.manifest(), &cx, &mut partner, START).unwrap();
        Self {
            connector: Box::new(connector),
            cx,
            partner,
            now: START,
            exchanges: Vec::new(),
            authorization,
            calls: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, operation: &Operation) -> Result<Outcome> {
        self.exchanges.clear();
        let (partner, now, kept) = (&mut self.partner, self.now, &mut self.exchanges);
        let (authorization, calls) = (&self.authorization, &mut self.calls);
        drive::exchange(self.connector.as_ref(), &self.cx, operation, &mut |request| {
            let answer = partner.handle(now, &drive::wire("", request, authorization));
            let response = drive::response(&answer, now);
            calls.push(json!({ "request": request, "response": { "status": response.status, "body": response.body } }));
            kept.push((request.clone(), response.clone()));
            Ok::<_, Fault>(response)
        })
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// One row.
    pub(crate) fn send(&mut self, entity: Entity, write: &Write) -> std::result::Result<Written, Refused> {
        match self.run(&Operation::Write { entity, writes: vec![write.clone()] }).unwrap() {
            Outcome::Written(mut rows) => rows.remove(0),
            other => panic!("{other:?}"),
        }
    }

    /// The change set that a row became.
    pub(crate) fn started(&mut self, entity: Entity, write: &Write) -> ExternalId {
        match self.send(entity, write) {
            Ok(Written::Running(running)) => running.operation,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn check(&mut self, entity: Entity, id: &ExternalId, write: &Write) -> Checked {
        let operation = Operation::Check { entity, operation: id.clone(), write: Box::new(write.clone()) };
        match self.run(&operation).unwrap() {
            Outcome::Checked(checked) => checked,
            other => panic!("{other:?}"),
        }
    }

    /// A row to its end.
    pub(crate) fn done(&mut self, write: &Write) -> Snapshot {
        match self.finish(write) {
            Checked::Done { after, .. } => after,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn fetch(&mut self, entity: Entity, id: &ExternalId) -> Option<Snapshot> {
        match self.run(&Operation::Fetch { entity, ids: vec![id.clone()] }).unwrap() {
            Outcome::Records(rows) => rows.into_iter().next().map(|(_, row)| row.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    /// Everything that polls show from a cursor on, and the next one.
    pub(crate) fn polled(
        &mut self,
        entity: Entity,
        cursor: Option<concord_connector::Cursor>,
    ) -> (Vec<Snapshot>, concord_connector::Cursor) {
        let (mut all, mut cursor) = (Vec::new(), cursor);
        loop {
            match self.run(&Operation::Poll { entity, cursor: cursor.take(), until: self.now }).unwrap() {
                Outcome::Page { records, cursor: next, more } => {
                    all.extend(records.into_iter().map(|(_, row)| row.unwrap()));
                    if !more {
                        return (all, next);
                    }
                    cursor = Some(next);
                }
                other => panic!("{other:?}"),
            }
        }
    }

    pub(crate) fn act(&mut self, act: Act) -> String {
        self.partner.act(self.now, act).unwrap()
    }

    /// The signals of every event that is due.
    pub(crate) fn heard(&mut self) -> Vec<Signal> {
        let subscriber = Subscriber { url: "https://hub.example.com/hooks/aws".into(), secret: "s".repeat(32) };
        self.partner.subscribe(Some(subscriber));
        let pushes = self.partner.pushes(self.now);
        let scheme = &self.connector.manifest().webhooks[0];
        let mut heard = Vec::new();
        for push in pushes {
            let request = push.request;
            let hook = Webhook::<Unverified>::new("POST", request.target, None, request.headers, request.body);
            let hook = hook.verify(scheme, &["s".repeat(32).as_bytes()], self.now).unwrap();
            heard.extend(self.connector.signals(&self.cx, &hook).unwrap());
        }
        heard
    }

    /// The calls of the last operation.
    pub(crate) fn called(&self) -> Vec<String> {
        let target = |(request, _): &(Request, Response)| {
            let header = request.headers.iter().find(|(name, _)| name == "x-amz-target").unwrap();
            header.1.rsplit('.').next().unwrap().to_owned()
        };
        self.exchanges.iter().map(target).collect()
    }

    /// The body of the last operation's call of that name.
    pub(crate) fn sent(&self, name: &str) -> Json {
        let at = self.called().iter().position(|called| called == name).unwrap();
        match &self.exchanges[at].0.body {
            concord_connector::exchange::Body::JsonAs(_, json) => json.clone(),
            other => panic!("{other:?}"),
        }
    }

    /// Checks until it is through, with the clock turned.
    pub(crate) fn finish(&mut self, write: &Write) -> Checked {
        let entity = Entity::CosellDeal;
        let id = self.started(entity, write);
        for _ in 0..20 {
            self.later(10);
            match self.check(entity, &id, write) {
                Checked::Running { .. } => {}
                checked => return checked,
            }
        }
        panic!("no end")
    }
}

pub(crate) fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.into()))
}
pub(crate) fn word(text: &str) -> Option<Value> {
    Some(Value::Enum(text.into()))
}
pub(crate) fn lines(lines: &[&str]) -> Option<Value> {
    Value::list(lines.iter().map(|line| Value::Text((*line).into())).collect())
}
pub(crate) fn money(decimal: &str, code: &str) -> Option<Value> {
    Some(Value::Money(Money::parse(decimal, Currency::parse(code).unwrap()).unwrap()))
}
pub(crate) fn day(text: &str) -> Option<Value> {
    Some(Value::Date(text.parse().unwrap()))
}
pub(crate) fn fields<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

pub(crate) fn create(record: &str, fields: Fields) -> Write {
    let idempotency = format!("create-{record}");
    let token = Some(format!("token-{record}"));
    Write { record: RecordId::new(record), change: Change::Create { idempotency }, token, fields }
}

pub(crate) fn update(there: &Snapshot, token: &str, wanted: Fields) -> Write {
    let held = wanted.keys().filter_map(|name| Some((name.clone(), there.fields.get(name)?.clone()))).collect();
    let change = Change::Update { id: there.id.clone(), revision: there.revision.clone(), held, held_at: START };
    Write { record: RecordId::new("changed"), change, token: Some(token.to_owned()), fields: wanted }
}

/// A deal with all that a submission needs.
pub(crate) fn deal() -> Fields {
    use concord_connector::value::{Address, AddressPart};
    let address = [
        (AddressPart::Region, "New York".to_owned()),
        (AddressPart::PostalCode, "10001".to_owned()),
        (AddressPart::Country, "US".to_owned()),
    ];
    fields([
        ("name", text("Contoso / data platform / SaaS")),
        ("customer_name", text("Contoso & Sons")),
        ("website", text("https://contoso.example.com")),
        ("industry", text("Software and Internet")),
        ("address", Address::from_parts(address).map(Value::Address)),
        ("given_name", text("Bo")),
        ("family_name", text("Lee")),
        ("email", text("bo@contoso.example.com")),
        ("phone", text("+12025550123")),
        ("problem", text("Contoso cannot reconcile partner deals across four systems.")),
        ("next_step", text("Workshop on 5 December, owner Jane")),
        ("amount", money("12500.00", "USD")),
        ("stage", word("prospect")),
        ("close_date", day("2027-03-31")),
        ("type", word("new_business")),
        ("help", lines(&["Co-Sell - Architectural Validation"])),
        ("delivery_models", lines(&["SaaS or PaaS"])),
        ("solution", text("S-0012345")),
        ("consent", word("given")),
    ])
}
