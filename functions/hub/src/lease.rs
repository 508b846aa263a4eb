//! Leases in the table: of several workers one has it, until it gives it back or its time is over.

use crate::ports::{Condition, Item, ItemKey, Table, TableChange, TransactError};
use concord_connector::{Instant, Result};
use std::time::Duration;

/// Takes a lease for a time; what gives it back, or `None` while somebody else has it. Who was too slow takes nothing away
/// from who came after.
///
/// # Errors
/// The store's faults.
pub async fn take(table: &dyn Table, key: ItemKey, now: Instant, life: Duration) -> Result<Option<TableChange>> {
    let lease = Item { expires: Some(now.plus(life)), ..Item::new(key.clone(), Vec::new()) };
    match table.transact(vec![TableChange::Put(lease, Condition::AbsentOrExpired(now))]).await {
        Ok(()) => {
            // The table counts revisions; it says which one this is.
            let held = table.get(std::slice::from_ref(&key)).await?.into_iter().next().flatten();
            let rev = held.map_or(0, |held| held.rev);
            Ok(Some(TableChange::Delete(key, Condition::Rev(rev))))
        }
        Err(TransactError::Cancelled(_)) => Ok(None),
        Err(TransactError::Store(fault)) => Err(fault),
    }
}

/// Gives a lease back. What cannot be given back runs out.
pub async fn give_back(table: &dyn Table, lease: TableChange) {
    if let Err(TransactError::Store(fault)) = table.transact(vec![lease]).await {
        tracing::warn!(reason = %fault, "A lease could not be given back.");
    }
}

#[cfg(all(test, feature = "testing"))]
mod tests {
    use super::*;
    use crate::testing::MemoryTable;

    #[tokio::test]
    async fn who_was_too_slow_takes_nothing_away_from_who_came_after() {
        let (table, key) = (MemoryTable::default(), ItemKey::new("C#crm", "lease"));
        let at = |s: i64| Instant::from_ms(s * 1000);
        let take = async |s| take(&table, key.clone(), at(s), Duration::from_secs(30)).await.unwrap();
        let first = take(0).await.unwrap();
        assert!(take(29).await.is_none(), "somebody has it");
        let second = take(30).await.unwrap();
        give_back(&table, first).await;
        assert!(take(31).await.is_none(), "the second has it still");
        give_back(&table, second).await;
        assert!(take(32).await.is_some());
    }
}
