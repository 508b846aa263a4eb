//! Commerce Producer as a provider meets it: drafts, Google's look over what is published, which may come to nothing, and
//! offers of which nothing but the last day can be changed. Written from the comments of its published messages.

use super::{Provider, error};
use concord_connector::{
    Instant, Money, Value,
    sandbox::{WireRequest, WireResponse},
    value::Currency,
};
use jiff::{ToSpan as _, civil::Date};
use serde_json::{Value as Json, json};
use std::time::Duration;

pub(super) const PROJECT: &str = "isv-public";
pub(super) const STANDARD: &str = "projects/isv-public/locations/global/services/sync/standardOffers/pro";
/// An account to which Google does not let anybody sell.
const UNWANTED: &str = "billingAccounts/000000-000000-000000";
/// How long Google looks over an offer.
const REVIEW: Duration = Duration::from_secs(120);
const PAGE: usize = 10;

/// The day of a time of theirs.
fn day(raw: &Json) -> Option<Date> {
    let number = |name: &str| raw[name].as_i64();
    Date::new(number("year")?.try_into().ok()?, number("month")?.try_into().ok()?, number("day")?.try_into().ok()?).ok()
}

fn today(now: Instant) -> Date {
    now.date_in(&jiff::tz::TimeZone::UTC)
}

