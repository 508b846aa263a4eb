//! A stand-in for an org, written from the vendor's published reference. A pure state machine: state, clock and request in,
//! response and events out. It knows nothing of the connector beside it.
//!
//! The org has several currencies, partner relationship management, and the custom fields and the custom object that the
//! README asks an admin to make.

mod api;
mod cdc;
mod collections;
mod composite;
mod error;
mod evaluate;
mod oauth;
mod partners;
mod sample;
mod schema;
mod soql;
mod store;
mod validate;

pub use sample::SAMPLES;

use concord_connector::{
    Instant,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, WireRequest, WireResponse},
};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};
use store::Store;

/// The most bytes of URI and headers together.
const LONGEST_HEAD: usize = 16_384;

/// With each wait twice as long as the one before, the last of these ends after a day.
const ATTEMPTS: u32 = 13;

/// One org.
pub struct Org {
    store: Store,
    tokens: BTreeSet<String>,
    issued: u64,
    seed: u64,
    served: BTreeMap<String, u64>,
    faults: Faults,
    subscriber: Option<Subscriber>,
    retries: Vec<(Instant, Push)>,
    /// How often an event was not taken, by its body.
    attempts: BTreeMap<Vec<u8>, u32>,
    locators: BTreeMap<String, Vec<Json>>,
    /// Rows on a page of a query.
    batch: usize,
    exhausted: bool,
}

/// One request inside the org: on its own, or as part of a composite request.
pub(crate) struct Call<'a> {
    pub(crate) now: Instant,
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Option<Json>,
    /// The client's name of `Sforce-Call-Options`.
    pub(crate) client: Option<String>,
}

impl Call<'_> {
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Status and body; null is no body.
pub(crate) type Reply = (u16, Json);

impl Org {
    /// An org with a partner programme of four levels and no customers yet. Equal seeds give equal ids.
    pub fn new(seed: u64) -> Self {
        Self {
            store: Store::new(seed),
            tokens: BTreeSet::new(),
            issued: 0,
            seed,
            served: BTreeMap::new(),
            faults: Faults::default(),
            subscriber: None,
            retries: Vec::new(),
            attempts: BTreeMap::new(),
            locators: BTreeMap::new(),
            batch: 2_000,
            exhausted: false,
        }
    }
    /// Ends every session: the next request is answered 401.
    pub fn expire_tokens(&mut self) {
        self.tokens.clear();
    }
    /// Uses up the daily requests, or gives them back.
    pub fn exhaust(&mut self, exhausted: bool) {
        self.exhausted = exhausted;
    }
    /// Cuts query answers into pages of that many rows.
    pub fn page_size(&mut self, rows: usize) {
        self.batch = rows.max(1);
    }
    /// Puts an event without its fields in the place of the next change event, as the vendor does when it is too large.
    pub fn gap_next(&mut self) {
        self.store.events.gap_next = true;
    }
    /// Puts one event for more than 100,000 changes in the place of the next change event.
    pub fn overflow_next(&mut self) {
        self.store.events.overflow_next = true;
    }
    /// Merges waiting events with equal changes into one with several ids.
    pub fn merge_waiting_events(&mut self) {
        self.store.events.merge();
    }
    /// Lets several records carry one external id, as an org does whose field is not unique.
    pub fn repeat_markers(&mut self) {
        self.store.unique_markers = false;
    }
    /// Makes a duplicate rule of the org refuse new accounts with the name of an old one.
    pub fn refuse_duplicate_names(&mut self) {
        self.store.refuse_duplicate_names = true;
    }

    fn answer(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let head: usize = request.target.len()
            + request.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum::<usize>();
        if head > LONGEST_HEAD {
            return WireResponse::html(414, "URI Too Long");
        }
        if request.path() == "/services/oauth2/token" {
            let (status, body) = oauth::token(self, now, request);
            return WireResponse::json(status, &body);
        }
        if let Some(refusal) = self.refused(request) {
            return refusal;
        }
        let options = request.headers.get("sforce-call-options").map(String::as_str).unwrap_or_default();
        let client = options.split([',', ';']).find_map(|part| part.trim().strip_prefix("client=")).map(str::to_owned);
        let call = Call {
            now,
            method: &request.method,
            path: request.path(),
            query: request.query(),
            headers: request.headers.clone(),
            body: request.json(),
            client,
        };
        if !request.body.is_empty() && call.body.is_none() {
            let (status, body) = error::one(400, "JSON_PARSER_ERROR", "The body is no JSON.");
            return WireResponse::json(status, &body);
        }
        let (status, body) = api::handle(self, &call);
        let response = if body.is_null() { WireResponse::empty(status) } else { WireResponse::json(status, &body) };
        response.header("sforce-limit-info", format!("api-usage={}/100000", self.served.values().sum::<u64>()))
    }

