//! The vault on Secrets Manager: one secret per name, each generation a version of it.
//!
//! The service has no conditional write. One writes at a time, under a lease in the table; and a version is written once: its
//! id is told by name and generation, so that of two who write the same generation one is refused even if the lease ran out
//! under somebody.

use crate::fault;
use async_trait::async_trait;
use aws_credential_types::provider::{ProvideCredentials as _, SharedCredentialsProvider};
use aws_sdk_secretsmanager::{Client, types::Filter};
use concord_connector::{Fault, Instant, Kind, Result};
use concord_hub::{
    keys, lease,
    ports::{Clock, Secret, Secrets, Table, TableChange, Vault},
};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Who writes a secret has that long; after it somebody else may.
const LEASE: Duration = Duration::from_secs(20);
/// Between two looks whether the lease is free.
const LOOK: Duration = Duration::from_millis(50);
/// Looks before it is given up.
const LOOKS: u32 = 600;

/// Secrets whose names begin with a prefix.
pub struct SecretsManagerVault {
    client: Client,
    table: Arc<dyn Table>,
    prefix: String,
    clock: Arc<dyn Clock>,
    /// What was read is good for so long.
    keeps: Duration,
    read: Mutex<BTreeMap<String, (Instant, Secrets)>>,
    who: Option<SharedCredentialsProvider>,
}

impl SecretsManagerVault {
    /// A vault that asks the service every time.
    pub fn new(client: Client, table: Arc<dyn Table>, prefix: impl Into<String>, clock: Arc<dyn Clock>) -> Self {
        Self { client, table, prefix: prefix.into(), clock, keeps: Duration::ZERO, read: Mutex::default(), who: None }
    }

    /// The same, for whoever only reads, and often: what was read is taken to be true for a while.
    #[must_use]
    pub fn keeping(self, keeps: Duration) -> Self {
        Self { keeps, ..self }
    }

    /// The same, able to say what the process itself signs with.
    #[must_use]
    pub fn of(self, who: Option<SharedCredentialsProvider>) -> Self {
        Self { who, ..self }
    }

    fn name(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    async fn ask(&self, name: &str) -> Result<Secrets> {
        let answer = match self.client.get_secret_value().secret_id(self.name(name)).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|said| said.is_resource_not_found_exception()) => {
                return Ok(Secrets::default());
            }
            Err(error) => {
                // A secret that is on its way out is none.
                let said = error.as_service_error();
                if said.is_some_and(|said| said.is_invalid_request_exception()) {
                    return Ok(Secrets::default());
                }
                return Err(fault::of("vault.read", &error));
            }
        };
        let damaged = || Fault::malformed("vault.read", "a secret is not as Concord writes them").with("name", name);
        serde_json::from_str(answer.secret_string().ok_or_else(damaged)?).map_err(|_| damaged())
    }

    /// The names of what is kept.
    ///
    /// # Errors
    /// The service's faults.
    pub async fn names(&self) -> Result<Vec<String>> {
        let filter = Filter::builder().key("name".into()).values(&self.prefix).build();
        let mut pages = self.client.list_secrets().filters(filter).into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| fault::of("vault.list", &error))?;
            names.extend(
                page.secret_list().iter().filter_map(|one| Some(one.name()?.strip_prefix(&self.prefix)?.to_owned())),
            );
        }
        Ok(names)
    }

    fn note(&self, name: &str, secrets: Option<&Secrets>) {
        let mut read = self.read.lock().unwrap_or_else(PoisonError::into_inner);
        match secrets.filter(|_| !self.keeps.is_zero()) {
            Some(secrets) => drop(read.insert(name.to_owned(), (self.clock.now(), secrets.clone()))),
            None => drop(read.remove(name)),
        }
    }
}

/// The version id of a generation: 32 to 64 letters, the same for all who write it.
fn version(name: &str, generation: u64) -> String {
    hex::encode(&Sha256::digest(format!("{name}\0{generation}"))[..16])
}

