//! The demo, as a newcomer's script would run it.

use crate::hub::program;
use libtest_mimic::Failed;
use serde_json::Value as Json;
use std::process::{Command, Stdio};

pub(crate) fn agrees() -> Result<(), Failed> {
    let home = tempfile::tempdir()?;
    let output = Command::new(program())
        .args(["demo", "--exit", "--json"])
        .env("HOME", home.path())
        .env_remove("XDG_CONFIG_HOME")
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let last: Json = serde_json::from_str(text.lines().last().ok_or("no output")?)?;
    let count = |name: &str| last[name].as_u64().unwrap_or(0);
    if !output.status.success()
        || last["agree"] != true
        || last["disagreements"].as_array().is_none_or(|list| !list.is_empty())
    {
        return Err(format!("{}: {last}", output.status).into());
    }
    if count("records") < 200 || count("fields_compared") < 1000 {
        return Err(format!("too little to be proof: {last}").into());
    }
    the_deal_is_one(&last["deal"])
}

/// Every part of the marketplace act is there once, and all of them say the same.
fn the_deal_is_one(deal: &Json) -> Result<(), Failed> {
    let parts = deal["whole"]["parts"].as_array().cloned().unwrap_or_default();
    let amount = |entity: &str| {
        let of: Vec<&Json> = parts.iter().filter(|part| part["entity"] == entity).collect();
        match of.as_slice() {
            [one] => one["amount"].as_str().unwrap_or("no amount").to_owned(),
            several => format!("{} records", several.len()),
        }
    };
    for entity in ["opportunity", "private_offer", "agreement", "order", "invoice"] {
        if amount(entity) != "24000.00 EUR" {
            return Err(format!("{entity}: {}: {deal}", amount(entity)).into());
        }
    }
    let usage = &deal["whole"]["usage"][0];
    let paid = &deal["whole"]["paid"][0];
    let is_whole = usage["accepted"] == "1250"
        && usage["records"] == 1
        && paid["paid"] == "24000.00 EUR"
        && paid["net"] == "23280.00 EUR"
        && deal["agree"] == true;
    if is_whole { Ok(()) } else { Err(format!("the deal does not agree: {deal}").into()) }
}
