//! The ports in memory.

use concord_hub::testing::{FakeClock, MemoryBlobs, MemoryQueue, MemoryTable, MemoryVault, laws};
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
async fn a_table_and_queues_in_memory_obey_as_one() {
    laws::once(|| {
        let table = MemoryTable::default();
        let queue = MemoryQueue::new(Arc::new(FakeClock::default())).one_with(&table);
        (Arc::new(table), Arc::new(queue))
    })
    .await;
}

#[tokio::test]
async fn the_vault_in_memory_obeys() {
    laws::vault(|| Arc::new(MemoryVault::default())).await;
}

#[tokio::test]
async fn blobs_in_memory_obey() {
    laws::blobs(|| Arc::new(MemoryBlobs::default())).await;
}
