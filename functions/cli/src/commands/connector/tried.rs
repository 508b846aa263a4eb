//! `concord connector try`.

use crate::{
    failure::{Told, Usage},
    print,
};
use anyhow::{Context as _, Result, bail};
use concord_connector::{
    Connector as _, Context, Entity, Manifest,
    rest::{Trial, trial},
    value::Currency,
};
use serde_json::{Value as Json, json};
use std::{io::Read as _, path::Path};

pub(super) fn tried(
    file: &Path,
    record: &Path,
    entity: Option<&str>,
    currency: Option<&str>,
    wants_json: bool,
) -> Result<()> {
    let rest = super::read(file, wants_json)?;
    let manifest = rest.manifest();
    let row = sample(record)?;
    let entity = chosen(manifest, entity)?;
    let mut cx = Context::new("try", manifest);
    cx.currency = currency_of(manifest, currency)?;
    let trial = trial(&cx, entity, &row)?;
    let fails = trial.lines.iter().any(|line| line.ours.is_none() && line.loss.is_some());
    print::either(wants_json, &json!(trial), || shown(&trial));
    if fails { Err(Told.into()) } else { Ok(()) }
}

/// The currency that was given, else the one of every account.
pub(super) fn currency_of(manifest: &Manifest, given: Option<&str>) -> Result<Option<Currency>> {
    let known = manifest.account.as_ref().and_then(|account| account.currency.as_deref());
    let Some(code) = given.or(known) else { return Ok(None) };
    match Currency::parse(code) {
        Some(currency) => Ok(Some(currency)),
        None => bail!(Usage(format!("`{code}` is no ISO 4217 currency; write three letters, like EUR."))),
    }
}

fn sample(record: &Path) -> Result<Json> {
    let text = if record.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("Standard input cannot be read.")?;
        text
    } else {
        super::text(record)?
    };
    let row: Json = serde_json::from_str(&text).with_context(|| format!("{} is no JSON.", record.display()))?;
    if !row.is_object() {
        bail!("{} has to be one record: a JSON object.", record.display());
    }
    Ok(row)
}

fn chosen(manifest: &Manifest, named: Option<&str>) -> Result<Entity> {
    let mapped: Vec<&str> = manifest.entity.keys().map(|entity| entity.name()).collect();
    match (named, mapped.as_slice()) {
        (None, [one]) => Entity::parse(one).context("The entity is not known."),
        (None, _) => bail!(Usage(format!("Say with --entity what the record is: one of {}.", mapped.join(", ")))),
        (Some(name), _) => match Entity::parse(name).filter(|entity| manifest.entity.contains_key(entity)) {
            Some(entity) => Ok(entity),
            None => bail!(Usage(concord_connector::mistake::unknown(name, "entity of this file", &mapped))),
        },
    }
}

fn shown(trial: &Trial) {
    let or = |text: &Option<String>, none: &str| text.clone().unwrap_or_else(|| none.to_owned());
    print::line(format!("{} {}", trial.entity, or(&trial.id, "(no id!)")));
    let version = trial.version.map_or_else(|| "the time of the read".to_owned(), |version| version.to_string());
    print::line(format!("version {version}; changed {}", or(&trial.modified, "(not said)")));
    if trial.deleted {
        print::line("It says that it was deleted.");
    }
    let rows: Vec<Vec<String>> = trial
        .lines
        .iter()
        .map(|line| {
            let json = |json: &Option<Json>| json.as_ref().map_or_else(|| "(absent)".to_owned(), short);
            vec![
                line.vendor.clone(),
                json(&line.theirs),
                line.field.clone(),
                or(&line.ours, "(not said)"),
                json(&line.back),
                line.loss.clone().unwrap_or_default(),
            ]
        })
        .collect();
    print::table(&["there", "shows", "field", "Concord keeps", "written back", "loss"], &rows);
    if !trial.unmapped.is_empty() {
        print::line(format!("Nothing reads {}.", trial.unmapped.join(", ")));
    }
    print::line(format!("What a new record would be written as: {}", trial.image));
}

fn short(json: &Json) -> String {
    let text = json.to_string();
    if text.chars().count() > 40 { format!("{}...", text.chars().take(37).collect::<String>()) } else { text }
}
