//! Agreements and what they entitle to, from the Agreement API (Smithy RPC v2 over CBOR) and the Entitlement API.

use crate::{
    entity::{document, seconds},
    read::{self, Rows},
    terms::{rows, said},
};
use concord_connector::{
    Context, Entity, ExternalId, Instant, Request, Response, Result, Snapshot, SourceVersion,
    exchange::{Body, Method, Refused},
    mapping,
    script::{Run, Script},
};
use jiff::tz::TimeZone;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// Agreements in one page; each of them is described by a call of its own.
const PAGE: usize = 20;
/// An end in this year or later is none.
const OPEN: i16 = 9999;

fn call(operation: &str, input: Json, limit: &str) -> Request {
    let mut request =
        Request::new(Method::Post, format!("/service/AWSMPCommerceService_v20200301/operation/{operation}"))
            .to("agreement")
            .header("smithy-protocol", "rpc-v2-cbor")
            .header("accept", "application/cbor")
            .limited_by(limit);
    request.body = Body::Cbor(input);
    request
}

/// Agreements in which we are the proposer, under further filters.
pub(crate) fn search(filters: &[(&str, &str)], next_token: Option<&str>) -> Request {
    let named = [("PartyType", "Proposer"), ("AgreementType", "PurchaseAgreement")];
    let filters: Vec<Json> =
        named.iter().chain(filters).map(|(name, value)| json!({ "name": name, "values": [value] })).collect();
    let mut input = json!({
        "catalog": crate::catalog::CATALOG,
        "filters": filters,
        "sort": { "sortBy": "LastUpdateTime", "sortOrder": "ASCENDING" },
        "maxResults": PAGE,
    });
    if let Some(token) = next_token {
        input["nextToken"] = token.into();
    }
    call("SearchAgreements", input, "search_agreements")
}

/// The summaries of a search.
pub(crate) fn summaries(response: &Response) -> impl Iterator<Item = &Json> {
    rows(&response.body, "/agreementViewSummaries")
}

/// The agreement that an offer became: the active one, else the latest.
pub(crate) fn of_offer<'a>(script: &mut Script<'a>, offer: &str) -> Run<Option<&'a Json>> {
    let response = script.send(search(&[("OfferId", offer)], None))?;
    let all: Vec<&Json> = summaries(response).collect();
    Ok(all.iter().find(|one| said(one, "status") == "ACTIVE").or(all.last()).copied())
}

/// Agreements by id.
pub(crate) fn fetch(cx: &Context, script: &mut Script<'_>, ids: &[ExternalId]) -> Run<Rows> {
    let mut found = Rows::new();
    for id in ids {
        let request = call("DescribeAgreement", json!({ "agreementId": id.as_str() }), "describe_agreement");
        // An id that is none of AWS's is refused as a mistake of the request.
        let response = script.send(request.accepting(&[200, 400, 404]))?;
        if response.status == 200 {
            let snapshot = snapshot(cx, &response.body, response.started_at);
            found.push((id.clone(), snapshot.map_err(Refused::from)));
        } else if response.status == 400 && !is_unknown(response) {
            return Err(crate::errors::of_agreement(response).into());
        }
    }
    Ok(found)
}

/// Whether an answer means that there is no such agreement.
fn is_unknown(response: &Response) -> bool {
    matches!(response.text("/reason"), Some("INVALID_AGREEMENT_ID"))
        || response.text("/__type").is_some_and(|t| t.ends_with("ResourceNotFoundException"))
}

fn snapshot(cx: &Context, described: &Json, now: Instant) -> Result<Snapshot> {
    let at = |member: &str| described.get(member).and_then(seconds);
    // The answer has no time of change; what ends an agreement early moves its end.
    let ended = at("endTime").filter(|end| said(described, "status") != "ACTIVE" && *end <= now);
    let modified = at("acceptanceTime").max(ended);
    let mut snapshot = Snapshot::named(
        Entity::Agreement,
        said(described, "agreementId"),
        SourceVersion::from_instant(modified.unwrap_or(now)),
    )?;
    snapshot.modified = modified;
    snapshot.fields = cx.mapping(Entity::Agreement)?.decode(cx, Entity::Agreement, &row(described))?;
    Ok(snapshot)
}

