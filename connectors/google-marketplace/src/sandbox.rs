//! A stand-in for Google's Partner Procurement and Service Control: written from their discovery documents, not from our
//! manifest. Accounts come before entitlements, states guard every call, an operation counts once, and messages are pushed
//! with a token of Google's.

mod offers;

use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    Entity, Instant, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
    testing::{KEYS, PRIVATE_KEY, token},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, time::Duration};

const PROVIDER: &str = "isv-public";
const SERVICE: &str = "sync.endpoints.isv-public.cloud.goog";
const ACCOUNT: &str = "hub@isv-public.iam.example.com";
const AUDIENCE: &str = "https://hub.example.com/hooks/google";
const PAGE: usize = 10;

/// A provider with its buyers.
pub struct Provider {
    seed: u64,
    serial: u64,
    tokens: BTreeMap<String, Instant>,
    accounts: BTreeMap<String, Json>,
    entitlements: BTreeMap<String, Json>,
    usage: BTreeMap<String, Json>,
    offers: BTreeMap<String, Json>,
    documents: BTreeMap<String, Vec<Json>>,
    reviews: Vec<(Instant, String)>,
    waiting: Vec<(Instant, Vec<u8>)>,
    subscriber: Option<Subscriber>,
    faults: Faults,
    served: BTreeMap<String, u64>,
}

fn error(code: u16, status: &str, message: &str) -> WireResponse {
    WireResponse::json(code, &json!({ "error": { "code": code, "message": message, "status": status } }))
}

impl Provider {
    /// A provider with one buyer. Different seeds are different buyers.
    pub fn new(seed: u64) -> Self {
        let mut provider = Self {
            seed,
            serial: 0,
            tokens: BTreeMap::new(),
            accounts: BTreeMap::new(),
            entitlements: BTreeMap::new(),
            usage: BTreeMap::new(),
            offers: BTreeMap::new(),
            documents: BTreeMap::new(),
            reviews: Vec::new(),
            waiting: Vec::new(),
            subscriber: None,
            faults: Faults::default(),
            served: BTreeMap::new(),
        };
        let now = Instant::from_ms(1_767_200_000_000);
        let id = provider.purchase(now, &json!({}));
        provider.set(now, &id, "ENTITLEMENT_ACTIVE", "ENTITLEMENT_ACTIVE");
        provider
    }

    fn purchase(&mut self, now: Instant, fields: &Json) -> String {
        self.serial += 1;
        let (account, id) =
            (format!("E-{:04}-{:04}", self.seed, self.serial), format!("{:08x}-{:04}", self.seed, self.serial));
        let name = |kind: &str, id: &str| format!("providers/{PROVIDER}/{kind}/{id}");
        let at = now.rfc3339();
        self.accounts.insert(
            account.clone(),
            json!({ "name": name("accounts", &account), "provider": PROVIDER, "state": "ACCOUNT_ACTIVATION_REQUESTED",
                "approvals": [{ "name": "signup", "state": "PENDING", "updateTime": at }], "createTime": at, "updateTime": at }),
        );
        let mut row = json!({ "name": name("entitlements", &id), "account": name("accounts", &account), "provider": PROVIDER,
            "product": SERVICE, "productExternalName": "sync", "plan": "pro", "state": "ENTITLEMENT_ACTIVATION_REQUESTED",
            "orderId": format!("o-{}", self.serial), "usageReportingId": format!("project_number:{}", 100_000 + self.serial),
            "inputProperties": {}, "createTime": at, "updateTime": at });
        for (member, value) in fields.as_object().into_iter().flatten() {
            row[member] = value.clone();
        }
        self.entitlements.insert(id.clone(), row);
        self.tell(now, &id, "ENTITLEMENT_CREATION_REQUESTED");
        id
    }

    fn set(&mut self, now: Instant, id: &str, state: &str, event: &str) {
        if let Some(row) = self.entitlements.get_mut(id) {
            row["state"] = json!(state);
            row["updateTime"] = json!(now.rfc3339());
        }
        self.tell(now, id, event);
    }

