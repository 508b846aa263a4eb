//! Secrets: opening what the configuration refers to, and keeping what an admin gives.

use anyhow::Result;
use concord_connector::{Fault, Kind};
use concord_hub::{hub::Hub, ports::Secret};
use std::collections::BTreeMap;

/// How often a write begins again when somebody else was first.
const ATTEMPTS: usize = 8;

/// References with their secrets, or with the sentence that says why there is none.
pub(super) type Opened = BTreeMap<String, Result<Secret, String>>;

/// Opens references: `env:NAME`, `file:PATH`, `vault:NAME#PART`. When not strict, what cannot be opened is empty: it is
/// not going to be used.
pub(super) async fn open(hub: &Hub, references: &[String], strict: bool) -> Opened {
    let mut opened = Opened::new();
    for reference in references {
        let secret = open_one(hub, reference).await;
        let secret = if strict { secret } else { Ok(secret.unwrap_or_else(|_| Secret::new(""))) };
        opened.insert(reference.clone(), secret);
    }
    opened
}

async fn open_one(hub: &Hub, reference: &str) -> Result<Secret, String> {
    let (kind, name) = reference.split_once(':').unwrap_or_default();
    match kind {
        "env" => std::env::var(name).map(Secret::new).map_err(|_| format!("the environment has no variable `{name}`")),
        "file" => std::fs::read_to_string(name)
            .map(Secret::new)
            .map_err(|error| format!("the file {name} cannot be read: {error}")),
        "vault" => {
            let (name, part) = name.split_once('#').unwrap_or((name, "token"));
            let kept = hub.vault.read(name).await.map_err(|fault| fault.to_string())?;
            let missing = || format!("the vault has no `{name}/{part}`; run `concord vault set {name}/{part}`");
            kept.parts.get(part).cloned().ok_or_else(missing)
        }
        _ => Err("it is no reference to a secret".into()),
    }
}

/// What a reference was opened to.
pub(super) fn opened(opened: &Opened, reference: &str) -> concord_connector::Result<String> {
    match opened.get(reference) {
        Some(Ok(secret)) => Ok(secret.expose().to_owned()),
        Some(Err(sentence)) => Err(Fault::new(Kind::Rejected, "configuration", sentence.clone())),
        None => Err(Fault::new(Kind::Rejected, "configuration", "the secret was not opened")),
    }
}

/// Keeps one part of a secret in the vault.
///
/// # Errors
/// The vault's, or when others keep changing the same secret.
pub async fn keep(hub: &Hub, name: &str, part: &str, secret: Secret) -> concord_connector::Result<()> {
    keep_all(hub, name, BTreeMap::from([(part.to_owned(), secret)])).await
}

/// Keeps parts of a secret in the vault; other parts stay.
///
/// # Errors
/// The vault's, or when others keep changing the same secret.
pub async fn keep_all(hub: &Hub, name: &str, parts: BTreeMap<String, Secret>) -> concord_connector::Result<()> {
    for _ in 0..ATTEMPTS {
        let mut secrets = hub.vault.read(name).await?;
        secrets.parts.extend(parts.clone());
        if hub.vault.write(name, secrets).await? {
            return Ok(());
        }
    }
    Err(Fault::new(Kind::Conflict, "vault.write", "somebody else keeps changing this secret; try again")
        .with("name", name))
}
