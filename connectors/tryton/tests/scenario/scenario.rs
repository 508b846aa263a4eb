//! One scenario for two worlds: what the connector does at the sandbox it does at a real server, in the same words.

#[path = "documents.rs"]
mod documents;
#[path = "parties.rs"]
mod parties;
#[path = "record.rs"]
mod record;

use concord_connector::{
    Connector, Context, Cursor, Entity, ExternalId, Field, Fields, Instant, Operation, Outcome, RecordId, Reference,
    Request, Response, Snapshot, Value,
    exchange::{Change, Write, Written},
    sandbox::{WireRequest, WireResponse},
    testing::drive,
    value::{Currency, Money},
};
use libtest_mimic::Trial;
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

/// A Tryton that answers.
pub(crate) trait World: Send {
    /// Sends a request.
    fn send(&mut self, request: &WireRequest) -> WireResponse;
    /// The time there; later with every call.
    fn now(&mut self) -> Instant;
    /// Login and password.
    fn user(&self) -> (String, String);
    /// Pays a part of an invoice, in dollars.
    fn pay(&mut self, invoice: &str, party: &str, amount: &str);
    /// Merges one party into another of the same name.
    fn merge(&mut self, winner: &str, loser: &str);
    /// The connection's settings.
    fn options(&self) -> BTreeMap<String, String>;
}

/// A connection to a world.
pub(crate) struct Client {
    cx: Context,
    authorization: Vec<(String, String)>,
    world: Box<dyn World>,
    records: u32,
    /// What the last operation exchanged.
    tape: Vec<Json>,
    /// What the description of the account found.
    account: Json,
}

/// Records the fixtures of `fixtures/` anew, in a world that nobody has used.
pub(crate) fn record(world: Box<dyn World>, folder: &std::path::Path) {
    record::all(&mut Client::connect(world), folder);
}

/// The laws of the scenario, tried one after the other in one world.
pub(crate) fn trials(place: &str, world: impl FnOnce() -> Box<dyn World> + Send + 'static) -> Vec<Trial> {
    // Whichever trial comes first connects.
    let unopened = Mutex::new(Some(world));
    let shared = Arc::new((Mutex::new(None), unopened));
    let laws = parties::LAWS.iter().chain(documents::LAWS);
    laws.map(|(name, law)| {
        let (shared, law) = (shared.clone(), *law);
        Trial::test(format!("{place}::{name}"), move || {
            let mut client = shared.0.lock().unwrap_or_else(PoisonError::into_inner);
            if client.is_none() {
                let open = shared.1.lock().unwrap_or_else(PoisonError::into_inner).take();
                *client = Some(Client::connect(open.ok_or("the world did not open")?()));
            }
            law(client.as_mut().ok_or("no world")?);
            Ok(())
        })
    })
    .collect()
}

