//! Reading records by id.

use super::{
    Place,
    fill::{Values, request},
};
use crate::{
    ExternalId, Outcome, Response, Snapshot,
    exchange::{Method, Refused, decode_each},
    manifest::Endpoint,
    script::{Run, Script},
};
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// Answers a fetch. A system that cannot be read shows nothing.
pub(super) fn fetch(script: &mut Script<'_>, place: &Place<'_>, ids: &[ExternalId]) -> Run<Outcome> {
    let ids: BTreeSet<&ExternalId> = ids.iter().collect();
    if let Some(endpoint) = &place.api.read_many {
        let texts: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
        let values = Values { ids: &texts, ..Values::default() };
        let answer = script.send(request(place.cx, endpoint, Method::Get, &values)?)?;
        let rows = answer.array(&endpoint.rows)?;
        let snapshot = |row: &Json| place.snapshot(row, answer.started_at, None);
        let asked = rows.iter().filter(|row| place.id(row).is_some_and(|id| ids.contains(&id)));
        return Ok(Outcome::Records(decode_each(asked, |row| place.id(row), snapshot)));
    }
    let mut records = Vec::new();
    for id in ids {
        if let Some((answer, row)) = one(script, place, id)? {
            let snapshot: Result<Snapshot, Refused> =
                place.snapshot(row, answer.started_at, place.etag(answer)).map_err(Refused::from);
            // Merged records may be answered under the id of the one that lives on.
            records.push((id.clone(), snapshot));
        }
    }
    Ok(Outcome::Records(records))
}

/// One record as the system shows it now; `None` when it does not, or cannot.
pub(super) fn one<'a>(
    script: &mut Script<'a>,
    place: &Place<'_>,
    id: &ExternalId,
) -> Run<Option<(&'a Response, &'a Json)>> {
    let Some(endpoint) = &place.api.read else {
        let Some(many) = &place.api.read_many else { return Ok(None) };
        let ids = [id.as_str()];
        let values = Values { ids: &ids, ..Values::default() };
        let answer = script.send(request(place.cx, many, Method::Get, &values)?)?;
        let row = answer.array(&many.rows)?.iter().find(|row| place.id(row).as_ref() == Some(id));
        return Ok(row.map(|row| (answer, row)));
    };
    let mut request = request(place.cx, endpoint, Method::Get, &Values::id(id.as_str()))?;
    request.accept.extend(missing(endpoint));
    let answer = script.send(request)?;
    if missing(endpoint).contains(&answer.status) {
        return Ok(None);
    }
    Ok(place.answered(answer, &endpoint.record).map(|row| (answer, row)))
}

/// The statuses that say that a record is not there.
pub(super) fn missing(endpoint: &Endpoint) -> Vec<u16> {
    endpoint.missing.clone().unwrap_or_else(|| vec![404, 410])
}
