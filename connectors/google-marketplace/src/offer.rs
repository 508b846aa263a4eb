//! Private offers. A draft is made, which no customer sees; it is published by its id, so that a second publication is none.
//! Google reviews what is published, and of a published offer nothing but its last day can be changed.

mod build;
mod check;
mod view;

pub(crate) use check::preflight;

use crate::{entitlement::is_id, producer, told};
use concord_connector::{
    Context, Cursor, ExternalId, Fault, Fields, Instant, Kind, Outcome, RecordId, Response, Snapshot,
    exchange::{Change, Checked, Refused, Running, Unfit, Write, Written, decode_each},
    script::{Pause, Run, Script},
};
use serde_json::{Value as Json, json};
use std::time::Duration;
use view::{id_of, noted, snapshot};

const WRITE: &str = "google_marketplace.offer";
/// Between looks at an offer that Google reviews, in seconds.
const AGAIN_S: u64 = 300;
/// A change may be in a list later than its time says.
const BACK: Duration = Duration::from_secs(300);
/// No provider has more pages of offers than this.
const PAGES: usize = 100;

fn one<'a>(script: &mut Script<'a>, cx: &Context, id: &str) -> Run<Option<&'a Response>> {
    let Some(request) = producer::get(cx, id) else { return Ok(None) };
    let answer = script.send(request)?;
    Ok((answer.status == 200).then_some(answer))
}

/// Answers a fetch.
pub(crate) fn fetch(script: &mut Script<'_>, cx: &Context, ids: &[ExternalId]) -> Run<Outcome> {
    let mut records = Vec::new();
    for id in ids.iter().filter(|_| producer::is_on(cx)) {
        if let Some(answer) = one(script, cx, id.as_str())? {
            records.push((id.clone(), snapshot(cx, &answer.body, answer.started_at).map_err(Refused::from)));
        }
    }
    Ok(Outcome::Records(records))
}

/// Answers a poll: what changed since the last one, which the cursor tells, with the page after a space.
pub(crate) fn poll(script: &mut Script<'_>, cx: &Context, cursor: Option<&Cursor>, until: Instant) -> Run<Outcome> {
    let (since, page) = cursor.map(Cursor::as_str).and_then(|text| text.split_once(' ')).unwrap_or_default();
    if !producer::is_on(cx) {
        return Ok(Outcome::Page { records: Vec::new(), cursor: Cursor::new(""), more: false });
    }
    let named = |text: &'_ str| Some(text.to_owned()).filter(|text| !text.is_empty());
    let answer = script.send(producer::list(cx, named(since).as_deref(), named(page).as_deref()))?;
    let rows = listed(answer)?;
    // A draft of ours is on its way, and nobody is told of it.
    let shown: Vec<Json> = rows.iter().filter(|row| !is_coming(row)).cloned().collect();
    let id = |row: &Json| id_of(row).map(ExternalId::from);
    let records = decode_each(&shown, id, |row| snapshot(cx, row, answer.started_at));
    let next = answer.text("/nextPageToken").filter(|token| !token.is_empty());
    let cursor = match next {
        Some(next) => format!("{since} {next}"),
        None => format!("{} ", answer.window_end(until).minus(BACK).rfc3339()),
    };
    Ok(Outcome::Page { records, more: next.is_some(), cursor: Cursor::new(cursor) })
}

/// The offers of a page; an answer without any may leave them out.
fn listed(answer: &Response) -> Run<&[Json]> {
    match answer.at("/privateOffers") {
        None if answer.body.is_object() => Ok(&[]),
        _ => Ok(answer.array("/privateOffers")?),
    }
}

fn is_coming(row: &Json) -> bool {
    row["state"] == "DRAFT" && marker(row).is_some()
}

fn marker(row: &Json) -> Option<&str> {
    row["internalNote"].as_str().and_then(|note| noted(note).1)
}

