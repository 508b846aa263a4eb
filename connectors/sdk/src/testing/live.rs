//! A connector beside its sandbox, with a clock that the suite turns.

use super::{Subject, authorize, drive, generate};
use crate::{
    Connector, Context, Entity, ExternalId, Fault, Field, Fields, Instant, Kind, Operation, Outcome, RecordId,
    Reference, Request, Response, Result as Outcomes, Retry, Snapshot, Value,
    exchange::{Account, Change, Checked, Refused, Running, Unfit, Write, Written},
    mapping::{Creating, Mapping},
    sandbox::{Act, Push, Sandbox, Subscriber},
    schema::Type,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// Credentials shorter than this are too common as texts to be looked for.
const SHORTEST_SECRET: usize = 8;
/// How often a job is asked after before the suite gives up.
const CHECKS: usize = 200;
/// Tokens hold for an hour at most vendors.
const TOKEN: Duration = Duration::from_secs(3_000);

/// A connection to a sandbox, without sockets.
pub struct Live {
    connector: Arc<dyn Connector>,
    cx: Context,
    vendor: Box<dyn Sandbox>,
    authorization: Vec<(String, String)>,
    /// When another token is asked for.
    until: Instant,
    now: Instant,
    made: u64,
    /// Records to refer to, by entity; what is referred to in another role has a record of its own.
    first: BTreeMap<(Entity, bool), ExternalId>,
    /// Exchanges of the last operation.
    pub exchanges: usize,
}

impl Live {
    /// A fresh sandbox that lets us in.
    ///
    /// # Errors
    /// A sentence when there is none, or it does not.
    pub fn start(subject: &Subject, seed: u64) -> Result<Self, String> {
        let start = subject.sandbox.as_ref().ok_or("there is no sandbox")?;
        let mut vendor = start(seed);
        let now = Instant::from_ms(1_767_225_600_000);
        let manifest = subject.connector.manifest();
        let authorization = authorize(manifest, &subject.context, vendor.as_mut(), now).map_err(|e| e.to_string())?;
        let (connector, mut cx) = (subject.connector.clone(), subject.context.clone());
        cx.options.extend(vendor.options());
        let first = BTreeMap::new();
        let mut live = Self { connector, cx, vendor, authorization, until: now, now, made: 0, first, exchanges: 0 };
        live.renew();
        // A description that fails is told by the law about it; the others go on with what is known.
        if let Ok(account) = live.describe() {
            drive::learn(&mut live.cx, &account);
        }
        Ok(live)
    }
    /// What the suite's clock says.
    pub fn now(&self) -> Instant {
        self.now
    }
    /// The sandbox.
    pub fn vendor(&mut self) -> &mut dyn Sandbox {
        self.vendor.as_mut()
    }
    /// The mapping of an entity.
    pub fn mapping(&self, entity: Entity) -> Result<&Mapping, String> {
        self.cx.mapping(entity).map_err(|e| e.to_string())
    }
    /// The connection's context.
    pub fn context(&self) -> &Context {
        &self.cx
    }
    /// Turns the clock.
    pub fn later(&mut self, seconds: u64) {
        self.now = self.now.plus(Duration::from_secs(seconds));
    }
    /// Sends webhooks there from now on.
    pub fn subscribe(&mut self, url: &str, secret: &str) {
        self.vendor.subscribe(Some(Subscriber { url: url.to_owned(), secret: secret.to_owned() }));
    }
    /// Lets something happen there by itself.
    pub fn stir(&mut self) {
        self.vendor.stir(self.now);
    }
    /// What the sandbox sends now, or within the next minutes.
    pub fn pushes(&mut self) -> Vec<Push> {
        let mut pushes = self.vendor.pushes(self.now);
        for _ in 0..60 {
            if !pushes.is_empty() {
                break;
            }
            self.later(5);
            pushes = self.vendor.pushes(self.now);
        }
        pushes
    }

    /// Runs an operation; a request that carries a credential is a fault of its own.
    ///
    /// # Errors
    /// The connector's fault.
    pub fn run(&mut self, operation: &Operation) -> Outcomes<Outcome> {
        self.renew();
        let base = drive::base_path(self.connector.manifest(), &self.cx);
        let secrets: Vec<String> = self.vendor.credentials().into_values().collect();
        let (vendor, authorization, now) = (self.vendor.as_mut(), &self.authorization, self.now);
        let count = &mut self.exchanges;
        *count = 0;
        drive::exchange(self.connector.as_ref(), &self.cx, operation, &mut |request| {
            *count += 1;
            if let Some(mistake) = carries_credential(request, &secrets) {
                return Err(Fault::malformed("suite", mistake));
            }
            let answer: Response =
                drive::response(&vendor.handle(now, &drive::wire(&base, request, authorization)), now);
            Ok(answer)
        })
    }

    /// Gets another token before this one ends, as the hub does. A credential that a law has spoilt stays spoilt.
    fn renew(&mut self) {
        if self.now < self.until {
            return;
        }
        let found = authorize(self.connector.manifest(), &self.cx, self.vendor.as_mut(), self.now);
        if let Ok(authorization) = found {
            self.authorization = authorization;
            self.until = self.now.plus(TOKEN);
        }
    }

    /// What the vendor says about the account.
    ///
    /// # Errors
    /// The connector's fault as a sentence.
    pub fn describe(&mut self) -> Result<Account, String> {
        match self.run(&Operation::Describe).map_err(|e| e.to_string())? {
            Outcome::Account(account) => Ok(account),
            other => Err(format!("a description gave {other:?}")),
        }
    }

    /// Entities that a connection may create, referenced ones first.
    pub fn creatable(&self) -> Vec<Entity> {
        let creates = |entity: &Entity| {
            self.cx.mappings.get(entity).is_some_and(|mapping| mapping.active(&self.cx).any(|rule| rule.flow.creates()))
        };
        Entity::ALL.into_iter().filter(creates).collect()
    }

    /// Plausible fields for a new record, with references to records that are made when there are none.
    ///
    /// # Errors
    /// When a record that has to be referred to cannot be made.
    pub fn plausible(&mut self, entity: Entity) -> Result<Fields, String> {
        self.made += 1;
        let n = self.made;
        let rules: Vec<_> =
            self.mapping(entity)?.active(&self.cx).filter(|rule| rule.flow.creates()).cloned().collect();
        let mut fields = Fields::new();
        for rule in rules {
            let Some(spec) = entity.field(rule.field.as_str()) else { continue };
            if let Some(value) = self.vendor.plausible(entity, spec.name, n) {
                if value.is_some() {
                    fields.insert(rule.field, value);
                }
                continue;
            }
            let value = match spec.ty {
                Type::Reference(to) if to == entity => None,
                Type::Reference(to) if self.creatable().contains(&to) => {
                    let place = (to, spec.name == "partner");
                    let id = match self.first.get(&place) {
                        Some(id) => id.clone(),
                        None => self.make(to)?,
                    };
                    self.first.insert(place, id.clone());
                    Some(Value::from(Reference::external(to, id)))
                }
                // What only others can make is there already, or it is left out.
                Type::Reference(to) => self.some(to)?.map(|id| Value::from(Reference::external(to, id))),
                _ => {
                    let codec = rule.effective(entity).map_err(|e| e.to_string())?;
                    generate::plausible(spec, &codec, &self.cx, n)
                }
            };
            if value.is_some() {
                fields.insert(rule.field, value);
            }
        }
        Ok(fields)
    }

    /// Any record of an entity that is there; `None` without any, and for what is not mapped.
    fn some(&mut self, entity: Entity) -> Result<Option<ExternalId>, String> {
        if !self.cx.mappings.contains_key(&entity) {
            return Ok(None);
        }
        let poll = Operation::Poll { entity, cursor: None, until: self.now };
        match self.run(&poll).map_err(|e| e.to_string())? {
            Outcome::Page { records, .. } => Ok(records.into_iter().next().map(|(id, _)| id)),
            other => Err(format!("a poll gave {other:?}")),
        }
    }

    /// Makes a record through the connector; its id.
    ///
    /// # Errors
    /// A sentence when the vendor refuses.
    pub fn make(&mut self, entity: Entity) -> Result<ExternalId, String> {
        let fields = self.plausible(entity)?;
        let write = create(&format!("{entity}-{}", self.made), fields);
        let id = match self.write(entity, write)? {
            Ok(Written::Done { after, .. }) => after.id,
            Ok(other) => return Err(format!("a new {entity} ended as {other:?}")),
            Err(refused) => return Err(format!("a new {entity} is refused: {}", refused.message)),
        };
        self.later(1);
        Ok(id)
    }

    /// Writes one row, and where the vendor works on it in a job of its own waits for its end.
    ///
    /// # Errors
    /// The fault of the operation as a whole, as a sentence.
    pub fn write(&mut self, entity: Entity, write: Write) -> Result<Result<Written, Refused>, String> {
        let mut rows = self.write_all(entity, vec![write])?;
        match (rows.len(), rows.pop()) {
            (1, Some(row)) => Ok(row),
            (length, _) => Err(format!("one write gave {length} rows")),
        }
    }

    /// Writes rows, each to its end.
    ///
    /// # Errors
    /// The fault of the operation as a whole, as a sentence.
    pub fn write_all(&mut self, entity: Entity, writes: Vec<Write>) -> Result<Vec<Result<Written, Refused>>, String> {
        let operation = Operation::Write { entity, writes: writes.clone() };
        let rows = match self.run(&operation).map_err(|e| e.to_string())? {
            Outcome::Written(rows) => rows,
            other => return Err(format!("a write gave {other:?}")),
        };
        let mut ended = Vec::with_capacity(rows.len());
        for (row, write) in rows.into_iter().zip(writes) {
            ended.push(match row {
                Ok(Written::Running(running)) => self.follow(entity, &running, write)?,
                row => row,
            });
        }
        Ok(ended)
    }

    /// Asks after a job until it has ended, with the clock turned as the vendor says.
    fn follow(&mut self, entity: Entity, job: &Running, write: Write) -> Result<Result<Written, Refused>, String> {
        let write = Box::new(write);
        let check =
            |operation: &ExternalId| Operation::Check { entity, operation: operation.clone(), write: write.clone() };
        let (mut again_s, mut operation) = (job.again_s, job.operation.clone());
        for _ in 0..CHECKS {
            self.later(again_s.max(1));
            let checked = match self.run(&check(&operation)).map_err(|e| e.to_string())? {
                Outcome::Checked(checked) => checked,
                other => return Err(format!("a check gave {other:?}")),
            };
            let refused = |message: String, retry| Ok(Err(Refused { kind: Kind::Rejected, retry, message }));
            match checked {
                Checked::Running { again_s: later } => again_s = later,
                Checked::Next(next) => (again_s, operation) = (next.again_s, next.operation),
                Checked::Done { after, created } => {
                    return Ok(Ok(Written::Done { after, overwritten: Vec::new(), created }));
                }
                Checked::Broken { reason } => return refused(reason, Retry::After(None)),
                Checked::Refused { mistakes } => {
                    let sentences: Vec<String> = mistakes.iter().map(Unfit::to_string).collect();
                    return refused(sentences.join("; "), Retry::Never);
                }
            }
        }
        Err(format!("the job {} has no end after {CHECKS} checks", job.operation))
    }

    /// Reads one record; `None` when it is not visible.
    ///
    /// # Errors
    /// The fault as a sentence.
    pub fn read(&mut self, entity: Entity, id: &ExternalId) -> Result<Option<Snapshot>, String> {
        let fetch = Operation::Fetch { entity, ids: vec![id.clone()] };
        match self.run(&fetch).map_err(|e| e.to_string())? {
            Outcome::Records(rows) => match rows.into_iter().find(|(found, _)| found == id) {
                Some((_, row)) => row.map(Some).map_err(|refused| refused.message),
                None => Ok(None),
            },
            other => Err(format!("a fetch gave {other:?}")),
        }
    }

    /// Edits a text of a record as a person does there; false where no text can be edited.
    ///
    /// # Errors
    /// The sentence with which the vendor refuses.
    pub fn touch(&mut self, entity: Entity, id: &ExternalId) -> Result<bool, String> {
        let mapping = self.mapping(entity)?.clone();
        let Some(edit) = super::vendor::editable(&self.cx, &mapping, entity).into_iter().next() else {
            return Ok(false);
        };
        self.edit(entity, id, &edit.rule.field, edit.theirs).map(|()| true)
    }

    /// Edits one field of a record as a person does there.
    ///
    /// # Errors
    /// The sentence with which the vendor refuses.
    pub fn edit(&mut self, entity: Entity, id: &ExternalId, field: &Field, value: Value) -> Result<(), String> {
        let mapping = self.mapping(entity)?.clone();
        let typed = Fields::from([(field.clone(), Some(value))]);
        let fields = mapping.encode(&self.cx, entity, &typed, Creating::No).map_err(|e| e.to_string())?;
        let act = Act::Update { object: mapping.object, id: id.as_str().to_owned(), fields };
        self.vendor.act(self.now, act).map(|_| ())
    }

    /// How many live records of the mapping's object the sandbox holds.
    ///
    /// # Errors
    /// When the entity is not mapped.
    pub fn count(&self, entity: Entity) -> Result<usize, String> {
        let object = &self.mapping(entity)?.object;
        Ok(self.vendor.records().get(object).map_or(0, BTreeMap::len))
    }
}

/// The order to make a new record.
pub(super) fn create(record: &str, fields: Fields) -> Write {
    let idempotency = format!("create-{record}");
    let token = Some(idempotency.clone());
    Write { token, record: RecordId::new(record), change: Change::Create { idempotency }, fields }
}

/// The sentence when a request holds what only the engine may add.
pub(super) fn carries_credential(request: &Request, secrets: &[String]) -> Option<String> {
    let reserved = ["authorization", "cookie", "proxy-authorization", "x-api-key"];
    if let Some((name, _)) = request.headers.iter().find(|(name, _)| reserved.contains(&name.to_lowercase().as_str())) {
        return Some(format!("the request sets the header `{name}`"));
    }
    let text = serde_json::to_string(request).unwrap_or_default();
    let known = secrets.iter().any(|secret| secret.len() >= SHORTEST_SECRET && text.contains(secret.as_str()));
    known.then(|| format!("{} {} holds a credential", request.method.as_str(), request.path))
}
