//! Private offers. What is offered is written once: a published offer can be taken back, and not changed.

mod build;
mod check;

pub(crate) use check::preflight;

use crate::{
    answer::{Row, done, gone, own, refusal, said, send},
    find::{self, Ours},
    ingestion,
    read::Seen,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Kind, Outcome, Response, Result, Value,
    exchange::{Change, Checked, Unfit, Write, Written},
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

const WRITE: &str = "microsoft_marketplace.write";
/// States behind which nothing happens any more.
const OVER: [&str; 2] = ["withdrawn", "deleted"];

/// One offer.
pub(crate) fn one(script: &mut Script<'_>, id: &str) -> Run<Option<Seen>> {
    Ok(raw(script, id)?.map(|(answer, raw)| Seen {
        row: view(raw, answer.started_at),
        modified: raw["lastModified"].as_str().and_then(Instant::parse),
        at: answer.started_at,
    }))
}

fn raw<'a>(script: &mut Script<'a>, id: &str) -> Run<Option<(&'a Response, &'a Json)>> {
    if !ingestion::is_path(id) {
        return Ok(None);
    }
    let answer = script.send(ingestion::offer(id).accepting(&[200, 400, 404]))?;
    Ok((answer.status == 200).then_some((answer, &answer.body)))
}

/// The offers of a page. The list shows what an offer is called and in which state it is: each is read for the rest.
pub(crate) fn rows(script: &mut Script<'_>, page: &Response) -> Run<Vec<Json>> {
    let mut rows = Vec::new();
    for listed in page.array("/value")? {
        let Some(id) = listed["id"].as_str() else { continue };
        if listed["state"].as_str().is_some_and(|state| OVER.contains(&state)) {
            rows.push(view(listed, page.started_at));
        } else if let Some(seen) = one(script, id)? {
            rows.push(seen.row);
        }
    }
    Ok(rows)
}

/// An offer in our view.
fn view(raw: &Json, read_at: Instant) -> Json {
    let mut row = json!({ "id": raw["id"], "modified": raw["lastModified"] });
    if let Some(name) = raw["name"].as_str() {
        let (name, marker) = ingestion::named(name);
        row["name"] = json!(name);
        row["marker"] = json!(marker);
    }
    for (ours, theirs) in [("start", "/start"), ("end", "/end"), ("acceptBy", "/acceptBy")] {
        let day = raw.pointer(theirs).and_then(Json::as_str).and_then(|text| text.get(..10));
        if let Some(day) = day {
            row[ours] = json!(day);
        }
    }
    if let Some(beneficiaries) = raw["beneficiaries"].as_array() {
        row["buyers"] = beneficiaries.iter().filter_map(|one| one["id"].as_str()).collect();
        let link = |one: &Json| one["acceptanceLink"].as_str().or(one["link"].as_str()).map(str::to_owned);
        if let Some(link) = beneficiaries.iter().find_map(link) {
            row["url"] = json!(link);
        }
    }
    if let Some(pricing) = raw.pointer("/pricing/0") {
        row["product"] = pricing["product"].clone();
        row["listing"] = pricing["product"].clone();
        row["plan"] = pricing.get("plan").or(pricing.get("basePlan")).cloned().unwrap_or_default();
        if let Some(discount) = pricing.get("discountPercentage").filter(|percent| percent.is_number()) {
            let text = discount.to_string();
            row["discount"] = json!(concord_connector::offer::decimal(&text).unwrap_or(text));
        }
    }
    let state = raw["state"].as_str().unwrap_or_default();
    row["gone"] = json!(state == "deleted");
    row["withdrawn"] = json!(state == "withdrawn");
    row["status"] = json!(status(raw, state, read_at));
    row
}

/// Where an offer stands. Nothing tells of an acceptance: the state below `live` does, where there is one.
fn status(raw: &Json, state: &str, read_at: Instant) -> &'static str {
    let below = raw["subStatus"].as_str().or(raw["subState"].as_str()).unwrap_or_default().to_lowercase();
    let over = |day: &Json| {
        let last = day.as_str().and_then(|text| text.get(..10)).and_then(|day| day.parse().ok());
        // The day is over when it is over everywhere.
        last.and_then(Instant::start_of_utc).is_some_and(|day| read_at.ms() > day.ms() + 36 * 3_600_000)
    };
    match state {
        "withdrawn" => "withdrawn",
        "live" if below.contains("accepted") && over(&raw["end"]) => "ended",
        "live" if below.contains("accepted") => "accepted",
        "live" if below.contains("progress") || below.contains("publishing") => "publishing",
        "live" if below.contains("fail") => "failed",
        "live" if below.contains("expired") || over(&raw["acceptBy"]) => "expired",
        "live" => "live",
        _ => "draft",
    }
}

