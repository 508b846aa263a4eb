//! The configuration in force, as every worker of the stack knows it.

use crate::config::Config;
use concord_connector::{ConnectionName, Connector, Fault, Kind, Result, exchange::Account};
use concord_hub::{
    config::{self, Mistake},
    hub::Hub,
    ports::Secret,
    settings::Settings,
    steps::schedule,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};

/// Puts the configuration of the table into force here, when it is another one than before, or when an account has been
/// described meanwhile of one that was not: a connection gets its credentials after the configuration that names it. True when
/// it was. `strangers` are the connections whose account is not known yet.
///
/// # Errors
/// The store's faults; `Rejected` when this version of Concord cannot read what is in force.
pub async fn reload(
    hub: &Hub,
    registry: &[Arc<dyn Connector>],
    names: &Config,
    strangers: &Mutex<BTreeSet<ConnectionName>>,
) -> Result<bool> {
    let Some(installed) = config::stored(&*hub.table).await? else { return Ok(false) };
    let is_same = installed.revision == hub.settings().revision;
    let unknown: Vec<_> = strangers.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect();
    if is_same && (unknown.is_empty() || accounts(hub, &unknown).await?.is_empty()) {
        return Ok(false);
    }
    let document = installed.document().map_err(rejected)?;
    let connections: Vec<_> = document.connections().map(ConnectionName::from).collect();
    let accounts = accounts(hub, &connections).await?;
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
    *strangers.lock().unwrap_or_else(PoisonError::into_inner) =
        connections.into_iter().filter(|name| !accounts.contains_key(name)).collect();
    Ok(true)
}

/// What accounts said of themselves, of those that were asked.
async fn accounts(hub: &Hub, names: &[ConnectionName]) -> Result<BTreeMap<ConnectionName, Account>> {
    let mut accounts = BTreeMap::new();
    for name in names {
        accounts.extend(schedule::described(hub, name).await?.map(|account| (name.clone(), account)));
    }
    Ok(accounts)
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
