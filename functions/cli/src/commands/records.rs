//! `concord records` and `concord explain`.

use crate::{
    args::At,
    print,
    session::{Session, segment},
};
use anyhow::Result;
use serde_json::{Value as Json, json};

const PAGE: usize = 500;

pub(super) async fn list(
    entity: &str,
    after: Option<&str>,
    limit: Option<usize>,
    at: &At,
    wants_json: bool,
) -> Result<()> {
    let session = Session::open(at).await?;
    let mut records: Vec<Json> = Vec::new();
    let mut after = after.unwrap_or_default().to_owned();
    let more = loop {
        let rows = limit.map_or(PAGE, |limit| (limit - records.len().min(limit)).clamp(1, PAGE));
        let page =
            session.get(&format!("/api/records/{}?limit={rows}&after={}", segment(entity), segment(&after))).await?;
        records.extend(page["records"].as_array().cloned().unwrap_or_default());
        match page["next"].as_str() {
            Some(next) if limit.is_none_or(|limit| records.len() < limit) => next.clone_into(&mut after),
            next => break next.map(str::to_owned),
        }
    };
    print::either(wants_json, &json!({ "records": records, "next": more }), || {
        let rows: Vec<Vec<String>> = records
            .iter()
            .map(|record| {
                let live = record["facets"].as_array().into_iter().flatten().filter(|facet| facet["live"] == true);
                let links: Vec<String> =
                    live.map(|facet| format!("{}/{}", text(&facet["connection"]), text(&facet["id"]))).collect();
                vec![text(&record["id"]), title(record), links.join(" ")]
            })
            .collect();
        print::table(&["RECORD", "NAME", "AT"], &rows);
        if let Some(more) = &more {
            print::line(format!("There are more: --after {more}"));
        }
    });
    Ok(())
}

pub(super) async fn explain(reference: &str, field: Option<&str>, at: &At, wants_json: bool) -> Result<()> {
    let session = Session::open(at).await?;
    let found = session.get(&format!("/api/find?record={}", segment(reference))).await?;
    let (entity, id) = (found["entity"].as_str().unwrap_or_default(), found["id"].as_str().unwrap_or_default());
    let only = field.map(|field| format!("&field={}", segment(field))).unwrap_or_default();
    let target = format!("/api/records/{}/{}?explain=1{only}", segment(entity), segment(id));
    let record = session.get(&target).await?;
    print::either(wants_json, &record["explain"], || print::line(text(&record["explain"]["text"]).trim_end()));
    Ok(())
}

/// What a person calls it: its name, else its number, else its title.
fn title(record: &Json) -> String {
    let field = |name: &str| record["fields"][name]["value"].as_str().map(str::to_owned);
    let person =
        || Some(format!("{} {}", field("given_name").unwrap_or_default(), field("family_name")?).trim().to_owned());
    field("name")
        .or_else(person)
        .or_else(|| field("number"))
        .or_else(|| field("description"))
        .unwrap_or_else(|| "-".into())
}

fn text(json: &Json) -> String {
    json.as_str().unwrap_or("-").to_owned()
}
