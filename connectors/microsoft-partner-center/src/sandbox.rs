//! A stand-in for Partner Center's referrals: written from their Swagger document, not from our manifest. Every write gives a
//! new `eTag`, a stale one is refused, and what is closed stays closed.

use concord_connector::{
    Entity, Instant, Value,
    sandbox::{Act, Faults, Push, Sandbox, Subscriber, Trouble, WireRequest, WireResponse},
    value::{Address, AddressPart},
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeMap, time::Duration};

const CLIENT: &str = "sandbox-partner-center-app";
const SECRET: &str = "sandbox-partner-center-secret-of-nobody";
const REFRESH: &str = "sandbox-partner-center-refresh-of-nobody";
const BASE: &str = "https://api.partner.microsoft.com/v1.0/engagements";
/// Tried again so often, a minute apart.
const TRIES: u32 = 3;

/// A partner's referrals.
pub struct Center {
    seed: u64,
    serial: u64,
    referrals: BTreeMap<String, Json>,
    tokens: BTreeMap<String, Instant>,
    waiting: Vec<(Instant, u32, Vec<u8>)>,
    subscriber: Option<Subscriber>,
    faults: Faults,
    served: BTreeMap<String, u64>,
}

fn error(status: u16, code: &str, message: &str) -> WireResponse {
    WireResponse::json(status, &json!({ "error": { "code": code, "message": message } }))
}

impl Center {
    /// A partner without referrals. Different seeds are different partners.
    pub fn new(seed: u64) -> Self {
        Self {
            seed,
            serial: 0,
            referrals: BTreeMap::new(),
            tokens: BTreeMap::new(),
            waiting: Vec::new(),
            subscriber: None,
            faults: Faults::default(),
            served: BTreeMap::new(),
        }
    }

    fn guid(&mut self) -> String {
        self.serial += 1;
        format!("{:08x}-0000-4000-a000-{:012x}", self.seed, self.serial)
    }

    fn token(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let form = request.form();
        let said = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let good = said("grant_type") == "refresh_token" && said("refresh_token") == REFRESH;
        if !good || said("client_id") != CLIENT || said("client_secret") != SECRET {
            return WireResponse::json(400, &json!({ "error": "invalid_grant" }));
        }
        self.serial += 1;
        let token = format!("eyJ-center-{}-{}", self.seed, self.serial);
        self.tokens.insert(token.clone(), now.plus(Duration::from_secs(3_599)));
        WireResponse::json(200, &json!({ "token_type": "Bearer", "expires_in": 3_599, "access_token": token }))
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
        let path = path.strip_prefix("/v1.0/engagements").unwrap_or(&path).trim_matches('/');
        let parts: Vec<&str> = path.split('/').collect();
        let shown = if parts.len() > 1 { "referrals/{}" } else { path };
        *self.served.entry(format!("{} /{shown}", request.method)).or_default() += 1;
        if !self.is_let_in(now, request) {
            return error(401, "unauthorized", "The token is missing, unknown or has expired.");
        }
        match (request.method.as_str(), parts.as_slice()) {
            ("GET", ["referrals"]) => self.list(request),
            ("POST", ["referrals"]) => {
                let body = request.json().unwrap_or_default();
                match self.make(now, &body, "Outgoing") {
                    Ok(id) => WireResponse::json(200, &self.referrals[&id]),
                    Err(message) => error(400, "badRequest", &message),
                }
            }
            (_, ["referrals", id]) if !self.referrals.contains_key(*id) => error(404, "notFound", "No such referral."),
            ("GET", ["referrals", id]) => WireResponse::json(200, &self.referrals[*id]),
            ("PUT", ["referrals", id]) => self.put(now, request, id),
            _ => error(404, "notFound", "No such resource."),
        }
    }