    fn refused(&self, request: &WireRequest) -> Option<WireResponse> {
        let token = request.headers.get("authorization").and_then(|value| value.strip_prefix("Bearer "));
        if !token.is_some_and(|token| self.tokens.contains(token)) {
            let (status, body) = error::one(401, "INVALID_SESSION_ID", "Session expired or invalid");
            return Some(WireResponse::json(status, &body));
        }
        if self.exhausted {
            let (status, body) = error::one(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
            return Some(WireResponse::json(status, &body));
        }
        None
    }
}

impl Sandbox for Org {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let kind = format!("{} {}", request.method, api::template(request.path()));
        *self.served.entry(kind).or_default() += 1;
        if std::mem::take(&mut self.faults.expire_tokens) {
            self.expire_tokens();
        }
        match self.faults.take(request) {
            None => self.answer(now, request).dated(now),
            Some(trouble) => Faults::answer(trouble).unwrap_or_else(|| {
                self.answer(now, request);
                WireResponse::empty(0)
            }),
        }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        let sentence = |(_, body): Reply| error::sentence(&body);
        match act {
            Act::Create { object, fields: json } => {
                let mut fields = self.typed(now, &object, json)?;
                let partners = fields.remove("OpportunityPartners");
                let id = self.store.create(now, None, &object, fields).map_err(sentence)?;
                self.partners(now, &id, partners)?;
                Ok(id)
            }
            Act::Update { object, id, fields: json } => {
                let mut fields = self.typed(now, &object, json)?;
                let partners = fields.remove("OpportunityPartners");
                let id = schema::full(&id);
                if !fields.is_empty() {
                    self.store.update(now, None, &object, &id, fields).map_err(sentence)?;
                }
                self.partners(now, &id, partners)?;
                Ok(id)
            }
            Act::Delete { object, id } => {
                let id = schema::full(&id);
                self.store.delete(now, None, &object, &id).map_err(sentence)?;
                Ok(id)
            }
            Act::Merge { object, winner, loser } => {
                let (winner, loser) = (schema::full(&winner), schema::full(&loser));
                self.store.merge(now, &object, &winner, &loser).map_err(sentence)?;
                Ok(winner)
            }
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        let events = self.store.events.take();
        let Some(subscriber) = &self.subscriber else {
            self.retries.clear();
            return Vec::new();
        };
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.retries).into_iter().partition(|(at, _)| *at <= now);
        self.retries = later;
        let mut pushes: Vec<Push> = due.into_iter().map(|(_, push)| push).collect();
        for push in &mut pushes {
            // The key is added when it is sent.
            push.request.headers.insert("x-concord-key".to_owned(), subscriber.secret.clone());
        }
        pushes.extend(events.iter().map(|event| cdc::push(subscriber, event)));
        if self.faults.lose_webhooks {
            pushes.clear();
        }
        if self.faults.duplicate_webhooks {
            pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
        }
        if self.faults.reverse_webhooks {
            pushes.reverse();
        }
        pushes
    }

    /// EventBridge tries an API destination again for a day, less and less often; here beginning after ten seconds.
    fn failed(&mut self, now: Instant, push: Push) {
        let attempt = self.attempts.entry(push.request.body.clone()).or_default();
        *attempt += 1;
        if *attempt <= ATTEMPTS {
            let wait = std::time::Duration::from_secs(10 << (*attempt - 1));
            self.retries.push((now.plus(wait), push));
        }
    }

    fn next_push(&self) -> Option<Instant> {
        self.retries.iter().map(|(at, _)| *at).min()
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let mut all: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
        for (object, rows) in self.store.live() {
            let shown = rows.into_iter().map(|(id, row)| {
                let mut fields: Map<String, Json> = api::shown(object, &id, row);
                if object == "Opportunity" {
                    fields.insert("OpportunityPartners".into(), partners::listed(&self.store, &id));
                }
                (id, Json::Object(fields))
            });
            all.insert(object.to_owned(), shown.collect());
        }
        all
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        let pairs = [("client_id", oauth::CLIENT), ("client_secret", oauth::SECRET), ("username", oauth::USER)];
        pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
    }
}

impl Org {
    /// What a person types. People pick programmes and levels by name, `{"Level": {"Name": "Gold"}}`, and make a new one
    /// where there is none.
    fn typed(&mut self, now: Instant, object: &str, fields: Json) -> Result<Map<String, Json>, String> {
        let Json::Object(fields) = fields else { return Err("the fields are no object".to_owned()) };
        let mut out = Map::new();
        for (name, value) in fields {
            let picked = value.get("Name").and_then(Json::as_str);
            let parent = schema::find(object).and_then(|object| object.parent(&name));
            match (picked, parent) {
                (Some(picked), Some((field, to))) => {
                    let named = |row: &store::Row| !row.deleted && row.text("Name") == Some(picked);
                    let there = self.store.rows(to.name).find(|(_, row)| named(row)).map(|(id, _)| id.clone());
                    let id = match there {
                        Some(id) => id,
                        None => {
                            let new = Map::from_iter([("Name".to_owned(), Json::from(picked))]);
                            self.store.create(now, None, to.name, new).map_err(|(_, body)| error::sentence(&body))?
                        }
                    };
                    out.insert(field.name.to_owned(), Json::from(id));
                }
                _ => {
                    out.insert(name, value);
                }
            }
        }
        Ok(out)
    }

    fn partners(&mut self, now: Instant, id: &str, partners: Option<Json>) -> Result<(), String> {
        match partners {
            Some(partners) => partners::replace(&mut self.store, now, id, &partners),
            None => Ok(()),
        }
    }
}
