//! A connection to a sandbox, without sockets.

use concord_connector::{
    Connector, Context, Entity, Fields, Instant, Operation, Outcome, Snapshot, Value,
    exchange::{Change, Refused, Write, Written},
    sandbox::Sandbox,
    testing::{authorize, drive},
    value::{Address, AddressPart, Currency, Money},
};
use concord_microsoft_partner_center::{connector, sandbox::Center};
use serde_json::{Value as Json, json};
use std::time::Duration;

pub(crate) struct Bench {
    pub(crate) center: Center,
    pub(crate) cx: Context,
    pub(crate) now: Instant,
    authorization: Vec<(String, String)>,
    pub(crate) exchanges: Vec<Json>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let connector = connector();
        let mut center = Center::new(1);
        let mut cx = Context::new("partner-center-test", connector.manifest());
        cx.options.insert("tenant_id".into(), "example".into());
        let now = Instant::from_ms(1_767_225_600_000);
        let authorization = authorize(connector.manifest(), &cx, &mut center, now).unwrap();
        Self { center, cx, now, authorization, exchanges: Vec::new() }
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    /// Runs an operation; `between` may do something there before a request is answered.
    pub(crate) fn run_with(&mut self, operation: &Operation, between: &mut dyn FnMut(&mut Center, bool)) -> Outcome {
        let connector = connector();
        self.exchanges.clear();
        let (center, exchanges, authorization, now) =
            (&mut self.center, &mut self.exchanges, &self.authorization, self.now);
        drive::exchange(&connector, &self.cx, operation, &mut |request| {
            between(center, request.writes);
            let sent = drive::wire("/v1.0/engagements", request, authorization);
            let answer = drive::response(&center.handle(now, &sent), now);
            exchanges.push(json!({ "request": request, "response": answer }));
            Ok(answer)
        })
        .unwrap()
    }

    pub(crate) fn run(&mut self, operation: &Operation) -> Outcome {
        self.run_with(operation, &mut |_, _| ())
    }

    pub(crate) fn write(&mut self, write: Write) -> Result<Written, Refused> {
        match self.run(&Operation::Write { entity: Entity::CosellDeal, writes: vec![write] }) {
            Outcome::Written(mut rows) => rows.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn done(&mut self, write: Write) -> Snapshot {
        match self.write(write) {
            Ok(Written::Done { after, .. }) => after,
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn text(text: &str) -> Option<Value> {
    Value::text(text)
}

pub(crate) fn word(word: &str) -> Option<Value> {
    Some(Value::Enum(word.into()))
}

pub(crate) fn fields<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

pub(crate) fn deal() -> Fields {
    let address =
        Address::from_parts([(AddressPart::City, "New York".to_owned()), (AddressPart::Country, "US".to_owned())]);
    fields([
        ("name", text("Contoso data platform")),
        ("customer_name", text("Contoso Ltd")),
        ("address", address.map(Value::Address)),
        ("amount", Currency::parse("USD").map(|currency| Value::Money(Money { minor: 15_000_000, currency }))),
        ("close_date", "2027-03-31".parse().ok().map(Value::Date)),
        ("stage", word("prospect")),
        ("consent", word("given")),
        ("solution", text("SOL-34104-EBB")),
        ("email", text("bo@example.com")),
        ("help", Value::list(vec![Value::text("ProofOfConceptOrDemo").unwrap()])),
    ])
}

pub(crate) fn create(record: &str, fields: Fields) -> Write {
    let change = Change::Create { idempotency: format!("create-{record}") };
    Write { token: None, record: record.into(), change, fields }
}

pub(crate) fn update(snapshot: &Snapshot, fields: Fields) -> Write {
    let held = snapshot.fields.iter().filter(|(name, _)| fields.contains_key(*name));
    let held = held.map(|(name, value)| (name.clone(), value.clone())).collect();
    let held_at = snapshot.modified.unwrap_or_default();
    let change = Change::Update { id: snapshot.id.clone(), revision: snapshot.revision.clone(), held, held_at };
    Write { token: None, record: "record".into(), change, fields }
}

pub(crate) fn said<'a>(snapshot: &'a Snapshot, field: &str) -> &'a str {
    snapshot.fields.get(field).and_then(Option::as_ref).and_then(Value::as_str).unwrap_or("(nothing)")
}