pub(crate) type Law = (&'static str, fn(&mut Client));

impl Client {
    fn connect(mut world: Box<dyn World>) -> Self {
        let connector = concord_tryton::connector();
        let mut cx = Context::new("tryton-test", connector.manifest());
        cx.options.extend(world.options());
        let (user, password) = world.user();
        let authorization =
            vec![("authorization".to_owned(), format!("Basic {}", encode(&format!("{user}:{password}"))))];
        world.now();
        let mut client = Self { cx, authorization, world, records: 0, tape: Vec::new(), account: Json::Null };
        match client.run(&Operation::Describe) {
            Outcome::Account(account) => {
                drive::learn(&mut client.cx, &account);
                client.account = json!(account);
            }
            other => panic!("a description gave {other:?}"),
        }
        client
    }

    /// Runs an operation to its end.
    pub(crate) fn run(&mut self, operation: &Operation) -> Outcome {
        self.run_with(operation, |_, _| {})
    }

    /// Runs an operation; `meanwhile` may do something at the server before a request is sent.
    pub(crate) fn run_with(
        &mut self,
        operation: &Operation,
        mut meanwhile: impl FnMut(&mut Self, &Request),
    ) -> Outcome {
        let connector = concord_tryton::connector();
        let cx = self.cx.clone();
        self.tape.clear();
        let outcome = drive::exchange(&connector, &cx, operation, &mut |request| {
            meanwhile(self, request);
            let response = self.send(request);
            self.tape.push(json!({ "request": request, "response": response }));
            Ok(response)
        });
        outcome.unwrap_or_else(|fault| panic!("{}: {fault}", operation.name()))
    }

    fn send(&mut self, request: &Request) -> Response {
        let now = self.world.now();
        drive::response(&self.world.send(&drive::wire("", request, &self.authorization)), now)
    }

    /// What a person does at Tryton's own client, which speaks JSON-RPC as well.
    pub(crate) fn person(&mut self, method: &str, params: Vec<Json>) -> Json {
        let mut params = params;
        params.push(json!({ "company": 1 }));
        let body = json!({ "id": 1, "method": method, "params": params });
        let answer = self.send(&Request::post("/tryton/rpc/", body));
        assert!(answer.at("/error").is_none(), "{method}: {}", answer.body);
        answer.at("/result").cloned().unwrap_or_else(|| panic!("{method}: {} {}", answer.status, answer.body))
    }

    /// The id of a golden record that no other law uses.
    pub(crate) fn record(&mut self) -> RecordId {
        self.records += 1;
        RecordId::new(format!("r{}-{}", self.records, self.world.now().ms()))
    }

    pub(crate) fn create(&mut self, entity: Entity, record: &RecordId, fields: Fields) -> Write {
        assert!(self.cx.mapping(entity).is_ok());
        Write {
            token: None,
            record: record.clone(),
            change: Change::Create { idempotency: format!("create-{record}") },
            fields,
        }
    }

    pub(crate) fn write(&mut self, entity: Entity, write: Write) -> Result<Written, String> {
        self.writes(entity, vec![write]).remove(0)
    }

    pub(crate) fn writes(&mut self, entity: Entity, writes: Vec<Write>) -> Vec<Result<Written, String>> {
        match self.run(&Operation::Write { entity, writes }) {
            Outcome::Written(rows) => rows.into_iter().map(|row| row.map_err(|refused| refused.message)).collect(),
            other => panic!("a write gave {other:?}"),
        }
    }

    /// Makes a record; what is read after it.
    pub(crate) fn made(&mut self, entity: Entity, fields: Fields) -> Snapshot {
        let record = self.record();
        let write = self.create(entity, &record, fields);
        match self.write(entity, write) {
            Ok(Written::Done { after, created: true, .. }) => {
                assert_eq!(after.marker, Some(record));
                after
            }
            other => panic!("a create ended as {other:?}"),
        }
    }

    pub(crate) fn read(&mut self, entity: Entity, id: &ExternalId) -> Snapshot {
        match self.run(&Operation::Fetch { entity, ids: vec![id.clone(), "999999".into(), "x".into()] }) {
            Outcome::Records(mut rows) if rows.len() == 1 => rows.remove(0).1.expect("it can be understood"),
            other => panic!("a fetch gave {other:?}"),
        }
    }

    /// Everything that changed since a cursor, and the next one.
    pub(crate) fn poll(
        &mut self,
        entity: Entity,
        mut cursor: Option<Cursor>,
    ) -> (BTreeMap<ExternalId, Snapshot>, Cursor) {
        let mut all = BTreeMap::new();
        loop {
            let until = self.world.now();
            match self.run(&Operation::Poll { entity, cursor: cursor.take(), until }) {
                Outcome::Page { records, cursor: next, more } => {
                    all.extend(records.into_iter().map(|(id, row)| (id, row.expect("it can be understood"))));
                    if !more {
                        return (all, next);
                    }
                    cursor = Some(next);
                }
                other => panic!("a poll gave {other:?}"),
            }
        }
    }
}

/// An update of a record, with what we believe is there.
pub(crate) fn update(snapshot: &Snapshot, fields: Fields) -> Write {
    let change = Change::Update {
        id: snapshot.id.clone(),
        revision: snapshot.revision.clone(),
        held: snapshot.fields.clone(),
        held_at: snapshot.modified.unwrap_or_default(),
    };
    Write { token: None, record: snapshot.marker.clone().unwrap_or_else(|| "none".into()), change, fields }
}

pub(crate) fn text(value: &str) -> Option<Value> {
    Value::text(value)
}

pub(crate) fn dollars(decimal: &str) -> Option<Value> {
    let usd = Currency::parse("USD").expect("a currency");
    Some(Value::Money(Money::parse(decimal, usd).expect("an amount")))
}

pub(crate) fn organization(id: &ExternalId) -> Option<Value> {
    Some(Value::from(Reference::external(Entity::Organization, id.clone())))
}

pub(crate) fn fields<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (Field::from(name), value)).collect()
}

pub(crate) fn encode(text: &str) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digit = |bits: u32| char::from(DIGITS[(bits & 63) as usize]);
    let encode = |chunk: &[u8]| -> String {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        (0..4).map(|i| if i <= chunk.len() { digit(bits >> (18 - 6 * i)) } else { '=' }).collect()
    };
    text.as_bytes().chunks(3).map(encode).collect()
}