/// The row for the mapping: what AWS says, with days instead of times and our words beside.
fn row(described: &Json) -> Json {
    let mut row = described.clone();
    let status = said(described, "status");
    let ending = described.pointer("/endTimeBehavior/type").and_then(Json::as_str);
    let reason = described.pointer("/endTimeBehavior/reasonCode").and_then(Json::as_str).unwrap_or_default();
    let opted_out = reason.ends_with("RENEW_OPTED_OUT");
    row["state"] = if status == "ACTIVE" && opted_out { "OPTED_OUT".into() } else { status.into() };
    if let Some(ending) = ending {
        row["renews"] = if ending == "RENEW" { "yes" } else { "no" }.into();
    }
    let time = |member: &str| described.get(member).and_then(seconds);
    row["startDate"] = day(time("startTime"));
    row["endDate"] = day(time("endTime"));
    if let Some(accepted) = time("acceptanceTime") {
        row["acceptanceTime"] = accepted.rfc3339().into();
    }
    about(described, &mut row);
    let first = said(described, "initialAgreementId");
    if !first.is_empty() && first != said(described, "agreementId") {
        row["replaces"] = first.into();
    }
    row
}

/// What it is about: the offer and the product.
fn about(described: &Json, row: &mut Json) {
    if let Some(offer) = described.pointer("/proposalSummary/offerId") {
        row["offerId"] = offer.clone();
    }
    if let Some(resource) = described.pointer("/proposalSummary/resources/0") {
        row["productId"] = resource.get("id").cloned().unwrap_or_default();
        if said(resource, "type") == "SaaSProduct" {
            row["listing"] = resource.get("id").cloned().unwrap_or_default();
        }
    }
}

fn day(at: Option<Instant>) -> Json {
    match at.map(|at| at.date_in(&TimeZone::UTC)) {
        Some(day) if day.year() < OPEN => day.to_string().into(),
        _ => Json::Null,
    }
}

/// The id of an entitlement: the buyer's account and the licence, which is all that usage is reported against.
pub(crate) fn entitlement_id(account: &str, licence: &str) -> String {
    // AWS's own documents leave out how names of resources begin.
    let prefix = if licence.starts_with("arn:") { "" } else { "arn:" };
    format!("{account}/{prefix}{licence}")
}

/// Entitlements by id.
pub(crate) fn entitlements(cx: &Context, script: &mut Script<'_>, ids: &[ExternalId]) -> Run<Rows> {
    let mut found = Rows::new();
    let mut products = BTreeMap::new();
    for id in ids {
        let licence = id.as_str().split_once('/').map_or(id.as_str(), |(_, licence)| licence);
        let response = script.send(search(&[("LicenseArn", licence)], None).accepting(&[200, 400]))?;
        if response.status == 400 {
            continue;
        }
        for summary in summaries(response) {
            let all = of_agreement(cx, script, summary, response.started_at, &mut products)?;
            found.extend(all.into_iter().filter(|(other, _)| other == id));
        }
    }
    // The latest agreement of a licence speaks for it.
    let mut latest: BTreeMap<ExternalId, std::result::Result<Snapshot, Refused>> = BTreeMap::new();
    latest.extend(found);
    Ok(latest.into_iter().collect())
}

