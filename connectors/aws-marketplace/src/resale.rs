//! Resale authorizations: documents as rows, and canonical fields as changes.

use crate::{
    catalog::change,
    fields::{date, lines, reference, text},
    offer::Note,
    terms::{self, Of, rows, said},
};
use concord_connector::{Fields, Instant, RecordId};
use jiff::tz::TimeZone;
use serde_json::{Map, Value as Json, json};

const TYPE: &str = "ResaleAuthorization@1.0";
/// The name by which the later changes of a set refer to the authorization that the first one makes.
const CREATED: &str = "ResaleAuthorization1";

/// The row of an authorization.
pub(crate) fn row(document: &Json, now: Instant) -> Json {
    let listed = document.get("Terms").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let mut row = terms::read(Of::Resale, listed);
    let note = Note::read(said(document, "Description"));
    let rule = |member: &str| rows(document, "/Rules").find_map(|rule| rule.get(member).cloned()).unwrap_or_default();
    let until = rule("AvailabilityEndDate");
    let over = until
        .as_str()
        .and_then(|day| day.get(..10))
        .and_then(|day| day.parse().ok())
        .is_some_and(|last| now.date_in(&TimeZone::UTC) > last);
    let state = match said(document, "Status") {
        "Active" if over => "Ended",
        "" => "Draft",
        status => status,
    };
    row.insert("State".into(), state.into());
    row.insert("Name".into(), document.get("Name").cloned().unwrap_or_default());
    row.insert("Note".into(), note.text.into());
    row.insert("AvailabilityEndDate".into(), until);
    let quantity = rule("OffersMaxQuantity");
    row.insert("OffersMaxQuantity".into(), if quantity.is_null() { Json::Null } else { quantity.to_string().into() });
    row.insert("ResellerAccountId".into(), rule("ResellerAccountId"));
    let buyers = rows(document, "/Terms").find_map(|term| term.pointer("/PositiveTargeting/BuyerAccounts")).cloned();
    row.insert("BuyerAccounts".into(), buyers.unwrap_or_else(|| json!([])));
    if let Some(model) = document.get("PricingModel").filter(|model| model.is_string()) {
        row.insert("PricingModel".into(), model.clone());
    }
    if let Some(product) = document.get("ProductId") {
        row.insert("ProductId".into(), product.clone());
        row.insert("Listing".into(), product.clone());
    }
    if let Some(marker) = note.marker {
        row.insert("Marker".into(), marker.into());
    }
    Json::Object(row)
}

/// The changes that make an authorization, price it and release it.
pub(crate) fn creation(record: &RecordId, fields: &Fields) -> Vec<Json> {
    let product = reference(fields, "listing").or_else(|| text(fields, "product")).unwrap_or_default();
    let document = json!({
        "ProductId": product,
        "Name": text(fields, "name").unwrap_or_default(),
        "Description": described(record, fields),
        "ResellerAccountId": text(fields, "reseller_account").unwrap_or_default(),
    });
    let mut first = change("CreateResaleAuthorization", json!({ "Type": TYPE }), document);
    first["ChangeName"] = CREATED.into();
    let mut changes = vec![first];
    let entity = json!({ "Type": TYPE, "Identifier": format!("${CREATED}.Entity.Identifier") });
    let mut add = |change_type: &str, document: Json| changes.push(change(change_type, entity.clone(), document));
    if let Some(document) = availability(fields) {
        add("UpdateAvailability", document);
    }
    add("UpdatePricingTerms", terms::pricing(Of::Resale, fields, Vec::new()));
    if !lines(fields, "installments").is_empty() {
        add("UpdatePaymentScheduleTerms", terms::schedule(Of::Resale, fields));
    }
    if !lines(fields, "buyers").is_empty() {
        add("UpdateBuyerTargetingTerms", targeting(fields));
    }
    add("UpdateLegalTerms", terms::legal(Of::Resale, fields));
    add("ReleaseResaleAuthorization", json!({}));
    changes
}

fn described(record: &RecordId, fields: &Fields) -> String {
    Note { text: text(fields, "description"), marker: Some(record.as_str()), withdrawn: false }.write()
}

fn targeting(fields: &Fields) -> Json {
    let accounts = lines(fields, "buyers");
    json!({ "Terms": [{ "Type": "BuyerTargetingTerm", "PositiveTargeting": { "BuyerAccounts": accounts } }] })
}

/// How many offers, and until when; `None` for as many as one likes, for ever.
fn availability(fields: &Fields) -> Option<Json> {
    let mut document = Map::new();
    if let Some(quantity) = text(fields, "offers").and_then(|text| text.parse::<u32>().ok()) {
        document.insert("OffersMaxQuantity".into(), quantity.into());
    }
    if let Some(last) = date(fields, "available_until") {
        document.insert("AvailabilityEndDate".into(), last.to_string().into());
    }
    (!document.is_empty()).then_some(Json::Object(document))
}

/// The changes that give an authorization these fields.
pub(crate) fn update(identifier: &str, document: &Json, there: &Fields, wanted: &Fields) -> Vec<Json> {
    let differs = |name: &str| wanted.get(name).is_some_and(|value| there.get(name) != Some(value));
    let any = |names: &[&str]| names.iter().any(|name| differs(name));
    let mut merged = there.clone();
    merged.extend(wanted.iter().map(|(field, value)| (field.clone(), value.clone())));
    let entity = json!({ "Type": TYPE, "Identifier": identifier });
    let mut changes = Vec::new();
    let mut add = |change_type: &str, document: Json| changes.push(change(change_type, entity.clone(), document));
    if any(&["name", "description"]) {
        let held = Note::read(said(document, "Description"));
        let note = Note { text: text(&merged, "description"), ..held }.write();
        let mut information = json!({ "Name": text(&merged, "name").unwrap_or_default() });
        // A description of no characters is refused; one that is not named stays.
        if !note.is_empty() {
            information["Description"] = note.into();
        }
        add("UpdateInformation", information);
    }
    if any(&["pricing", "amount", "grants", "rates", "prices", "installments", "duration"]) {
        let listed = document.get("Terms").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        add("UpdatePricingTerms", terms::pricing(Of::Resale, &merged, terms::strange(Of::Resale, listed)));
    }
    if differs("installments") {
        add("UpdatePaymentScheduleTerms", terms::schedule(Of::Resale, &merged));
    }
    if differs("buyers") {
        add("UpdateBuyerTargetingTerms", targeting(&merged));
    }
    if differs("eula") {
        add("UpdateLegalTerms", terms::legal(Of::Resale, &merged));
    }
    if let (true, Some(document)) = (any(&["offers", "available_until"]), availability(&merged)) {
        add("UpdateAvailability", document);
    }
    changes
}
