//! Ports in memory. Handles are cheap to clone; clones share what they hold, which survives a simulated crash.

mod queue;
mod table;

pub use queue::MemoryQueue;
pub use table::MemoryTable;

use crate::ports::{Blobs, Secrets, Vault};
use async_trait::async_trait;
use concord_connector::Result;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// A test that panics elsewhere must not hide behind a poisoned lock here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Blobs in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryBlobs(Arc<Mutex<BTreeMap<String, Vec<u8>>>>);

impl MemoryBlobs {
    /// The names of all blobs, in order.
    pub fn names(&self) -> Vec<String> {
        lock(&self.0).keys().cloned().collect()
    }
}

#[async_trait]
impl Blobs for MemoryBlobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        lock(&self.0).insert(name.to_owned(), bytes);
        Ok(())
    }
    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        Ok(lock(&self.0).get(name).cloned())
    }
    async fn delete(&self, name: &str) -> Result<()> {
        lock(&self.0).remove(name);
        Ok(())
    }
}

/// A vault in memory.
#[derive(Clone, Debug, Default)]
pub struct MemoryVault(Arc<Mutex<BTreeMap<String, Secrets>>>);

#[async_trait]
impl Vault for MemoryVault {
    async fn read(&self, name: &str) -> Result<Secrets> {
        Ok(lock(&self.0).get(name).cloned().unwrap_or_default())
    }
    async fn write(&self, name: &str, secrets: Secrets) -> Result<bool> {
        let mut names = lock(&self.0);
        let kept = names.entry(name.to_owned()).or_default();
        if kept.generation != secrets.generation {
            return Ok(false);
        }
        *kept = Secrets { generation: secrets.generation + 1, ..secrets };
        Ok(true)
    }
    async fn forget(&self, name: &str) -> Result<()> {
        lock(&self.0).remove(name);
        Ok(())
    }
}