/// The offers with our mark, the oldest first.
fn ours(script: &mut Script<'_>, cx: &Context, record: &RecordId) -> Run<Vec<Json>> {
    let mut found: Vec<Json> = Vec::new();
    let mut page: Option<String> = None;
    for _ in 0..PAGES {
        let answer = script.send(producer::list(cx, None, page.as_deref()))?;
        found.extend(listed(answer)?.iter().filter(|row| marker(row) == Some(record.as_str())).cloned());
        page = answer.text("/nextPageToken").filter(|token| !token.is_empty()).map(str::to_owned);
        if page.is_none() {
            break;
        }
    }
    found.sort_by_key(|row| (row["createTime"].as_str().map(str::to_owned), id_of(row).map(str::to_owned)));
    Ok(found)
}

/// Answers a search: a draft of ours is not found, so that the write that comes again takes it further.
pub(crate) fn find(script: &mut Script<'_>, cx: &Context, record: &RecordId) -> Run<Outcome> {
    if !producer::is_on(cx) {
        return Ok(Outcome::Found(Vec::new()));
    }
    let ours = ours(script, cx, record)?;
    let there = ours.iter().filter(|row| row["state"] != "DRAFT").filter_map(id_of);
    Ok(Outcome::Found(there.take(1).map(ExternalId::from).collect()))
}

/// Answers a write.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let row = match &write.change {
            Change::Create { .. } => create(script, cx, write),
            Change::Update { id, held, .. } => update(script, cx, write, id, held),
            Change::Archive { .. } | Change::Delete { .. } => {
                Err(refusal(&[Unfit::whole("write `withdrawn = yes` to take a private offer back")]))
            }
        };
        rows.push(match row {
            Ok(written) => Ok(written),
            Err(Pause::Fault(fault)) if fault.kind != Kind::Unavailable => Err(Refused::from(fault)),
            Err(pause) => return Err(pause),
        });
    }
    Ok(Outcome::Written(rows))
}

fn refusal(mistakes: &[Unfit]) -> Pause {
    let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Fault::new(Kind::Rejected, WRITE, sentences.join("; ")).into()
}

