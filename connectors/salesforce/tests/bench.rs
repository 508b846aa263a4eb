//! A connector beside its sandbox, driven without sockets.

use concord_connector::{
    Connector, Context, Cursor, Entity, ExternalId, Field, Instant, Operation, Outcome, RecordId, Request, Response,
    Result, Snapshot, Step, Value,
    exchange::{Change, Refused, Write, Written},
    sandbox::{Act, Sandbox},
    snapshot::Fields,
    testing::{authorize, drive, learn},
};
use concord_salesforce::{connector, sandbox::Org};
use serde_json::Value as Json;
use std::time::Duration;

/// A Friday morning.
pub(crate) const START: &str = "2026-01-02T09:00:00Z";

pub(crate) struct Bench {
    pub(crate) connector: Box<dyn Connector>,
    pub(crate) cx: Context,
    pub(crate) org: Org,
    pub(crate) now: Instant,
    pub(crate) key: Vec<(String, String)>,
}

impl Bench {
    /// A described org.
    pub(crate) fn new() -> Self {
        let mut bench = Self::blank();
        let Outcome::Account(account) = bench.run(&Operation::Describe).unwrap() else { panic!("no account") };
        learn(&mut bench.cx, &account);
        bench
    }
    /// An org of which nothing is known.
    pub(crate) fn blank() -> Self {
        let connector: Box<dyn Connector> = Box::new(connector());
        let mut cx = Context::new("salesforce-test", connector.manifest());
        cx.options.insert("my_domain".into(), "example".into());
        let (mut org, now) = (Org::new(7), Instant::parse(START).unwrap());
        let key = authorize(connector.manifest(), &cx, &mut org, now).unwrap();
        Self { connector, cx, org, now, key }
    }
    pub(crate) fn pass(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }
    pub(crate) fn run(&mut self, operation: &Operation) -> Result<Outcome> {
        drive(self.connector.as_ref(), &self.cx, operation, &mut self.org, self.now, &self.key)
    }
    /// What a person makes in the org.
    pub(crate) fn made(&mut self, object: &str, fields: Json) -> String {
        self.org.act(self.now, Act::Create { object: object.into(), fields }).unwrap()
    }
    pub(crate) fn edited(&mut self, object: &str, id: &str, fields: Json) {
        self.org.act(self.now, Act::Update { object: object.into(), id: id.into(), fields }).unwrap();
    }
    pub(crate) fn fetch(
        &mut self,
        entity: Entity,
        ids: &[&str],
    ) -> Vec<(ExternalId, std::result::Result<Snapshot, Refused>)> {
        let ids = ids.iter().map(|id| ExternalId::from(*id)).collect();
        match self.run(&Operation::Fetch { entity, ids }).unwrap() {
            Outcome::Records(records) => records,
            other => panic!("{other:?}"),
        }
    }
    pub(crate) fn one(&mut self, entity: Entity, id: &str) -> Snapshot {
        let mut records = self.fetch(entity, &[id]);
        assert_eq!(records.len(), 1, "{id}");
        records.remove(0).1.unwrap()
    }
    pub(crate) fn write(&mut self, entity: Entity, writes: Vec<Write>) -> Vec<std::result::Result<Written, Refused>> {
        match self.run(&Operation::Write { entity, writes }).unwrap() {
            Outcome::Written(rows) => rows,
            other => panic!("{other:?}"),
        }
    }
    pub(crate) fn write_one(&mut self, entity: Entity, write: Write) -> std::result::Result<Written, Refused> {
        let mut rows = self.write(entity, vec![write]);
        assert_eq!(rows.len(), 1);
        rows.remove(0)
    }
    /// An update of what was just read.
    pub(crate) fn update(&self, seen: &Snapshot, fields: Fields) -> Write {
        let held = seen.fields.iter().filter(|(name, _)| fields.contains_key(*name));
        let change = Change::Update {
            id: seen.id.clone(),
            revision: seen.revision.clone(),
            held: held.map(|(name, value)| (name.clone(), value.clone())).collect(),
            held_at: self.now,
        };
        Write { token: None, record: RecordId::from("r-1"), change, fields }
    }
    /// One poll page: records, cursor, more.
    pub(crate) fn poll(&mut self, entity: Entity, cursor: Option<Cursor>) -> (Vec<Snapshot>, Cursor, bool) {
        let until = self.now;
        match self.run(&Operation::Poll { entity, cursor, until }).unwrap() {
            Outcome::Page { records, cursor, more } => {
                // What the hub stores is text.
                let text: String = serde_json::to_string(&cursor).unwrap();
                let cursor = serde_json::from_str(&text).unwrap();
                (records.into_iter().map(|(_, record)| record.unwrap()).collect(), cursor, more)
            }
            other => panic!("{other:?}"),
        }
    }
    /// Polls until there is no more.
    pub(crate) fn poll_all(&mut self, entity: Entity, mut cursor: Option<Cursor>) -> (Vec<Snapshot>, Cursor) {
        let mut all = Vec::new();
        for _ in 0..100 {
            let (records, next, more) = self.poll(entity, cursor.take());
            all.extend(records);
            if !more {
                return (all, next);
            }
            cursor = Some(next);
        }
        panic!("the poll does not end");
    }
    pub(crate) fn row(&self, object: &str, id: &str) -> Json {
        self.org.records()[object][id].clone()
    }
}

pub(crate) fn create(record: &str, fields: Fields) -> Write {
    Write {
        token: None,
        record: RecordId::from(record),
        change: Change::Create { idempotency: format!("key-{record}") },
        fields,
    }
}

/// Text fields.
pub(crate) fn texts(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| (Field::from(*name), Value::text(value))).collect()
}

pub(crate) fn text(snapshot: &Snapshot, field: &str) -> Option<String> {
    snapshot.fields.get(field)?.as_ref().map(ToString::to_string)
}

pub(crate) fn done(answer: std::result::Result<Written, Refused>) -> Snapshot {
    match answer {
        Ok(Written::Done { after, .. }) => after,
        other => panic!("{other:?}"),
    }
}

/// The first request of an operation.
pub(crate) fn first(connector: &dyn Connector, cx: &Context, operation: &Operation) -> Request {
    match connector.next(cx, operation, &[]).unwrap() {
        Step::Send(request) => request,
        Step::Done(outcome) => panic!("{outcome:?}"),
    }
}

/// Every exchange of an operation and how it ended.
pub(crate) fn record(bench: &mut Bench, operation: &Operation) -> (Vec<(Request, Response)>, Result<Outcome>) {
    let mut exchanges: Vec<(Request, Response)> = Vec::new();
    for _ in 0..40 {
        let seen: Vec<Response> = exchanges.iter().map(|(_, response)| response.clone()).collect();
        let request = match bench.connector.next(&bench.cx, operation, &seen) {
            Ok(Step::Send(request)) => request,
            Ok(Step::Done(outcome)) => return (exchanges, Ok(outcome)),
            Err(fault) => return (exchanges, Err(fault)),
        };
        let wire = concord_connector::testing::drive::wire("", &request, &bench.key);
        let answer = bench.org.handle(bench.now, &wire);
        let response = concord_connector::testing::drive::response(&answer, bench.now);
        if !request.accept.contains(&response.status) {
            let fault = bench.connector.classify(&request, &response);
            exchanges.push((request, response));
            return (exchanges, Err(fault));
        }
        exchanges.push((request, response));
    }
    panic!("no end");
}
