//! Terms of offers and resale authorizations: canonical fields as AWS's documents, and back.
//!
//! The two have the same terms under two sets of names: `FixedUpfrontPricingTerm` and `ResaleFixedUpfrontPricingTerm`.

use crate::fields::{date, lines, money, text};
use concord_connector::{
    Fields, Money,
    offer::{Grant, Installment, Rate},
    value::Currency,
};
use serde_json::{Map, Value as Json, json};

/// Whose terms they are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Of {
    /// An offer's.
    Offer,
    /// A resale authorization's.
    Resale,
}

impl Of {
    fn named(self, term: &str) -> String {
        match self {
            Self::Offer => term.to_owned(),
            Self::Resale => format!("Resale{term}"),
        }
    }
}

/// The version of AWS's standard contract that offers name.
pub(crate) const STANDARD_EULA: &str = "2022-07-14";

/// The document of `UpdatePricingTerms`. `kept` are terms that are there and that we have no words for.
pub(crate) fn pricing(of: Of, fields: &Fields, kept: Vec<Json>) -> Json {
    let model = match text(fields, "pricing") {
        Some("usage") => "Usage",
        Some("free") => "Free",
        Some("byol") => "Byol",
        _ => "Contract",
    };
    let mut terms = Vec::new();
    let prices: Vec<Rate> = lines(fields, "prices").into_iter().filter_map(|line| Rate::parse(line).ok()).collect();
    let rates: Vec<Rate> = lines(fields, "rates").into_iter().filter_map(|line| Rate::parse(line).ok()).collect();
    let dues = installments(fields);
    if model == "Contract" && prices.is_empty() {
        terms.extend(fixed(of, fields, &dues));
    }
    if let Some(first) = rates.first() {
        terms.push(json!({
            "Type": of.named("UsageBasedPricingTerm"),
            "CurrencyCode": first.currency.code(),
            "RateCards": [{ "RateCard": card(&rates) }],
        }));
    }
    if let Some(first) = prices.first() {
        terms.push(json!({
            "Type": of.named("ConfigurableUpfrontPricingTerm"),
            "CurrencyCode": first.currency.code(),
            "RateCards": [{
                "Selector": { "Type": "Duration", "Value": text(fields, "duration").unwrap_or("P12M") },
                "RateCard": card(&prices),
                "Constraints": { "MultipleDimensionSelection": "Allowed", "QuantityConfiguration": "Allowed" },
            }],
        }));
    }
    if model == "Byol" {
        terms.push(json!({ "Type": "ByolPricingTerm" }));
    }
    terms.extend(kept);
    json!({ "PricingModel": model, "Terms": terms })
}

/// The price of a contract as a whole: nothing in advance where it is paid in instalments.
fn fixed(of: Of, fields: &Fields, dues: &[Installment]) -> Option<Json> {
    let amount = money(fields, "amount");
    let currency = amount.map(|amount| amount.currency).or(dues.first().map(|due| due.amount.currency))?;
    let price = match (dues.is_empty(), amount) {
        (true, Some(amount)) => amount.decimal(),
        _ => "0.0".to_owned(),
    };
    let mut term =
        json!({ "Type": of.named("FixedUpfrontPricingTerm"), "CurrencyCode": currency.code(), "Price": price });
    // An authorization has no validity of its own to hold the duration.
    if let (Of::Resale, Some(duration)) = (of, text(fields, "duration")) {
        term["Duration"] = duration.into();
    }
    let grants: Vec<Json> = lines(fields, "grants")
        .into_iter()
        .filter_map(|line| Grant::parse(line).ok())
        .map(|grant| match grant.quantity {
            Some(quantity) => json!({ "DimensionKey": grant.dimension, "MaxQuantity": quantity }),
            None => json!({ "DimensionKey": grant.dimension }),
        })
        .collect();
    if !grants.is_empty() {
        term["Grants"] = Json::Array(grants);
    }
    Some(term)
}