    fn list(&self, request: &WireRequest) -> WireResponse {
        let since = match request.parameter("$filter") {
            None => None,
            Some(filter) => match filter.strip_prefix("updatedDateTime ge ").and_then(Instant::parse) {
                Some(since) => Some(since),
                None => return error(400, "badRequest", "The filter cannot be understood."),
            },
        };
        let order = request.parameter("$orderby").unwrap_or_else(|| "createdDateTime desc".into());
        if !order.starts_with("createdDateTime") {
            return error(400, "badRequest", "Referrals can be ordered by createdDateTime only.");
        }
        let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<usize>().ok());
        let updated = |row: &Json| row["updatedDateTime"].as_str().and_then(Instant::parse);
        let mut rows: Vec<&Json> =
            self.referrals.values().filter(|row| since.is_none_or(|since| updated(row) >= Some(since))).collect();
        rows.sort_by_key(|row| (row["createdDateTime"].as_str(), row["id"].as_str()));
        if order.ends_with("desc") {
            rows.reverse();
        }
        let rows: Vec<&Json> =
            rows.into_iter().skip(number("$skip").unwrap_or(0)).take(number("$top").unwrap_or(usize::MAX)).collect();
        WireResponse::json(200, &json!({ "@odata.context": format!("{BASE}/$metadata#referrals"), "value": rows }))
    }

    fn make(&mut self, now: Instant, body: &Json, direction: &str) -> Result<String, String> {
        check(body)?;
        let (id, engagement, etag) = (self.guid(), self.guid(), self.guid());
        let mut row = body.clone();
        row["id"] = json!(id);
        row["engagementId"] = json!(engagement);
        row["eTag"] = json!(format!("\"{etag}\""));
        row["direction"] = json!(direction);
        row["organizationName"] = json!("Contoso");
        row["createdDateTime"] = json!(now.rfc3339());
        row["updatedDateTime"] = json!(now.rfc3339());
        row["links"] = json!({ "self": { "uri": format!("/referrals/{id}"), "method": "GET" } });
        self.referrals.insert(id.clone(), row);
        self.tell(now, &id, "referral-created");
        Ok(id)
    }

    fn put(&mut self, now: Instant, request: &WireRequest, id: &str) -> WireResponse {
        let before = &self.referrals[id];
        let etag = request.headers.get("if-match").map(String::as_str);
        if etag.is_none() {
            return error(400, "badRequest", "The header If-Match is required.");
        }
        if etag != before["eTag"].as_str() {
            return error(412, "resourceModified", "The referral was modified.");
        }
        let body = request.json().unwrap_or_default();
        if body.get("links").is_some() {
            return error(400, "badRequest", "links cannot be written.");
        }
        if before["status"] == "Closed" {
            return error(400, "badRequest", "A closed referral cannot be changed.");
        }
        if let Err(message) = check(&body) {
            return error(400, "badRequest", &message);
        }
        // What is left out is cleared; what is the system's stays.
        let mut row = body;
        for name in ["id", "engagementId", "direction", "organizationName", "createdDateTime", "links"] {
            row[name] = before[name].clone();
        }
        self.keep(now, id, row);
        WireResponse::json(200, &self.referrals[id])
    }

    fn keep(&mut self, now: Instant, id: &str, mut row: Json) {
        let etag = self.guid();
        row["eTag"] = json!(format!("\"{etag}\""));
        row["updatedDateTime"] = json!(now.rfc3339());
        self.referrals.insert(id.to_owned(), row);
        self.tell(now, id, "referral-updated");
    }

    fn tell(&mut self, now: Instant, id: &str, event: &str) {
        if self.subscriber.is_some() {
            let body = json!({ "EventName": event, "ResourceUri": format!("{BASE}/referrals/{id}"),
                "ResourceName": "referral", "AuditUri": null, "ResourceChangeUtcDate": now.rfc3339() });
            // Two events of one moment are told apart by their name.
            let body = body.to_string().into_bytes();
            if !self.waiting.iter().any(|(_, _, waiting)| *waiting == body) {
                self.waiting.push((now, 0, body));
            }
        }
    }
}

