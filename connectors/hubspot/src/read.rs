//! Reading records by id: one batch with property history, and the associations where the mapping has references.

use crate::{
    association, link,
    row::{self, Sources},
    script::{Run, Script},
};
use concord_connector::{Context, Entity, ExternalId, Outcome, Request, Snapshot, exchange::Refused, time::Instant};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// HubSpot reads 100 records at once, but only 50 when it has to look up their history.
const WITH_HISTORY: usize = 50;
const WITHOUT_HISTORY: usize = 100;

/// A record with its history and its associations, and when its reading began.
pub(crate) struct Row<'a> {
    pub(crate) id: ExternalId,
    pub(crate) json: &'a Json,
    /// `{"associations": {object: {slot: value}}}`, in the shape that the mapping's pointers have.
    associations: Json,
    pub(crate) read_at: Instant,
}

impl Row<'_> {
    /// What it says, or why it cannot be understood.
    pub(crate) fn decode(&self, cx: &Context, entity: Entity, sources: &Sources) -> Result<Snapshot, Refused> {
        row::decode(cx, entity, sources, self.json, &self.associations, self.read_at).map_err(Refused::from)
    }
    /// The same, as it was when a write was answered: with the properties and the times of that answer.
    pub(crate) fn as_stored(
        &self,
        cx: &Context,
        entity: Entity,
        sources: &Sources,
        answer: &Json,
    ) -> Result<Snapshot, Refused> {
        let mut json = self.json.clone();
        if let (Some(now), Some(then)) = (
            json.get_mut("properties").and_then(Json::as_object_mut),
            answer.get("properties").and_then(Json::as_object),
        ) {
            now.extend(then.iter().map(|(name, value)| (name.clone(), value.clone())));
            if let Some(updated) = answer.get("updatedAt") {
                json["updatedAt"] = updated.clone();
            }
        }
        row::decode(cx, entity, sources, &json, &self.associations, self.read_at).map_err(Refused::from)
    }
}

/// Answers a fetch. What is not there any more is asked for once more among the archived records: only there does HubSpot
/// say that something was deleted. What is in neither answer is not visible, and nothing more is known of it.
pub(crate) fn fetch(script: &mut Script<'_>, cx: &Context, entity: Entity, ids: &[ExternalId]) -> Run<Outcome> {
    let rows = rows(script, cx, entity, ids)?;
    let mut records = decode(cx, entity, &rows)?;
    let missing: BTreeSet<&ExternalId> = ids.iter().filter(|id| !rows.iter().any(|row| row.id == **id)).collect();
    for (id, at) in archived(script, cx, entity, &missing)? {
        records.push((id.clone(), Ok(Snapshot::deleted(entity, id, at))));
    }
    Ok(Outcome::Records(records))
}

/// Which of these were archived, and when. HubSpot keeps archived records for 90 days.
fn archived(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    ids: &BTreeSet<&ExternalId>,
) -> Run<Vec<(ExternalId, Instant)>> {
    let object = &cx.mapping(entity)?.object;
    let ids: Vec<&&ExternalId> = ids.iter().collect();
    let mut gone = Vec::new();
    for chunk in ids.chunks(WITHOUT_HISTORY) {
        let body = json!({
            "inputs": chunk.iter().map(|id| json!({ "id": id.as_str() })).collect::<Vec<_>>(),
            "properties": [row::modified_property(object)],
            "propertiesWithHistory": [],
        });
        let request = Request::post(format!("/crm/v3/objects/{object}/batch/read"), body).query("archived", "true");
        let response = script.send(request.accepting(&[200, 207]))?;
        for json in response.array("/results")? {
            let is_gone = json.get("archived").and_then(Json::as_bool) == Some(true);
            let at = ["archivedAt", "updatedAt"].iter().find_map(|name| Instant::parse(json.get(*name)?.as_str()?));
            let asked = row::id(json).filter(|id| is_gone && chunk.iter().any(|asked| **asked == id));
            gone.extend(asked.zip(at.or(Some(response.started_at))));
        }
    }
    Ok(gone)
}

/// What each of the rows says, or why it cannot be understood.
pub(crate) fn decode(
    cx: &Context,
    entity: Entity,
    rows: &[Row<'_>],
) -> Run<Vec<(ExternalId, Result<Snapshot, Refused>)>> {
    let sources = row::sources(cx, entity, cx.mapping(entity)?);
    Ok(rows.iter().map(|row| (row.id.clone(), row.decode(cx, entity, &sources))).collect())
}

/// Reads live records. An unknown id is an error of that row in a 207, and simply not among the results.
pub(crate) fn rows<'a>(script: &mut Script<'a>, cx: &Context, entity: Entity, ids: &[ExternalId]) -> Run<Vec<Row<'a>>> {
    let mapping = cx.mapping(entity)?;
    let object = &mapping.object;
    // Two equal ids in one batch refuse the whole batch.
    let wanted: BTreeSet<&ExternalId> = ids.iter().collect();
    let wanted: Vec<&ExternalId> = wanted.into_iter().collect();
    let mut rows = Vec::with_capacity(wanted.len());
    for chunk in wanted.chunks(WITH_HISTORY) {
        let body = json!({
            "inputs": chunk.iter().map(|id| json!({ "id": id.as_str() })).collect::<Vec<_>>(),
            "properties": row::asked(cx, entity, mapping),
            "propertiesWithHistory": row::mapped(cx, entity, mapping),
        });
        let request = Request::post(format!("/crm/v3/objects/{object}/batch/read"), body).accepting(&[200, 207]);
        let response = script.send(request)?;
        for json in response.array("/results")? {
            let live = json.get("archived").and_then(Json::as_bool) != Some(true);
            if let (true, Some(id)) = (live, row::id(json)) {
                rows.push(Row { id, json, associations: Json::Null, read_at: response.started_at });
            }
        }
    }
    associate(script, cx, entity, &mut rows)?;
    Ok(rows)
}

/// Puts the associations beside the properties. Nothing is put where nothing is known, so that such a field stays unsaid.
fn associate(script: &mut Script<'_>, cx: &Context, entity: Entity, rows: &mut [Row<'_>]) -> Run<()> {
    let mapping = cx.mapping(entity)?;
    let objects: BTreeSet<&str> = link::rules(cx, mapping).map(|(_, object, _)| object).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<String> = rows.iter().map(|row| row.id.as_str().to_owned()).collect();
    for object in objects {
        let found = association::read(script, &mapping.object, object, &ids)?;
        for row in rows.iter_mut() {
            if let Some(links) = found.get(row.id.as_str()) {
                row.associations["associations"][object] = link::compose(cx, mapping, object, links);
            }
        }
    }
    Ok(())
}
