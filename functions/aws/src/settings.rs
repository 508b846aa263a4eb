//! The configuration in force, as every worker of the stack knows it.

use crate::config::Config;
use concord_connector::{ConnectionName, Connector, Fault, Kind, Result};
use concord_hub::{
    config::{self, Mistake},
    hub::Hub,
    ports::Secret,
    settings::Settings,
    steps::schedule,
};
use std::{collections::BTreeMap, sync::Arc};

/// Puts the configuration of the table into force here, when it is another one than before; true when it was.
///
/// # Errors
/// The store's faults; `Rejected` when this version of Concord cannot read what is in force.
pub async fn reload(hub: &Hub, registry: &[Arc<dyn Connector>], names: &Config) -> Result<bool> {
    let Some(installed) = config::stored(&*hub.table).await? else { return Ok(false) };
    if installed.revision == hub.settings().revision {
        return Ok(false);
    }
    let document = installed.document().map_err(rejected)?;
    let mut accounts = BTreeMap::new();
    for name in document.connections().map(ConnectionName::from) {
        accounts.extend(schedule::described(hub, &name).await?.map(|account| (name, account)));
    }
    let mut secrets = BTreeMap::new();
    for reference in document.secret_references() {
        let secret = match open(hub, &reference).await {
            // Who may not read secrets - reconcile, fanout - calls nobody, and has no use for them.
            Err(fault) if fault.kind == Kind::Forbidden => Secret::new(""),
            secret => secret?,
        };
        secrets.insert(reference.clone(), secret);
    }
    let open =
        |reference: &str| Ok(secrets.get(reference).map(|secret| secret.expose().to_owned()).unwrap_or_default());
    let settings = document.settings(registry, installed.revision, &accounts, &open)?;
    hub.configure(shared(settings, names));
    Ok(true)
}

/// Each worker has its part of a connection's call budget, so that all of them together keep to it.
fn shared(mut settings: Settings, names: &Config) -> Settings {
    if settings.public_url.is_empty() {
        settings.public_url.clone_from(&names.public_url);
    }
    for limit in settings.connections.values_mut().flat_map(|connection| &mut connection.limits) {
        limit.requests = (limit.requests / names.workers).max(1);
    }
    settings
}

/// Opens a reference to a secret. Only the vault is everywhere.
async fn open(hub: &Hub, reference: &str) -> Result<Secret> {
    let missing = |sentence: String| Fault::new(Kind::Rejected, "configuration", sentence);
    let Some(name) = reference.strip_prefix("vault:") else {
        return Err(missing(format!(
            "`{reference}` is not there in the cloud; keep the secret by `concord vault set`"
        )));
    };
    let (name, part) = name.split_once('#').unwrap_or((name, "token"));
    let kept = hub.vault.read(name).await?;
    let sentence = || missing(format!("the vault has no `{name}/{part}`; run `concord vault set {name}/{part}`"));
    kept.parts.get(part).cloned().ok_or_else(sentence)
}

fn rejected(mistakes: Vec<Mistake>) -> Fault {
    let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Fault::new(Kind::Rejected, "configuration", sentences.join("\n"))
}
