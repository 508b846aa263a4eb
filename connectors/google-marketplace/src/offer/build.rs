//! From what a seller wrote to an offer of Google's.

use crate::offer::view::marked;
use concord_connector::{
    Context, Fields, Value,
    exchange::Write,
    offer::{Installment, decimal},
    value::Money,
};
use jiff::{ToSpan as _, civil::Date};
use serde_json::{Value as Json, json};

/// Where the days of offers begin.
const ZONE: &str = "America/Los_Angeles";

pub(super) fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str).filter(|text| !text.is_empty())
}

pub(super) fn lines<'a>(fields: &'a Fields, name: &str) -> Vec<&'a str> {
    match fields.get(name) {
        Some(Some(Value::List(lines))) => lines.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    }
}

pub(super) fn date(fields: &Fields, name: &str) -> Option<Date> {
    match fields.get(name) {
        Some(Some(Value::Date(date))) => Some(*date),
        _ => None,
    }
}

pub(super) fn amount(fields: &Fields) -> Option<Money> {
    match fields.get("amount") {
        Some(Some(Value::Money(amount))) => Some(*amount),
        _ => None,
    }
}

/// The standard offer that it is based on: of the field itself, else of the listing.
pub(super) fn product(fields: &Fields) -> Option<&str> {
    let listing = || Some(fields.get("listing")?.as_ref()?.as_reference()?.external_id()?.as_str());
    text(fields, "product").or_else(listing)
}

/// The months of `P12M`.
pub(super) fn term(fields: &Fields) -> Option<i64> {
    text(fields, "duration")?.strip_prefix('P')?.strip_suffix('M')?.parse().ok().filter(|months| *months > 0)
}

/// The months of an offer of theirs.
pub(super) fn months(raw: &Json) -> i64 {
    raw.pointer("/term/durationMonths").and_then(Json::as_i64).unwrap_or_default()
}

/// So many months is what one payment is for.
pub(super) fn interval(name: &str) -> Option<i64> {
    Some(match name {
        "YEARLY_NOT_PRORATED" => 12,
        "QUARTERLY_NOT_PRORATED" => 3,
        "MONTHLY_NOT_PRORATED" | "MONTHLY_PRORATED" => 1,
        _ => return None,
    })
}

/// The longest interval that a term is made of.
pub(super) fn longest(months: i64) -> (&'static str, i64) {
    let all = [("YEARLY_NOT_PRORATED", 12), ("QUARTERLY_NOT_PRORATED", 3)];
    all.into_iter().find(|(_, each)| months % each == 0).unwrap_or(("MONTHLY_NOT_PRORATED", 1))
}

/// The beginning of a day in California.
pub(super) fn midnight(day: Date) -> Json {
    json!({ "year": day.year(), "month": day.month(), "day": day.day(), "timeZone": { "id": ZONE } })
}

/// The end of a day, which is the beginning of the next one.
pub(super) fn end_of(day: Date) -> Json {
    midnight(day.checked_add(1.day()).unwrap_or(day))
}

fn money(amount: Money) -> Json {
    let decimal = amount.decimal();
    let (units, fraction) = decimal.split_once('.').unwrap_or((&decimal, ""));
    let nanos: String = fraction.chars().chain("000000000".chars()).take(9).collect();
    match nanos.parse::<u32>() {
        Ok(nanos) if nanos > 0 => json!({ "currencyCode": amount.currency.code(), "units": units, "nanos": nanos }),
        _ => json!({ "currencyCode": amount.currency.code(), "units": units }),
    }
}

/// An offer; `write` passed the preflight.
pub(super) fn offer(cx: &Context, write: &Write) -> Json {
    let fields = &write.fields;
    let kind = if text(fields, "kind") == Some("renewal") { "NATIVE_RENEWAL" } else { "NEW" };
    let mut customer = json!({ "targetBillingAccount": lines(fields, "buyers").first() });
    for (ours, theirs) in [("customer_name", "entityTitle"), ("contact", "contact"), ("email", "email")] {
        if let Some(said) = text(fields, ours) {
            customer[theirs] = json!(said);
        }
    }
    let mut offer = json!({
        "title": text(fields, "name"),
        "offerDealType": kind,
        "internalNote": marked(text(fields, "internal_note"), write.record.as_str()),
        "customer": customer,
        "partnerContact": partner(cx),
        "term": whole_term(fields),
        "singleProductOffer": priced(fields),
    });
    if let Some(note) = text(fields, "note_to_buyer") {
        offer["customerNote"] = json!(note);
    }
    if let Some(day) = date(fields, "accept_by") {
        offer["acceptDeadlineTime"] = end_of(day);
    }
    offer
}

/// `Jane Roe <jane@example.com>`.
fn partner(cx: &Context) -> Json {
    let said = cx.option("partner_contact").unwrap_or_default().trim();
    match said.strip_suffix('>').and_then(|rest| rest.split_once('<')) {
        Some((name, address)) => json!({ "contact": name.trim(), "email": address.trim() }),
        None => json!({ "contact": said }),
    }
}

fn whole_term(fields: &Fields) -> Json {
    let mut term = match date(fields, "starts_on") {
        Some(day) => json!({ "startPolicy": "SCHEDULED_START_TIME", "scheduledStartTime": midnight(day) }),
        None => json!({ "startPolicy": "IMMEDIATE" }),
    };
    match (date(fields, "ends_on"), self::term(fields)) {
        (Some(day), None) => {
            term["endPolicy"] = json!("SCHEDULED_END_TIME");
            term["scheduledEndTime"] = end_of(day);
        }
        (_, months) => {
            term["endPolicy"] = json!("AFTER_DURATION");
            term["durationMonths"] = json!(months);
        }
    }
    term
}

fn priced(fields: &Fields) -> Json {
    let mut product = json!({ "baseStandardOffer": product(fields) });
    let flat = |amount: Money| json!({ "flatFee": { "flatFeeOverride": money(amount) } });
    let due: Vec<Installment> =
        lines(fields, "installments").into_iter().filter_map(|line| Installment::parse(line).ok()).collect();
    if !due.is_empty() {
        let rows: Vec<Json> =
            due.iter().map(|one| json!({ "startTime": midnight(one.on), "priceModel": flat(one.amount) })).collect();
        product["customIntervalPrice"] = json!({ "installments": rows });
        return product;
    }
    let mut price = json!({});
    if let Some(total) = amount(fields) {
        let (name, each) = longest(term(fields).unwrap_or(1));
        let count = term(fields).unwrap_or(1) / each;
        price["standardInterval"] = json!(name);
        price["priceModel"] = flat(Money { minor: total.minor / count.max(1), ..total });
    }
    if let Some(percent) = text(fields, "discount").and_then(decimal) {
        price["priceModel"]["usage"] = json!({ "defaultDiscountPercent": { "value": percent } });
    }
    product["standardIntervalPrice"] = price;
    product
}
