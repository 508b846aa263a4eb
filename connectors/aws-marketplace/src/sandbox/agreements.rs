//! The Agreement and Entitlement APIs, in CBOR.

use super::{
    store::{Agreement, Store},
    wire::{cbor, cbor_refused, input},
};
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Number, Value as Json, json};

pub(super) fn handle(store: &Store, operation: &str, request: &WireRequest) -> WireResponse {
    let Some(input) = input(request) else {
        return cbor_refused(400, "SerializationException", "", "the input is no CBOR");
    };
    let id = input["agreementId"].as_str().unwrap_or_default();
    let found = store.agreements.get(id);
    match (operation, found) {
        ("SearchAgreements", _) => search(store, &input),
        (_, None) if !id.starts_with("agmt-") => {
            cbor_refused(400, "ValidationException", "INVALID_AGREEMENT_ID", "the agreement id is none")
        }
        (_, None) => cbor_refused(404, "ResourceNotFoundException", "", "there is no such agreement"),
        ("DescribeAgreement", Some(agreement)) => cbor(200, &described(store, id, agreement)),
        ("GetAgreementEntitlements", Some(agreement)) => {
            cbor(200, &json!({ "agreementEntitlements": [right(store, agreement)] }))
        }
        _ => cbor_refused(400, "UnknownOperationException", "", "no such operation"),
    }
}

/// Seconds with a fraction, as the service has times.
fn seconds(at: Instant) -> Json {
    Number::from_f64(at.ms() as f64 / 1000.0).map_or(Json::Null, Json::Number)
}

fn end(agreement: &Agreement) -> Json {
    // Without an end there is one in the year 9999.
    agreement.ends.map_or_else(|| json!(253_370_764_800.0), seconds)
}

fn summary(store: &Store, id: &str, agreement: &Agreement) -> Json {
    let mut row = json!({
        "agreementId": id,
        "acceptanceTime": seconds(agreement.accepted),
        "startTime": seconds(agreement.starts),
        "endTime": end(agreement),
        "agreementType": "PurchaseAgreement",
        "acceptor": { "accountId": agreement.buyer },
        "proposer": { "accountId": store.account },
        "proposalSummary": {
            "offerId": agreement.offer,
            "resources": [{ "id": agreement.product, "type": "SaaSProduct" }],
        },
        "status": agreement.status,
        "initialAgreementId": agreement.initial,
    });
    row["lastUpdateTime"] = seconds(agreement.updated);
    row["endTimeBehaviorType"] = agreement.ending.into();
    row
}

/// An agreement as it is described.
pub(super) fn described(store: &Store, id: &str, agreement: &Agreement) -> Json {
    let mut row = summary(store, id, agreement);
    if let Some(row) = row.as_object_mut() {
        row.remove("lastUpdateTime");
        row.remove("endTimeBehaviorType");
    }
    row["estimatedCharges"] = json!({ "currencyCode": agreement.currency, "agreementValue": agreement.amount });
    row["endTimeBehavior"] = json!({ "type": agreement.ending });
    row
}

fn right(store: &Store, agreement: &Agreement) -> Json {
    let mut row =
        json!({ "resource": { "id": agreement.product, "type": "SaaSProduct" }, "type": "AWSMarketplace:Entitlement" });
    if store.now < agreement.licensed {
        row["status"] = "PENDING".into();
        row["statusReasonCode"] = "PROVISIONING_IN_PROGRESS".into();
        return row;
    }
    row["status"] = if agreement.deprovisioned { "DEPROVISIONED" } else { "PROVISIONED" }.into();
    row["licenseArn"] = agreement.licence.clone().into();
    row
}

fn search(store: &Store, input: &Json) -> WireResponse {
    let mut found: Vec<(&String, &Agreement)> = store.agreements.iter().collect();
    let filters = input["filters"].as_array().cloned().unwrap_or_default();
    let named = |name: &str| filters.iter().any(|filter| filter["name"] == name);
    if !named("PartyType") || !named("AgreementType") || filters.len() > 10 {
        return cbor_refused(400, "ValidationException", "MISSING_FILTERS", "PartyType and AgreementType are needed");
    }
    for filter in &filters {
        let values = filter["values"].as_array().cloned().unwrap_or_default();
        let [Json::String(value)] = values.as_slice() else {
            return cbor_refused(400, "ValidationException", "INVALID_FILTER_VALUES", "a filter has one value");
        };
        let time = || Instant::parse(value);
        match filter["name"].as_str().unwrap_or_default() {
            "PartyType" | "AgreementType" => {}
            "OfferId" => found.retain(|(_, one)| one.offer == *value),
            "AcceptorAccountId" => found.retain(|(_, one)| one.buyer == *value),
            "Status" => found.retain(|(_, one)| one.status == value.as_str()),
            "LicenseArn" => found.retain(|(_, one)| one.licence == *value && one.licensed <= store.now),
            "AfterLastUpdateTime" => found.retain(|(_, one)| time().is_some_and(|after| one.updated >= after)),
            _ => {
                return cbor_refused(
                    400,
                    "ValidationException",
                    "UNSUPPORTED_FILTERS",
                    "the filters do not go together",
                );
            }
        }
    }
    found.sort_by_key(|(id, one)| (one.updated, (*id).clone()));
    let after = input["nextToken"].as_str().and_then(|token| token.split_once('_'));
    let after = after.and_then(|(ms, id)| Some((Instant::from_ms(ms.parse().ok()?), id.to_owned())));
    found.retain(|(id, one)| after.as_ref().is_none_or(|mark| (one.updated, (*id).clone()) > *mark));
    let most = input["maxResults"].as_u64().unwrap_or(50).clamp(1, 50) as usize;
    let next = found.get(most).and(found.get(most - 1)).map(|(id, one)| format!("{}_{id}", one.updated.ms()));
    let rows: Vec<Json> = found.into_iter().take(most).map(|(id, one)| summary(store, id, one)).collect();
    let mut answer = json!({ "agreementViewSummaries": rows });
    if let Some(next) = next {
        answer["nextToken"] = next.into();
    }
    cbor(200, &answer)
}

/// What licences include: the grants of the offer that was accepted.
pub(super) fn entitlements(store: &Store, request: &WireRequest) -> WireResponse {
    let Some(input) = input(request) else {
        return cbor_refused(400, "SerializationException", "", "the input is no CBOR");
    };
    let licences = input.pointer("/Filter/LICENSE_ARN").and_then(Json::as_array).cloned().unwrap_or_default();
    let code = input["ProductCode"].as_str().unwrap_or_default();
    let mut rows = Vec::new();
    for agreement in store.agreements.values().filter(|one| one.licensed <= store.now) {
        let product =
            store.things.get(&agreement.product).map(|product| &product.document["Description"]["ProductCode"]);
        if !licences.contains(&agreement.licence.clone().into()) || product.and_then(Json::as_str) != Some(code) {
            continue;
        }
        let terms = store.things.get(&agreement.offer).and_then(|offer| offer.document["Terms"].as_array());
        let grants = terms.into_iter().flatten().filter_map(|term| term["Grants"].as_array()).flatten();
        for grant in grants {
            rows.push(json!({
                "ProductCode": code,
                "Dimension": grant["DimensionKey"],
                "CustomerAWSAccountId": agreement.buyer,
                "Value": { "IntegerValue": grant["MaxQuantity"] },
                "ExpirationDate": end(agreement),
                "LicenseArn": agreement.licence,
            }));
        }
    }
    cbor(200, &json!({ "Entitlements": rows }))
}
