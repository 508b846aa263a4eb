//! A connection beside a sandbox, with a clock and a record of what was exchanged.

use concord_aws_marketplace::sandbox::Seller;
use concord_connector::{
    Connector, Context, Entity, ExternalId, Fault, Fields, Instant, Money, Operation, Outcome, RecordId, Reference,
    Request, Response, Result, Signal, Snapshot, Unverified, Value, Webhook,
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
    pub(crate) seller: Seller,
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
        let connector = concord_aws_marketplace::connector();
        let cx = Context::new("aws", connector.manifest());
        let mut seller = Seller::new(1);
        let authorization = authorize(connector.manifest(), &cx, &mut seller, START).unwrap();
        Self {
            connector: Box::new(connector),
            cx,
            seller,
            now: START,
            exchanges: Vec::new(),
            authorization,
            calls: Vec::new(),
        }
    }

    pub(crate) fn run(&mut self, operation: &Operation) -> Result<Outcome> {
        self.exchanges.clear();
        let (seller, now, kept) = (&mut self.seller, self.now, &mut self.exchanges);
        let (authorization, calls) = (&self.authorization, &mut self.calls);
        drive::exchange(self.connector.as_ref(), &self.cx, operation, &mut |request| {
            let answer = seller.handle(now, &drive::wire("", request, authorization));
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

    /// A row to its end, five minutes later.
    pub(crate) fn done(&mut self, entity: Entity, write: &Write) -> Snapshot {
        let id = self.started(entity, write);
        self.later(300);
        match self.check(entity, &id, write) {
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
        self.seller.act(self.now, act).unwrap()
    }

    /// A buyer accepts; the agreement.
    pub(crate) fn accept(&mut self, offer: &ExternalId) -> ExternalId {
        let fields = serde_json::json!({ "OfferId": offer.as_str() });
        self.act(Act::Create { object: "Agreement".into(), fields }).as_str().into()
    }

    /// The signals of every event that is due.
    pub(crate) fn heard(&mut self) -> Vec<Signal> {
        let subscriber = Subscriber { url: "https://hub.example.com/hooks/aws".into(), secret: "s".repeat(32) };
        self.seller.subscribe(Some(subscriber));
        let pushes = self.seller.pushes(self.now);
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

    /// Bodies of the requests of the last operation whose path ends so.
    pub(crate) fn sent(&self, path: &str) -> Vec<Json> {
        let bodies = self.exchanges.iter().filter(|(request, _)| request.path.ends_with(path));
        bodies
            .map(|(request, _)| match &request.body {
                concord_connector::exchange::Body::Json(json)
                | concord_connector::exchange::Body::JsonAs(_, json)
                | concord_connector::exchange::Body::Cbor(json) => json.clone(),
                _ => Json::Null,
            })
            .collect()
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
pub(crate) fn to(entity: Entity, id: &str) -> Option<Value> {
    Some(Value::from(Reference::external(entity, id)))
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

/// A year for one buyer, paid in two parts, with metered calls beside.
pub(crate) fn offer() -> Fields {
    fields([
        ("name", text("Contoso 12 months")),
        ("internal_note", text("CRM opportunity 0065x")),
        ("kind", word("new")),
        ("product", text(concord_aws_marketplace::sandbox::PRODUCT)),
        ("buyers", lines(&["222233334444"])),
        ("pricing", word("contract")),
        ("amount", money("24000.00", "USD")),
        ("grants", lines(&["BasicService 100"])),
        ("rates", lines(&["api_calls 0.002 USD"])),
        ("installments", lines(&["2026-01-20 12000.00 USD", "2026-07-20 12000.00 USD"])),
        ("duration", text("P12M")),
        ("accept_by", day("2026-01-31")),
        ("eula", text("standard")),
    ])
}