fn create(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Written> {
    let mistakes = preflight(cx, write);
    if !mistakes.is_empty() {
        return Err(refusal(&mistakes));
    }
    let ours = ours(script, cx, &write.record)?;
    if let Some(there) = ours.iter().find(|row| row["state"] != "DRAFT").and_then(id_of) {
        return Ok(Written::Exists(there.into()));
    }
    let offer = build::offer(cx, write);
    let mut drafts = ours.iter().filter_map(id_of);
    let answer = match drafts.next() {
        // Made by a call whose answer got lost, or returned by Google: with what is wanted now.
        Some(draft) => script.send(producer::patch(cx, draft, offer))?,
        None => script.send(producer::create(cx, offer))?,
    };
    if answer.status != 200 {
        return Err(refusal(&producer::mistakes(answer)));
    }
    let unnamed = || Fault::new(Kind::Unknown, WRITE, "the answer does not name the private offer");
    let id = id_of(&answer.body).ok_or_else(unnamed)?.to_owned();
    for other in drafts {
        script.send(producer::delete(cx, other))?;
    }
    publish(script, cx, write, &id)
}

/// Publishes a draft, once Google has looked over it.
fn publish(script: &mut Script<'_>, cx: &Context, write: &Write, id: &str) -> Run<Written> {
    if build::text(&write.fields, "eula") == Some("standard") {
        let there = script.send(producer::documents(cx, id))?;
        let documents = there.at("/privateOfferDocuments").and_then(Json::as_array);
        let standard = |one: &Json| one["documentType"].as_str().is_some_and(|kind| kind.starts_with("STANDARD_"));
        if !documents.into_iter().flatten().any(standard) {
            let answer = script.send(producer::standard_terms(cx, id))?;
            if answer.status != 200 {
                return Err(refusal(&producer::mistakes(answer)));
            }
        }
    }
    for only_looks in [true, false] {
        let answer = script.send(producer::publish(cx, id, only_looks))?;
        if answer.status != 200 {
            return Err(refusal(&producer::mistakes(answer)));
        }
    }
    Ok(Written::Running(Running { operation: id.into(), again_s: 60 }))
}

fn update(script: &mut Script<'_>, cx: &Context, write: &Write, id: &ExternalId, held: &Fields) -> Run<Written> {
    let mistakes = preflight(cx, write);
    if !mistakes.is_empty() {
        return Err(refusal(&mistakes));
    }
    let Some(before) = one(script, cx, id.as_str())? else {
        return Err(Fault::new(Kind::NotFound, WRITE, "Google does not show this private offer to us").into());
    };
    let seen = snapshot(cx, &before.body, before.started_at)?;
    let done = |after: Snapshot| Ok(Written::Done { after, overwritten: Vec::new(), created: false });
    let differs = |name: &str| write.fields.get(name).is_some_and(|wanted| seen.fields.get(name) != Some(wanted));
    if held.iter().any(|(field, value)| seen.fields.get(field).is_some_and(|now| now != value)) {
        return Ok(Written::Moved(seen));
    }
    let state = before.body["state"].as_str().unwrap_or_default();
    if state == "PUBLISHING" {
        let reason = "Google reviews the private offer".to_owned();
        return Ok(Written::Closed { reason, again_s: AGAIN_S });
    }
    let fixed = write
        .fields
        .keys()
        .find(|field| !["withdrawn", "accept_by"].contains(&field.as_str()) && differs(field.as_str()));
    if let Some(field) = fixed {
        let sentence =
            "Google takes no change of a published offer but its last day: withdraw it, and make another one";
        return Err(refusal(&[Unfit::field(field.as_str(), sentence)]));
    }
    let withdraws = build::text(&write.fields, "withdrawn") == Some("yes") && state != "CANCELLED";
    if withdraws && state != "PUBLISHED" {
        let sentence = "a private offer can be taken back while it is published: one that is accepted or over cannot, a \
                        draft is deleted in Producer Portal";
        return Err(refusal(&[Unfit::field("withdrawn", sentence)]));
    }
    let mut requests = Vec::new();
    if let Some(day) = build::date(&write.fields, "accept_by").filter(|_| differs("accept_by")) {
        requests.push(producer::patch(cx, id.as_str(), json!({ producer::DEADLINE: build::end_of(day) })));
    }
    if withdraws {
        requests.push(producer::cancel(cx, id.as_str()));
    }
    if requests.is_empty() {
        return done(seen);
    }
    for request in requests {
        let answer = script.send(request)?;
        if answer.status != 200 {
            return Err(refusal(&producer::mistakes(answer)));
        }
    }
    let Some(now) = one(script, cx, id.as_str())? else {
        return Err(Fault::new(Kind::NotFound, WRITE, "Google does not show this private offer any more").into());
    };
    done(snapshot(cx, &now.body, now.started_at)?)
}

/// How a publication stands.
pub(crate) fn check(script: &mut Script<'_>, cx: &Context, id: &ExternalId) -> Run<Outcome> {
    let ended = |checked| Ok(Outcome::Checked(checked));
    let Some(answer) = one(script, cx, id.as_str())? else {
        return ended(Checked::Broken { reason: "Google does not show the private offer any more".into() });
    };
    match answer.body["state"].as_str() {
        Some("PUBLISHING") => ended(Checked::Running { again_s: AGAIN_S }),
        Some("DRAFT") => {
            let sentence = "Google did not publish it: Producer Portal says why";
            ended(Checked::Refused { mistakes: vec![Unfit::whole(sentence)] })
        }
        Some(_) => ended(Checked::Done { after: snapshot(cx, &answer.body, answer.started_at)?, created: true }),
        None => Err(told(WRITE, answer).into()),
    }
}

/// The offer that an entitlement is of, when it is a private one.
pub(crate) fn of_entitlement(offer: &str) -> Option<&str> {
    let (before, id) = offer.rsplit_once('/')?;
    (before.ends_with("privateOffers") && is_id(id)).then_some(id)
}