/// Writes one offer.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Row> {
    let row = match &write.change {
        Change::Create { .. } => create(script, cx, write),
        Change::Update { id, .. } => update(script, cx, write, id),
        Change::Archive { .. } | Change::Delete { .. } => {
            Err(refusal(WRITE, &[Unfit::whole("write `withdrawn = yes` to take a private offer back")]).into())
        }
    };
    own(row)
}

fn create(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Written> {
    let mistakes = preflight(cx, write);
    if !mistakes.is_empty() {
        return Err(refusal(WRITE, &mistakes).into());
    }
    // Nothing at Microsoft tells a second order of the same offer from the first, and an order that nobody answered may be
    // carried out an hour later. So a draft is ordered, which no customer sees; what there is then is published, once.
    let ours = find::ours(script, &write.record)?;
    if let Some(there) = ours.iter().find(|one| is_there(cx, one)) {
        return Ok(Written::Exists(there.id.clone()));
    }
    match ours.is_empty() {
        true => order(script, build::resources(cx, write, "draft", None)?, write),
        false => publish(script, cx, write, &ours),
    }
}

/// Whether new offers are to be published, or left as drafts to a person.
fn publishes(cx: &Context) -> bool {
    cx.option("offer_state") != Some("draft")
}

/// Whether an offer of ours is as far as it is to come.
pub(crate) fn is_there(cx: &Context, one: &Ours) -> bool {
    !one.is_draft || !publishes(cx)
}

/// Whether an offer, in our view, is one that is still on its way: nobody is told of it.
pub(crate) fn is_coming(cx: &Context, row: &Json) -> bool {
    publishes(cx) && row["status"] == "draft" && row["marker"].is_string()
}

/// Publishes the first draft of several, and takes the others away.
fn publish(script: &mut Script<'_>, cx: &Context, write: &Write, drafts: &[Ours]) -> Run<Written> {
    let mut resources = Vec::new();
    for draft in drafts {
        let Some((_, raw)) = raw(script, draft.id.as_str())? else { continue };
        match resources.is_empty() {
            true => resources.extend(build::resources(cx, write, "live", Some(raw))?),
            false => resources.push(taken(raw, draft.id.as_str(), "deleted")),
        }
    }
    order(script, resources, write)
}

/// An offer on its way out.
fn taken(raw: &Json, id: &str, state: &str) -> Json {
    let mut resource = json!({ "$schema": ingestion::schema("private-offer"), "id": id, "state": state });
    for name in ["name", "privateOfferType", "eTag"] {
        if let Some(value) = raw.get(name) {
            resource[name] = value.clone();
        }
    }
    resource
}

fn update(script: &mut Script<'_>, cx: &Context, write: &Write, id: &ExternalId) -> Run<Written> {
    let Some((answer, raw)) = raw(script, id.as_str())? else { return Err(gone(Entity::PrivateOffer, id).into()) };
    let seen = Seen { row: view(raw, answer.started_at), modified: None, at: answer.started_at };
    let shown = seen.snapshot(cx, Entity::PrivateOffer)?;
    let withdraws = write.fields.get("withdrawn").and_then(Option::as_ref).and_then(Value::as_str) == Some("yes");
    if !withdraws {
        let known = write.fields.iter().all(|(field, value)| {
            field.as_str() == "withdrawn" || shown.fields.get(field).is_some_and(|seen| seen == value)
        });
        return match known {
            true => Ok(done(shown)),
            false => Err(refusal(WRITE, &[fixed(write)]).into()),
        };
    }
    let state = match seen.row["status"].as_str().unwrap_or_default() {
        "withdrawn" => return Ok(done(shown)),
        "accepted" | "ended" => {
            let sentence = "the customer has accepted it: a private offer can be taken back only before that";
            return Err(refusal(WRITE, &[Unfit::field("withdrawn", sentence)]).into());
        }
        "publishing" => {
            let reason = "Microsoft is publishing the private offer".to_owned();
            return Ok(Written::Closed { reason, again_s: 600 });
        }
        "draft" => "deleted",
        _ => "withdrawn",
    };
    order(script, vec![taken(raw, id.as_str(), state)], write)
}

fn fixed(write: &Write) -> Unfit {
    let first = write.fields.keys().find(|field| field.as_str() != "withdrawn");
    let sentence = "Microsoft takes no change of a private offer: withdraw it, and make another one";
    first.map_or_else(|| Unfit::whole(sentence), |field| Unfit::field(field.as_str(), sentence))
}

/// Orders a job.
fn order(script: &mut Script<'_>, resources: Vec<Json>, write: &Write) -> Run<Written> {
    let request = ingestion::configure(Entity::PrivateOffer, resources, write.token.as_deref());
    match send(script, request)? {
        Ok(answer) => Ok(ingestion::ordered(answer)?),
        Err((_, answer)) if matches!(answer.status, 409 | 423) => {
            let reason = "another job of the same product is running at Microsoft".to_owned();
            Ok(Written::Closed { reason, again_s: ingestion::MINUTE_S })
        }
        Err((_, answer)) if answer.status == 400 && said(&answer.body).is_some() => {
            Err(refusal(WRITE, &ingestion::mistakes(Entity::PrivateOffer, &answer.body)).into())
        }
        Err((refused, _)) => Err(Fault::new(refused.kind, WRITE, refused.message).retry(refused.retry).into()),
    }
}

/// What a job made, or the job that comes after it.
pub(crate) fn made(script: &mut Script<'_>, cx: &Context, job: &ExternalId, write: &Write) -> Run<Outcome> {
    let checked = |checked| Ok(Outcome::Checked(checked));
    let id = match &write.change {
        Change::Create { .. } => match came(script, cx, job, write)? {
            Ok(id) => id,
            Err(goes_on) => return checked(goes_on),
        },
        Change::Update { id, .. } | Change::Archive { id } | Change::Delete { id } => id.clone(),
    };
    let Some(seen) = one(script, id.as_str())? else {
        return checked(Checked::Broken { reason: "the private offer is not shown to us".into() });
    };
    let after: Result<_> = seen.snapshot(cx, Entity::PrivateOffer);
    let created = matches!(write.change, Change::Create { .. });
    checked(Checked::Done { after: after?, created })
}

/// The offer that is there now, or how it comes there.
fn came(
    script: &mut Script<'_>,
    cx: &Context,
    job: &ExternalId,
    write: &Write,
) -> Run<std::result::Result<ExternalId, Checked>> {
    let ours = find::ours(script, &write.record)?;
    let (drafts, there): (Vec<Ours>, Vec<Ours>) = ours.into_iter().partition(|one| one.is_draft);
    if !publishes(cx) {
        let made = in_job(script, job)?.or_else(|| drafts.into_iter().chain(there).next().map(|one| one.id));
        let reason = || "the job does not show the private offer that it made".to_owned();
        return Ok(made.ok_or_else(|| Checked::Broken { reason: reason() }));
    }
    let ordered = match (there.first(), drafts.as_slice()) {
        (Some(there), []) => return Ok(Ok(there.id.clone())),
        // A job of an order that nobody answered was late: what it made goes.
        (Some(_), late) => {
            let mut resources = Vec::new();
            for draft in late {
                let raw = raw(script, draft.id.as_str())?;
                resources.extend(raw.map(|(_, raw)| taken(raw, draft.id.as_str(), "deleted")));
            }
            order(script, resources, write)
        }
        // It is in no list yet.
        (None, []) => return Ok(Err(Checked::Running { again_s: ingestion::MINUTE_S })),
        (None, drafts) => publish(script, cx, write, drafts),
    };
    Ok(Err(match own(ordered)? {
        Ok(Written::Running(next)) => Checked::Next(next),
        Ok(_) => Checked::Running { again_s: ingestion::MINUTE_S },
        Err(refused) if refused.kind == Kind::Rejected => {
            Checked::Refused { mistakes: vec![Unfit::whole(refused.message)] }
        }
        Err(refused) => Checked::Broken { reason: refused.message },
    }))
}

/// The offer that a job shows as its work.
fn in_job(script: &mut Script<'_>, job: &ExternalId) -> Run<Option<ExternalId>> {
    let detail = script.send(ingestion::detail(Entity::PrivateOffer, job.as_str()))?;
    let resources = detail.array("/resources")?;
    let offer = |row: &&Json| row["id"].as_str().is_some_and(|id| ingestion::is_id("private-offer", id));
    Ok(resources.iter().find(offer).and_then(|row| row["id"].as_str()).map(ExternalId::from))
}
