//! Lists: newest first, by keys.

use super::{
    answer::{error, page},
    store::Store,
};
use concord_connector::sandbox::{WireRequest, WireResponse};
use serde_json::Value as Json;

const KNOWN: [&str; 16] = [
    "limit",
    "starting_after",
    "ending_before",
    "min_created",
    "max_created",
    "min_updated",
    "max_updated",
    "order_by",
    "has_sub_id",
    "include_offers",
    "include_archived",
    "group",
    "group_key",
    "partner_key",
    "status",
    "stage",
];

/// Answers a list.
pub(super) fn list(store: &Store, object: &str, request: &WireRequest) -> WireResponse {
    if let Some((name, _)) = request.query().iter().find(|(name, _)| !KNOWN.contains(&name.as_str())) {
        return error(400, &format!("Unknown parameter: {name}"));
    }
    if object == "transactions" && request.parameter("min_updated").is_some() {
        return error(400, "Unknown parameter: min_updated");
    }
    let limit = match request.parameter("limit").map(|text| text.parse::<usize>()) {
        None => 10,
        Some(Ok(limit)) if (1..=250).contains(&limit) => limit,
        Some(_) => return error(400, "limit has to be between 1 and 250"),
    };
    let bound = |name: &str| request.parameter(name).map(|text| text.parse::<i64>()).transpose();
    let bounds = ["min_created", "max_created", "min_updated", "max_updated"].map(bound);
    let [Ok(min_created), Ok(max_created), Ok(min_updated), Ok(max_updated)] = bounds else {
        return error(400, "Times are epoch milliseconds");
    };
    let within = |row: &Json, member: &str, least: Option<i64>, most: Option<i64>| {
        let at = row[member].as_i64().unwrap_or(0);
        least.is_none_or(|least| at >= least) && most.is_none_or(|most| at <= most)
    };
    let all: Vec<&Json> = store.newest(object).collect();
    let from = match request.parameter("starting_after") {
        None => 0,
        Some(key) => match all.iter().position(|row| row["key"] == key) {
            Some(at) => at + 1,
            None => return error(400, "starting_after is no key of this list"),
        },
    };
    let rows: Vec<&Json> = all
        .into_iter()
        .skip(from)
        .filter(|row| within(row, "created_at", min_created, max_created))
        .filter(|row| within(row, "updated_at", min_updated, max_updated))
        .filter(|row| request.parameter("partner_key").is_none_or(|partner| row["partner_key"] == partner))
        .collect();
    let more = rows.len() > limit;
    page(rows.into_iter().take(limit).collect(), more)
}
