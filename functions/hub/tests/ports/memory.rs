//! The ports in memory.

use concord_hub::testing::{MemoryBlobs, MemoryQueue, MemoryTable, MemoryVault, laws};
use std::sync::Arc;

#[tokio::test]
async fn the_table_in_memory_obeys() {
    laws::table(|| Arc::new(MemoryTable::default())).await;
}

#[tokio::test]
async fn queues_in_memory_obey() {
    laws::queue(|clock| Arc::new(MemoryQueue::new(Arc::new(clock)))).await;
}

#[tokio::test]
async fn the_vault_in_memory_obeys() {
    laws::vault(|| Arc::new(MemoryVault::default())).await;
}

#[tokio::test]
async fn blobs_in_memory_obey() {
    laws::blobs(|| Arc::new(MemoryBlobs::default())).await;
}
