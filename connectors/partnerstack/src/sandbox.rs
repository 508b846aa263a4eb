//! A stand-in for PartnerStack's vendor API, version 2: written from the published record schemas and list parameters, not
//! from our manifest. Money is in cents, times are epoch milliseconds, lists are newest first, archived records vanish.

mod answer;
mod check;
mod list;
mod push;
mod store;

use answer::{error, one};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    Instant,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;
use store::Store;

const BASE: &str = "/api/v2";
const PUBLIC_KEY: &str = "pk_sandbox_public";
const SECRET_KEY: &str = "sk_sandbox_secret_of_nobody";

/// A programme with its partners, customers, deals, leads and transactions.
pub struct Programme {
    store: Store,
    faults: Faults,
    served: BTreeMap<String, u64>,
    subscriber: Option<Subscriber>,
    waiting: Vec<push::Waiting>,
}

impl Programme {
    /// A programme with its test partner. Different seeds are different programmes.
    pub fn new(seed: u64) -> Self {
        Self {
            store: Store::new(seed),
            faults: Faults::default(),
            served: BTreeMap::new(),
            subscriber: None,
            waiting: Vec::new(),
        }
    }

    fn route(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let path = request.path().strip_prefix(BASE).unwrap_or(request.path()).to_owned();
        let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
        let (object, key) = match parts.as_slice() {
            [object] => (*object, None),
            [object, key] => (*object, Some(*key)),
            _ => return error(404, "Not found"),
        };
        let what = key.map_or_else(|| format!("{BASE}/{object}"), |_| format!("{BASE}/{object}/{{}}"));
        *self.served.entry(format!("{} {what}", request.method)).or_default() += 1;
        match (request.method.as_str(), object, key) {
            ("GET", _, None) if check::OBJECTS.contains(&object) => list::list(&self.store, object, request),
            ("GET", _, Some(key)) if check::READABLE.contains(&object) => match self.store.find(object, key) {
                Some(row) => one(row),
                None => error(404, "Resource not found"),
            },
            ("POST", "customers" | "deals" | "leads", None) => self.make(now, object, request),
            ("PATCH", "customers" | "deals" | "leads", Some(key)) => self.change(now, object, key, request),
            ("DELETE", "deals" | "leads" | "partnerships", Some(key)) => {
                let Some(key) = self.store.key(object, key) else { return error(404, "Resource not found") };
                self.store.archive(object, &key);
                self.tell(now, object, &key, "deleted");
                one(&Json::Null)
            }
            _ => error(404, "Not found"),
        }
    }

    fn make(&mut self, now: Instant, object: &str, request: &WireRequest) -> WireResponse {
        let Some(body) = request.json() else { return error(400, "The body is no JSON") };
        if let Err(sentence) = check::body(&self.store, object, &body, true) {
            return error(400, &sentence);
        }
        let key = self.store.make(now, object, &body);
        self.tell(now, object, &key, "created");
        self.store.find(object, &key).map_or_else(|| error(500, "Lost"), one)
    }

    fn change(&mut self, now: Instant, object: &str, key: &str, request: &WireRequest) -> WireResponse {
        let Some(key) = self.store.key(object, key) else { return error(404, "Resource not found") };
        let Some(body) = request.json() else { return error(400, "The body is no JSON") };
        if let Err(sentence) = check::body(&self.store, object, &body, false) {
            return error(400, &sentence);
        }
        self.store.change(now, object, &key, &body);
        self.tell(now, object, &key, "updated");
        self.store.find(object, &key).map_or_else(|| error(500, "Lost"), one)
    }
}

impl Sandbox for Programme {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer;
        }
        let expected = format!("Basic {}", STANDARD.encode(format!("{PUBLIC_KEY}:{SECRET_KEY}")));
        if request.headers.get("authorization") != Some(&expected) {
            return error(401, "Invalid authorization");
        }
        let answer = self.route(now, request);
        if trouble == Some(Trouble::LoseAnswer) { WireResponse::empty(0) } else { answer.dated(now) }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        match act {
            Act::Create { object, fields } => {
                if object != "partnerships" && object != "transactions" {
                    check::body(&self.store, &object, &fields, true)?;
                }
                let key = self.store.make(now, &object, &fields);
                self.tell(now, &object, &key, "created");
                Ok(self.store.name(&object, &key))
            }
            Act::Update { object, id, fields } => {
                let key = self.store.key(&object, &id).ok_or("there is no such record")?;
                self.store.change(now, &object, &key, &fields);
                self.tell(now, &object, &key, "updated");
                Ok(id)
            }
            Act::Delete { object, id } => {
                let key = self.store.key(&object, &id).ok_or("there is no such record")?;
                self.store.archive(&object, &key);
                self.tell(now, &object, &key, "deleted");
                Ok(id)
            }
            Act::Merge { .. } => Err("PartnerStack merges nothing".into()),
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        push::due(self, now)
    }

    fn failed(&mut self, now: Instant, push: Push) {
        push::again(self, now, push);
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        self.store.records()
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        [("username".to_owned(), PUBLIC_KEY.to_owned()), ("password".to_owned(), SECRET_KEY.to_owned())].into()
    }
}

/// What a sample of an event looks like: the first generation's, which carries `event` and a number.
fn event(name: &str, row: &Json, number: u64) -> Json {
    let mut event = json!({ "event": name, "id": number, "key": row["key"] });
    for member in ["partner_key", "first_name", "last_name", "email"] {
        if let Some(value) = row.get(member) {
            event[member] = value.clone();
        }
    }
    event
}
