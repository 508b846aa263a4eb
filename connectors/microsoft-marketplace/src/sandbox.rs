//! A stand-in for Microsoft's commercial marketplace: written from the OpenAPI documents of SaaS fulfillment and metering and
//! from the guides of product ingestion, not from our manifest. Changes and jobs take time by the sandbox's clock, some fail
//! late; a buyer's changes are taken for granted after ten seconds; webhooks are sent with a token of the tenant.

mod ingest;
mod job;
mod meter;
mod push;
mod routes;
mod saas;
mod seed;

use concord_connector::{
    Entity, Instant, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
    testing::KEYS,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

const SECRET: &str = "sandbox-client-secret-of-nobody";
const MARKETPLACE: &str = "20e940b3-4c77-4b0b-9a53-9e16a1b010a7";
const GRAPH: &str = "https://graph.microsoft.com";

/// A publisher with a SaaS product, its customers and its private offers.
pub struct Cloud {
    seed: u64,
    serial: u64,
    tenant: String,
    app: String,
    tokens: BTreeMap<String, (String, Instant)>,
    subscriptions: BTreeMap<String, Json>,
    operations: Vec<saas::Operation>,
    usage: BTreeMap<(String, String, i64), Json>,
    offers: BTreeMap<String, Json>,
    resources: BTreeMap<String, Vec<Json>>,
    submissions: BTreeMap<String, Vec<ingest::Submission>>,
    jobs: BTreeMap<String, job::Job>,
    job_takes: std::time::Duration,
    waiting: Vec<push::Waiting>,
    subscriber: Option<Subscriber>,
    faults: Faults,
    served: BTreeMap<String, u64>,
}

impl Cloud {
    /// A publisher with one live product and one customer. Different seeds are different tenants.
    pub fn new(seed: u64) -> Self {
        let mut cloud = Self {
            seed,
            serial: 0,
            tenant: format!("{seed:08x}-0000-4000-8000-00000000aaaa"),
            app: format!("{seed:08x}-0000-4000-8000-00000000bbbb"),
            tokens: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            operations: Vec::new(),
            usage: BTreeMap::new(),
            offers: BTreeMap::new(),
            resources: BTreeMap::new(),
            submissions: BTreeMap::new(),
            jobs: BTreeMap::new(),
            job_takes: job::TAKES,
            waiting: Vec::new(),
            subscriber: None,
            faults: Faults::default(),
            served: BTreeMap::new(),
        };
        cloud.plant();
        cloud
    }

    /// The next GUID.
    fn guid(&mut self) -> String {
        self.serial += 1;
        format!("{:08x}-0000-4000-9000-{:012x}", self.seed, self.serial)
    }

    fn token(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let form = request.form();
        let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        if said("grant_type") != "client_credentials" {
            return WireResponse::json(400, &json!({ "error": "unsupported_grant_type" }));
        }
        if said("client_id") != self.app || said("client_secret") != SECRET {
            return WireResponse::json(401, &json!({ "error": "invalid_client" }));
        }
        self.serial += 1;
        let token = format!("eyJ-sandbox-{}-{}", self.seed, self.serial);
        // Without a scope (which Entra would not take) it is good everywhere.
        let audience = said("scope").trim_end_matches("/.default").to_owned();
        self.tokens.insert(token.clone(), (audience, now.plus(std::time::Duration::from_secs(3_599))));
        WireResponse::json(200, &json!({ "token_type": "Bearer", "expires_in": 3_599, "access_token": token }))
    }

    fn refused(&mut self, now: Instant, request: &WireRequest, graph: bool) -> Option<WireResponse> {
        if std::mem::take(&mut self.faults.expire_tokens) {
            self.tokens.clear();
        }
        let bearer = request.headers.get("authorization").and_then(|said| said.strip_prefix("Bearer "));
        let known = bearer.and_then(|token| self.tokens.get(token)).filter(|(_, until)| now < *until);
        let wanted = if graph { GRAPH } else { MARKETPLACE };
        match known {
            None => Some(routes::error(401, "unauthorized", "The token is missing, unknown or has expired.")),
            Some((audience, _)) if audience.is_empty() || audience == wanted => None,
            Some(_) if graph => {
                Some(routes::error(401, "unauthorized", "Access token validation failure. Invalid audience."))
            }
            Some(_) => Some(routes::error(403, "Forbidden", "The token was issued for another resource.")),
        }
    }
}

impl Sandbox for Cloud {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        self.advance(now);
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer;
        }
        if request.path().ends_with("/oauth2/v2.0/token") {
            return self.token(now, request).dated(now);
        }
        if request.path().ends_with("/discovery/v2.0/keys") {
            *self.served.entry("GET /discovery/v2.0/keys".into()).or_default() += 1;
            let keys: Json = serde_json::from_str(KEYS).unwrap_or_default();
            return WireResponse::json(200, &keys);
        }
        let answer = self.route(now, request);
        if trouble == Some(Trouble::LoseAnswer) { WireResponse::empty(0) } else { answer.dated(now) }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        self.advance(now);
        match act {
            Act::Create { object, fields } if object == "subscriptions" => Ok(self.purchase(&fields)),
            Act::Update { object, id, fields } if object == "subscriptions" => self.customer(now, &id, &fields),
            Act::Delete { object, id } if object == "subscriptions" => {
                self.customer(now, &id, &json!({ "action": "Unsubscribe" }))
            }
            Act::Update { object, id, fields } if object == "private-offer" => self.offered(now, &id, &fields),
            // How long jobs take that are ordered from now on.
            Act::Update { object, fields, .. } if object == "Settings" => {
                self.job_takes = std::time::Duration::from_secs(fields["job_s"].as_u64().unwrap_or(45));
                Ok(String::new())
            }
            Act::Update { object, id, fields } if object == "product" => self.edited(&id, &fields),
            _ => Err("nobody does that in Partner Center".into()),
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.advance(now);
        self.due(now)
    }

    fn failed(&mut self, now: Instant, push: Push) {
        self.again(now, push);
    }

    fn next_push(&self) -> Option<Instant> {
        self.waiting.iter().map(|one| one.due).min()
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        let usage = self.usage.iter().map(|((resource, dimension, hour), row)| {
            (format!("{resource}|{dimension}|{}", Instant::from_ms(*hour).rfc3339()), row.clone())
        });
        let products = self.resources.iter().map(|(id, tree)| (id.clone(), json!({ "id": id, "resources": tree })));
        let offers = self.offers.iter().filter(|(_, offer)| offer["state"] != "deleted");
        [
            ("subscriptions".to_owned(), self.subscriptions.clone()),
            ("usageEvents".to_owned(), usage.collect()),
            ("private-offer".to_owned(), offers.map(|(id, offer)| (id.clone(), offer.clone())).collect()),
            ("product".to_owned(), products.collect()),
        ]
        .into()
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        [("client_id".to_owned(), self.app.clone()), ("client_secret".to_owned(), SECRET.to_owned())].into()
    }

    fn options(&self) -> BTreeMap<String, String> {
        [("tenant_id".to_owned(), self.tenant.clone()), ("app_id".to_owned(), self.app.clone())].into()
    }

    fn stir(&mut self, now: Instant) {
        let id = self.purchase(&json!({}));
        // The buyer's own change, a refusal by the bank, and the end: three events.
        self.activated(now, &id);
        for fields in [json!({ "planId": "flat-rate-2" }), json!({ "action": "Suspend" })] {
            drop(self.customer(now, &id, &fields));
        }
    }

    fn plausible(&self, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        seed::plausible(self.seed, entity, field, n)
    }
}
