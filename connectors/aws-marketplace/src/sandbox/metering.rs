//! The Metering API: `BatchMeterUsage` and `ResolveCustomer`.

use super::{store::Store, wire::refused};
use concord_connector::sandbox::{WireRequest, WireResponse};
use serde_json::{Value as Json, json};

/// How long usage can be told late, in seconds.
const LATE_S: i64 = 24 * 3600;

pub(super) fn handle(store: &mut Store, request: &WireRequest) -> WireResponse {
    let Some(body) = request.json() else { return refused(400, "SerializationException", "the body is no JSON") };
    if request.headers.get("content-type").is_none_or(|named| named != "application/x-amz-json-1.1") {
        return refused(400, "SerializationException", "the content type is application/x-amz-json-1.1");
    }
    match request.headers.get("x-amz-target").map(String::as_str) {
        Some("AWSMPMeteringService.BatchMeterUsage") => meter(store, &body),
        Some("AWSMPMeteringService.ResolveCustomer") => resolve(store, &body),
        _ => refused(400, "UnknownOperationException", "no such operation"),
    }
}

fn meter(store: &mut Store, body: &Json) -> WireResponse {
    let records = body["UsageRecords"].as_array().cloned().unwrap_or_default();
    if records.is_empty() || records.len() > 25 {
        return refused(400, "ValidationException", "1 to 25 records");
    }
    let now = store.now.seconds();
    // One of them fails all.
    for record in &records {
        let time = record["Timestamp"].as_i64().unwrap_or_default();
        if time > now + 3600 || time < now - LATE_S {
            return refused(400, "TimestampOutOfBoundsException", "the time is out of bounds");
        }
        let licence = record["LicenseArn"].as_str().unwrap_or_default();
        let Some(agreement) = store.agreements.values().find(|one| one.licence == licence) else {
            return refused(400, "InvalidLicenseException", "the licence is none of this seller's");
        };
        if record["CustomerAWSAccountId"] != agreement.buyer.as_str() {
            return refused(400, "InvalidCustomerIdentifierException", "the licence is another buyer's");
        }
        let known = store.things.get(&agreement.product).is_some_and(|product| {
            let dimensions = product.document["Dimensions"].as_array();
            dimensions.into_iter().flatten().any(|one| one["Key"] == record["Dimension"] && metered(one))
        });
        if !known {
            return refused(400, "InvalidUsageDimensionException", "the dimension is not metered");
        }
    }
    let mut results = Vec::new();
    for record in records {
        let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
        let hour = record["Timestamp"].as_i64().unwrap_or_default() / 3600;
        let key = (text("LicenseArn"), text("Dimension"), hour);
        let active = store.agreements.values().any(|one| one.licence == key.0 && !one.deprovisioned);
        let quantity = text("QuantityAsDecimal");
        let mut result = json!({ "UsageRecord": record });
        result["Status"] = match (active, store.usage.get(&key)) {
            (false, _) => "CustomerNotSubscribed",
            (_, Some((held, _))) if *held != quantity => "DuplicateRecord",
            _ => "Success",
        }
        .into();
        if active {
            let held = store.usage.get(&key).map(|(_, id)| id.clone());
            let id = held.unwrap_or_else(|| store.id("mr"));
            result["MeteringRecordId"] = id.clone().into();
            store.usage.entry(key).or_insert((quantity, id));
        }
        results.push(result);
    }
    WireResponse::json(200, &json!({ "Results": results, "UnprocessedRecords": [] }))
}

fn metered(dimension: &Json) -> bool {
    let types = dimension["Types"].as_array();
    types.into_iter().flatten().any(|one| one == "ExternallyMetered" || one == "Metered")
}

/// A registration token is the id of the agreement that it came with.
fn resolve(store: &Store, body: &Json) -> WireResponse {
    let token = body["RegistrationToken"].as_str().unwrap_or_default();
    let Some(id) = token.strip_prefix("token-") else {
        return refused(400, "InvalidTokenException", "the token is none");
    };
    let Some(agreement) = store.agreements.get(id) else {
        return refused(400, "ExpiredTokenException", "the token has expired");
    };
    let code =
        store.things.get(&agreement.product).map(|product| product.document["Description"]["ProductCode"].clone());
    let mut answer = json!({ "CustomerAWSAccountId": agreement.buyer, "ProductCode": code });
    if store.concurrent {
        answer["LicenseArn"] = agreement.licence.clone().into();
    } else {
        answer["CustomerIdentifier"] = format!("ifAPi5AcF3{}", agreement.buyer).into();
    }
    WireResponse::json(200, &answer)
}