fn invalid(violations: &[(&str, &str)]) -> WireResponse {
    let violations: Vec<Json> =
        violations.iter().map(|(field, said)| json!({ "field": field, "description": said })).collect();
    let details = json!([{ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": violations }]);
    WireResponse::json(
        400,
        &json!({ "error": { "code": 400, "status": "INVALID_ARGUMENT", "message": "The offer is not valid.", "details": details } }),
    )
}

/// What an offer lacks to be published.
fn lacks(offer: &Json, now: Instant) -> Vec<(&'static str, &'static str)> {
    let mut wrong = Vec::new();
    let mut need = |holds: bool, field, said| {
        if !holds {
            wrong.push((field, said));
        }
    };
    let length = |at: &str| offer.pointer(at).and_then(Json::as_str).map_or(0, |text| text.chars().count());
    need((1..=256).contains(&length("/title")), "private_offer.title", "1 to 256 characters.");
    need(length("/customerNote") <= 120, "private_offer.customer_note", "At most 120 characters.");
    need(length("/internalNote") <= 1500, "private_offer.internal_note", "At most 1500 characters.");
    need(
        (1..=256).contains(&length("/customer/entityTitle")),
        "private_offer.customer.entity_title",
        "Must be provided.",
    );
    need((1..=256).contains(&length("/customer/contact")), "private_offer.customer.contact", "Must be provided.");
    need(
        (1..=256).contains(&length("/partnerContact/contact")),
        "private_offer.partner_contact.contact",
        "Must be provided.",
    );
    need(
        length("/customer/targetBillingAccount") == 36,
        "private_offer.customer.target_billing_account",
        "Must exist.",
    );
    need(offer["offerDealType"].is_string(), "private_offer.offer_deal_type", "Must be present.");
    let product = &offer["singleProductOffer"];
    need(
        product["baseStandardOffer"] == STANDARD,
        "private_offer.single_product_offer.base_standard_offer",
        "Is not effective.",
    );
    let price = [product.get("standardIntervalPrice"), product.get("customIntervalPrice")];
    need(price.iter().flatten().count() == 1, "private_offer.single_product_offer.price", "A price must be set.");
    let term = &offer["term"];
    let months = term["durationMonths"].as_i64().unwrap_or_default();
    match term["endPolicy"].as_str() {
        Some("AFTER_DURATION") => need((1..=84).contains(&months), "private_offer.term.duration_months", "1 to 84."),
        Some("SCHEDULED_END_TIME") => {
            need(day(&term["scheduledEndTime"]).is_some(), "private_offer.term.scheduled_end_time", "Must be set.")
        }
        _ => need(false, "private_offer.term.end_policy", "Must be set."),
    }
    let deadline = day(&offer["acceptDeadlineTime"]);
    let last = today(now).checked_add(3.months()).ok();
    need(
        deadline.is_some_and(|day| day > today(now) && Some(day) <= last),
        "private_offer.accept_deadline_time",
        "The deadline is not more than 3 months from the time of publishing.",
    );
    let start = day(&term["scheduledStartTime"]);
    need(
        start.is_none_or(|start| deadline <= Some(start)),
        "private_offer.accept_deadline_time",
        "Is after the start.",
    );
    wrong
}

impl Provider {
    /// `/projects/P/locations/L/privateOffers...`: the rest of the path, and what follows a colon.
    pub(super) fn producer(&mut self, now: Instant, request: &WireRequest, rest: &[&str], verb: &str) -> WireResponse {
        self.review(now);
        let body = request.json().unwrap_or_default();
        let missing = || error(404, "NOT_FOUND", "Requested entity was not found.");
        let known = rest.first().is_some_and(|id| self.offers.contains_key(*id));
        match (request.method.as_str(), rest, verb) {
            ("GET", [], "") => self.listed(request),
            ("POST", [], "") => self.drafted(now, body),
            (_, [_, ..], _) if !known => missing(),
            ("GET", [id], "") => WireResponse::json(200, &self.offers[*id]),
            ("PATCH", [id], "") => self.patched(now, request, id, &body),
            ("DELETE", [id], "") if self.offers[*id]["state"] == "DRAFT" => {
                self.offers.remove(*id);
                WireResponse::json(200, &json!({}))
            }
            ("POST", [id], "publish") => self.published(now, id, body["validateOnly"] == true),
            ("POST", [id], "cancel") if self.offers[*id]["state"] == "PUBLISHED" => {
                self.set_offer(now, id, "CANCELLED");
                WireResponse::json(200, &self.offers[*id])
            }
            ("GET", [id, "documents"], "") => {
                let kinds = self.documents.get(*id).cloned().unwrap_or_default();
                let rows: Vec<Json> = kinds.iter().map(|kind| json!({ "documentType": kind })).collect();
                WireResponse::json(200, &json!({ "privateOfferDocuments": rows }))
            }
            ("POST", [id, "documents"], "") => {
                self.documents.entry((*id).to_owned()).or_default().push(body["documentType"].clone());
                WireResponse::json(200, &body)
            }
            _ => error(400, "FAILED_PRECONDITION", "The offer is not in a state that allows this."),
        }
    }

    fn listed(&self, request: &WireRequest) -> WireResponse {
        let since = request.parameter("filter").and_then(|text| Instant::parse(text.split('"').nth(1)?));
        let at = |row: &Json| row["updateTime"].as_str().and_then(Instant::parse);
        let mut rows: Vec<&Json> =
            self.offers.values().filter(|row| since.is_none_or(|since| at(row) > Some(since))).collect();
        rows.sort_by_key(|row| at(row));
        let from: usize = request.parameter("pageToken").and_then(|text| text.parse().ok()).unwrap_or(0);
        let size = request.parameter("pageSize").and_then(|text| text.parse().ok()).unwrap_or(PAGE).min(PAGE);
        let mut body = json!({});
        if rows.len() > from {
            body["privateOffers"] = rows.iter().skip(from).take(size).map(|row| Json::clone(row)).collect();
        }
        if from + size < rows.len() {
            body["nextPageToken"] = json!((from + size).to_string());
        }
        WireResponse::json(200, &body)
    }

    fn drafted(&mut self, now: Instant, mut offer: Json) -> WireResponse {
        if !offer.is_object() {
            return error(400, "INVALID_ARGUMENT", "The body is no private offer.");
        }
        self.serial += 1;
        let id = format!("po-{:08x}-{:04}", self.seed, self.serial);
        offer["name"] = json!(format!("projects/{PROJECT}/locations/global/privateOffers/{id}"));
        offer["state"] = json!("DRAFT");
        offer["createTime"] = json!(now.rfc3339());
        offer["updateTime"] = json!(now.rfc3339());
        self.offers.insert(id.clone(), offer);
        WireResponse::json(200, &self.offers[&id])
    }

    fn patched(&mut self, now: Instant, request: &WireRequest, id: &str, body: &Json) -> WireResponse {
        let mask = request.parameter("updateMask").unwrap_or_default();
        let names: Vec<&str> = mask.split(',').filter(|name| !name.is_empty()).collect();
        let state = self.offers[id]["state"].as_str().unwrap_or_default().to_owned();
        let free = state == "DRAFT" || (state == "PUBLISHED" && names == ["acceptDeadlineTime"]);
        if names.is_empty() || !free {
            return error(400, "FAILED_PRECONDITION", "The offer cannot be changed in this way any more.");
        }
        let mut offer = self.offers[id].clone();
        for name in names {
            offer[name] = body[name].clone();
        }
        let late = lacks(&offer, now).into_iter().filter(|(field, _)| field.contains("deadline")).collect::<Vec<_>>();
        if state == "PUBLISHED" && !late.is_empty() {
            return invalid(&late);
        }
        offer["updateTime"] = json!(now.rfc3339());
        self.offers.insert(id.to_owned(), offer);
        WireResponse::json(200, &self.offers[id])
    }

    fn published(&mut self, now: Instant, id: &str, only_looks: bool) -> WireResponse {
        if self.offers[id]["state"] != "DRAFT" {
            return error(400, "FAILED_PRECONDITION", "Only a draft can be published.");
        }
        let wrong = lacks(&self.offers[id], now);
        if !wrong.is_empty() {
            return invalid(&wrong);
        }
        if !only_looks {
            self.set_offer(now, id, "PUBLISHING");
            self.reviews.push((now.plus(REVIEW), id.to_owned()));
        }
        WireResponse::json(200, &self.offers[id])
    }

    fn set_offer(&mut self, now: Instant, id: &str, state: &str) {
        if let Some(offer) = self.offers.get_mut(id) {
            offer["state"] = json!(state);
            offer["updateTime"] = json!(now.rfc3339());
        }
    }

    /// Google has looked over what was due, and time has passed for what nobody accepted.
    pub(super) fn review(&mut self, now: Instant) {
        let (due, later): (Vec<_>, Vec<_>) = self.reviews.drain(..).partition(|(due, _)| *due <= now);
        self.reviews = later;
        for (at, id) in due {
            let unwanted =
                self.offers[&id].pointer("/customer/targetBillingAccount").is_some_and(|one| one == UNWANTED);
            self.set_offer(at, &id, if unwanted { "DRAFT" } else { "PUBLISHED" });
            if let Some(offer) = self.offers.get_mut(&id).filter(|_| !unwanted) {
                offer["singleProductOffer"]["revenueShare"] =
                    json!({ "currentTermVendorNetRevenuePercent": { "value": "97" } });
                offer["singleProductOffer"]["serviceLevel"] = json!("pro");
            }
        }
        let over = |offer: &Json| offer["state"] == "PUBLISHED" && day(&offer["acceptDeadlineTime"]) < Some(today(now));
        let ids: Vec<String> = self.offers.iter().filter(|(_, offer)| over(offer)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            self.set_offer(now, &id, "EXPIRED");
        }
    }

    /// What a customer does with an offer, or a person in Producer Portal.
    pub(super) fn offered(&mut self, now: Instant, id: &str, fields: &Json) -> Result<String, String> {
        self.review(now);
        let offer = self.offers.get_mut(id).ok_or("there is no such private offer")?;
        if fields["state"] == "ACCEPTED" {
            if offer["state"] != "PUBLISHED" {
                return Err("the private offer cannot be accepted".into());
            }
            let name = format!("projects/{PROJECT}/services/sync/privateOffers/{id}");
            self.set_offer(now, id, "ACCEPTED");
            return Ok(self.purchase(now, &json!({ "offer": name })));
        }
        if let Some(last) = fields["acceptBy"].as_str().and_then(|text| text.parse::<Date>().ok()) {
            let next = last.checked_add(1.day()).map_err(|cause| cause.to_string())?;
            offer["acceptDeadlineTime"] = json!({ "year": next.year(), "month": next.month(), "day": next.day() });
        }
        if fields["withdrawn"] == true {
            offer["state"] = json!("CANCELLED");
        }
        offer["updateTime"] = json!(now.rfc3339());
        Ok(id.to_owned())
    }
}

/// Values that offers take.
pub(super) fn plausible(field: &str, n: u64) -> Option<Option<Value>> {
    let text = |text: &str| Some(Value::text(text));
    let small = i64::try_from(n % 40).unwrap_or_default();
    match field {
        "name" => text(&format!("Contoso {n}")),
        "customer_name" => text("Contoso Ltd"),
        "contact" => text("Bo Lee"),
        "email" => text("bo@contoso.example"),
        "note_to_buyer" => text("As agreed"),
        "internal_note" => text("A deal of ours"),
        "product" => text(STANDARD),
        "kind" => Some(Some(Value::Enum("new".into()))),
        "buyers" => {
            Some(Value::list(vec![Value::text(&format!("billingAccounts/012345-567890-{:06X}", n % 0xff_ffff))?]))
        }
        "amount" => {
            Some(Currency::parse("USD").map(|currency| Value::Money(Money { minor: 2_400_000 + small, currency })))
        }
        "duration" => text("P12M"),
        "accept_by" => Some(Date::new(2026, 2, 1).ok()?.checked_add(small.days()).ok().map(Value::Date)),
        "eula" => text("standard"),
        "discount" | "installments" | "starts_on" | "ends_on" | "listing" => Some(None),
        _ => None,
    }
}