/// What the document allows, and the status machine.
fn check(body: &Json) -> Result<(), String> {
    let text = |at: &str| body.pointer(at).and_then(Json::as_str).filter(|text| !text.is_empty());
    if text("/name").is_none() || text("/customerProfile/name").is_none() {
        return Err("name and customerProfile.name are required.".into());
    }
    if text("/customerProfile/address/country").is_none_or(|country| country.len() != 2) {
        return Err("customerProfile.address.country has to be an ISO code.".into());
    }
    let known = match text("/status") {
        Some("New") => matches!(text("/substatus"), Some("Pending" | "Received")),
        Some("Active") => matches!(text("/substatus"), Some("Accepted")),
        Some("Closed") => matches!(text("/substatus"), Some("Won" | "Lost" | "Declined" | "Expired")),
        _ => false,
    };
    if !known {
        return Err("status and substatus do not fit each other.".into());
    }
    let stage = body["salesStage"].as_str();
    if stage.is_some_and(|stage| !matches!(stage, "Qualify" | "Develop" | "Propose" | "Close")) {
        return Err("salesStage is not known.".into());
    }
    if text("/substatus") == Some("Lost") && text("/statusReason").is_none() {
        return Err("statusReason is required for a lost deal.".into());
    }
    Ok(())
}

impl Sandbox for Center {
    fn handle(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let trouble = self.faults.take(request);
        if let Some(answer) = trouble.and_then(Faults::answer) {
            return answer;
        }
        if request.path().ends_with("/oauth2/v2.0/token") {
            return self.token(now, request).dated(now);
        }
        let answer = self.route(now, request);
        if trouble == Some(Trouble::LoseAnswer) { WireResponse::empty(0) } else { answer.dated(now) }
    }

    fn act(&mut self, now: Instant, act: Act) -> Result<String, String> {
        match act {
            Act::Create { fields, .. } => self.make(now, &fields, "Incoming"),
            Act::Update { id, fields, .. } => {
                let mut row = self.referrals.get(&id).cloned().ok_or("there is no such referral")?;
                merge(&mut row, &fields);
                self.keep(now, &id, row);
                Ok(id)
            }
            _ => Err("referrals are neither deleted nor merged".into()),
        }
    }

    fn pushes(&mut self, now: Instant) -> Vec<Push> {
        let Some(subscriber) = self.subscriber.clone() else {
            self.waiting.clear();
            return Vec::new();
        };
        let (due, later): (Vec<_>, Vec<_>) = self.waiting.drain(..).partition(|(due, ..)| *due <= now);
        self.waiting = later;
        if self.faults.lose_webhooks {
            return Vec::new();
        }
        let push = |(_, tries, body): &(Instant, u32, Vec<u8>)| {
            let headers = [("content-type", "application/json".to_owned()), ("x-try", tries.to_string())];
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
        let tries = push.request.headers.get("x-try").and_then(|text| text.parse().ok()).unwrap_or(0) + 1;
        if tries < TRIES {
            self.waiting.push((now.plus(Duration::from_secs(60)), tries, push.request.body));
        }
    }

    fn subscribe(&mut self, subscriber: Option<Subscriber>) {
        self.subscriber = subscriber;
    }

    fn records(&self) -> BTreeMap<String, BTreeMap<String, Json>> {
        [("referrals".to_owned(), self.referrals.clone())].into()
    }

    fn faults(&mut self) -> &mut Faults {
        &mut self.faults
    }

    fn served(&self) -> &BTreeMap<String, u64> {
        &self.served
    }

    fn credentials(&self) -> BTreeMap<String, String> {
        let pairs = [("client_id", CLIENT), ("client_secret", SECRET), ("refresh_token", REFRESH)];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
    }

    fn plausible(&self, entity: Entity, field: &str, n: u64) -> Option<Option<Value>> {
        let word = |word: &str| Some(Some(Value::Enum(word.into())));
        match (entity, field) {
            (Entity::CosellDeal, "stage") => {
                word(["prospect", "qualified", "technical_validation"][usize::try_from(n % 3).ok()?])
            }
            (Entity::CosellDeal, "size") => Some(Value::text("10to50employees")),
            (Entity::CosellDeal, "help") => Some(Value::list(vec![Value::text("ProofOfConceptOrDemo")?])),
            (Entity::CosellDeal, "consent") => word("given"),
            (Entity::CosellDeal, "address") => Some(
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

fn merge(below: &mut Json, above: &Json) {
    match (below, above) {
        (Json::Object(below), Json::Object(above)) => {
            for (name, value) in above {
                merge(below.entry(name).or_insert(Json::Null), value);
            }
        }
        (below, above) => *below = above.clone(),
    }
}