    fn tell(&mut self, now: Instant, id: &str, event: &str) {
        if self.subscriber.is_none() {
            return;
        }
        self.serial += 1;
        let row = self.entitlements.get(id).cloned().unwrap_or_default();
        let message = json!({ "eventId": format!("{event}-{}-{}", self.seed, self.serial), "eventType": event, "providerId": PROVIDER,
            "entitlement": { "id": id, "updateTime": row["updateTime"], "orderId": row["orderId"], "newOffer": row["offer"] } });
        let data = STANDARD.encode(message.to_string());
        let body = json!({ "message": { "data": data, "messageId": self.serial.to_string(), "publishTime": now.rfc3339(),
            "attributes": {} }, "subscription": "projects/isv-public/subscriptions/hub" });
        self.waiting.push((now, body.to_string().into_bytes()));
    }

    fn token(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let form = request.form();
        let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let assertion = said("assertion").split('.').count() == 3;
        if said("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || !assertion {
            return WireResponse::json(400, &json!({ "error": "invalid_grant" }));
        }
        self.serial += 1;
        let token = format!("ya29.sandbox-{}-{}", self.seed, self.serial);
        self.tokens.insert(token.clone(), now.plus(Duration::from_secs(3_599)));
        WireResponse::json(200, &json!({ "access_token": token, "expires_in": 3_599, "token_type": "Bearer" }))
    }

    fn is_let_in(&mut self, now: Instant, request: &WireRequest) -> bool {
        if std::mem::take(&mut self.faults.expire_tokens) {
            self.tokens.clear();
        }
        let bearer = request.headers.get("authorization").and_then(|said| said.strip_prefix("Bearer "));
        bearer.and_then(|token| self.tokens.get(token)).is_some_and(|until| now < *until)
    }

    fn route(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let path = request.path().to_owned();
        let path = path.strip_prefix("/v1").unwrap_or(&path).trim_matches('/').to_owned();
        let (path, verb) = path.split_once(':').map_or((path.as_str(), ""), |(path, verb)| (path, verb));
        let parts: Vec<&str> = path.split('/').collect();
        let shown = match parts.as_slice() {
            ["providers", _, kind, _] => format!("providers/{{}}/{kind}/{{}}"),
            ["providers", _, kind] => format!("providers/{{}}/{kind}"),
            ["producer", _, _, _, _, _, rest @ ..] => format!("privateOffers{}", "/{}".repeat(rest.len())),
            _ => path.to_owned(),
        };
        *self.served.entry(format!("{} /{shown}:{verb}", request.method)).or_default() += 1;
        if !self.is_let_in(now, request) {
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
        }
        let missing = || error(404, "NOT_FOUND", "Requested entity was not found.");
        match (request.method.as_str(), parts.as_slice(), verb) {
            ("GET", ["providers", PROVIDER, "entitlements"], "") => self.list(request),
            ("GET", ["providers", PROVIDER, "entitlements", id], "") => match self.entitlements.get(*id) {
                Some(row) => WireResponse::json(200, row),
                None => missing(),
            },
            ("GET", ["providers", PROVIDER, "accounts", id], "") => match self.accounts.get(*id) {
                Some(row) => WireResponse::json(200, row),
                None => missing(),
            },
            ("POST", ["providers", PROVIDER, "accounts", id], "approve") => match self.accounts.get_mut(*id) {
                Some(row) => {
                    row["state"] = json!("ACCOUNT_ACTIVE");
                    row["approvals"][0]["state"] = json!("APPROVED");
                    WireResponse::json(200, &json!({}))
                }
                None => missing(),
            },
            ("POST", ["providers", PROVIDER, "entitlements", id], verb) if self.entitlements.contains_key(*id) => {
                self.decide(now, id, verb, &request.json().unwrap_or_default())
            }
            ("POST", ["usage", "services", SERVICE], "check") => self.check(&request.json().unwrap_or_default()),
            ("POST", ["usage", "services", SERVICE], "report") => self.report(&request.json().unwrap_or_default()),
            (_, ["producer", "projects", offers::PROJECT, "locations", "global", "privateOffers", rest @ ..], verb) => {
                self.producer(now, request, rest, verb)
            }
            _ => missing(),
        }
    }

    fn list(&self, request: &WireRequest) -> WireResponse {
        let from: usize = request.parameter("pageToken").and_then(|text| text.parse().ok()).unwrap_or(0);
        let size = request.parameter("pageSize").and_then(|text| text.parse().ok()).unwrap_or(PAGE).min(PAGE);
        let rows: Vec<&Json> = self.entitlements.values().skip(from).take(size).collect();
        let mut body = json!({ "entitlements": rows });
        if from + size < self.entitlements.len() {
            body["nextPageToken"] = json!((from + size).to_string());
        }
        WireResponse::json(200, &body)
    }

