//! Listings: a product with what belongs to it. A change is made to the draft, and taken as far as the connection says.

mod view;

use crate::{
    answer::{Row, gone, moved, own, refusal, said, send},
    ingestion,
    read::Seen,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Outcome, Response, Value,
    exchange::{Change, Checked, Unfit, Write, Written},
    mapping::Creating,
    script::{Run, Script},
};
use serde_json::{Value as Json, json};
use view::{resource, view};

const WRITE: &str = "microsoft_marketplace.write";
/// Certification takes hours to days.
const CERTIFIED_S: u64 = 1_800;

/// One listing.
pub(crate) fn one(script: &mut Script<'_>, id: &str) -> Run<Option<Seen>> {
    Ok(whole(script, id)?.map(|(answer, tree, submissions)| Seen {
        row: view(id, tree, submissions),
        modified: None,
        at: answer.started_at,
    }))
}

type Whole<'a> = (&'a Response, &'a [Json], &'a [Json]);

fn whole<'a>(script: &mut Script<'a>, id: &str) -> Run<Option<Whole<'a>>> {
    if !ingestion::is_path(id) {
        return Ok(None);
    }
    let tree = script.send(ingestion::tree(id).accepting(&[200, 400, 404]))?;
    if tree.status != 200 {
        return Ok(None);
    }
    let submissions = script.send(ingestion::submissions(id))?;
    Ok(Some((tree, tree.array("/resources")?, submissions.array("/value")?)))
}

/// The listings of a page of products.
pub(crate) fn rows(script: &mut Script<'_>, page: &Response) -> Run<Vec<Json>> {
    let mut rows = Vec::new();
    for id in page.array("/value")?.iter().filter_map(|product| product["id"].as_str()) {
        rows.extend(one(script, id)?.map(|seen| seen.row));
    }
    Ok(rows)
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name).and_then(Option::as_ref).and_then(Value::as_str)
}

/// What Microsoft does not take.
pub(crate) fn preflight(write: &Write) -> Vec<Unfit> {
    let mut mistakes = Vec::new();
    if matches!(write.change, Change::Create { .. }) {
        mistakes
            .push(Unfit::whole("make the offer in Partner Center first: its type, plans and accounts belong there"));
    }
    let fields = &write.fields;
    let lengths = [("name", 200), ("short_description", 100), ("description", 5_000)];
    for (field, most) in lengths {
        if text(fields, field).is_some_and(|text| text.chars().count() > most) {
            mistakes.push(Unfit::field(field, format!("write at most {most} characters")));
        }
        if fields.get(field).is_some_and(Option::is_none) {
            mistakes.push(Unfit::field(field, "Microsoft needs a text here"));
        }
    }
    if matches!(fields.get("keywords"), Some(Some(Value::List(words))) if words.len() > 3) {
        mistakes.push(Unfit::field("keywords", "write at most three keywords"));
    }
    for field in ["landing_url", "support"] {
        if text(fields, field).is_some_and(|url| !url.starts_with("https://")) {
            mistakes.push(Unfit::field(field, "write an address that begins with https://"));
        }
    }
    mistakes
}

