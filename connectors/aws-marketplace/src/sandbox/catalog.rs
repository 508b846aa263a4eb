//! The Catalog API.

use super::{
    sets,
    store::{Store, Thing, available, buyers, time},
    wire::refused,
};
use concord_connector::{
    Instant,
    sandbox::{WireRequest, WireResponse},
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

pub(super) fn handle(store: &mut Store, request: &WireRequest) -> WireResponse {
    let named = (request.method.as_str(), request.path());
    if request.method == "GET" {
        if request.parameter("catalog").as_deref() != Some("AWSMarketplace") {
            return refused(422, "ValidationException", "the catalog is AWSMarketplace");
        }
        return match named.1 {
            "/DescribeEntity" => describe(store, &request.parameter("entityId").unwrap_or_default()),
            "/DescribeChangeSet" => sets::describe(store, &request.parameter("changeSetId").unwrap_or_default()),
            _ => refused(404, "UnknownOperationException", ""),
        };
    }
    let Some(body) = request.json().filter(Json::is_object) else {
        return refused(400, "SerializationException", "the body is no JSON");
    };
    match named {
        ("POST", "/StartChangeSet") => sets::start(store, &body),
        ("POST", "/ListChangeSets") => sets::list(store, &body),
        ("PATCH", "/CancelChangeSet") => refused(422, "ValidationException", "the change set is past PREPARING"),
        ("POST", "/ListEntities") => list(store, &body),
        ("POST", "/BatchDescribeEntities") => describe_all(store, &body),
        _ => refused(404, "UnknownOperationException", ""),
    }
}

fn shown(store: &Store, id: &str, thing: &Thing) -> Json {
    json!({
        "EntityType": format!("{}@1.0", thing.of),
        "EntityIdentifier": format!("{id}@{}", thing.revision),
        "EntityArn": format!("arn:aws:aws-marketplace:us-east-1:{}:AWSMarketplace/{}/{id}", store.account, thing.of),
        "LastModifiedDate": time(thing.modified),
        "Details": thing.document.to_string(),
        "DetailsDocument": thing.document,
    })
}

fn describe(store: &Store, id: &str) -> WireResponse {
    match store.things.get(id) {
        Some(thing) => WireResponse::json(200, &shown(store, id, thing)),
        None => refused(404, "ResourceNotFoundException", "Requested entity does not exist."),
    }
}

fn describe_all(store: &Store, body: &Json) -> WireResponse {
    let asked = body.get("EntityRequestList").and_then(Json::as_array).cloned().unwrap_or_default();
    if asked.is_empty() || asked.len() > 20 {
        return refused(422, "ValidationException", "EntityRequestList has 1 to 20 elements");
    }
    let (mut details, mut errors) = (json!({}), json!({}));
    for one in &asked {
        let id = one.get("EntityId").and_then(Json::as_str).unwrap_or_default();
        match store.things.get(id) {
            Some(thing) => {
                let mut shown = shown(store, id, thing);
                // This operation has no older form of the document.
                shown.as_object_mut().map(|shown| shown.remove("Details"));
                details[id] = shown;
            }
            None => {
                errors[id] =
                    json!({ "ErrorCode": "RESOURCE_NOT_FOUND", "ErrorMessage": "Requested entity does not exist." });
            }
        }
    }
    WireResponse::json(200, &json!({ "EntityDetails": details, "Errors": errors }))
}

fn list(store: &Store, body: &Json) -> WireResponse {
    let of = body.get("EntityType").and_then(Json::as_str).unwrap_or_default();
    let most = body.get("MaxResults").and_then(Json::as_u64).unwrap_or(20);
    if !(1..=50).contains(&most) {
        return refused(422, "ValidationException", "MaxResults is 1 to 50");
    }
    let filters = body.pointer(&format!("/EntityTypeFilters/{of}Filters")).cloned().unwrap_or_default();
    let mut found: Vec<(&String, &Thing)> =
        store.things.iter().filter(|(id, thing)| thing.of == of && passes(id, thing, &filters)).collect();
    found.sort_by_key(|(id, thing)| (thing.modified, (*id).clone()));
    // The mark is where the last page ended: what changes meanwhile moves behind it, and hides nobody.
    let after = body.get("NextToken").and_then(Json::as_str).and_then(|token| token.split_once(':'));
    let after = after.and_then(|(ms, id)| Some((Instant::from_ms(ms.parse().ok()?), id.to_owned())));
    found.retain(|(id, thing)| after.as_ref().is_none_or(|mark| (thing.modified, (*id).clone()) > *mark));
    let most = most as usize;
    let next = found.get(most).and(found.get(most - 1)).map(|(id, thing)| format!("{}:{id}", thing.modified.ms()));
    let rows: Vec<Json> = found.into_iter().take(most).map(|(id, thing)| summary(store, id, thing)).collect();
    let mut answer = json!({ "EntitySummaryList": rows });
    if let Some(next) = next {
        answer["NextToken"] = next.into();
    }
    WireResponse::json(200, &answer)
}

fn passes(id: &str, thing: &Thing, filters: &Json) -> bool {
    let texts = |name: &str| -> Option<BTreeSet<&str>> {
        let list = filters.get(name)?.get("ValueList")?.as_array()?;
        Some(list.iter().filter_map(Json::as_str).collect())
    };
    let within = |name: &str, at: Option<String>| {
        let Some(range) = filters.get(name).and_then(|filter| filter.get("DateRange")) else { return true };
        let bound = |name: &str| range.get(name).and_then(Json::as_str);
        at.is_some_and(|at| {
            bound("AfterValue").is_none_or(|after| at.as_str() >= after)
                && bound("BeforeValue").is_none_or(|before| at.as_str() <= before)
        })
    };
    let targeting = if buyers(&thing.document).is_empty() { "None" } else { "BuyerAccounts" };
    let last = available(&thing.document).map(|day| format!("{}T00:00:00Z", day.get(..10).unwrap_or(day)));
    texts("EntityId").is_none_or(|ids| ids.contains(id))
        && texts("Targeting").is_none_or(|all| all.contains(targeting))
        && within("LastModifiedDate", Some(time(thing.modified)))
        && within("AvailabilityEndDate", last)
}

fn summary(store: &Store, id: &str, thing: &Thing) -> Json {
    let document = &thing.document;
    let text = |pointer: &str| document.pointer(pointer).and_then(Json::as_str).unwrap_or_default();
    let mut row = json!({
        "EntityType": thing.of,
        "EntityId": id,
        "EntityArn": format!("arn:aws:aws-marketplace:us-east-1:{}:AWSMarketplace/{}/{id}", store.account, thing.of),
        "LastModifiedDate": time(thing.modified),
    });
    match thing.of {
        "Offer" => {
            let mut of =
                json!({ "ProductId": text("/ProductId"), "State": text("/State"), "CreatedBySource": "Seller" });
            let buyers = buyers(document);
            of["Targeting"] = json!([if buyers.is_empty() { "None" } else { "BuyerAccounts" }]);
            of["BuyerAccounts"] = json!(buyers);
            if !text("/Name").is_empty() {
                of["Name"] = text("/Name").into();
            }
            if let Some(last) = available(document) {
                of["AvailabilityEndDate"] = format!("{}T00:00:00Z", last.get(..10).unwrap_or(last)).into();
            }
            if let Some(agreement) = &thing.replaces {
                of["TargetAgreementId"] = agreement.clone().into();
                of["TargetAgreementIntent"] = "Renew".into();
            }
            if let Some(authorization) = &thing.authorization {
                of["ResaleAuthorizationId"] = authorization.clone().into();
            }
            row["OfferSummary"] = of;
        }
        "SaaSProduct" => {
            row["SaaSProductSummary"] = json!({ "ProductTitle": text("/Description/ProductTitle"), "Visibility": text("/Description/Visibility") });
        }
        _ => {
            row["ResaleAuthorizationSummary"] =
                json!({ "Name": text("/Name"), "ProductId": text("/ProductId"), "Status": text("/Status") });
        }
    }
    row
}
