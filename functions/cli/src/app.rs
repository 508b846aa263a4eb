//! A hub over an open data folder - what `up` serves, and what commands use when nothing runs - or over a stack.

mod configuration;
mod key;
mod secrets;
#[cfg(feature = "aws")]
mod stack;

use crate::place::RunFile;
use anyhow::{Context as _, Result};
use concord_connector::{ConnectionName, Connector, exchange::Account};
use concord_hub::{
    embedded::{Embedded, SystemClock, SystemEntropy},
    hub::{Hub, Ports},
    net::Net,
    ports::{Clock, Queue, Secret, Table, Vault},
    settings::Settings,
    steps::schedule,
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};
use tokio::sync::watch;

pub use configuration::{Source, document, located, read as read_configuration, trial};
pub use key::{KEY_FILE, vault_key};
pub use secrets::{keep, keep_all};

/// The connectors that a hub knows.
pub type Registry = Vec<Arc<dyn Connector>>;

/// The vault's entry for what is Concord's own.
const OWN: &str = "concord";
/// The part of it that opens the API.
const ADMIN: &str = "admin_token";

/// Where the truth is.
pub enum Home {
    /// In a data folder on this machine.
    Folder(Embedded),
    /// In a stack on AWS.
    #[cfg(feature = "aws")]
    Stack(Box<stack::Stack>),
}

/// How full the queues are.
#[derive(Clone, Debug, Default)]
pub struct Depths {
    /// Messages that may be received, and those that are in flight, delayed or in back-off; by queue.
    pub queues: BTreeMap<String, (u64, u64)>,
    /// How long the oldest message has been waiting, in seconds, where that is known.
    pub oldest_message_s: Option<u64>,
}

/// A hub over an open data folder, or over a stack.
pub struct App {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Where the truth is.
    pub home: Home,
    /// What opens the API.
    pub token: Secret,
    /// Turns true when everything has to end.
    pub stop: watch::Sender<bool>,
    /// Where the data is.
    pub dir: PathBuf,
    /// The address of its server, while there is one; no slash at the end.
    pub url: OnceLock<String>,
}

