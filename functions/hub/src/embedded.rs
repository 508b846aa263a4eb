//! The adapters that need no cloud: one data folder with an SQLite database (table, queues, change feed), blobs and the
//! sealed vault, and the loops that drive the steps as Lambda's event source mappings do.
//!
//! ```text
//! DIR/concord.lock     held while the folder is open
//! DIR/concord.sqlite   table, queues, change feed
//! DIR/blobs/           payloads that are no message, sealed: bodies of webhooks that nobody could read
//! DIR/vault.sealed     credentials and tokens; its key is kept elsewhere
//! ```

mod backup;
mod blobs;
mod cache;
pub mod feed;
mod flights;
mod folder;
mod group;
mod images;
mod items;
mod log;
mod messages;
mod migrate;
mod operation;
pub mod poller;
mod readers;
mod seal;
mod shows;
mod store;
mod tail;
pub mod ticker;
pub mod vault;
mod writer;

pub use crate::system::{SystemClock, SystemEntropy};
pub use backup::{backup, restore};
pub use blobs::Blobs;
pub use folder::Folder;
pub use store::{Status, Store};
pub use vault::Vault;

use crate::ports::Clock;
use concord_connector::Result;
use std::{path::Path, sync::Arc};

/// Everything in one data folder.
#[derive(Clone)]
pub struct Embedded {
    /// The folder itself, locked.
    pub folder: Arc<Folder>,
    /// Table, queues and feed.
    pub store: Arc<Store>,
    /// Large payloads.
    pub blobs: Arc<Blobs>,
    /// Credentials.
    pub vault: Arc<Vault>,
}

impl Embedded {
    /// Opens or creates a data folder. `key` opens its vault and its blobs.
    pub fn open(dir: &Path, key: vault::Key, clock: Arc<dyn Clock>) -> Result<Self> {
        let folder = Arc::new(Folder::open(dir)?);
        let vault = Arc::new(Vault::open(folder.vault(), key.clone())?);
        let blobs = Arc::new(Blobs::open(folder.blobs(), key)?);
        let store = Arc::new(Store::open(folder.clone(), clock)?);
        Ok(Self { folder, store, blobs, vault })
    }
}
