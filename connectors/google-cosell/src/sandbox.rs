//! A stand-in for opportunities of Cloud Channel: written from Google's reference pages, not from our manifest. A submitted deal
//! is reviewed for hours in which it cannot be changed; a stage can be set of an accepted one; what a mask does not name stays.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use concord_connector::{
    Entity, Instant, Money, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
    testing::{KEYS, PRIVATE_KEY, token},
    value::{Address, AddressPart, Currency},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, time::Duration};

const PARTNER: &str = "partners/9";
const ACCOUNT: &str = "hub@isv-public.iam.example.com";
const AUDIENCE: &str = "https://hub.example.com/hooks/google-cosell";
const PAGE: usize = 10;
/// How long Google reviews a deal.
const REVIEW: Duration = Duration::from_secs(4 * 3_600);
/// A customer whom Google does not want to be brought.
const UNWANTED: &str = "unwanted.example";

/// A partner's opportunities.
pub struct Hub {
    seed: u64,
    serial: u64,
    deals: BTreeMap<String, Json>,
    reviews: Vec<(Instant, String)>,
    tokens: BTreeMap<String, Instant>,
    waiting: Vec<(Instant, Vec<u8>)>,
    subscriber: Option<Subscriber>,
    faults: Faults,
    served: BTreeMap<String, u64>,
}

fn error(code: u16, status: &str, message: &str) -> WireResponse {
    WireResponse::json(code, &json!({ "error": { "code": code, "message": message, "status": status } }))
}

/// What a deal lacks that is to be sent to Google.
fn lacks(deal: &Json) -> Option<&'static str> {
    let text = |at: &str| deal.pointer(at).and_then(Json::as_str).is_some_and(|text| !text.is_empty());
    let needed = [
        ("/opportunityInfo/partnerEntity", "partnerEntity is required."),
        ("/opportunityInfo/displayName", "displayName is required."),
        ("/customerInfo/customerDetails/organizationName", "organizationName is required."),
        ("/customerInfo/customerDetails/domain", "domain is required."),
        ("/customerInfo/customerDetails/address/regionCode", "regionCode is required."),
        ("/customerInfo/contact/givenName", "The contact's names and e-mail are required."),
        ("/customerInfo/contact/email", "The contact's names and e-mail are required."),
        ("/submitterEmail", "submitterEmail is required."),
    ];
    let missing = needed.into_iter().find(|(at, _)| !text(at)).map(|(_, said)| said);
    let number = |at: &str| deal.pointer(at).is_some_and(Json::is_u64);
    missing
        .or((!number("/customerInfo/customerDetails/employeeCount")).then_some("employeeCount is required."))
        .or((!number("/qualificationInfo/contractLengthMonths")).then_some("contractLengthMonths is required."))
        .or((deal.pointer("/qualificationInfo/legalLanguageAccepted") != Some(&json!(true)))
            .then_some("legalLanguageAccepted must be true."))
        .or((deal.pointer("/isvSolutionConnectInfo/customerContactRequested") != Some(&json!(true)))
            .then_some("customerContactRequested must be true."))
}

