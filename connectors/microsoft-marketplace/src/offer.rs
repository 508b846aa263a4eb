//! Private offers. What is offered is written once: a published offer can be taken back, and not changed.

mod build;
mod check;

pub(crate) use check::preflight;

use crate::{
    answer::{Row, done, gone, own, refusal, said, send},
    find, ingestion,
    read::Seen,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Instant, Outcome, Response, Result, Value,
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
    // Nothing at Microsoft tells a second order of the same offer from the first.
    if let Some(id) = find::marked(script, &write.record)? {
        return Ok(Written::Exists(id));
    }
    order(script, build::resources(cx, write)?, write)
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
    let mut resource = json!({ "$schema": ingestion::schema("private-offer"), "id": id.as_str(), "state": state });
    for name in ["name", "privateOfferType", "eTag"] {
        if let Some(value) = raw.get(name) {
            resource[name] = value.clone();
        }
    }
    order(script, vec![resource], write)
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

/// What a job made.
pub(crate) fn made(script: &mut Script<'_>, cx: &Context, job: &ExternalId, write: &Write) -> Run<Outcome> {
    let id = match &write.change {
        Change::Create { .. } => {
            let detail = script.send(ingestion::detail(Entity::PrivateOffer, job.as_str()))?;
            let resources = detail.array("/resources")?;
            let offer = |row: &&Json| row["id"].as_str().is_some_and(|id| ingestion::is_id("private-offer", id));
            resources.iter().find(offer).and_then(|row| row["id"].as_str()).map(ExternalId::from)
        }
        Change::Update { id, .. } | Change::Archive { id } | Change::Delete { id } => Some(id.clone()),
    };
    let broken = |reason: &str| Ok(Outcome::Checked(Checked::Broken { reason: reason.into() }));
    let Some(id) = id else { return broken("the job does not show the private offer that it made") };
    let Some(seen) = one(script, id.as_str())? else { return broken("the private offer is not shown to us") };
    let after: Result<_> = seen.snapshot(cx, Entity::PrivateOffer);
    let created = matches!(write.change, Change::Create { .. });
    Ok(Outcome::Checked(Checked::Done { after: after?, created }))
}
