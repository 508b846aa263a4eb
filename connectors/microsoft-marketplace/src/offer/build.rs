//! From what a seller wrote to the resources of a job.

use super::check::{Term, term};
use crate::ingestion;
use concord_connector::{
    Context, Entity, Fields, Result, Value,
    exchange::Write,
    mapping::Creating,
    offer::{Grant, Rate},
};
use jiff::civil::Date;
use serde_json::{Value as Json, json};

/// Within a job's body an offer names its prices by this.
const PRICES: &str = "prices";

pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str).filter(|text| !text.is_empty())
}

/// The lines of a list.
pub(super) fn lines<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    match fields.get(name) {
        Some(Some(Value::List(lines))) => lines.iter().filter_map(Value::as_str).collect(),
        Some(Some(one)) => one.as_str().into_iter().collect(),
        _ => Vec::new(),
    }
}

pub(super) fn date(fields: &Fields, name: &str) -> Option<Date> {
    match fields.get(name) {
        Some(Some(Value::Date(date))) => Some(*date),
        _ => None,
    }
}

/// The last day of what is offered: as it is written, else a term after the last day on which it can begin.
pub(super) fn end(fields: &Fields) -> Option<Date> {
    let begin = || date(fields, "starts_on").or(date(fields, "accept_by"));
    date(fields, "ends_on").or_else(|| term(text(fields, "duration")?)?.after(begin()?))
}

/// The resources of a job that makes an offer in a state, or takes a draft there; `write` passed the preflight.
pub(super) fn resources(cx: &Context, write: &Write, state: &str, draft: Option<&Json>) -> Result<Vec<Json>> {
    let fields = &write.fields;
    // The codecs write what our view calls by the names of theirs.
    let ours = cx.mapping(Entity::PrivateOffer)?.encode(cx, Entity::PrivateOffer, fields, Creating::Yes)?;
    let option = |name: &str| cx.option(name).map(str::trim).filter(|text| !text.is_empty());
    let name = text(fields, "name").unwrap_or_default();
    let product = ours["product"].as_str().or(ours["listing"].as_str()).unwrap_or_default();
    let plan = ours["plan"].as_str().unwrap_or_default();
    let kind = option("offer_type").unwrap_or("customerPromotion");
    let custom = !lines(fields, "grants").is_empty();
    let pricing_type = if custom { "saasNewCustomizedPlans" } else { "editExistingOfferPricingOnly" };
    let mut offer = json!({
        "$schema": ingestion::schema("private-offer"),
        "resourceName": "offer",
        "name": ingestion::marked(name, write.record.as_str()),
        "state": state,
        "privateOfferType": kind,
        "offerPricingType": pricing_type,
        "variableStartDate": date(fields, "starts_on").is_none(),
    });
    if let (Some(draft), Some(members)) = (draft, offer.as_object_mut()) {
        members.remove("resourceName");
        members.extend(["id", "eTag"].into_iter().filter_map(|name| Some((name.to_owned(), draft.get(name)?.clone()))));
    }
    let dates = [("start", date(fields, "starts_on")), ("end", end(fields)), ("acceptBy", date(fields, "accept_by"))];
    for (member, day) in dates {
        if let Some(day) = day {
            offer[member] = json!(day.to_string());
        }
    }
    let buyers = lines(fields, "buyers");
    offer["beneficiaries"] = buyers.iter().map(|id| json!({ "id": id, "description": name })).collect();
    if let Some(by) = option("prepared_by") {
        offer["preparedBy"] = json!(by);
    }
    let notify: Vec<&str> =
        option("notify").unwrap_or_default().split(',').map(str::trim).filter(|one| !one.is_empty()).collect();
    if !notify.is_empty() {
        offer["notificationContacts"] = json!(notify);
    }
    if let Some(terms) = text(fields, "eula").filter(|terms| *terms != "standard") {
        offer["termsAndConditionsDocSasUrl"] = json!(terms);
    }
    let mut row = json!({ "product": product });
    let plan_member = if custom { "basePlan" } else { "plan" };
    row[plan_member] = json!(plan);
    let mut resources = Vec::new();
    if let Some(percent) = text(fields, "discount").and_then(concord_connector::offer::decimal) {
        row["discountType"] = json!("percentage");
        row["discountPercentage"] = serde_json::from_str(&percent).unwrap_or_default();
    } else {
        row["discountType"] = json!("absolute");
        row["priceDetails"] = json!({ "resourceName": PRICES });
        resources.push(prices(fields, product, plan, pricing_type));
    }
    if custom {
        let said = text(fields, "note_to_buyer").unwrap_or(name);
        row["newPlanDetails"] = json!({ "name": name, "description": said });
    }
    offer["pricing"] = json!([row]);
    resources.push(offer);
    Ok(resources)
}

/// The prices: all of it at once for the term, and what metered units cost and include.
fn prices(fields: &Fields, product: &str, plan: &str, pricing_type: &str) -> Json {
    let term = text(fields, "duration").and_then(term).unwrap_or(Term::YEAR);
    let mut pricing = json!({});
    if let Some(Some(Value::Money(amount))) = fields.get("amount") {
        let amount: Json = serde_json::from_str(&amount.decimal()).unwrap_or_default();
        let price = json!({ "pricePerPaymentInUsd": amount, "billingTerm": term.json(), "paymentOption": term.json() });
        pricing["recurrentPrice"] =
            json!({ "recurrentPriceMode": "flatRate", "priceInputOption": "usd", "prices": [price] });
    }
    let mut meters = json!({});
    for rate in lines(fields, "rates").into_iter().filter_map(|line| Rate::parse(line).ok()) {
        let price: Json = serde_json::from_str(&rate.price).unwrap_or_default();
        meters[&rate.dimension]["pricePerPaymentInUsd"] = price;
    }
    for grant in lines(fields, "grants").into_iter().filter_map(|line| Grant::parse(line).ok()) {
        let included = match grant.quantity {
            Some(quantity) => json!({ "billingTerm": term.json(), "quantity": quantity, "isInfinite": false }),
            None => json!({ "billingTerm": term.json(), "isInfinite": true }),
        };
        meters[&grant.dimension]["includedQuantities"] = json!([included]);
    }
    if meters.as_object().is_some_and(|meters| !meters.is_empty()) {
        pricing["customMeters"] = json!({ "priceInputOption": "usd", "meters": meters });
    }
    json!({
        "$schema": ingestion::schema("price-and-availability-private-offer-plan"),
        "resourceName": PRICES,
        "product": product,
        "plan": plan,
        "offerPricingType": pricing_type,
        "pricing": pricing,
    })
}