impl App {
    /// Opens a folder under the configuration of a source. Vendors are asked about the accounts when `asks` says so; what
    /// they said before serves where they do not answer.
    ///
    /// # Errors
    /// A folder that is in use or damaged; a configuration with mistakes, each in a line of its own.
    pub async fn open(
        dir: &Path,
        source: &Source,
        registry: Registry,
        key: concord_hub::embedded::vault::Key,
        asks: bool,
    ) -> Result<Arc<Self>> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let embedded = Embedded::open(dir, key, Arc::clone(&clock))?;
        // What an earlier process left there leads nowhere.
        RunFile::forget(dir);
        let table: Arc<dyn Table> = Arc::clone(&embedded.store) as Arc<dyn Table>;
        let queue: Arc<dyn Queue> = Arc::clone(&embedded.store) as Arc<dyn Queue>;
        let vault: Arc<dyn Vault> = Arc::clone(&embedded.vault) as Arc<dyn Vault>;
        let ports = Ports {
            table: Arc::clone(&table),
            queue,
            vault: Arc::clone(&vault),
            http: Arc::new(Net::new()?),
            blobs: Arc::clone(&embedded.blobs) as _,
            clock,
            entropy: Arc::new(SystemEntropy),
        };
        let hub = Arc::new(Hub::new(ports, Settings::default()));
        configuration::load(&hub, source, &registry, asks).await?;
        hub.release_probes().await?;
        let token = admin_token(&hub).await.context("The admin token could not be kept.")?;
        Ok(Arc::new(Self {
            hub,
            home: Home::Folder(embedded),
            token,
            stop: watch::Sender::new(false),
            dir: dir.to_owned(),
            url: OnceLock::new(),
        }))
    }

    /// Opens a stack on AWS under the configuration of a source.
    ///
    /// # Errors
    /// When there is no such stack, or nothing of it may be read; a configuration with mistakes.
    #[cfg(feature = "aws")]
    pub async fn open_stack(name: &str, source: &Source) -> Result<Arc<Self>> {
        let (stack, ports) = stack::Stack::open(name).await?;
        let hub = Arc::new(Hub::new(ports, Settings::default()));
        let asks = matches!(source, Source::File(_));
        // A file on this machine says nothing of what is in force there.
        let is_set = concord_hub::config::stored(&*hub.table).await?.is_some();
        let source = if is_set || matches!(source, Source::File(_)) { source } else { &Source::Nothing };
        configuration::load(&hub, source, &concord_connectors::all(), asks).await?;
        let url = OnceLock::from(stack.public_url().to_owned());
        Ok(Arc::new(Self {
            hub,
            home: Home::Stack(Box::new(stack)),
            token: Secret::new(""),
            stop: watch::Sender::new(false),
            dir: PathBuf::new(),
            url,
        }))
    }

    /// The data folder's parts.
    ///
    /// # Errors
    /// `Rejected` where the truth is in a stack.
    pub fn folder(&self) -> concord_connector::Result<&Embedded> {
        match &self.home {
            Home::Folder(embedded) => Ok(embedded),
            #[cfg(feature = "aws")]
            Home::Stack(stack) => Err(stack.is_no_folder()),
        }
    }

    /// How full the queues are.
    ///
    /// # Errors
    /// Those of the queues' service.
    pub async fn depths(&self) -> concord_connector::Result<Depths> {
        match &self.home {
            Home::Folder(embedded) => {
                let count = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
                let queues = embedded.store.status().queues.into_iter();
                let queues =
                    queues.map(|(queue, depth)| (queue.to_string(), (count(depth.waiting), count(depth.hidden))));
                Ok(Depths { queues: queues.collect(), oldest_message_s: Some(self.oldest_message_s()) })
            }
            #[cfg(feature = "aws")]
            Home::Stack(stack) => Ok(Depths { queues: stack.depths().await?, oldest_message_s: None }),
        }
    }

    /// How long the oldest message of a data folder has been waiting, in seconds; 0 without any.
    pub fn oldest_message_s(&self) -> u64 {
        let now = self.hub.now();
        let queues = self.folder().map(|folder| folder.store.status().queues).unwrap_or_default();
        queues.values().filter_map(|depth| Some(now.since(depth.oldest?).as_secs())).max().unwrap_or(0)
    }
}

/// The token is made once per folder and kept, so that scripts go on working after a restart.
async fn admin_token(hub: &Hub) -> Result<Secret> {
    let kept = hub.vault.read(OWN).await?;
    if let Some(token) = kept.parts.get(ADMIN) {
        return Ok(token.clone());
    }
    let token = Secret::new(format!("{}{}", hub.new_token(), hub.new_token()));
    keep(hub, OWN, ADMIN, token.clone()).await?;
    Ok(token)
}

/// What every connection's account says of itself: asked now where `asks`, else as it was kept.
async fn accounts(hub: &Hub, asks: bool) -> Result<BTreeMap<ConnectionName, Account>> {
    let settings = hub.settings();
    let ask = settings.connections.values().map(|connection| async move {
        if asks {
            match schedule::describe(hub, connection).await {
                Ok(account) => return Ok((connection.name.clone(), Some(account))),
                Err(fault) => tracing::warn!(
                    connection = %connection.name,
                    reason = %fault,
                    "Could not ask {} about its account; what it said before is used.", connection.name
                ),
            }
        }
        Ok((connection.name.clone(), schedule::described(hub, &connection.name).await?))
    });
    let answers: Result<Vec<_>> = futures::future::join_all(ask).await.into_iter().collect();
    Ok(answers?.into_iter().filter_map(|(name, account)| Some((name, account?))).collect())
}
