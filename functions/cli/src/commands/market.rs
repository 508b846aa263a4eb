//! `concord offer`, `concord listing` and `concord operations`.

mod document;
mod follow;
mod listing;

use crate::{
    actor,
    args::{At, Listing, Offer, Operations},
    failure::{Told, Usage},
    print,
    session::{Session, segment},
};
use anyhow::{Result, bail};
use serde_json::{Map, Value as Json, json};

pub(super) async fn offer(verb: &Offer, wants_json: bool) -> Result<()> {
    match verb {
        Offer::List { at } => list(at, wants_json).await,
        Offer::New { fields, at } => new(fields, at, wants_json).await,
        Offer::Check { record, at } => check(record, at, wants_json).await,
        Offer::Diff { record, at } => {
            let preview = previewed(&Session::open(at).await?, record, false).await?;
            print::either(wants_json, &preview, || differences(&preview));
            Ok(())
        }
        Offer::Push { record, dry_run: true, at } => {
            let preview = previewed(&Session::open(at).await?, record, true).await?;
            print::either(wants_json, &preview, || requests(&preview));
            refused(&preview)
        }
        Offer::Push { record, dry_run: false, at } => push(&Session::open(at).await?, record, wants_json).await,
    }
}

pub(super) async fn listing(verb: &Listing, wants_json: bool) -> Result<()> {
    match verb {
        Listing::Diff { folder, at } => listing::diff(folder, at, wants_json).await,
        Listing::Push { folder, dry_run, at } => listing::push(folder, *dry_run, at, wants_json).await,
    }
}

pub(super) async fn operations(args: &Operations, wants_json: bool) -> Result<()> {
    let session = Session::open(&args.at).await?;
    let connection = segment(args.connection.as_deref().unwrap_or_default());
    let all = u8::from(args.all);
    let answer = session.get(&format!("/api/operations?connection={connection}&all={all}")).await?;
    print::either(wants_json, &answer, || {
        let rows: Vec<Vec<String>> = answer["operations"].as_array().into_iter().flatten().map(row).collect();
        if rows.is_empty() {
            return print::line("No vendor is working on anything.");
        }
        print::table(&["RECORD", "AT", "STATE", "SINCE", "NEXT LOOK", "OPERATION"], &rows);
        for one in answer["operations"].as_array().into_iter().flatten() {
            for sentence in sentences(one) {
                print::line(format!("{}: {sentence}", text(&one["record"])));
            }
        }
    });
    Ok(())
}

fn row(one: &Json) -> Vec<String> {
    ["record", "connection", "state", "since", "next_at", "operation"].map(|name| text(&one[name])).to_vec()
}

/// What a vendor said against an operation.
fn sentences(operation: &Json) -> Vec<String> {
    let mistakes = operation["mistakes"].as_array().into_iter().flatten().map(sentence);
    mistakes.chain(operation["reason"].as_str().map(str::to_owned)).collect()
}

fn sentence(mistake: &Json) -> String {
    let field = mistake["field"].as_str().map(|field| format!("{field}: ")).unwrap_or_default();
    let code = mistake["code"].as_str().map(|code| format!(" ({code})")).unwrap_or_default();
    format!("{field}{}{code}", text(&mistake["sentence"]))
}

async fn list(at: &At, wants_json: bool) -> Result<()> {
    let session = Session::open(at).await?;
    let mut offers = Vec::new();
    let mut after = String::new();
    loop {
        let page = session.get(&format!("/api/records/private_offer?limit=500&after={}", segment(&after))).await?;
        offers.extend(page["records"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) => next.clone_into(&mut after),
            None => break,
        }
    }
    let running = session.get("/api/operations").await?;
    print::either(wants_json, &json!({ "offers": offers, "operations": running["operations"] }), || {
        let value = |offer: &Json, field: &str| text(&offer["fields"][field]["value"]);
        let working = |id: &Json| {
            let all = running["operations"].as_array().into_iter().flatten();
            let at: Vec<String> = all.filter(|one| one["record"] == *id).map(|one| text(&one["connection"])).collect();
            if at.is_empty() { "-".to_owned() } else { at.join(" ") }
        };
        let row = |offer: &Json| {
            vec![
                text(&offer["id"]),
                value(offer, "name"),
                value(offer, "status"),
                value(offer, "amount"),
                value(offer, "accept_by"),
                working(&offer["id"]),
            ]
        };
        let rows: Vec<Vec<String>> = offers.iter().map(row).collect();
        print::table(&["OFFER", "NAME", "STATUS", "AMOUNT", "ACCEPT BY", "BEING WORKED ON AT"], &rows);
    });
    Ok(())
}

async fn new(fields: &[String], at: &At, wants_json: bool) -> Result<()> {
    let mut said: Map<String, Json> = Map::new();
    for pair in fields {
        let Some((name, value)) = pair.split_once('=') else {
            bail!(Usage(format!("`{pair}` is no FIELD=VALUE; write `name=Contoso 12 months`.")));
        };
        let value = Json::String(value.to_owned());
        match said.get_mut(name) {
            Some(Json::Array(lines)) => lines.push(value),
            Some(first) => *first = Json::Array(vec![first.take(), value]),
            None => drop(said.insert(name.to_owned(), value)),
        }
    }
    let body = json!({ "fields": said, "by": actor::of_this_process() });
    let made = Session::open(at).await?.post("/api/records/private_offer", &body).await?;
    print::either(wants_json, &made, || {
        let id = text(&made["id"]);
        print::line(format!(
            "Made the offer {id}. `concord offer check {id}` says what a marketplace would refuse of it."
        ));
    });
    Ok(())
}