    fn decide(&mut self, now: Instant, id: &str, verb: &str, body: &Json) -> WireResponse {
        let row = &self.entitlements[id];
        let account = row["account"].as_str().and_then(|name| name.rsplit('/').next()).unwrap_or_default();
        let active = self.accounts.get(account).is_some_and(|account| account["state"] == "ACCOUNT_ACTIVE");
        let wrong = || error(400, "FAILED_PRECONDITION", "The entitlement is not in a state that allows this.");
        match (verb, row["state"].as_str().unwrap_or_default()) {
            ("approve", "ENTITLEMENT_ACTIVATION_REQUESTED") if !active => {
                return error(400, "FAILED_PRECONDITION", "The account has to be approved first.");
            }
            ("approve", "ENTITLEMENT_ACTIVATION_REQUESTED") => {
                self.set(now, id, "ENTITLEMENT_ACTIVE", "ENTITLEMENT_ACTIVE")
            }
            ("reject", "ENTITLEMENT_ACTIVATION_REQUESTED") if body["reason"].is_string() => {
                self.set(now, id, "ENTITLEMENT_CANCELLED", "ENTITLEMENT_CANCELLED");
            }
            ("approvePlanChange" | "rejectPlanChange", "ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL") => {
                if body["pendingPlanName"] != row["newPendingPlan"] {
                    return error(400, "INVALID_ARGUMENT", "The plan is not the one that is pending.");
                }
                let plan = row["newPendingPlan"].clone();
                let good = verb == "approvePlanChange";
                if let Some(row) = self.entitlements.get_mut(id) {
                    if good {
                        row["plan"] = plan;
                    }
                    row.as_object_mut().map(|members| members.remove("newPendingPlan"));
                }
                let event = if good { "ENTITLEMENT_PLAN_CHANGED" } else { "ENTITLEMENT_PLAN_CHANGE_CANCELLED" };
                self.set(now, id, "ENTITLEMENT_ACTIVE", event);
            }
            _ => return wrong(),
        }
        WireResponse::json(200, &json!({}))
    }

    fn buyer(&self, operation: &Json) -> Option<&Json> {
        self.entitlements.values().find(|row| row["usageReportingId"] == operation["consumerId"])
    }

    fn check(&self, body: &Json) -> WireResponse {
        let operation = &body["operation"];
        if operation.get("userLabels").is_some() {
            return error(400, "INVALID_ARGUMENT", "userLabels are not allowed in a check.");
        }
        let code = match self.buyer(operation) {
            None => Some("CONSUMER_INVALID"),
            Some(row) if row["state"] != "ENTITLEMENT_ACTIVE" => Some("SERVICE_NOT_ACTIVATED"),
            Some(_) => None,
        };
        let mut answer = json!({ "operationId": operation["operationId"] });
        if let Some(code) = code {
            answer["checkErrors"] = json!([{ "code": code, "detail": "The consumer cannot be charged." }]);
        }
        WireResponse::json(200, &answer)
    }

    fn report(&mut self, body: &Json) -> WireResponse {
        let mut errors = Vec::new();
        for operation in body["operations"].as_array().into_iter().flatten() {
            let id = operation["operationId"].as_str().unwrap_or_default().to_owned();
            let metric = operation.pointer("/metricValueSets/0/metricName").and_then(Json::as_str).unwrap_or_default();
            if metric != format!("{SERVICE}/api_calls") {
                errors
                    .push(json!({ "operationId": id, "status": { "code": 3, "message": "The metric is not known." } }));
                continue;
            }
            self.usage.entry(id).or_insert_with(|| operation.clone());
        }
        let answer = if errors.is_empty() { json!({}) } else { json!({ "reportErrors": errors }) };
        WireResponse::json(200, &answer)
    }
}

