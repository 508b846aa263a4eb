//! Requests of the Catalog API, as its model has them (REST-JSON, 2018-09-17).

use concord_connector::{ExternalId, Instant, Request};
use serde_json::{Value as Json, json};

/// The only catalog that sellers have.
pub(crate) const CATALOG: &str = "AWSMarketplace";
/// Entities in one list; the service allows 50, and what is listed is described in one call of at most 20.
pub(crate) const PAGE: usize = 20;

/// Starts a change set. What concerns this change set alone is answered to its row, the rest to the connection.
pub(crate) fn start(name: &str, token: &str, changes: Vec<Json>) -> Request {
    let body = json!({ "Catalog": CATALOG, "ChangeSetName": name, "ClientRequestToken": token, "ChangeSet": changes });
    Request::post("/StartChangeSet", body)
        .limited_by("start_change_set")
        .accepting(&[200, 402, 404, 415, 422, 423])
        .writing()
}

/// Asks how a change set stands.
pub(crate) fn describe_change_set(id: &ExternalId) -> Request {
    Request::get("/DescribeChangeSet")
        .query("catalog", CATALOG)
        .query("changeSetId", id.as_str())
        .limited_by("describe_change_set")
}

/// Change sets of a name, the newest first.
pub(crate) fn named(name: &str) -> Request {
    let body = json!({
        "Catalog": CATALOG,
        "FilterList": [{ "Name": "ChangeSetName", "ValueList": [name] }],
        "Sort": { "SortBy": "StartTime", "SortOrder": "DESCENDING" },
        "MaxResults": 20,
    });
    Request::post("/ListChangeSets", body).limited_by("list_change_sets")
}

/// One entity; 404 is *not visible*.
pub(crate) fn describe(id: &str) -> Request {
    Request::get("/DescribeEntity")
        .query("catalog", CATALOG)
        .query("entityId", id)
        .limited_by("describe_entity")
        .accepting(&[200, 404])
}

/// Several entities, at most 20.
pub(crate) fn describe_all(ids: &[&str]) -> Request {
    let list: Vec<Json> = ids.iter().map(|id| json!({ "Catalog": CATALOG, "EntityId": id })).collect();
    Request::post("/BatchDescribeEntities", json!({ "EntityRequestList": list })).limited_by("describe_entity")
}

/// Entities of a type.
pub(crate) fn list(entity_type: &str, most: usize) -> Request {
    let body = json!({ "Catalog": CATALOG, "EntityType": entity_type, "MaxResults": most });
    Request::post("/ListEntities", body).limited_by("list_entities")
}

/// Entities of a type under filters of its own, in the order in which they were changed.
pub(crate) fn search(entity_type: &str, filters: Json, next_token: Option<&str>) -> Request {
    let sort = json!({ format!("{entity_type}Sort"): { "SortBy": "LastModifiedDate", "SortOrder": "ASCENDING" } });
    let mut body = json!({
        "Catalog": CATALOG,
        "EntityType": entity_type,
        "MaxResults": PAGE,
        "EntityTypeSort": sort,
    });
    if filters.as_object().is_some_and(|filters| !filters.is_empty()) {
        body["EntityTypeFilters"] = json!({ format!("{entity_type}Filters"): filters });
    }
    if let Some(token) = next_token {
        body["NextToken"] = token.into();
    }
    Request::post("/ListEntities", body).limited_by("list_entities")
}

/// A time as the Catalog API writes it: without fractions.
pub(crate) fn time(at: Instant) -> String {
    at.rfc3339().get(..19).map_or_else(String::new, |text| format!("{text}Z"))
}

/// One change of a set. A document is an object, or for some types of change an array.
pub(crate) fn change(change_type: &str, entity: Json, document: Json) -> Json {
    json!({ "ChangeType": change_type, "Entity": entity, "DetailsDocument": document })
}