/// What an agreement entitles to. `products` keeps the codes of products that were asked for.
pub(crate) fn of_agreement(
    cx: &Context,
    script: &mut Script<'_>,
    summary: &Json,
    now: Instant,
    products: &mut BTreeMap<String, String>,
) -> Run<Rows> {
    let input = json!({ "agreementId": said(summary, "agreementId") });
    let response = script.send(call("GetAgreementEntitlements", input, "agreement_entitlements"))?;
    let mut found = Rows::new();
    for right in rows(&response.body, "/agreementEntitlements") {
        let licence = said(right, "licenseArn");
        // A right that waits for its provisioning has no licence yet: an event says when it has.
        if licence.is_empty() {
            continue;
        }
        let account = summary.pointer("/acceptor/accountId").and_then(Json::as_str).unwrap_or_default();
        let id = entitlement_id(account, licence);
        let product = right.pointer("/resource/id").and_then(Json::as_str).unwrap_or_default();
        let code = product_code(script, product, products)?;
        let mut row = mapping::row(summary);
        row["Id"] = id.clone().into();
        row["licenseArn"] = id.split_once('/').map_or(licence, |(_, licence)| licence).into();
        about(summary, &mut row);
        row["state"] = state(right, summary).into();
        if let Some(ending) = summary.get("endTimeBehaviorType").and_then(Json::as_str) {
            row["renews"] = if ending == "RENEW" { "yes" } else { "no" }.into();
        }
        row["startDate"] = day(summary.get("startTime").and_then(seconds));
        row["endDate"] = day(summary.get("endTime").and_then(seconds));
        if let Some(code) = code {
            row["Dimensions"] = dimensions(script, &code, licence)?;
        }
        let modified = summary.get("lastUpdateTime").and_then(seconds);
        let version = SourceVersion::from_instant(modified.unwrap_or(now));
        let mut snapshot = Snapshot::new(Entity::Entitlement, id.as_str(), version);
        snapshot.modified = modified;
        let decoded = cx.mapping(Entity::Entitlement)?.decode(cx, Entity::Entitlement, &row);
        let row = decoded.map(|fields| Snapshot { fields, ..snapshot });
        found.push((id.into(), row.map_err(Refused::from)));
    }
    Ok(found)
}

/// A licence that is in force under an agreement that is over is not.
fn state<'a>(right: &'a Json, summary: &Json) -> &'a str {
    match (said(right, "status"), said(summary, "status")) {
        (_, "REPLACED" | "RENEWED" | "SUPERSEDED" | "ARCHIVED") => "REPLACED",
        ("PROVISIONED", "ACTIVE") if said(summary, "endTimeBehaviorReasonCode").ends_with("RENEW_OPTED_OUT") => {
            "OPTED_OUT"
        }
        ("PROVISIONED", "ACTIVE") | ("PENDING" | "SCHEDULED" | "FAILED" | "DEPROVISIONED", _) => said(right, "status"),
        _ => "DEPROVISIONED",
    }
}

/// The code of a product, by which entitlements are asked for; `None` for one that is not ours to see, or that nobody can read.
fn product_code(script: &mut Script<'_>, product: &str, known: &mut BTreeMap<String, String>) -> Run<Option<String>> {
    if let Some(code) = known.get(product) {
        return Ok(Some(code.clone()).filter(|code| !code.is_empty()));
    }
    let described = if product.is_empty() { None } else { read::described(script, product)? };
    let code = described.and_then(|(described, _)| document(described).ok()).unwrap_or_default();
    let code = code.pointer("/Description/ProductCode").and_then(Json::as_str).unwrap_or_default().to_owned();
    known.insert(product.to_owned(), code.clone());
    Ok(Some(code).filter(|code| !code.is_empty()))
}

/// What a licence includes. Entitlements that have expired are listed too: their last day is over.
fn dimensions(script: &mut Script<'_>, code: &str, licence: &str) -> Run<Json> {
    let mut request = Request::new(Method::Post, "/service/AWSMPEntitlementService/operation/GetEntitlements")
        .to("entitlement")
        .header("smithy-protocol", "rpc-v2-cbor")
        .header("accept", "application/cbor")
        .limited_by("get_entitlements");
    request.body = Body::Cbor(json!({ "ProductCode": code, "Filter": { "LICENSE_ARN": [licence] } }));
    let response = script.send(request)?;
    let now = response.started_at;
    let counts = |one: &&Json| one.get("ExpirationDate").and_then(seconds).is_none_or(|end| end > now);
    let lines = rows(&response.body, "/Entitlements").filter(counts).map(|one| {
        let value = one.get("Value").and_then(Json::as_object).and_then(|value| value.values().next());
        let quantity = match value {
            Some(Json::Number(number)) => format!(" {number}"),
            Some(Json::String(text)) => format!(" {text}"),
            _ => String::new(),
        };
        Json::String(format!("{}{quantity}", said(one, "Dimension")))
    });
    Ok(lines.collect())
}
