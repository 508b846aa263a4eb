//! Private offers: documents as rows, and canonical fields as changes.

mod changes;
mod note;

use crate::{
    entity::Beside,
    terms::{self, Of, rows, said},
};
pub(crate) use changes::{creation, fixed, update};
use concord_connector::Instant;
use jiff::tz::TimeZone;
pub(crate) use note::{Note, ROOM};
use serde_json::{Value as Json, json};

/// The row of an offer.
pub(crate) fn row(document: &Json, beside: &Beside<'_>, now: Instant) -> Json {
    let listed = document.get("Terms").and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
    let mut row = terms::read(Of::Offer, listed);
    let note = Note::read(said(document, "Description"));
    let rule = |member: &str| rows(document, "/Rules").find_map(|rule| rule.get(member).cloned()).unwrap_or_default();
    let summary = beside.summary.and_then(|summary| summary.get("OfferSummary"));
    let summed = |member: &str| summary.and_then(|summary| summary.get(member)).cloned();
    let accept_by = rule("AvailabilityEndDate");
    let buyers = rows(document, "/Rules").find_map(|rule| rule.pointer("/PositiveTargeting/BuyerAccounts")).cloned();
    row.insert("Name".into(), document.get("Name").cloned().unwrap_or_default());
    row.insert("Note".into(), note.text.into());
    row.insert("Withdrawn".into(), if note.withdrawn { "yes" } else { "no" }.into());
    row.insert("BuyerAccounts".into(), buyers.unwrap_or_else(|| json!([])));
    row.insert("MarkupPercentage".into(), document.get("MarkupPercentage").cloned().unwrap_or_default());
    row.insert("State".into(), state(document, &accept_by, note.withdrawn, beside.agreement, now).into());
    row.insert("AvailabilityEndDate".into(), accept_by);
    if let Some(marker) = note.marker {
        row.insert("Marker".into(), marker.into());
    }
    if let Some(product) = document.get("ProductId") {
        row.insert("ProductId".into(), product.clone());
        // Only products that are listings here; an offer may be of a server image.
        row.insert("Listing".into(), product.clone());
    }
    let authorization = document.get("ResaleAuthorizationId").cloned().or_else(|| summed("ResaleAuthorizationId"));
    if let Some(authorization) = authorization {
        row.insert("ResaleAuthorizationId".into(), authorization);
    }
    if summary.is_some() {
        let target = summed("TargetAgreementId");
        let kind = match (&target, summed("TargetAgreementIntent").as_ref().and_then(Json::as_str)) {
            (None, _) => "New",
            (Some(_), Some("Renew")) => "Renew",
            (Some(_), _) => "Amend",
        };
        row.insert("Kind".into(), kind.into());
        row.insert("TargetAgreementId".into(), target.unwrap_or_default());
    }
    Json::Object(row)
}

/// Where it stands. AWS knows draft and released; the rest is in the dates and in the agreement.
fn state(document: &Json, accept_by: &Json, withdrawn: bool, agreement: Option<&Json>, now: Instant) -> &'static str {
    if let Some(agreement) = agreement {
        return if said(agreement, "status") == "ACTIVE" { "Accepted" } else { "Ended" };
    }
    if said(document, "State") != "Released" {
        return "Draft";
    }
    let last = accept_by.as_str().and_then(|day| day.get(..10)).and_then(|day| day.parse().ok());
    match last {
        Some(last) if now.date_in(&TimeZone::UTC) > last => {
            if withdrawn {
                "Withdrawn"
            } else {
                "Expired"
            }
        }
        _ => "Released",
    }
}
