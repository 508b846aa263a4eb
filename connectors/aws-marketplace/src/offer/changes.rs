//! Canonical fields of an offer as the changes of a change set.

use super::Note;
use crate::{
    catalog::change,
    fields::{date, lines, reference, says, text},
    terms::{self, Of, said},
};
use concord_connector::{Fields, Instant, RecordId, Value};
use jiff::{ToSpan, tz::TimeZone};
use serde_json::{Value as Json, json};

/// The name by which the later changes of a set refer to the offer that the first one makes.
const CREATED: &str = "CreateOffer1";
const TYPE: &str = "Offer@1.0";
/// Fields that AWS lets nobody change once an offer is released, with what they are called in a sentence.
const FIXED: [&str; 11] = [
    "buyers",
    "pricing",
    "amount",
    "grants",
    "rates",
    "prices",
    "installments",
    "markup",
    "listing",
    "product",
    "eula",
];

/// The changes that make an offer, price it and release it: all or nothing.
pub(crate) fn creation(record: &RecordId, fields: &Fields) -> Vec<Json> {
    let name = text(fields, "name").unwrap_or_default();
    let authorization = reference(fields, "resale_authorization");
    let agreement = reference(fields, "agreement").filter(|_| !matches!(text(fields, "kind"), None | Some("new")));
    let product = reference(fields, "listing").or_else(|| text(fields, "product")).unwrap_or_default();
    let (made_by, document) = match (agreement, authorization) {
        (Some(agreement), Some(authorization)) => (
            "CreateReplacementOfferUsingResaleAuthorization",
            json!({ "AgreementId": agreement, "ResaleAuthorizationId": authorization }),
        ),
        (Some(agreement), None) => ("CreateReplacementOffer", json!({ "AgreementId": agreement })),
        (None, Some(authorization)) => {
            ("CreateOfferUsingResaleAuthorization", json!({ "ResaleAuthorizationId": authorization }))
        }
        (None, None) => ("CreateOffer", json!({ "ProductId": product })),
    };
    let mut first = change(made_by, json!({ "Type": TYPE }), document);
    first["ChangeName"] = CREATED.into();
    let mut changes = vec![first];
    let entity = json!({ "Type": TYPE, "Identifier": format!("${CREATED}.Entity.Identifier") });
    let mut add = |change_type: &str, document: Json| changes.push(change(change_type, entity.clone(), document));
    let note = Note { text: text(fields, "internal_note"), marker: Some(record.as_str()), withdrawn: false };
    add("UpdateInformation", json!({ "Name": name, "Description": note.write() }));
    if let Some(markup) = text(fields, "markup") {
        add("UpdateMarkup", json!({ "Percentage": markup }));
    }
    // Who may accept a replacement is who accepted the agreement.
    if agreement.is_none() {
        add("UpdateTargeting", targeting(fields));
    }
    if is_priced(fields) {
        add("UpdatePricingTerms", terms::pricing(Of::Offer, fields, Vec::new()));
    }
    if let Some(document) = terms::validity(fields) {
        add("UpdateValidityTerms", document);
    }
    if !lines(fields, "installments").is_empty() {
        add("UpdatePaymentScheduleTerms", terms::schedule(Of::Offer, fields));
    }
    // What is resold is resold under the terms of the authorization, unless the reseller has its own.
    if authorization.is_none() || text(fields, "eula").is_some() {
        add("UpdateLegalTerms", terms::legal(Of::Offer, fields));
    }
    if let Some(last) = date(fields, "accept_by") {
        add("UpdateAvailability", json!({ "AvailabilityEndDate": last.to_string() }));
    }
    add("ReleaseOffer", json!({}));
    changes
}

fn targeting(fields: &Fields) -> Json {
    json!({ "PositiveTargeting": { "BuyerAccounts": lines(fields, "buyers") } })
}

/// Whether the offer has prices of its own: a reseller's may have only a markup.
fn is_priced(fields: &Fields) -> bool {
    says(fields, &["amount", "rates", "prices", "installments"]) || text(fields, "markup").is_none()
}

/// The fields among these that cannot be changed any more: the offer is released.
pub(crate) fn fixed<'a>(document: &Json, wanted: &'a Fields, there: &Fields) -> Vec<&'a str> {
    if said(document, "State") != "Released" {
        return Vec::new();
    }
    let differs = |name: &&str| wanted.get(*name) != there.get(*name);
    wanted.keys().map(|field| field.as_str()).filter(|name| FIXED.contains(name)).filter(differs).collect()
}

/// The changes that give an offer these fields. `there` is what it holds, `document` the whole of it; what is there and
/// not mapped goes back as it came.
pub(crate) fn update(identifier: &str, document: &Json, there: &Fields, wanted: &Fields, now: Instant) -> Vec<Json> {
    let differs = |name: &str| wanted.get(name).is_some_and(|value| there.get(name) != Some(value));
    let any = |names: &[&str]| names.iter().any(|name| differs(name));
    let mut merged = there.clone();
    merged.extend(wanted.iter().map(|(field, value)| (field.clone(), value.clone())));
    let entity = json!({ "Type": TYPE, "Identifier": identifier });
    let mut changes = Vec::new();
    let mut add = |change_type: &str, document: Json| changes.push(change(change_type, entity.clone(), document));
    let held = Note::read(said(document, "Description"));
    let withdrawn = text(&merged, "withdrawn") == Some("yes");
    if any(&["name", "internal_note", "withdrawn"]) {
        let note = Note { text: text(&merged, "internal_note"), withdrawn, ..held };
        let mut information = json!({ "Name": text(&merged, "name").unwrap_or_default() });
        let description = note.write();
        // A description of no characters is refused; one that is not named stays.
        if !description.is_empty() {
            information["Description"] = description.into();
        }
        add("UpdateInformation", information);
    }
    if differs("buyers") {
        add("UpdateTargeting", targeting(&merged));
    }
    if differs("markup") {
        add("UpdateMarkup", json!({ "Percentage": text(&merged, "markup").unwrap_or("0") }));
    }
    if any(&["pricing", "amount", "grants", "rates", "prices", "installments"]) {
        let listed = document.get("Terms").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        add("UpdatePricingTerms", terms::pricing(Of::Offer, &merged, terms::strange(Of::Offer, listed)));
    }
    if any(&["duration", "starts_on", "ends_on"]) {
        add("UpdateValidityTerms", terms::validity(&merged).unwrap_or_else(|| json!({ "Terms": [] })));
    }
    if differs("installments") {
        add("UpdatePaymentScheduleTerms", terms::schedule(Of::Offer, &merged));
    }
    if differs("eula") {
        add("UpdateLegalTerms", terms::legal(Of::Offer, &merged));
    }
    if any(&["accept_by", "withdrawn"]) {
        // An offer is taken back by a last day that is over; there is no other way.
        let last = match (withdrawn, merged.get("accept_by")) {
            (true, _) => now.date_in(&TimeZone::UTC).checked_sub(1.day()).ok().map(|day| day.to_string()),
            (false, Some(Some(Value::Date(day)))) => Some(day.to_string()),
            (false, _) => None,
        };
        if let Some(last) = last {
            add("UpdateAvailability", json!({ "AvailabilityEndDate": last }));
        }
    }
    changes
}