fn card(rates: &[Rate]) -> Json {
    rates.iter().map(|rate| json!({ "DimensionKey": rate.dimension, "Price": rate.price })).collect()
}

/// The instalments that are written in a form that can be read.
pub(crate) fn installments(fields: &Fields) -> Vec<Installment> {
    lines(fields, "installments").into_iter().filter_map(|line| Installment::parse(line).ok()).collect()
}

/// The document of `UpdatePaymentScheduleTerms`; without instalments it takes the schedule away.
pub(crate) fn schedule(of: Of, fields: &Fields) -> Json {
    let dues = installments(fields);
    let Some(first) = dues.first() else { return json!({ "Terms": [] }) };
    let rows: Vec<Json> = dues
        .iter()
        .map(|due| json!({ "ChargeDate": due.on.to_string(), "ChargeAmount": due.amount.decimal() }))
        .collect();
    let term = json!({
        "Type": of.named("PaymentScheduleTerm"),
        "CurrencyCode": first.amount.currency.code(),
        "Schedule": rows,
    });
    json!({ "Terms": [term] })
}

/// The document of `UpdateValidityTerms`; `None` where the prices say how long the agreement holds.
pub(crate) fn validity(fields: &Fields) -> Option<Json> {
    let mut term = Map::new();
    for (field, member) in [("starts_on", "AgreementStartDate"), ("ends_on", "AgreementEndDate")] {
        term.extend(date(fields, field).map(|day| (member.to_owned(), Json::String(day.to_string()))));
    }
    if term.is_empty() && lines(fields, "prices").is_empty() {
        let duration = text(fields, "duration")?;
        term.insert("AgreementDuration".into(), duration.into());
    }
    if term.is_empty() {
        return None;
    }
    term.insert("Type".into(), "ValidityTerm".into());
    Some(json!({ "Terms": [term] }))
}

/// The document of `UpdateLegalTerms`.
pub(crate) fn legal(of: Of, fields: &Fields) -> Json {
    let document = match (text(fields, "eula"), of) {
        (None | Some("standard"), Of::Offer) => json!({ "Type": "StandardEula", "Version": STANDARD_EULA }),
        (None | Some("standard"), Of::Resale) => json!({ "Type": "StandardEula" }),
        (Some(url), _) => json!({ "Type": "CustomEula", "Url": url }),
    };
    let name = if of == Of::Offer { "LegalTerm" } else { "BuyerLegalTerm" };
    json!({ "Terms": [{ "Type": name, "Documents": [document] }] })
}

/// Pricing terms that are there and that we have no words for.
pub(crate) fn strange(of: Of, terms: &[Json]) -> Vec<Json> {
    let known = ["FixedUpfrontPricingTerm", "UsageBasedPricingTerm", "ConfigurableUpfrontPricingTerm"];
    let kept = |term: &&Json| {
        let name = term.get("Type").and_then(Json::as_str).unwrap_or_default();
        name.ends_with("PricingTerm") && name != "ByolPricingTerm" && !known.iter().any(|known| of.named(known) == name)
    };
    terms.iter().filter(kept).cloned().collect()
}

