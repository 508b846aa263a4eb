//! `concord deal` and `concord usage`.

use crate::{
    actor,
    args::{At, Usage},
    print,
    session::{Session, segment},
};
use anyhow::Result;
use serde_json::{Value as Json, json};

pub(super) async fn deal(record: &str, at: &At, wants_json: bool) -> Result<()> {
    let answer = Session::open(at).await?.get(&format!("/api/deals/{}", segment(record))).await?;
    print::either(wants_json, &answer, || {
        print::table(&["PART", "NAME", "STATE", "AMOUNT", "NET", "AT", "RECORD"], &parts(&answer));
        sentences(&answer).into_iter().for_each(print::line);
    });
    Ok(())
}

fn parts(deal: &Json) -> Vec<Vec<String>> {
    let all = deal["parts"].as_array().into_iter().flatten();
    let row = |part: &Json| {
        let at: Vec<&str> = part["at"].as_array().into_iter().flatten().filter_map(Json::as_str).collect();
        let at = if at.is_empty() { "-".to_owned() } else { at.join(" ") };
        let one = |name: &str| text(&part[name]);
        vec![one("entity"), one("name"), one("state"), one("amount"), one("net_amount"), at, one("id")]
    };
    all.map(row).collect()
}

/// Usage, money, and what there is none of.
fn sentences(deal: &Json) -> Vec<String> {
    let mut lines = Vec::new();
    let list = |name: &str| deal[name].as_array().cloned().unwrap_or_default();
    for one in list("usage") {
        lines.push(format!(
            "Used: {} of {}, {} accepted by the marketplace ({} records, {} to {}).",
            text(&one["quantity"]),
            text(&one["dimension"]),
            text(&one["accepted"]),
            one["records"],
            text(&one["from"]),
            text(&one["to"]),
        ));
    }
    for one in list("paid") {
        let net = one["net"].as_str().map(|net| format!("; after the marketplace's fee {net} are left"));
        let net = net.unwrap_or_default();
        lines.push(format!("Invoiced: {}; paid: {}{net}.", text(&one["invoiced"]), text(&one["paid"])));
    }
    let missing: Vec<String> = list("missing").iter().map(text).collect();
    if !missing.is_empty() {
        lines.push(format!("There is no {}.", missing.join(", no ")));
    }
    if deal["whole"] == false {
        lines.push("There is more than is shown here.".to_owned());
    }
    lines
}

pub(super) async fn usage(verb: &Usage, wants_json: bool) -> Result<()> {
    match verb {
        Usage::Report { entitlement, dimension, quantity, hour, reason, at } => {
            let body = json!({
                "dimension": dimension, "quantity": quantity, "hour": hour, "reason": reason, "by": actor::of_this_process(),
            });
            let target = format!("/api/usage/{}", segment(entitlement));
            let answer = Session::open(at).await?.post(&target, &body).await?;
            print::either(wants_json, &answer, || {
                let what = if answer["known"] == true { "was reported before" } else { "is reported" };
                let hour = text(&answer["hour"]);
                print::line(format!("{quantity} of {dimension} in the hour {hour} {what}: {}.", text(&answer["id"])));
            });
        }
        Usage::List { entitlement, at } => {
            let answer = Session::open(at).await?.get(&format!("/api/usage/{}", segment(entitlement))).await?;
            print::either(wants_json, &answer, || {
                let row =
                    |one: &Json| ["hour", "dimension", "quantity", "status", "reason"].map(|name| text(&one[name]));
                let all = answer["usage"].as_array().into_iter().flatten();
                let rows: Vec<Vec<String>> = all.map(|one| row(one).to_vec()).collect();
                print::table(&["HOUR", "DIMENSION", "QUANTITY", "STATUS", "REASON"], &rows);
            });
        }
    }
    Ok(())
}

fn text(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => "-".into(),
        other => other.to_string(),
    }
}
