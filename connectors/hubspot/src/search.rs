//! Polling: what changed since a time, by key-set paging on the record id.
//!
//! HubSpot's search answers at most 10,000 rows of one query, and a bulk update gives thousands of records one modified
//! time. So a page never goes on by `after` or by time: the window keeps its beginning, rows come in the order of their
//! ids, and the next page begins above the last id. The window is open at its end, so that a clock which is ahead of ours
//! hides nothing; a record that changes while the pages are read is in the next window, which begins before this one was
//! read - by HubSpot's own clock where that is behind ours.

use crate::{
    read, row,
    script::{Run, Script},
};
use concord_connector::{
    Context, Cursor, Entity, ExternalId, Fault, Kind, Outcome, Request, exchange::Refused, time::Instant,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Rows in a page; also what two batch reads with history can take.
const PAGE: usize = 100;

/// Where a poll goes on.
#[derive(Debug, Default, PartialEq, Serialize, Deserialize)]
struct Place {
    /// The beginning of the window, epoch milliseconds.
    from: i64,
    /// When its first page was read, by HubSpot's clock where that is behind ours, while it is being read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
    /// The last id that was seen in the window.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    after: Option<String>,
}

impl Place {
    fn parse(cursor: Option<&Cursor>) -> Result<Self, Fault> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(cursor.as_str()).map_err(|cause| {
            Fault::malformed("hubspot.poll", "the stored cursor is not one of this connector; run a backfill")
                .caused_by(cause)
        })
    }
    fn cursor(&self) -> Cursor {
        Cursor::new(json!(self).to_string())
    }
}

/// Answers a poll: one page of the window, read in full.
pub(crate) fn poll(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    cursor: Option<&Cursor>,
    until: Instant,
) -> Run<Outcome> {
    let object = &cx.mapping(entity)?.object;
    let place = Place::parse(cursor)?;
    // The index runs behind the records by seconds: the next window begins that much before this one was read.
    let look_back = Duration::from_secs(crate::MANIFEST.capabilities.look_back_s);
    let after = |until: Instant| Place { from: until.minus(look_back).ms().max(0), until: None, after: None };
    // The account has no such object (a custom object that nobody made): there is nothing, and nothing is wrong.
    if !cx.vendor_fields.is_empty() && !cx.vendor_fields.contains_key(object) {
        return Ok(Outcome::Page { records: Vec::new(), cursor: after(until).cursor(), more: false });
    }
    let response = script.send(request(object, &place))?;
    let end = place.until.map_or_else(|| response.window_end(until), Instant::from_ms);
    if response.status == 400 {
        return if no_such_object(&response.body) {
            Ok(Outcome::Page { records: Vec::new(), cursor: after(end).cursor(), more: false })
        } else {
            let sentence = format!("HubSpot refuses the search in `{object}`: {}", message(&response.body));
            Err(Fault::malformed("hubspot.poll", sentence).into())
        };
    }
    let ids: Vec<ExternalId> = response.array("/results")?.iter().filter_map(row::id).collect();
    let more = response.at("/paging/next").is_some();
    // The window keeps its beginning while there is more of it.
    let next = match ids.last() {
        Some(last) if more => Place { until: Some(end.ms()), after: Some(last.as_str().to_owned()), ..place },
        _ => after(end),
    };
    let rows = read::rows(script, cx, entity, &ids)?;
    let mut records = read::decode(cx, entity, &rows)?;
    // Listed, and not shown: what came of it is asked for once more.
    let hidden = ids.iter().filter(|id| !rows.iter().any(|row| row.id == **id));
    records.extend(hidden.map(|id| (id.clone(), Err(not_shown()))));
    Ok(Outcome::Page { records, more: next.until.is_some(), cursor: next.cursor() })
}

fn not_shown() -> Refused {
    Fault::new(Kind::NotFound, "hubspot.poll", "HubSpot lists this record as changed and does not show it").into()
}

fn request(object: &str, place: &Place) -> Request {
    let modified = row::modified_property(object);
    let filter = |name: &str, operator: &str, value: String| json!({ "propertyName": name, "operator": operator, "value": value });
    let mut filters = vec![filter(modified, "GTE", place.from.to_string())];
    filters.extend(place.after.as_ref().map(|last| filter("hs_object_id", "GT", last.clone())));
    let body = json!({
        "filterGroups": [{ "filters": filters }],
        "sorts": ["hs_object_id"],
        "properties": [modified],
        "limit": PAGE,
    });
    Request::post(format!("/crm/v3/objects/{object}/search"), body).accepting(&[200, 400]).limited_by("search")
}

/// A portal without the object says "Unable to infer object type from: NAME".
pub(crate) fn no_such_object(body: &Json) -> bool {
    message(body).starts_with("Unable to infer object type")
}

/// The sentence of an error answer, at a length that fits into a log line.
pub(crate) fn message(body: &Json) -> String {
    let text = body.get("message").and_then(Json::as_str).unwrap_or("no reason given");
    text.chars().take(300).collect()
}
