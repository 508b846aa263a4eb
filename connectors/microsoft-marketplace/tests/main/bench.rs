//! A connection to a sandbox, without sockets, with a clock that the test turns.

use concord_connector::{
    Connector, Context, Entity, ExternalId, Fields, Instant, Operation, Outcome, Snapshot, Value,
    exchange::{Change, Checked, Refused, Write, Written},
    sandbox::{Act, Sandbox, Subscriber},
    testing::{authorize, drive, learn},
};
use concord_microsoft_marketplace::{connector, sandbox::Cloud};
use serde_json::{Value as Json, json};
use std::time::Duration;

pub(crate) struct Bench {
    pub(crate) cloud: Cloud,
    pub(crate) cx: Context,
    pub(crate) now: Instant,
    authorization: Vec<(String, String)>,
    /// What the last operation said and heard.
    pub(crate) exchanges: Vec<Json>,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let connector = connector();
        let mut cloud = Cloud::new(1);
        let mut cx = Context::new("microsoft-marketplace-test", connector.manifest());
        cx.options.extend(cloud.options());
        let now = Instant::from_ms(1_767_225_600_000);
        let authorization = authorize(connector.manifest(), &cx, &mut cloud, now).unwrap();
        let mut bench = Self { cloud, cx, now, authorization, exchanges: Vec::new() };
        let Outcome::Account(account) = bench.run(&Operation::Describe) else { panic!("no account") };
        learn(&mut bench.cx, &account);
        bench
    }

    /// Gets another token, as the hub does when one has expired.
    pub(crate) fn login(&mut self) {
        let connector = connector();
        self.authorization = authorize(connector.manifest(), &self.cx, &mut self.cloud, self.now).unwrap();
    }

    pub(crate) fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }

    pub(crate) fn try_run(&mut self, operation: &Operation) -> concord_connector::Result<Outcome> {
        let connector = connector();
        self.exchanges.clear();
        let (cloud, exchanges, authorization, now) =
            (&mut self.cloud, &mut self.exchanges, &self.authorization, self.now);
        drive::exchange(&connector, &self.cx, operation, &mut |request| {
            let answer = drive::response(&cloud.handle(now, &drive::wire("/api", request, authorization)), now);
            exchanges.push(json!({ "request": request, "response": answer }));
            Ok(answer)
        })
    }

    pub(crate) fn run(&mut self, operation: &Operation) -> Outcome {
        self.try_run(operation).unwrap()
    }

    pub(crate) fn write(&mut self, entity: Entity, write: Write) -> Result<Written, Refused> {
        match self.run(&Operation::Write { entity, writes: vec![write] }) {
            Outcome::Written(mut rows) => rows.remove(0),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn check(&mut self, entity: Entity, job: &ExternalId, write: &Write) -> Checked {
        let operation = Operation::Check { entity, operation: job.clone(), write: Box::new(write.clone()) };
        match self.run(&operation) {
            Outcome::Checked(checked) => checked,
            other => panic!("{other:?}"),
        }
    }

    /// Writes, and asks after the job until it ended.
    pub(crate) fn carry(&mut self, entity: Entity, write: Write) -> Checked {
        let mut running = match self.write(entity, write.clone()).unwrap() {
            Written::Running(running) => running,
            Written::Done { after, created, .. } => return Checked::Done { after, created },
            other => panic!("{other:?}"),
        };
        let mut again_s = running.again_s;
        for _ in 0..20 {
            self.later(again_s);
            match self.check(entity, &running.operation, &write) {
                Checked::Running { again_s: again } => again_s = again,
                Checked::Next(next) => {
                    again_s = next.again_s;
                    running = next;
                }
                ended => return ended,
            }
        }
        panic!("the job does not end");
    }

    pub(crate) fn done(&mut self, entity: Entity, write: Write) -> Snapshot {
        match self.carry(entity, write) {
            Checked::Done { after, .. } => after,
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn read(&mut self, entity: Entity, id: &ExternalId) -> Option<Snapshot> {
        match self.run(&Operation::Fetch { entity, ids: vec![id.clone()] }) {
            Outcome::Records(rows) => rows.into_iter().next().map(|(_, row)| row.unwrap()),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) fn act(&mut self, object: &str, id: &str, fields: Json) -> Result<String, String> {
        let (object, id) = (object.to_owned(), id.to_owned());
        self.cloud.act(self.now, Act::Update { object, id, fields })
    }

    /// A buyer purchases; the subscription's id.
    pub(crate) fn purchase(&mut self) -> ExternalId {
        let act = Act::Create { object: "subscriptions".into(), fields: json!({}) };
        self.cloud.act(self.now, act).unwrap().into()
    }

    pub(crate) fn subscribe(&mut self) {
        let subscriber = Subscriber { url: "https://hub.example.com/hooks/ms".into(), secret: "unused".into() };
        self.cloud.subscribe(Some(subscriber));
    }
}

pub(crate) fn text(text: &str) -> Option<Value> {
    Value::text(text)
}

pub(crate) fn word(word: &str) -> Option<Value> {
    Some(Value::Enum(word.into()))
}

pub(crate) fn day(day: &str) -> Option<Value> {
    day.parse().ok().map(Value::Date)
}

pub(crate) fn fields<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Fields {
    pairs.into_iter().map(|(name, value)| (name.into(), value)).collect()
}

pub(crate) fn create(record: &str, fields: Fields) -> Write {
    let change = Change::Create { idempotency: format!("create-{record}") };
    Write { token: Some(format!("token-{record}")), record: record.into(), change, fields }
}

pub(crate) fn update(snapshot: &Snapshot, fields: Fields) -> Write {
    let held = snapshot.fields.iter().filter(|(name, _)| fields.contains_key(*name));
    let held = held.map(|(name, value)| (name.clone(), value.clone())).collect();
    let change =
        Change::Update { id: snapshot.id.clone(), revision: None, held, held_at: Instant::from_ms(1_767_225_600_000) };
    Write { token: Some("token-update".into()), record: "record".into(), change, fields }
}

pub(crate) fn said<'a>(snapshot: &'a Snapshot, field: &str) -> &'a str {
    snapshot.fields.get(field).and_then(Option::as_ref).and_then(Value::as_str).unwrap_or("(nothing)")
}
