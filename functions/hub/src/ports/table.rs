//! The table: items with a revision, conditional all-or-nothing writes, sparse indexes, a change feed.

use async_trait::async_trait;
use bytes::Bytes;
use concord_connector::{Fault, Instant, Result};
use std::collections::BTreeMap;

/// Names an item: partition and sort key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ItemKey {
    /// The partition.
    pub partition: String,
    /// The place in it.
    pub sort: String,
}

impl ItemKey {
    /// From its two parts.
    pub fn new(partition: impl Into<String>, sort: impl Into<String>) -> Self {
        Self { partition: partition.into(), sort: sort.into() }
    }
}

/// A sparse, keys-only index. Eventually consistent: good for finding work and for lists, never for deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Index {
    /// Records of an entity, for lists.
    List,
    /// Records with unacknowledged wants or open creates, by connection.
    Pending,
    /// Open review items.
    Reviews,
    /// Dead letters.
    DeadLetters,
    /// Deliveries that wait for another record's receipt, by that record.
    Waiting,
    /// Records that refer to another one, by that one.
    Refers,
}

impl Index {
    /// Every index.
    pub const ALL: [Self; 6] =
        [Self::List, Self::Pending, Self::Reviews, Self::DeadLetters, Self::Waiting, Self::Refers];
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Pending => "pending",
            Self::Reviews => "reviews",
            Self::DeadLetters => "dead_letters",
            Self::Waiting => "waiting",
            Self::Refers => "refers",
        }
    }
}

/// Where an item shows in an index: partition and place. An item may show several times in one index.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexEntry {
    /// The index.
    pub index: Index,
    /// The partition in it.
    pub partition: String,
    /// The place in the partition.
    pub sort: String,
}

/// An item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub key: ItemKey,
    /// Grows by one with every write of the item; set by the writer, starts at 1.
    pub rev: u64,
    /// What it holds, shared: an item passes through caches, the change feed and the store.
    pub body: Bytes,
    /// Where it shows.
    pub index: Vec<IndexEntry>,
    /// When it may be forgotten. Expired items may still be returned: readers check.
    pub expires: Option<Instant>,
}

/// What must hold for a change to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// There is no such item.
    Absent,
    /// There is no such item, or it has expired by this time.
    AbsentOrExpired(Instant),
    /// The item has this revision.
    Rev(u64),
}

/// One change of a transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TableChange {
    /// Writes an item.
    Put(Item, Condition),
    /// Deletes an item; a missing one is no error unless the condition says so.
    Delete(ItemKey, Condition),
    /// Changes nothing, only checks.
    Check(ItemKey, Condition),
}

impl TableChange {
    /// The item that it concerns.
    pub fn key(&self) -> &ItemKey {
        match self {
            Self::Put(item, _) => &item.key,
            Self::Delete(key, _) | Self::Check(key, _) => key,
        }
    }
    /// Its condition.
    pub fn condition(&self) -> Condition {
        match self {
            Self::Put(_, condition) | Self::Delete(_, condition) | Self::Check(_, condition) => *condition,
        }
    }
}

/// Nothing was written: these changes (by place in the transaction) did not meet their conditions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cancelled(pub Vec<usize>);

/// Why a transaction was not made.
#[derive(Debug)]
pub enum TransactError {
    /// A condition did not hold.
    Cancelled(Cancelled),
    /// The store failed; whether anything was written is unknown only where the store cannot say.
    Store(Fault),
}

/// A range read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Query {
    /// `None` reads the table itself.
    pub index: Option<Index>,
    /// The partition (of the index, or of the table).
    pub partition: String,
    /// The first place, included.
    pub from: String,
    /// The last place, included; `None` is the end of the partition.
    pub to: Option<String>,
    /// At most that many.
    pub limit: usize,
    /// Go on after this place (a page's `next`).
    pub after: Option<String>,
}

impl Query {
    /// A whole partition.
    pub fn partition(index: Option<Index>, partition: impl Into<String>, limit: usize) -> Self {
        Self { index, partition: partition.into(), from: String::new(), to: None, limit, after: None }
    }
}

/// A page of keys; bodies are read by `get`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The items' keys with the places by which they were found, in order.
    pub keys: Vec<(String, ItemKey)>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<String>,
}

/// One change of one record item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedEntry {
    /// The item.
    pub key: ItemKey,
    /// The item before.
    pub old: Option<Item>,
    /// The item after; `None` when it was deleted.
    pub new: Option<Item>,
    /// The cursor with which reading goes on after this entry.
    pub cursor: String,
    /// The trace that the change belongs to, where the table knows of traces.
    pub trace: Option<String>,
}

/// A piece of the change feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Feed {
    /// In each item's order, at least once, without gaps.
    pub entries: Vec<FeedEntry>,
    /// Where to go on.
    pub cursor: Option<String>,
}

/// How records are best stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Packing {
    /// As small as can be: bytes are paid for.
    #[default]
    Small,
    /// As quickly as can be: the disk is one's own.
    Quick,
}

/// The store.
#[async_trait]
pub trait Table: Send + Sync {
    /// Items by key, in the order asked for. Consistent: sees every finished write.
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>>;

    /// The same, but a write of the last moment may not be seen yet: for half the price, where nothing is decided that a
    /// later write does not decide again.
    async fn glance(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        self.get(keys).await
    }

    /// Keys in a range.
    async fn query(&self, query: Query) -> Result<Page>;

    /// How records are best stored here. Whatever it says, records that were stored otherwise are read.
    fn packing(&self) -> Packing {
        Packing::default()
    }

    /// Whether other processes work on the same table: what one process does once, one of them does then.
    fn is_shared(&self) -> bool {
        false
    }

    /// Makes all changes or none; durable when it returns. At most 100 changes, each item once.
    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError>;

    /// Makes every change, each for itself: after an error some may have been made. For changes without condition that do no
    /// harm when they are made twice; a store may do it for less than a transaction.
    async fn write_each(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        self.transact(changes).await
    }

    /// What happened to record items (partitions that begin with [`crate::keys::RECORDS`]) after a cursor; `None` begins
    /// with the oldest entry kept.
    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed>;
}

/// Unindexed item of a body, revision 1.
impl Item {
    /// A new item.
    pub fn new(key: ItemKey, body: impl Into<Bytes>) -> Self {
        Self { key, rev: 1, body: body.into(), index: Vec::new(), expires: None }
    }
    /// Whether it may be forgotten.
    pub fn is_expired(&self, now: Instant) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
    /// Groups index entries by index.
    pub fn entries(&self) -> BTreeMap<Index, Vec<&IndexEntry>> {
        let mut grouped: BTreeMap<Index, Vec<&IndexEntry>> = BTreeMap::new();
        for entry in &self.index {
            grouped.entry(entry.index).or_default().push(entry);
        }
        grouped
    }
}
