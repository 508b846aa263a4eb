//! A HubSpot portal as a state machine, written from the vendor's published facts. It knows nothing of the connector's
//! manifest, mapping or code; it refuses what HubSpot refuses and keeps values as lossily as HubSpot keeps them.

mod access;
mod batch;
mod link;
mod object;
mod portal;
mod property;
mod push;
mod refusal;
mod routes;
mod sample;
mod search;
mod store;

pub use sample::SAMPLES;

use access::Access;
use concord_connector::{
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
    time::Instant,
};
use link::{End, Link};
use object::{OBJECTS, Object};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use store::{Record, Source};

/// The app that uses the API here; the source id of its changes.
pub const APP: &str = "424242";

/// One portal.
pub struct Portal {
    portal_id: u64,
    next_id: u64,
    next_event: u64,
    records: BTreeMap<End, Record>,
    /// Who has a value of a unique property: by object, property and value.
    unique: BTreeMap<(&'static str, &'static str, String), u64>,
    /// Both directions of every association, with the type numbers seen from the first end.
    links: BTreeMap<(End, End), BTreeSet<u32>>,
    events: Vec<Json>,
    retries: Vec<(Instant, Json)>,
    subscriber: Option<Subscriber>,
    faults: Faults,
    served: BTreeMap<String, u64>,
    access: Access,
    search_lag: Duration,
    time_zone: &'static str,
    currency: &'static str,
}

impl Portal {
    /// A portal in UTC whose company currency is the euro. Record ids grow from `id_seed` on.
    pub fn new(portal_id: u64, id_seed: u64) -> Self {
        Self {
            portal_id,
            next_id: id_seed,
            next_event: 0,
            records: BTreeMap::new(),
            unique: BTreeMap::new(),
            links: BTreeMap::new(),
            events: Vec::new(),
            retries: Vec::new(),
            subscriber: None,
            faults: Faults::default(),
            served: BTreeMap::new(),
            access: Access::new(portal_id),
            search_lag: Duration::ZERO,
            time_zone: "UTC",
            currency: "EUR",
        }
    }
    /// The same portal in another time zone (an IANA name) and with another company currency.
    #[must_use]
    pub fn located(mut self, time_zone: &'static str, currency: &'static str) -> Self {
        self.time_zone = time_zone;
        self.currency = currency;
        self
    }
    /// Switches the call budgets on: so many requests in a sliding ten seconds, and five searches in a second. `None`
    /// switches them off, as they are at first.
    pub fn limit(&mut self, requests: Option<usize>) {
        self.access.limit = requests;
    }
    /// For how long a change is missing from searches.
    pub fn lag(&mut self, lag: Duration) {
        self.search_lag = lag;
    }

    fn links_of(&self, fields: &Json) -> Result<Vec<(Link, bool)>, String> {
        let mut links = Vec::new();
        for wanted in fields["associations"].as_array().into_iter().flatten() {
            let name = wanted["to"].as_str().unwrap_or_default();
            let object = Object::find(name).ok_or_else(|| format!("Unable to infer object type from: {name}"))?;
            let id = wanted["id"].as_str().and_then(|id| id.parse().ok()).ok_or("an association without id")?;
            links.push((Link { object, id, kind: None }, wanted["remove"] == true));
        }
        Ok(links)
    }
}

/// The number of a label as seen from an object.
fn kind_of(object: &Object, link: &Link, label: Option<&str>) -> Result<Option<u32>, String> {
    let Some(label) = label.filter(|label| !label.is_empty()) else { return Ok(None) };
    let known = link::types(object.name, link.object.name).into_iter().find(|seen| seen.label == label);
    known.map(|seen| Some(seen.id)).ok_or_else(|| format!("no label {label}"))
}

impl Sandbox for Portal {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let shape = routes::shape(request);
        *self.served.entry(shape).or_default() += 1;
        if std::mem::take(&mut self.faults.expire_tokens) {
            self.access.expire();
        }
        self.access.single_use_refresh = self.faults.single_use_refresh;
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer.dated(now);
        }
        let response = self.access.refuse(now, request).unwrap_or_else(|| self.route(now, request));
        if trouble == Some(Trouble::LoseAnswer) { WireResponse::empty(0) } else { response.dated(now) }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        let find = |name: &str| Object::find(name).ok_or_else(|| format!("Unable to infer object type from: {name}"));
        let none = json!({});
        let done = match &act {
            Act::Create { object, fields } => {
                let object = find(object)?;
                let properties = fields.get("properties").unwrap_or(&none);
                let mut links = Vec::new();
                for ((mut link, _), wanted) in self.links_of(fields)?.into_iter().zip(wanted(fields)) {
                    link.kind = kind_of(object, &link, wanted["label"].as_str())?;
                    links.push(link);
                }
                self.create(now, Source::CrmUi, object, properties, &links)
            }
            Act::Update { object, id, fields } => {
                let object = find(object)?;
                let properties = fields.get("properties").unwrap_or(&none);
                let done = self.update(now, Source::CrmUi, object, id, properties);
                let done = done.map_err(|refusal| refusal.message)?;
                for ((mut link, remove), wanted) in self.links_of(fields)?.into_iter().zip(wanted(fields)) {
                    link.kind = kind_of(object, &link, wanted["label"].as_str())?;
                    let from = (object, done);
                    if remove {
                        let kinds = link.kind.map(|kind| BTreeSet::from([kind]));
                        self.dissociate(now, Source::CrmUi, from, (link.object, link.id), kinds.as_ref());
                    } else {
                        self.associate(now, Source::CrmUi, from, &link).map_err(|refusal| refusal.message)?;
                    }
                }
                Ok(done)
            }
            Act::Delete { object, id } => self.archive(now, Source::CrmUi, find(object)?, id),
            Act::Merge { object, winner, loser } => self.merge(now, Source::CrmUi, find(object)?, winner, loser),
        };
        done.map(|id| id.to_string()).map_err(|refusal| refusal.message)
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.due(now)
    }

    fn failed(&mut self, now: Instant, push: Push) {
        self.again(now, &push);
    }

    fn next_push(&self) -> Option<Instant> {
        self.retries.iter().map(|(at, _)| *at).min()
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let mut all: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
        for object in &OBJECTS {
            for record in self.of(object) {
                let mut shown = record.show_all();
                for to in &OBJECTS {
                    let linked = self.linked_to(object, record.id, to);
                    if !linked.is_empty() {
                        shown["associations"][to.name] = Json::Array(linked);
                    }
                }
                all.entry(object.name.to_owned()).or_default().insert(record.id.to_string(), shown);
            }
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
        self.access.credentials()
    }
}

fn wanted(fields: &Json) -> impl Iterator<Item = &Json> {
    fields["associations"].as_array().into_iter().flatten()
}