impl Hub {
    /// A partner without deals. Different seeds are different partners.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            serial: 0,
            deals: BTreeMap::new(),
            reviews: Vec::new(),
            tokens: BTreeMap::new(),
            waiting: Vec::new(),
            subscriber: None,
            faults: Faults::default(),
            served: BTreeMap::new(),
        }
    }

    fn token(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let form = request.form();
        let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let assertion = said("assertion").split('.').count() == 3;
        if said("grant_type") != "urn:ietf:params:oauth:grant-type:jwt-bearer" || !assertion {
            return WireResponse::json(400, &json!({ "error": "invalid_grant" }));
        }
        self.serial += 1;
        let token = format!("ya29.cosell-{}-{}", self.seed, self.serial);
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

    fn review(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) = self.reviews.drain(..).partition(|(due, _)| *due <= now);
        self.reviews = later;
        for (at, id) in due {
            let Some(deal) = self.deals.get_mut(&id) else { continue };
            let domain = deal.pointer("/customerInfo/customerDetails/domain");
            if domain.is_some_and(|domain| domain == UNWANTED) {
                deal["state"] = json!("NOT_ACCEPTED");
                deal["stateDescription"] = json!("The customer is managed by another partner.");
            } else {
                deal["state"] = json!("ACCEPTED");
            }
            self.keep(at, &id, "UPDATED");
        }
    }

    fn route(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let path = request.path().to_owned();
        let path = path.strip_prefix("/v1alpha1").unwrap_or(&path).trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let shown = if parts.len() > 1 { "opportunities/{}" } else { path };
        *self.served.entry(format!("{} /{shown}", request.method)).or_default() += 1;
        if !self.is_let_in(now, request) {
            return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
        }
        let body = request.json().unwrap_or_default();
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["opportunities"]) => self.list(request),
            ("POST", ["opportunities"]) => self.make(now, body, "PARTNER"),
            (_, ["opportunities", id]) if !self.deals.contains_key(*id) => {
                error(404, "NOT_FOUND", "Requested entity was not found.")
            }
            ("GET", ["opportunities", id]) => WireResponse::json(200, &self.deals[*id]),
            ("PATCH", ["opportunities", id]) => self.patch(now, request, id, &body),
            _ => error(404, "NOT_FOUND", "No such method."),
        }
    }

    fn list(&self, request: &WireRequest) -> WireResponse {
        if request.parameter("partner").as_deref() != Some(PARTNER) {
            return error(400, "INVALID_ARGUMENT", "partner is required.");
        }
        let from: usize = request.parameter("pageToken").and_then(|text| text.parse().ok()).unwrap_or(0);
        let size = request.parameter("pageSize").and_then(|text| text.parse().ok()).unwrap_or(PAGE).min(PAGE);
        let rows: Vec<&Json> = self.deals.values().skip(from).take(size).collect();
        let mut body = json!({});
        if !rows.is_empty() {
            body["opportunities"] = json!(rows);
        }
        if from + size < self.deals.len() {
            body["nextPageToken"] = json!((from + size).to_string());
        }
        WireResponse::json(200, &body)
    }

    fn make(&mut self, now: Instant, mut deal: Json, source: &str) -> WireResponse {
        if deal["state"].is_null() {
            deal["state"] = json!("DRAFT");
        }
        if deal["state"] != "DRAFT" && deal["state"] != "SUBMITTED" {
            return error(400, "INVALID_ARGUMENT", "A new opportunity is a draft, or submitted.");
        }
        if let (true, Some(said)) = (deal["state"] == "SUBMITTED", lacks(&deal)) {
            return error(400, "INVALID_ARGUMENT", said);
        }
        self.serial += 1;
        let id = format!("{}{:05}", self.seed + 1, self.serial);
        deal["name"] = json!(format!("opportunities/{id}"));
        deal["source"] = json!(source);
        deal["stage"] = json!("QUALIFY");
        deal["createTime"] = json!(now.rfc3339());
        if deal["state"] == "SUBMITTED" {
            self.reviews.push((now.plus(REVIEW), id.clone()));
        }
        self.deals.insert(id.clone(), deal);
        self.keep(now, &id, "CREATED");
        WireResponse::json(200, &self.deals[&id])
    }

    fn patch(&mut self, now: Instant, request: &WireRequest, id: &str, body: &Json) -> WireResponse {
        let mask = request.parameter("updateMask").unwrap_or_default();
        if mask.is_empty() || request.parameter("partner").as_deref() != Some(PARTNER) {
            return error(400, "INVALID_ARGUMENT", "updateMask and partner are required.");
        }
        let before = self.deals[id].clone();
        let state = before["state"].as_str().unwrap_or_default();
        if state == "SUBMITTED" {
            return error(400, "FAILED_PRECONDITION", "The opportunity is under review.");
        }
        let mut deal = before.clone();
        for path in mask.split(',') {
            let output = ["name", "source", "stateDescription", "winLossInfo", "createTime", "updateTime"];
            let early = path == "stage" || path.starts_with("salesCycle");
            if output.contains(&path) || (early && state != "ACCEPTED") {
                return error(400, "INVALID_ARGUMENT", &format!("{path} cannot be set."));
            }
            let at = format!("/{}", path.replace('.', "/"));
            put(&mut deal, &at, body.pointer(&at).unwrap_or(&Json::Null));
        }
        if deal["state"] == "SUBMITTED" {
            if let Some(said) = lacks(&deal) {
                return error(400, "INVALID_ARGUMENT", said);
            }
            self.reviews.push((now.plus(REVIEW), id.to_owned()));
        }
        let ready = deal.pointer("/salesCycle/partnerReadyToClose").cloned();
        if let Some(end) = ready.filter(Json::is_string) {
            deal["stage"] = end;
        }
        self.deals.insert(id.to_owned(), deal);
        self.keep(now, id, "UPDATED");
        WireResponse::json(200, &self.deals[id])
    }

    fn keep(&mut self, now: Instant, id: &str, event: &str) {
        if let Some(deal) = self.deals.get_mut(id) {
            deal["updateTime"] = json!(now.rfc3339());
        }
        if self.subscriber.is_none() {
            return;
        }
        self.serial += 1;
        let message = json!({ "opportunityEvent": { "eventType": event, "opportunity": format!("opportunities/{id}"), "partner": PARTNER } });
        let data = STANDARD.encode(message.to_string());
        let body = json!({ "message": { "data": data, "messageId": self.serial.to_string(), "publishTime": now.rfc3339(),
            "attributes": {} }, "subscription": "projects/isv-public/subscriptions/hub" });
        self.waiting.push((now, body.to_string().into_bytes()));
    }
}

