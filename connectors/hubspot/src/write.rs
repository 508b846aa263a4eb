//! Writing: creates by upsert on our marker, updates by id, associations, and one read back with history.

mod batch;
mod links;

use crate::{
    change::{self, Known},
    link, read, row,
    script::{Run, Script},
};
use batch::Batch;
use concord_connector::{
    Context, Entity, ExternalId, Fault, Field, Kind, Outcome, Request, Snapshot, Value,
    exchange::{Change, Refused, Write, Written},
    mapping::Creating,
};
use serde_json::{Map, Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

type Answer = Result<Written, Refused>;

/// A row of the batch and how far it has come.
pub(super) struct Job<'a> {
    pub(super) write: &'a Write,
    /// HubSpot's properties to set, all of them texts.
    pub(super) properties: Map<String, Json>,
    /// Association fields to set.
    pub(super) links: BTreeMap<Field, Option<Value>>,
    /// The record, once it is known.
    pub(super) id: Option<String>,
    pub(super) created: bool,
    /// The row as the write's own answer shows it, which knows nothing of what came after.
    pub(super) stored: Json,
    /// Somebody changed an association since it was last read here: nothing is written.
    pub(super) moved: bool,
    /// Settled before the read back.
    pub(super) answer: Option<Answer>,
}

impl Job<'_> {
    pub(super) fn refuse(&mut self, fault: Fault) {
        self.answer = Some(Err(fault.into()));
    }
    /// Whether there is still something to do for it.
    pub(super) fn open(&self) -> bool {
        self.answer.is_none() && !self.moved
    }
}

/// Answers a write.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, entity: Entity, writes: &[Write]) -> Run<Outcome> {
    let object = cx.mapping(entity)?.object.as_str();
    let mut jobs: Vec<Job<'_>> = writes.iter().map(|write| plan(cx, entity, write)).collect();
    refuse_twins(&mut jobs);
    let before = links::before(script, cx, entity, &mut jobs)?;
    archive(script, entity, object, &mut jobs)?;
    for batch in [Batch::Upsert, Batch::Create, Batch::Update] {
        batch::send(script, cx, entity, batch, &mut jobs)?;
    }
    links::write(script, cx, entity, &before, &mut jobs)?;
    let ids: Vec<ExternalId> =
        jobs.iter().filter(|job| job.answer.is_none()).filter_map(|job| job.id.as_deref()).map(Into::into).collect();
    let rows = if ids.is_empty() { Vec::new() } else { read::rows(script, cx, entity, &ids)? };
    let sources = row::sources(cx, entity, cx.mapping(entity)?);
    Ok(Outcome::Written(jobs.into_iter().map(|job| settle(cx, entity, &sources, job, &rows)).collect()))
}

/// Encodes a row. What does not fit is refused here, beside its neighbours.
fn plan<'a>(cx: &Context, entity: Entity, write: &'a Write) -> Job<'a> {
    let mut job = Job {
        write,
        properties: Map::new(),
        links: BTreeMap::new(),
        id: None,
        created: false,
        stored: Json::Null,
        moved: false,
        answer: None,
    };
    let creating = match &write.change {
        Change::Create { .. } => Creating::Yes,
        Change::Update { id, .. } => {
            job.id = Some(id.as_str().to_owned());
            Creating::No
        }
        Change::Archive { id } | Change::Delete { id } => {
            job.id = Some(id.as_str().to_owned());
            return job;
        }
    };
    let encoded = cx.mapping(entity).and_then(|mapping| {
        let mut row = mapping.encode(cx, entity, &write.fields, creating)?;
        let links = link::fields(cx, mapping);
        job.links =
            write.fields.iter().filter(|(f, _)| links.contains(f)).map(|(f, v)| (f.clone(), v.clone())).collect();
        Ok((mapping, row["properties"].take()))
    });
    let (mapping, properties) = match encoded {
        Ok((mapping, Json::Object(properties))) => (mapping, properties),
        Ok((mapping, _)) => (mapping, Map::new()),
        Err(fault) => {
            job.refuse(fault);
            return job;
        }
    };
    // An empty text clears a property; null would be refused.
    let texts = properties.into_iter().map(|(name, value)| (name, if value.is_null() { json!("") } else { value }));
    job.properties = texts.filter(|(_, value)| creating == Creating::No || *value != json!("")).collect();
    if creating == Creating::Yes {
        let missing = !cx.vendor_fields.is_empty() && !cx.has_vendor_field(&mapping.object, row::MARKER);
        if missing {
            let sentence = format!(
                "the portal's `{}` have no property `{}`: make it, as single-line text with unique values",
                mapping.object,
                row::MARKER
            );
            job.refuse(Fault::new(Kind::Rejected, "hubspot.write", sentence));
        }
        // A stage id belongs to a pipeline; without it HubSpot takes the first pipeline's.
        let pipeline = match mapping.object.as_str() {
            "deals" if job.properties.contains_key("dealstage") => Some(("pipeline", "deal_pipeline")),
            "leads" if job.properties.contains_key("hs_pipeline_stage") => Some(("hs_pipeline", "lead_pipeline")),
            _ => None,
        };
        if let Some((name, id)) = pipeline.and_then(|(name, option)| Some((name, cx.option(option)?))) {
            job.properties.insert(name.to_owned(), json!(id));
        }
    }
    job
}

