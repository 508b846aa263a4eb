//! `concord connector`: an admin's own connector.toml, checked, tried and tested before a connection uses it.

mod live;
mod suite;
mod tried;

use crate::{app, args::Connector, failure::Told, print};
use anyhow::{Context as _, Result, bail};
use concord_connector::{Manifest, manifest, mistake::Mistake, rest::Rest};
use serde_json::json;
use std::path::Path;

pub(super) async fn connector(verb: &Connector, wants_json: bool) -> Result<()> {
    match verb {
        Connector::Check { file } => check(file, wants_json),
        Connector::Try { file, record, entity, currency } => {
            tried::tried(file, record, entity.as_deref(), currency.as_deref(), wants_json)
        }
        Connector::Test(args) => match &args.base_url {
            Some(url) => live::live(args, url, wants_json).await,
            None => suite::suite(args, wants_json),
        },
    }
}

fn check(file: &Path, wants_json: bool) -> Result<()> {
    let mistakes = manifest::explain(&text(file)?);
    print::either(wants_json, &json!({ "ok": mistakes.is_empty(), "mistakes": mistakes }), || {
        told(file, &mistakes);
        if mistakes.is_empty() {
            print::line(format!("{} is good.", file.display()));
        }
    });
    if mistakes.is_empty() { Ok(()) } else { Err(Told.into()) }
}

/// The connector of a file; its mistakes are told and end the command.
fn read(file: &Path, wants_json: bool) -> Result<Rest> {
    let text = text(file)?;
    let mistakes = manifest::explain(&text);
    if !mistakes.is_empty() {
        print::either(wants_json, &json!({ "ok": false, "mistakes": mistakes }), || told(file, &mistakes));
        bail!(Told);
    }
    Ok(Manifest::parse(&text).and_then(Rest::new)?)
}

fn told(file: &Path, mistakes: &[Mistake]) {
    for mistake in mistakes {
        print::line(app::located(file, mistake));
    }
    match mistakes.len() {
        0 => {}
        1 => print::line("1 mistake."),
        many => print::line(format!("{many} mistakes.")),
    }
}

fn text(file: &Path) -> Result<String> {
    std::fs::read_to_string(file).with_context(|| format!("The file {} cannot be read.", file.display()))
}