fn put(deal: &mut Json, at: &str, value: &Json) {
    let mut place = deal;
    for name in at.split('/').skip(1) {
        if !place.is_object() {
            *place = json!({});
        }
        place = &mut place[name];
    }
    *place = value.clone();
}

impl Sandbox for Hub {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        self.review(now);
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
        self.review(now);
        match act {
            Act::Create { fields, .. } => {
                let answer = self.make(now, fields, "GOOGLE");
                let made = answer.body;
                let made: Json = serde_json::from_slice(&made).map_err(|cause| cause.to_string())?;
                made["name"]
                    .as_str()
                    .and_then(|name| name.rsplit('/').next())
                    .map(str::to_owned)
                    .ok_or("refused".into())
            }
            Act::Update { id, fields, .. } => {
                let mut deal = self.deals.get(&id).cloned().ok_or("there is no such opportunity")?;
                // By pointer, as a person changes one thing; in the names of our view where a trial does.
                for (name, value) in fields.as_object().into_iter().flatten() {
                    let at = match name.as_str() {
                        "displayName" => "/opportunityInfo/displayName".to_owned(),
                        "nextStep" => "/isvSolutionConnectInfo/nextStep".to_owned(),
                        "description" => "/opportunityInfo/description".to_owned(),
                        name => format!("/{name}"),
                    };
                    put(&mut deal, &at, value);
                }
                self.deals.insert(id.clone(), deal);
                self.keep(now, &id, "UPDATED");
                Ok(id)
            }
            _ => Err("opportunities are neither deleted nor merged".into()),
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        self.review(now);
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
            let (target, body) = (subscriber.url.clone(), body.clone());
            Push { request: WireRequest { method: "POST".into(), target, headers, body } }
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

    fn next_push(&self) -> Option<Instant> {
        self.waiting.iter().map(|(due, _)| *due).min()
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        [("opportunities".to_owned(), self.deals.clone())].into()
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
            ("channel_api", "true"),
            ("partner_id", "9"),
            ("submitter_email", "jane@isv.example"),
            ("push_audience", AUDIENCE),
            ("push_account", ACCOUNT),
            // Trials of drafts: what is submitted cannot be changed for hours.
            ("submit", "no"),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn plausible(&self, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        let text = |text: &str| Some(Value::text(text));
        let word = |word: &str| Some(Some(Value::Enum(word.into())));
        if entity != Entity::CosellDeal {
            return None;
        }
        match field {
            "name" => text(&format!("Contoso {n}")),
            "customer_name" => text(&format!("Contoso {n} Ltd")),
            "website" => text("contoso.example"),
            "size" => text(&(500 + n % 100).to_string()),
            "industry" => text("SOFTWARE"),
            "email" => text("bo@contoso.example"),
            "phone" => text("+12025550123"),
            "stage" => word("qualified"),
            "help" => Some(Value::list(vec![Value::text("TECH")?])),
            "delivery_models" => Some(Value::list(vec![Value::text("SAAS_ON_GOOGLE_CLOUD")?])),
            "consent" => word("given"),
            "amount" => {
                let minor = 15_000_000 + i64::try_from(n % 1000).unwrap_or_default();
                Some(Currency::parse("USD").map(|currency| Value::Money(Money { minor, currency })))
            }
            "address" => Some(
                Address::from_parts([
                    (AddressPart::Street, "1 Example St".to_owned()),
                    (AddressPart::City, "New York".to_owned()),
                    (AddressPart::Region, "NY".to_owned()),
                    (AddressPart::PostalCode, "10001".to_owned()),
                    (AddressPart::Country, "US".to_owned()),
                ])
                .map(Value::Address),
            ),
            _ => None,
        }
    }
}
