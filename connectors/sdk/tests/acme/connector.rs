//! The Acme connector: what the manifest cannot say.

use concord_connector::{
    Connector, Context, Cursor, Entity, ExternalId, Fault, Instant, Kind, Manifest, Operation, Outcome, RecordId,
    Request, Response, Result, Signal, Snapshot, SourceVersion, Step, Verified, Webhook,
    exchange::{Account, Change, Method, Write, Written, decode_each},
    mapping::Creating,
    value::Currency,
};
use serde_json::{Value as Json, json};

const PAGE: usize = 50;

pub(crate) struct Acme {
    manifest: Manifest,
}

/// The connector.
pub(crate) fn connector() -> Acme {
    Acme { manifest: Manifest::parse(include_str!("connector.toml")).expect("the suite parses it") }
}

impl Connector for Acme {
    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn next(&self, cx: &Context, operation: &Operation, seen: &[Response]) -> Result<Step> {
        match operation {
            Operation::Describe => describe(seen),
            Operation::Fetch { entity, ids } => fetch(cx, *entity, ids, seen),
            Operation::Poll { entity, cursor, .. } => poll(cx, *entity, cursor.as_ref(), seen),
            Operation::Find { record, .. } => find(record, seen),
            Operation::Write { entity, writes } => write(cx, *entity, writes, seen),
            Operation::Deleted { .. } => Err(Fault::new(Kind::Rejected, "acme.deleted", "Acme lists no deletions")),
            Operation::Check { .. } => Err(concord_connector::connector::no_jobs(&self.manifest)),
        }
    }

    fn signals(&self, _cx: &Context, hook: &Webhook<Verified>) -> Result<Vec<Signal>> {
        let malformed = |pointer| Fault::malformed("acme.signals", "the event is incomplete").with("pointer", pointer);
        let body: Json = serde_json::from_slice(hook.body()).map_err(|e| malformed("/").caused_by(e))?;
        let key = body["event"].as_str().ok_or_else(|| malformed("/event"))?;
        let id = body["company"].as_str().ok_or_else(|| malformed("/company"))?;
        let at = body["at"].as_i64().map(Instant::from_ms).ok_or_else(|| malformed("/at"))?;
        Ok(vec![Signal::changed(key, Entity::Organization, id, at)])
    }
}

fn describe(seen: &[Response]) -> Result<Step> {
    let Some(answer) = seen.first() else { return Ok(Step::Send(Request::get("/v1/account"))) };
    let account = Account {
        time_zone: answer.text("/time_zone").map(str::to_owned),
        currency: answer.text("/currency").and_then(Currency::parse),
        ..Account::default()
    };
    Ok(Step::Done(Outcome::Account(account)))
}

fn fetch(cx: &Context, entity: Entity, ids: &[ExternalId], seen: &[Response]) -> Result<Step> {
    let Some(answer) = seen.first() else {
        let ids: Vec<_> = ids.iter().map(ExternalId::as_str).collect();
        return Ok(Step::Send(Request::get("/v1/companies").query("ids", ids.join(","))));
    };
    let rows = answer.array("/companies")?;
    Ok(Step::Done(Outcome::Records(decode_each(rows, id_of, |row| snapshot(cx, entity, row)))))
}

/// Acme sorts by change and id, and goes on behind the pair that the cursor names: no company is shown twice or left
/// out when several changed in the same millisecond.
fn poll(cx: &Context, entity: Entity, cursor: Option<&Cursor>, seen: &[Response]) -> Result<Step> {
    let Some(answer) = seen.first() else {
        let mut request = Request::get("/v1/companies").query("limit", PAGE.to_string());
        if let Some(cursor) = cursor {
            request = request.query("after", cursor.as_str());
        }
        return Ok(Step::Send(request));
    };
    let rows = answer.array("/companies")?;
    let last = rows.last().and_then(|row| Some(format!("{}:{}", row["changed"].as_i64()?, row["id"].as_str()?)));
    let cursor = last.map(Cursor::from).or_else(|| cursor.cloned()).unwrap_or_else(|| "0:".into());
    let records = decode_each(rows, id_of, |row| snapshot(cx, entity, row));
    Ok(Step::Done(Outcome::Page { records, cursor, more: rows.len() == PAGE }))
}