async fn check(record: &str, at: &At, wants_json: bool) -> Result<()> {
    let preview = previewed(&Session::open(at).await?, record, false).await?;
    print::either(wants_json, &preview, || {
        for one in connections(&preview) {
            let name = text(&one["connection"]);
            let mistakes: Vec<String> = one["mistakes"].as_array().into_iter().flatten().map(sentence).collect();
            match (one["write"].is_object(), mistakes.is_empty()) {
                (false, _) => print::line(format!("{name}: nothing is to be sent.")),
                (true, true) => print::line(format!("{name}: it can be sent.")),
                (true, false) => print::line(format!("{name} would refuse it:")),
            }
            mistakes.iter().for_each(|mistake| print::line(format!("  {mistake}")));
            standing(one);
        }
    });
    refused(&preview)
}

/// What waits, and what the vendor said last.
fn standing(one: &Json) {
    if let Some(reason) = one["closed"].as_str() {
        print::line(format!("  It is closed there for now, and what differs is sent when it opens: {reason}"));
    }
    let operation = &one["operation"];
    if operation.is_object() {
        print::line(format!(
            "  The last job there: {}, since {}.",
            text(&operation["state"]),
            text(&operation["since"])
        ));
        sentences(operation).iter().for_each(|told| print::line(format!("    {told}")));
    }
    if let Some(why) = one["write"]["held_back"].as_str() {
        print::line(format!("  Held back: {why}"));
    }
}

fn differences(preview: &Json) {
    for one in connections(preview) {
        let write = &one["write"];
        if !write.is_object() {
            print::line(format!("{}: equal.", text(&one["connection"])));
            standing(one);
            continue;
        }
        print::line(format!("{}: {}", text(&one["connection"]), text(&write["because"])));
        for field in write["fields"].as_array().into_iter().flatten() {
            let value = |name: &str| field[name].as_str().unwrap_or("(empty)").to_owned();
            print::line(format!("  {}: {} -> {}", text(&field["field"]), value("now"), value("then")));
        }
        standing(one);
    }
}

fn requests(preview: &Json) {
    for one in connections(preview) {
        let name = text(&one["connection"]);
        let request = &one["request"];
        let mistakes: Vec<String> = one["mistakes"].as_array().into_iter().flatten().map(sentence).collect();
        if !mistakes.is_empty() {
            print::line(format!("{name} would refuse it:"));
            mistakes.iter().for_each(|mistake| print::line(format!("  {mistake}")));
            continue;
        }
        if !request.is_object() {
            print::line(format!("{name}: nothing is to be sent."));
            continue;
        }
        print::line(format!("{name}: {} {}", text(&request["method"]), text(&request["url"])));
        for (header, value) in request["headers"].as_object().into_iter().flatten() {
            print::line(format!("{header}: {}", text(value)));
        }
        print::line(serde_json::to_string_pretty(&request["body"]).unwrap_or_default());
    }
}

async fn push(session: &Session, record: &str, wants_json: bool) -> Result<()> {
    let pushed = session.post(&format!("/api/push/{}", segment(record)), &Json::Null).await?;
    let ended = follow::to_the_end(session, &pushed).await?;
    print::either(wants_json, &json!({ "pushed": pushed, "ended": ended }), || {
        for one in pushed["observed"].as_array().into_iter().flatten() {
            let name = text(one);
            print::line(format!(
                "{name} is only observed; set `mode = \"sync\"`, or use `concord plan {name}` and `apply`."
            ));
        }
        for one in connections(&pushed).filter(|one| one["mistakes"].as_array().is_some_and(|all| !all.is_empty())) {
            print::line(format!("{} would refuse it:", text(&one["connection"])));
            one["mistakes"]
                .as_array()
                .into_iter()
                .flatten()
                .for_each(|told| print::line(format!("  {}", sentence(told))));
        }
        follow::told(&ended);
    });
    refused(&pushed)?;
    if follow::is_good(&ended) { Ok(()) } else { Err(Told.into()) }
}

async fn previewed(session: &Session, record: &str, requests: bool) -> Result<Json> {
    session.get(&format!("/api/preview/{}?requests={}", segment(record), u8::from(requests))).await
}

fn connections(preview: &Json) -> impl Iterator<Item = &Json> {
    preview["connections"].as_array().into_iter().flatten()
}

/// An error when a marketplace would refuse something.
fn refused(preview: &Json) -> Result<()> {
    let any = connections(preview).any(|one| one["mistakes"].as_array().is_some_and(|mistakes| !mistakes.is_empty()));
    if any { Err(Told.into()) } else { Ok(()) }
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => "-".into(),
        other => other.to_string(),
    }
}
