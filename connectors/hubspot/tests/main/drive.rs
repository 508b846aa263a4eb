//! The engine in ten lines: asks for the next request, sends it to the sandbox, goes on.

use concord_connector::{
    Connector, Context, Entity, ExternalId, Fault, Operation, Outcome, Request, Response, Snapshot, Step, Value,
    exchange::{Change, Write, Written},
    sandbox::{Act, Sandbox},
    snapshot::Fields,
    testing::{drive, learn},
    time::Instant,
};
use concord_hubspot::sandbox::Portal;
use serde_json::{Value as Json, json};

/// No operation takes more requests than this.
const MOST: usize = 130;

pub(crate) struct World {
    pub(crate) portal: Portal,
    pub(crate) cx: Context,
    pub(crate) now: Instant,
    pub(crate) exchanges: Vec<(Request, Response)>,
    /// Changes an answer on its way, for what the portal does not do by itself.
    pub(crate) doctor: Option<fn(&Request, &mut Response)>,
    /// What a person does a second after the first request whose path contains this was answered.
    pub(crate) meddle: Option<(&'static str, Act)>,
}

impl World {
    /// A portal that the connector has described already, a minute after some Monday began.
    pub(crate) fn new() -> Self {
        Self::of(Portal::new(62_515, 1000))
    }
    pub(crate) fn of(portal: Portal) -> Self {
        let connector = concord_hubspot::connector();
        let cx = Context::new("hubspot-eu", connector.manifest());
        let now = Instant::parse("2026-03-02T00:01:00Z").unwrap();
        let mut world = Self { portal, cx, now, exchanges: Vec::new(), doctor: None, meddle: None };
        let Outcome::Account(account) = world.run(&Operation::Describe).unwrap() else { panic!("no account") };
        learn(&mut world.cx, &account);
        world.exchanges.clear();
        world
    }
    pub(crate) fn tick(&mut self, ms: i64) {
        self.now = Instant::from_ms(self.now.ms() + ms);
    }
    pub(crate) fn run(&mut self, operation: &Operation) -> Result<Outcome, Fault> {
        let connector = concord_hubspot::connector();
        let mut seen: Vec<Response> = Vec::new();
        for _ in 0..MOST {
            match connector.next(&self.cx, operation, &seen)? {
                Step::Done(outcome) => return Ok(outcome),
                Step::Send(request) => {
                    let response = self.send(&request);
                    self.exchanges.push((request.clone(), response.clone()));
                    if !request.accept.contains(&response.status) {
                        return Err(connector.classify(&request, &response));
                    }
                    seen.push(response);
                }
            }
        }
        panic!("`{}` does not end", operation.name());
    }
    pub(crate) fn send(&mut self, request: &Request) -> Response {
        let token = self.portal.credentials().remove("token").unwrap();
        let authorization = [("authorization".to_owned(), format!("Bearer {token}"))];
        let answer = self.portal.handle(self.now, &drive::wire("", request, &authorization));
        let mut response = drive::response(&answer, self.now);
        if let Some(doctor) = self.doctor {
            doctor(request, &mut response);
        }
        if let Some((_, act)) = self.meddle.take_if(|(path, _)| request.path.contains(*path)) {
            self.tick(1000);
            self.human(act);
        }
        response
    }

    pub(crate) fn human(&mut self, act: Act) -> String {
        self.portal.act(self.now, act).unwrap()
    }
    /// A person makes a record.
    pub(crate) fn made(&mut self, object: &str, properties: Json, associations: Json) -> String {
        let fields = json!({ "properties": properties, "associations": associations });
        self.human(Act::Create { object: object.into(), fields })
    }
    /// A person edits a record.
    pub(crate) fn edited(&mut self, object: &str, id: &str, properties: Json) {
        let fields = json!({ "properties": properties });
        self.human(Act::Update { object: object.into(), id: id.into(), fields });
    }
    pub(crate) fn fetch(&mut self, entity: Entity, id: &str) -> Snapshot {
        let operation = Operation::Fetch { entity, ids: vec![id.into()] };
        let Outcome::Records(mut records) = self.run(&operation).unwrap() else { panic!("no records") };
        assert_eq!(records.len(), 1, "{id} is not visible");
        records.remove(0).1.unwrap()
    }
    pub(crate) fn write(&mut self, entity: Entity, writes: Vec<Write>) -> Vec<Result<Written, String>> {
        match self.run(&Operation::Write { entity, writes }).unwrap() {
            Outcome::Written(rows) => rows.into_iter().map(|row| row.map_err(|refused| refused.message)).collect(),
            other => panic!("{other:?}"),
        }
    }
}

pub(crate) fn fields(pairs: impl IntoIterator<Item = (&'static str, Option<Value>)>) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

pub(crate) fn text(text: &str) -> Option<Value> {
    Value::text(text)
}

pub(crate) fn create(record: &str, fields: Fields) -> Write {
    let change = Change::Create { idempotency: format!("create-{record}") };
    Write { token: None, record: record.into(), change, fields }
}

/// An update on top of what a read showed.
pub(crate) fn update(record: &str, read: &Snapshot, held_at: Instant, fields: Fields) -> Write {
    let held = read.fields.iter().filter(|(field, _)| fields.contains_key(*field));
    let held = held.map(|(field, value)| (field.clone(), value.clone())).collect();
    let change = Change::Update { id: read.id.clone(), revision: None, held, held_at };
    Write { token: None, record: record.into(), change, fields }
}

pub(crate) fn done(row: &Result<Written, String>) -> (&Snapshot, &[Snapshot], bool) {
    match row {
        Ok(Written::Done { after, overwritten, created }) => (after, overwritten, *created),
        other => panic!("{other:?}"),
    }
}

pub(crate) fn found(outcome: Outcome) -> Vec<ExternalId> {
    match outcome {
        Outcome::Found(ids) => ids,
        other => panic!("{other:?}"),
    }
}
