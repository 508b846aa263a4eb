//! Batches of properties, with an answer per row.

use super::Job;
use crate::{
    association, errors, link, row,
    script::{Run, Script},
};
use concord_connector::{
    Context, Entity, Fault, Kind, Request, Response, Retry,
    exchange::{Change, Written},
};
use serde_json::{Map, Value as Json, json};

/// HubSpot's largest batch.
const ROWS: usize = 100;

/// Which of the batch endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Batch {
    /// Creates keyed by our marker: a second attempt finds what the first one made.
    Upsert,
    /// Creates of leads. HubSpot takes a lead only together with its contact or company, and an upsert has no place for
    /// associations; the unique marker makes a second attempt fail and name the first one's record.
    Create,
    /// Updates by id.
    Update,
}

impl Batch {
    fn of(job: &Job<'_>, object: &str) -> Option<Self> {
        match &job.write.change {
            Change::Create { .. } if object == "leads" => Some(Self::Create),
            Change::Create { .. } => Some(Self::Upsert),
            Change::Update { .. } if !job.properties.is_empty() => Some(Self::Update),
            _ => None,
        }
    }
    fn name(self) -> &'static str {
        match self {
            Self::Upsert => "upsert",
            Self::Create => "create",
            Self::Update => "update",
        }
    }
}

/// Sends the rows of one kind. A batch that is refused as a whole is sent again row by row, so that one bad row does not
/// stop its neighbours.
pub(super) fn send(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    batch: Batch,
    jobs: &mut [Job<'_>],
) -> Run<()> {
    let object = cx.mapping(entity)?.object.as_str();
    let mut inputs: Vec<(usize, Json)> = Vec::new();
    for (at, job) in jobs.iter_mut().enumerate() {
        if job.open() && Batch::of(job, object) == Some(batch) {
            match input(cx, entity, batch, at, job) {
                Ok(input) => inputs.push((at, input)),
                Err(fault) => job.refuse(fault),
            }
        }
    }
    for chunk in inputs.chunks(ROWS) {
        let response = post(script, object, batch, chunk)?;
        if response.status < 400 {
            take(response, chunk, jobs);
            continue;
        }
        if let [(at, _)] = chunk {
            refuse(&mut jobs[*at], &response.body);
            continue;
        }
        for one in chunk.chunks(1) {
            let response = post(script, object, batch, one)?;
            match response.status {
                ..400 => take(response, one, jobs),
                _ => refuse(&mut jobs[one[0].0], &response.body),
            }
        }
    }
    Ok(())
}

fn post<'a>(script: &mut Script<'a>, object: &str, batch: Batch, chunk: &[(usize, Json)]) -> Run<&'a Response> {
    let inputs: Vec<&Json> = chunk.iter().map(|(_, input)| input).collect();
    let path = format!("/crm/v3/objects/{object}/batch/{}", batch.name());
    script.send(Request::post(path, json!({ "inputs": inputs })).accepting(&[200, 201, 207, 400, 409]).writing())
}

fn trace(at: usize) -> String {
    format!("row-{at}")
}

fn input(cx: &Context, entity: Entity, batch: Batch, at: usize, job: &Job<'_>) -> Result<Json, Fault> {
    let marker = job.write.record.as_str();
    let properties = &job.properties;
    Ok(match batch {
        Batch::Upsert => json!({
            "idProperty": row::MARKER, "id": marker, "properties": properties, "objectWriteTraceId": trace(at),
        }),
        Batch::Update => json!({ "id": job.id, "properties": properties, "objectWriteTraceId": trace(at) }),
        Batch::Create => {
            let mut properties = properties.clone();
            properties.insert(row::MARKER.to_owned(), json!(marker));
            let associations = parents(cx, entity, job);
            if associations.is_empty() {
                let sentence = "HubSpot takes a lead only with a contact or a company, and this one has neither there";
                return Err(Fault::new(Kind::Rejected, "hubspot.write", sentence));
            }
            json!({ "properties": properties, "associations": associations, "objectWriteTraceId": trace(at) })
        }
    })
}

/// The primary contact and company of a new lead.
fn parents(cx: &Context, entity: Entity, job: &Job<'_>) -> Vec<Json> {
    let Ok(mapping) = cx.mapping(entity) else { return Vec::new() };
    let primary = link::rules(cx, mapping).filter(|(_, _, slot)| *slot == link::Slot::Primary);
    primary
        .filter_map(|(rule, to, _)| {
            let value = job.links.get(&rule.field)?.as_ref()?;
            let (id, _) = super::links::targets(value).into_iter().next()?;
            let kind = association::kind(cx, &mapping.object, to, "Primary")?;
            let types = [json!({ "associationCategory": kind.category, "associationTypeId": kind.id })];
            Some(json!({ "to": { "id": id }, "types": types }))
        })
        .collect()
}

/// Gives each row its result or its error. Rows are told apart by the trace id; answers that lack it (seen in unchanged
/// rows) by record id or marker.
fn take(response: &Response, chunk: &[(usize, Json)], jobs: &mut [Job<'_>]) {
    let list = |name: &str| response.body.get(name).and_then(Json::as_array).into_iter().flatten();
    for (at, _) in chunk {
        let job = &mut jobs[*at];
        let traced = |json: &&Json| json.get("objectWriteTraceId").and_then(Json::as_str) == Some(&trace(*at));
        let known = |json: &&Json| match &job.id {
            Some(id) => row::id(json).is_some_and(|found| found.as_str() == id),
            None => json.pointer("/properties/concord_id").and_then(Json::as_str) == Some(job.write.record.as_str()),
        };
        let blamed = |error: &&Json| {
            let names = |member: &str, value: &str| {
                let named = error.pointer(&format!("/context/{member}")).and_then(Json::as_array);
                named.into_iter().flatten().any(|name| name.as_str() == Some(value))
            };
            names("objectWriteTraceId", &trace(*at)) || job.id.as_deref().is_some_and(|id| names("ids", id))
        };
        if let Some(result) = list("results").find(traced).or_else(|| list("results").find(known)) {
            job.created = job.id.is_none() && result.get("new").and_then(Json::as_bool) != Some(false);
            job.id = row::id(result).map(|id| id.as_str().to_owned());
            job.stored = stored(result, &job.properties);
        } else if let Some(error) = list("errors").find(blamed) {
            refuse(job, error);
        } else {
            let sentence = "HubSpot's answer to the batch says nothing of this record";
            job.refuse(Fault::new(Kind::Unexpected, "hubspot.write", sentence).retry(Retry::After(None)));
        }
    }
}

/// The answered row with every property that was sent: HubSpot leaves those out that are empty now.
fn stored(answer: &Json, sent: &Map<String, Json>) -> Json {
    let mut stored = answer.clone();
    if let Some(properties) = stored.get_mut("properties").and_then(Json::as_object_mut) {
        for (name, value) in sent {
            properties.entry(name.clone()).or_insert_with(|| value.clone());
        }
    }
    stored
}

/// A refused row; a create that collides names the record that is there.
fn refuse(job: &mut Job<'_>, error: &Json) {
    match errors::existing(error).filter(|_| job.id.is_none()) {
        Some(id) => job.answer = Some(Ok(Written::Exists(id.into()))),
        None => job.refuse(errors::of_row(error)),
    }
}