fn find(record: &RecordId, seen: &[Response]) -> Result<Step> {
    let Some(answer) = seen.first() else {
        return Ok(Step::Send(Request::get("/v1/companies").query("external_id", record.as_str())));
    };
    Ok(Step::Done(Outcome::Found(answer.array("/companies")?.iter().filter_map(id_of).collect())))
}

/// Acme takes one company a request (`write_batch` is 1).
///
/// A create whose `external_id` is taken is answered 409 with the id of the company that has it. An update under an old
/// revision is answered 412; the company is read again, so that the hub sees what moved.
fn write(cx: &Context, entity: Entity, writes: &[Write], seen: &[Response]) -> Result<Step> {
    let [write] = writes else { return Err(Fault::malformed("acme.write", "Acme takes one row a request")) };
    let written = match seen {
        [] => return send(cx, entity, write).map(Step::Send),
        [answer] if answer.status == 412 => {
            return fetch(cx, entity, &[id_of_change(&write.change)?], &[]);
        }
        [answer] if answer.status == 409 => {
            Written::Exists(answer.text("/id").ok_or_else(|| incomplete(answer))?.into())
        }
        [answer] => {
            let after = snapshot(cx, entity, &answer.body)?;
            Written::Done { after, overwritten: Vec::new(), created: answer.status == 201 }
        }
        [_, read, ..] => {
            let row = read.array("/companies")?.first().ok_or_else(|| incomplete(read))?;
            Written::Moved(snapshot(cx, entity, row)?)
        }
    };
    Ok(Step::Done(Outcome::Written(vec![Ok(written)])))
}

fn send(cx: &Context, entity: Entity, write: &Write) -> Result<Request> {
    let mapping = cx.mapping(entity)?;
    let request = match &write.change {
        Change::Create { .. } => {
            let mut body = mapping.encode(cx, entity, &write.fields, Creating::Yes)?;
            body["external_id"] = json!(write.record.as_str());
            Request::post("/v1/companies", body).accepting(&[201, 409])
        }
        Change::Update { id, revision, .. } => {
            let body = mapping.encode(cx, entity, &write.fields, Creating::No)?;
            let request = Request::new(Method::Patch, format!("/v1/companies/{id}")).json(body);
            request.header("if-match", revision.as_deref().unwrap_or("0")).accepting(&[200, 412])
        }
        Change::Archive { .. } | Change::Delete { .. } => {
            return Err(Fault::new(Kind::Rejected, "acme.write", "Acme neither archives nor deletes"));
        }
    };
    Ok(request.writing())
}

fn id_of_change(change: &Change) -> Result<ExternalId> {
    match change {
        Change::Update { id, .. } => Ok(id.clone()),
        _ => Err(Fault::new(Kind::Unexpected, "acme.write", "a create was answered as a stale update")),
    }
}

fn id_of(row: &Json) -> Option<ExternalId> {
    row["id"].as_str().map(ExternalId::from)
}

fn incomplete(answer: &Response) -> Fault {
    Fault::new(Kind::Unavailable, "acme.exchange", "the answer is incomplete").with("status", answer.status)
}

fn snapshot(cx: &Context, entity: Entity, row: &Json) -> Result<Snapshot> {
    let malformed = |pointer| Fault::malformed("acme.read", "the company is incomplete").with("pointer", pointer);
    let id = id_of(row).ok_or_else(|| malformed("/id"))?;
    let revision = row["revision"].as_u64().ok_or_else(|| malformed("/revision"))?;
    let mut snapshot = Snapshot::new(entity, id, SourceVersion(revision));
    snapshot.revision = Some(revision.to_string());
    snapshot.modified = row["changed"].as_i64().map(Instant::from_ms);
    snapshot.marker = row["external_id"].as_str().map(RecordId::from);
    snapshot.fields = cx.mapping(entity)?.decode(cx, entity, row)?;
    Ok(snapshot)
}