impl Sandbox for Provider {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer;
        }
        if request.path().ends_with("/token") {
            return self.token(now, request).dated(now);
        }
        if request.path().ends_with("/oauth2/v3/certs") {
            return WireResponse::json(200, &serde_json::from_str(KEYS).unwrap_or_default());
        }
        let answer = self.route(now, request);
        if trouble == Some(Trouble::LoseAnswer) { WireResponse::empty(0) } else { answer.dated(now) }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        match act {
            Act::Create { fields, .. } => Ok(self.purchase(now, &fields)),
            Act::Update { object, id, fields } if object == "privateOffers" => self.offered(now, &id, &fields),
            Act::Update { id, fields, .. } => {
                let row = self.entitlements.get_mut(&id).ok_or("there is no such entitlement")?;
                for (member, value) in fields.as_object().into_iter().flatten() {
                    row[member] = value.clone();
                }
                let (state, event) = match (fields.get("newPendingPlan"), fields["state"].as_str()) {
                    (Some(_), _) => {
                        ("ENTITLEMENT_PENDING_PLAN_CHANGE_APPROVAL".to_owned(), "ENTITLEMENT_PLAN_CHANGE_REQUESTED")
                    }
                    (None, Some("ENTITLEMENT_CANCELLED")) => {
                        ("ENTITLEMENT_CANCELLED".to_owned(), "ENTITLEMENT_CANCELLED")
                    }
                    _ => (row["state"].as_str().unwrap_or_default().to_owned(), "ENTITLEMENT_ACTIVE"),
                };
                self.set(now, &id, &state, event);
                Ok(id)
            }
            _ => Err("entitlements are neither deleted nor merged".into()),
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        let Some(subscriber) = self.subscriber.clone() else {
            self.waiting.clear();
            return Vec::new();
        };
        let (due, later): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|(due, _)| *due <= now);
        self.waiting = later;
        if self.faults.lose_webhooks {
            return Vec::new();
        }
        let claims = json!({ "iss": "https://accounts.google.com", "aud": AUDIENCE, "sub": "1", "email": ACCOUNT,
            "email_verified": true, "iat": now.seconds(), "exp": now.seconds() + 3_600 });
        let push = |(_, body): &(Instant, Vec<u8>)| {
            let headers = [
                ("content-type", "application/json".to_owned()),
                ("authorization", format!("Bearer {}", token(&claims))),
            ];
            let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
            Push {
                request: WireRequest {
                    method: "POST".into(),
                    target: subscriber.url.clone(),
                    headers,
                    body: body.clone(),
                },
            }
        };
        let mut pushes: Vec<Push> = due.iter().map(push).collect();
        if self.faults.duplicate_webhooks {
            pushes = pushes.into_iter().flat_map(|push| [push.clone(), push]).collect();
        }
        if self.faults.reverse_webhooks {
            pushes.reverse();
        }
        pushes
    }

    fn failed(&mut self, now: Instant, push: Push) {
        self.waiting.push((now.plus(Duration::from_secs(10)), push.request.body));
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        [
            ("entitlements".to_owned(), self.entitlements.clone()),
            ("operations".to_owned(), self.usage.clone()),
            ("privateOffers".to_owned(), self.offers.clone()),
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
        [("client_email".to_owned(), ACCOUNT.to_owned()), ("private_key".to_owned(), PRIVATE_KEY.to_owned())].into()
    }

    fn options(&self) -> BTreeMap<String, String> {
        let pairs = [
            ("provider_id", PROVIDER),
            ("service", SERVICE),
            ("push_audience", AUDIENCE),
            ("push_account", ACCOUNT),
            ("producer_api", "true"),
            ("project", offers::PROJECT),
            ("partner_contact", "Jane Roe <jane@isv.example>"),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn stir(&mut self, now: Instant) {
        let id = self.purchase(now, &json!({}));
        self.set(now, &id, "ENTITLEMENT_ACTIVE", "ENTITLEMENT_ACTIVE");
    }

    fn plausible(&self, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        match (entity, field) {
            (Entity::PrivateOffer, field) => offers::plausible(field, n),
            (Entity::UsageRecord, "dimension") => Some(Value::text("api_calls")),
            (Entity::UsageRecord, "quantity") => Some(Value::text("5")),
            (Entity::UsageRecord, "hour") => {
                let back = i64::try_from(n % 20).unwrap_or(0) * 3_600_000;
                Some(Some(Value::Instant(Instant::from_ms(1_767_225_600_000 - back))))
            }
            _ => None,
        }
    }
}
