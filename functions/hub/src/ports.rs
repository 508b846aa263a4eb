//! What the hub stands on: few and narrow. Everything above is written once; adapters are the embedded ones and AWS's.

mod http;
mod queue;
mod table;
mod vault;

use async_trait::async_trait;
use concord_connector::{Instant, Result};
use std::time::Duration;

pub use http::{Http, HttpError, HttpRequest, HttpResponse};
pub use queue::{Disposition, Marked, Outgoing, Queue, QueueName, Received};
pub use table::{
    Cancelled, Condition, Feed, FeedEntry, Index, IndexEntry, Item, ItemKey, Packing, Page, Query, Table, TableChange,
    TransactError,
};
pub use vault::{Secret, Secrets, Vault};

/// Payloads too large for a message or an item.
#[async_trait]
pub trait Blobs: Send + Sync {
    /// Stores bytes under a name; an existing blob of the name is replaced.
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()>;
    /// The bytes, or `None`.
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>>;
    /// Deletes; a missing blob is no error.
    async fn delete(&self, name: &str) -> Result<()>;
}

/// The time.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Now.
    fn now(&self) -> Instant;
    /// Waits.
    async fn sleep(&self, wait: Duration);
}

/// Chance.
pub trait Entropy: Send + Sync {
    /// Sixteen random bytes.
    fn bytes(&self) -> [u8; 16];
}