#[async_trait]
impl Vault for SecretsManagerVault {
    async fn read(&self, name: &str) -> Result<Secrets> {
        let known = self.read.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned();
        if let Some((at, secrets)) = known
            && self.clock.now().since(at) < self.keeps
        {
            return Ok(secrets);
        }
        let secrets = self.ask(name).await?;
        self.note(name, Some(&secrets));
        Ok(secrets)
    }

    async fn write(&self, name: &str, secrets: Secrets) -> Result<bool> {
        self.note(name, None);
        let lease = self.lease(name).await?;
        let written = self.write_next(name, secrets).await;
        lease::give_back(&*self.table, lease).await;
        written
    }

    async fn own_role(&self) -> Result<Option<Secrets>> {
        let Some(who) = &self.who else { return Ok(None) };
        let found = who.provide_credentials().await.map_err(|error| {
            Fault::new(Kind::Unauthorized, "vault.own_role", "the hub's own role has no keys").caused_by(error)
        })?;
        let parts = [
            ("access_key_id", Some(found.access_key_id())),
            ("secret_access_key", Some(found.secret_access_key())),
            ("session_token", found.session_token()),
        ];
        let parts = parts.into_iter().filter_map(|(name, part)| Some((name.to_owned(), Secret::new(part?))));
        Ok(Some(Secrets { generation: 1, parts: parts.collect() }))
    }

    async fn forget(&self, name: &str) -> Result<()> {
        self.note(name, None);
        let request = self.client.delete_secret().secret_id(self.name(name)).force_delete_without_recovery(true);
        match request.send().await {
            Ok(_) => Ok(()),
            Err(error) if error.as_service_error().is_some_and(|said| said.is_resource_not_found_exception()) => Ok(()),
            Err(error) => Err(fault::of("vault.forget", &error)),
        }
    }
}

impl SecretsManagerVault {
    /// Waits for the lease of a name; the change that gives it back.
    async fn lease(&self, name: &str) -> Result<TableChange> {
        for _ in 0..LOOKS {
            let taken = lease::take(&*self.table, keys::vault_lease(name), self.clock.now(), LEASE).await?;
            match taken {
                Some(lease) => return Ok(lease),
                None => tokio::time::sleep(LOOK).await,
            }
        }
        Err(Fault::new(Kind::Conflict, "vault.write", "somebody else keeps writing this secret").with("name", name))
    }

    async fn write_next(&self, name: &str, secrets: Secrets) -> Result<bool> {
        if self.ask(name).await?.generation != secrets.generation {
            return Ok(false);
        }
        let generation = secrets.generation + 1;
        let next = Secrets { generation, ..secrets };
        let text = serde_json::to_string(&next).map_err(|error| Fault::malformed("vault.write", error.to_string()))?;
        let (id, token) = (self.name(name), version(name, generation));
        if generation == 1 {
            let request = self.client.create_secret().name(&id).client_request_token(token).secret_string(text);
            return match request.send().await {
                Ok(_) => Ok(true),
                Err(error) if error.as_service_error().is_some_and(|said| said.is_resource_exists_exception()) => {
                    Ok(false)
                }
                Err(error) => Err(fault::of("vault.write", &error)),
            };
        }
        let request = self.client.put_secret_value().secret_id(&id).client_request_token(token).secret_string(text);
        match request.send().await {
            Ok(_) => Ok(true),
            Err(error) if error.as_service_error().is_some_and(|said| said.is_resource_exists_exception()) => Ok(false),
            Err(error) if error.as_service_error().is_some_and(|said| said.is_resource_not_found_exception()) => {
                Ok(false)
            }
            Err(error) => Err(fault::of("vault.write", &error)),
        }
    }
}

/// What never gets into a log, even when a fault is told.
impl std::fmt::Debug for SecretsManagerVault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SecretsManagerVault({})", self.prefix)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_version_is_told_by_name_and_generation() {
        let version = super::version("crm", 3);
        assert_eq!(version.len(), 32, "what the service takes is 32 to 64 letters long");
        assert_eq!(version, super::version("crm", 3));
        assert_ne!(version, super::version("crm", 4));
        assert_ne!(version, super::version("erp", 3));
    }
}
