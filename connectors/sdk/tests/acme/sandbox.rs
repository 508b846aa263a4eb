//! A stand-in for Acme, written from its documentation and from nothing of the connector.

use concord_connector::{
    Instant,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
};
use hmac::{Hmac, Mac};
use serde_json::{Value as Json, json};
use sha2::Sha256;
use std::collections::BTreeMap;

const TOKEN: &str = "acme-fake-token";

#[derive(Default)]
pub(crate) struct Server {
    companies: BTreeMap<String, Json>,
    events: Vec<Json>,
    told: u64,
    retries: Vec<Push>,
    subscriber: Option<Subscriber>,
    faults: Faults,
    served: BTreeMap<String, u64>,
}

impl Sandbox for Server {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer;
        }
        if request.headers.get("authorization").is_none_or(|sent| *sent != format!("Bearer {TOKEN}")) {
            return WireResponse::json(401, &json!({ "error": "unknown token" }));
        }
        let route = if request.path().starts_with("/v1/companies/") { "/v1/companies/{}" } else { request.path() };
        *self.served.entry(format!("{} {route}", request.method)).or_default() += 1;
        let (status, body) = self.answer(now, request);
        match trouble {
            Some(Trouble::LoseAnswer) => WireResponse::empty(0),
            _ => WireResponse::json(status, &body),
        }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        match act {
            Act::Create { fields, .. } => Ok(self.create(now, fields)),
            Act::Update { id, fields, .. } => self.change(now, &id, &fields).map(|_| id),
            Act::Delete { .. } | Act::Merge { .. } => Err("Acme keeps every company".into()),
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        let mut pushes = std::mem::take(&mut self.retries);
        let events = std::mem::take(&mut self.events);
        let Some(subscriber) = self.subscriber.as_ref().filter(|_| !self.faults.lose_webhooks) else { return pushes };
        pushes.extend(events.iter().map(|event| signed(subscriber, now, event)));
        pushes
    }

    fn failed(&mut self, _now: Instant, push: Push) {
        self.retries.push(push);
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        BTreeMap::from([("companies".to_owned(), self.companies.clone())])
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("token".to_owned(), TOKEN.to_owned())])
    }
}

impl Server {
    fn answer(&mut self, now: Instant, request: &WireRequest) -> (u16, Json) {
        let id = request.path().strip_prefix("/v1/companies/").map(str::to_owned);
        match (request.method.as_str(), request.path(), id) {
            ("GET", "/v1/account", _) => (200, json!({ "time_zone": "Europe/Berlin", "currency": "EUR" })),
            ("GET", "/v1/companies", _) => (200, json!({ "companies": self.list(request) })),
            ("POST", "/v1/companies", _) => {
                let fields = request.json().unwrap_or_default();
                let marker = fields["external_id"].as_str();
                let taken =
                    self.companies.values().find(|row| marker.is_some() && row["external_id"].as_str() == marker);
                match taken {
                    Some(row) => (409, json!({ "error": "external_id is taken", "id": row["id"] })),
                    None => {
                        let id = self.create(now, fields);
                        (201, self.companies[&id].clone())
                    }
                }
            }
            ("PATCH", _, Some(id)) => {
                let Some(row) = self.companies.get(&id) else { return (404, json!({ "error": "no such company" })) };
                let current = row["revision"].to_string();
                if request.headers.get("if-match").is_none_or(|sent| *sent == current) {
                    match self.change(now, &id, &request.json().unwrap_or_default()) {
                        Ok(row) => (200, row),
                        Err(error) => (422, json!({ "error": error })),
                    }
                } else {
                    (412, json!({ "error": "changed since" }))
                }
            }
            _ => (404, json!({ "error": "no such resource" })),
        }
    }

    fn list(&self, request: &WireRequest) -> Vec<Json> {
        let place = |row: &Json| (row["changed"].as_i64().unwrap_or(0), row["id"].as_str().unwrap_or("").to_owned());
        let mut rows: Vec<Json> = self.companies.values().cloned().collect();
        rows.sort_by_key(place);
        if let Some(ids) = request.parameter("ids") {
            rows.retain(|row| ids.split(',').any(|id| row["id"] == id));
        }
        if let Some(record) = request.parameter("external_id") {
            rows.retain(|row| row["external_id"] == record.as_str());
        }
        if let Some(after) = request.parameter("after") {
            let (changed, id) = after.split_once(':').unwrap_or_default();
            let after = (changed.parse().unwrap_or(0), id.to_owned());
            rows.retain(|row| place(row) > after);
        }
        rows.truncate(request.parameter("limit").and_then(|limit| limit.parse().ok()).unwrap_or(50));
        rows
    }

    fn create(&mut self, now: Instant, mut fields: Json) -> String {
        let id = format!("c{:06}", self.companies.len() + 1);
        fields["id"] = json!(id);
        fields["revision"] = json!(1);
        fields["changed"] = json!(now.ms());
        self.companies.insert(id.clone(), fields);
        self.tell(now, &id);
        id
    }

    fn change(&mut self, now: Instant, id: &str, fields: &Json) -> Result<Json, String> {
        let row = self.companies.get_mut(id).ok_or("no such company")?;
        for (name, value) in fields.as_object().into_iter().flatten() {
            row[name] = value.clone();
        }
        row["revision"] = json!(row["revision"].as_u64().unwrap_or(0) + 1);
        row["changed"] = json!(now.ms());
        let row = row.clone();
        self.tell(now, id);
        Ok(row)
    }

    fn tell(&mut self, now: Instant, id: &str) {
        self.told += 1;
        self.events.push(json!({ "event": format!("e{}", self.told), "company": id, "at": now.ms() }));
    }
}

fn signed(subscriber: &Subscriber, now: Instant, event: &Json) -> Push {
    let (body, time) = (event.to_string(), now.seconds().to_string());
    let mut mac = Hmac::<Sha256>::new_from_slice(subscriber.secret.as_bytes()).expect("any length is a key");
    mac.update(time.as_bytes());
    mac.update(body.as_bytes());
    let signature = hex::encode(mac.finalize().into_bytes());
    let headers = BTreeMap::from([("x-acme-signature".into(), signature), ("x-acme-time".into(), time)]);
    let target = subscriber.url.clone();
    Push { request: WireRequest { method: "POST".into(), target, headers, body: body.into_bytes() } }
}