/// Writes one listing.
pub(crate) fn write(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Row> {
    let mistakes = preflight(write);
    let row = match &write.change {
        _ if !mistakes.is_empty() => Err(refusal(WRITE, &mistakes).into()),
        Change::Update { id, held, .. } => update(script, cx, write, id, held),
        _ => Err(refusal(WRITE, &[Unfit::whole("retire a listing in Partner Center: customers depend on it")]).into()),
    };
    own(row)
}

fn update(script: &mut Script<'_>, cx: &Context, write: &Write, id: &ExternalId, held: &Fields) -> Run<Written> {
    let Some((answer, tree, submissions)) = whole(script, id.as_str())? else {
        return Err(gone(Entity::Listing, id).into());
    };
    let seen = Seen { row: view(id.as_str(), tree, submissions), modified: None, at: answer.started_at };
    let shown = seen.snapshot(cx, Entity::Listing)?;
    if moved(held, &shown) {
        return Ok(Written::Moved(shown));
    }
    if view::in_review(submissions) {
        let reason = "Microsoft is certifying the listing".to_owned();
        return Ok(Written::Closed { reason, again_s: CERTIFIED_S });
    }
    let ours = cx.mapping(Entity::Listing)?.encode(cx, Entity::Listing, &write.fields, Creating::No)?;
    let mut resources = Vec::new();
    // Whole resources are sent back as they were read, with our members over theirs.
    for (kind, members) in view::OWN {
        let changed: Vec<&str> = members.iter().copied().filter(|name| ours.get(name).is_some()).collect();
        if changed.is_empty() {
            continue;
        }
        let Some(mut whole) = resource(tree, kind).cloned() else {
            let sentence = format!("the product has no {kind} yet: make it in Partner Center");
            return Err(refusal(WRITE, &[Unfit::whole(sentence)]).into());
        };
        for name in changed {
            whole[name] = ours[name].clone();
        }
        resources.push(whole);
    }
    if resources.is_empty() {
        return Ok(crate::answer::done(shown));
    }
    if target(cx) != "draft" {
        resources.push(submission(id.as_str(), None, "preview"));
    }
    order(script, resources, write)
}

fn target(cx: &Context) -> &str {
    cx.option("listing_target").unwrap_or("preview")
}

fn submission(product: &str, id: Option<&str>, target: &str) -> Json {
    let mut submission = json!({
        "$schema": ingestion::schema("submission"), "product": product, "target": { "targetType": target },
    });
    if let Some(id) = id {
        submission["id"] = json!(id);
    }
    submission
}

fn order(script: &mut Script<'_>, resources: Vec<Json>, write: &Write) -> Run<Written> {
    let request = ingestion::configure(Entity::Listing, resources, write.token.as_deref());
    match send(script, request)? {
        Ok(answer) => Ok(ingestion::ordered(answer)?),
        Err((_, answer)) if matches!(answer.status, 409 | 423) => {
            let reason = "another job of the same product is running at Microsoft".to_owned();
            Ok(Written::Closed { reason, again_s: ingestion::MINUTE_S })
        }
        Err((_, answer)) if answer.status == 400 && said(&answer.body).is_some() => {
            Err(refusal(WRITE, &ingestion::mistakes(Entity::Listing, &answer.body)).into())
        }
        Err((refused, _)) => Err(Fault::new(refused.kind, WRITE, refused.message).retry(refused.retry).into()),
    }
}

/// The job is through: the preview goes live where the connection says so, and the listing is read.
pub(crate) fn published(script: &mut Script<'_>, cx: &Context, write: &Write) -> Run<Outcome> {
    let ended = |checked| Ok(Outcome::Checked(checked));
    let id = match &write.change {
        Change::Update { id, .. } | Change::Archive { id } | Change::Delete { id } => id,
        Change::Create { .. } => return ended(Checked::Broken { reason: "no job makes a listing".into() }),
    };
    let Some((answer, tree, submissions)) = whole(script, id.as_str())? else {
        return ended(Checked::Broken { reason: "the listing is not shown to us any more".into() });
    };
    if target(cx) != "draft" && view::in_review(submissions) {
        return ended(Checked::Running { again_s: CERTIFIED_S });
    }
    if target(cx) == "live"
        && let Some(preview) = view::waiting_preview(submissions)
    {
        let resources = vec![submission(id.as_str(), Some(preview), "live")];
        // A conflict means that somebody, or the check before, was faster: how it ends is seen next time.
        return match order(script, resources, write) {
            Ok(_) => ended(Checked::Running { again_s: CERTIFIED_S }),
            Err(pause) => Err(pause),
        };
    }
    let seen = Seen { row: view(id.as_str(), tree, submissions), modified: None, at: answer.started_at };
    ended(Checked::Done { after: seen.snapshot(cx, Entity::Listing)?, created: false })
}