/// Two inputs that resolve to one record make HubSpot refuse the whole batch: the first goes, the others come again.
fn refuse_twins(jobs: &mut [Job<'_>]) {
    let mut seen = BTreeSet::new();
    for job in jobs {
        let name = job.id.clone().unwrap_or_else(|| format!("marker {}", job.write.record));
        if !seen.insert(name) {
            let sentence = "another write of this batch names the same record; this one comes after it";
            job.refuse(Fault::new(Kind::Conflict, "hubspot.write", sentence));
        }
    }
}

/// HubSpot's delete is an archive: the record goes to the recycle bin for 90 days. Unknown ids are no error.
fn archive(script: &mut Script<'_>, entity: Entity, object: &str, jobs: &mut [Job<'_>]) -> Run<()> {
    let goes = |job: &Job<'_>| job.open() && matches!(job.write.change, Change::Archive { .. } | Change::Delete { .. });
    let ids: Vec<&str> = jobs.iter().filter(|job| goes(job)).filter_map(|job| job.id.as_deref()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let inputs: Vec<Json> = ids.iter().map(|id| json!({ "id": id })).collect();
    let request = Request::post(format!("/crm/v3/objects/{object}/batch/archive"), json!({ "inputs": inputs }));
    let response = script.send(request.accepting(&[204]).writing())?;
    for job in jobs.iter_mut().filter(|job| goes(job)) {
        if let Change::Archive { id } | Change::Delete { id } = &job.write.change {
            let after = Snapshot::deleted(entity, id.clone(), response.started_at);
            job.answer = Some(Ok(Written::Done { after, overwritten: Vec::new(), created: false }));
        }
    }
    Ok(())
}

/// The row's answer, from what the write answered and the read back shows.
fn settle(cx: &Context, entity: Entity, sources: &row::Sources, job: Job<'_>, rows: &[read::Row<'_>]) -> Answer {
    if let Some(answer) = job.answer {
        return answer;
    }
    let row = job.id.as_deref().and_then(|id| rows.iter().find(|row| row.id.as_str() == id)).ok_or_else(|| {
        Fault::new(Kind::NotFound, "hubspot.write", "HubSpot does not show the record after the write")
    })?;
    let seen = row.decode(cx, entity, sources)?;
    if job.moved {
        return Ok(Written::Moved(seen));
    }
    let mut others = match &job.write.change {
        Change::Update { held, held_at, .. } => {
            let known = Known { held, held_at: *held_at };
            change::overwritten(cx, entity, cx.mapping(entity)?, row.json, &job.write.fields, &known)
        }
        _ => Vec::new(),
    };
    let after = row.as_stored(cx, entity, sources, &job.stored)?;
    // Somebody edited on top of our write before we read it back: that is their edit, not how HubSpot stores our value.
    if job.write.fields.keys().any(|field| after.fields.get(field) != seen.fields.get(field)) {
        others.push(seen);
        return Ok(Written::Done { after, overwritten: others, created: job.created });
    }
    Ok(Written::Done { after: seen, overwritten: others, created: job.created })
}
