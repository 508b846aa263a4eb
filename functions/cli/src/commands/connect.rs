//! `concord connect`: credentials in, consent where it is needed, one test read, and what to enter at the vendor.

mod consent;

use crate::{
    app::Source,
    args::Connect,
    failure::Usage,
    print,
    session::{Session, segment},
};
use anyhow::{Context as _, Result, bail};
use serde_json::{Value as Json, json};
use std::{
    collections::BTreeMap,
    io::{self, BufRead as _, IsTerminal as _},
};

pub(super) async fn connect(args: &Connect, wants_json: bool) -> Result<()> {
    let session = Session::open_as(&args.at, Source::Trial(args.at.config.clone())).await?;
    let name = segment(&args.connection);
    let wanted = session.get(&format!("/api/connections/{name}/wanted")).await?;
    let given = given(args, &wanted)?;
    for (part, value) in &given {
        session.post(&format!("/api/vault/{name}"), &json!({ "part": part, "value": value })).await?;
    }
    let mut missing_scopes = Json::Null;
    if wanted["consent"] == true {
        missing_scopes = consent::consent(&session, args, &name).await?["missing_scopes"].take();
    }
    let mut account = session
        .post(&format!("/api/connections/{name}/describe"), &Json::Null)
        .await
        .context(format!("The credentials of `{}` are kept, but the test read failed.", args.connection))?;
    account["missing_scopes"] = missing_scopes;
    print::either(wants_json, &account, || told(&account));
    Ok(())
}

/// Parts given by `--set`, then those that are missing, from standard input.
fn given(args: &Connect, wanted: &Json) -> Result<BTreeMap<String, String>> {
    let mut given = BTreeMap::new();
    for pair in &args.set {
        let (part, value) = pair
            .split_once('=')
            .ok_or_else(|| Usage(format!("`--set {pair}` has no `=`; write --set PART=VALUE or --set PART=@FILE.")))?;
        let value = match value.strip_prefix('@') {
            Some(file) => std::fs::read_to_string(file).with_context(|| format!("The file {file} cannot be read."))?,
            None => value.to_owned(),
        };
        given.insert(part.to_owned(), value.trim_end_matches(['\r', '\n']).to_owned());
    }
    let parts = wanted["parts"].as_array().cloned().unwrap_or_default();
    let known: Vec<&str> = parts.iter().filter_map(|part| part["part"].as_str()).collect();
    if let Some(unknown) = given.keys().find(|part| !known.contains(&part.as_str())) {
        bail!(Usage(format!("`{unknown}` is no secret of `{}`; it has {}.", args.connection, known.join(", "))));
    }
    let mut lines = io::stdin().lock().lines();
    for part in parts.iter().filter(|part| part["required"] == true && part["kept"] == false) {
        let Some(name) = part["part"].as_str().filter(|name| !given.contains_key(*name)) else { continue };
        if io::stdin().is_terminal() {
            eprint!("{name}: ");
        }
        let line = lines.next().transpose().context("Standard input cannot be read.")?;
        let line = line.filter(|line| !line.trim().is_empty()).ok_or_else(|| {
            Usage(format!(
                "The secret `{name}` is missing. Give it by --set {name}=@FILE, or on a line of standard input."
            ))
        })?;
        given.insert(name.to_owned(), line.trim().to_owned());
    }
    Ok(given)
}

fn told(account: &Json) {
    let text = |name: &str| account[name].as_str().unwrap_or("not said").to_owned();
    print::line(format!(
        "{} answers. Time zone: {}, currency: {}.",
        text("title"),
        text("time_zone"),
        text("currency")
    ));
    if let Some(scopes) = account["missing_scopes"].as_array().filter(|scopes| !scopes.is_empty()) {
        let scopes: Vec<&str> = scopes.iter().filter_map(Json::as_str).collect();
        print::line(format!(
            "Not granted: {}. What needs them stays out of step until you add them to the app and connect again.",
            scopes.join(", ")
        ));
    }
    if account["push"] == true {
        print::line(format!("Enter this webhook address at the vendor: {}", text("hook")));
        if account["hook"].as_str().is_some_and(|hook| hook.starts_with("/")) {
            print::line("Put your own address before it, and set `public_url` in concord.toml to it.");
        }
    }
    if account["mode"] == "observe" {
        print::line("It is only observed: `concord status` shows what `mode = \"sync\"` would write.");
    }
}