/// What terms say, as members of a row for the mapping.
pub(crate) fn read(of: Of, terms: &[Json]) -> Map<String, Json> {
    let mut row = Map::new();
    let mut models = Vec::new();
    let empty = || Json::Array(Vec::new());
    for name in ["Grants", "Rates", "Prices", "Installments"] {
        row.insert(name.into(), empty());
    }
    for name in ["Amount", "Duration", "AgreementStartDate", "AgreementEndDate", "Eula"] {
        row.insert(name.into(), Json::Null);
    }
    for term in terms {
        let name = term.get("Type").and_then(Json::as_str).unwrap_or_default();
        let name = if of == Of::Resale { name.strip_prefix("Resale").unwrap_or(name) } else { name };
        let currency = term.get("CurrencyCode").and_then(Json::as_str).unwrap_or_default();
        match name {
            "FixedUpfrontPricingTerm" => {
                models.push("Contract");
                let grants = rows(term, "/Grants").map(|grant| {
                    let quantity = grant.get("MaxQuantity").map_or_else(String::new, |quantity| format!(" {quantity}"));
                    Json::String(format!("{}{quantity}", said(grant, "DimensionKey")))
                });
                row.insert("Grants".into(), grants.collect());
                row.insert("Currency".into(), currency.into());
                if row.get("Amount") == Some(&Json::Null) {
                    row.insert("Amount".into(), said(term, "Price").into());
                }
                if let Some(duration) = term.get("Duration").and_then(Json::as_str) {
                    row.insert("Duration".into(), duration.into());
                }
            }
            "ConfigurableUpfrontPricingTerm" => {
                models.push("Contract");
                row.insert("Prices".into(), cards(term, currency));
                if let Some(duration) = term.pointer("/RateCards/0/Selector/Value") {
                    row.insert("Duration".into(), duration.clone());
                }
            }
            "UsageBasedPricingTerm" => {
                models.push("Usage");
                row.insert("Rates".into(), cards(term, currency));
            }
            "ByolPricingTerm" => models.push("Byol"),
            "ValidityTerm" => {
                for (member, name) in [
                    ("AgreementDuration", "Duration"),
                    ("AgreementStartDate", "AgreementStartDate"),
                    ("AgreementEndDate", "AgreementEndDate"),
                ] {
                    if let Some(value) = term.get(member) {
                        row.insert(name.into(), value.clone());
                    }
                }
            }
            "PaymentScheduleTerm" => paid(term, currency, &mut row),
            "LegalTerm" | "BuyerLegalTerm" => {
                let eula = rows(term, "/Documents").find_map(|document| match said(document, "Type") {
                    "StandardEula" => Some("standard"),
                    "CustomEula" => document.get("Url").and_then(Json::as_str),
                    _ => None,
                });
                row.insert("Eula".into(), eula.into());
            }
            _ => {}
        }
    }
    let model = ["Contract", "Usage", "Byol"].into_iter().find(|model| models.contains(model));
    row.insert("PricingModel".into(), model.into());
    row
}

/// A schedule: its rows, and what they come to.
fn paid(term: &Json, currency: &str, row: &mut Map<String, Json>) {
    let mut total: Option<i64> = Some(0);
    let mut lines = Vec::new();
    let Some(code) = Currency::parse(currency) else { return };
    for due in rows(term, "/Schedule") {
        let Ok(amount) = Money::parse(said(due, "ChargeAmount"), code) else {
            total = None;
            continue;
        };
        total = total.and_then(|total| total.checked_add(amount.minor));
        lines.push(Json::String(format!("{} {} {currency}", said(due, "ChargeDate"), amount.decimal())));
    }
    row.insert("Installments".into(), Json::Array(lines));
    if let Some(minor) = total {
        row.insert("Amount".into(), Money { minor, currency: code }.decimal().into());
        row.insert("Currency".into(), currency.into());
    }
}

fn cards(term: &Json, currency: &str) -> Json {
    rows(term, "/RateCards/0/RateCard")
        .map(|rate| {
            let line = format!("{} {} {currency}", said(rate, "DimensionKey"), said(rate, "Price"));
            Json::String(Rate::parse(&line).map_or(line, |rate| rate.to_string()))
        })
        .collect()
}

/// The elements of an array at a pointer.
pub(crate) fn rows<'a>(json: &'a Json, pointer: &str) -> impl Iterator<Item = &'a Json> + use<'a> {
    json.pointer(pointer).and_then(Json::as_array).into_iter().flatten()
}

/// A text member, empty when there is none.
pub(crate) fn said<'a>(json: &'a Json, member: &str) -> &'a str {
    json.get(member).and_then(Json::as_str).unwrap_or_default()
}
