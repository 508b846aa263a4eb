//! The table on DynamoDB: one table, keys `pk` and `sk`, eight sparse indexes that every place of an item shares.

#[cfg(feature = "feed")]
mod feed;
pub mod item;
mod query;
mod transact;

use crate::{count::Counts, fault};
use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    types::{KeysAndAttributes, ReturnConsumedCapacity},
};
use concord_connector::{Fault, Kind, Result};
use concord_hub::ports::{Feed, Item, ItemKey, Page, Query, Table, TableChange, TransactError};
use item::Attributes;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// Keys that one read may name.
const KEYS: usize = 100;
/// What is still not done after so many tries is left to whoever asked.
const TRIES: u32 = 8;

/// How much a read has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// Every finished write: a unit for 4 KB.
    Whole,
    /// What was there a moment ago: half a unit.
    MomentsOld,
}

impl Sight {
    fn is_whole(self) -> bool {
        self == Self::Whole
    }
}

/// The table.
pub struct DynamoTable {
    client: Client,
    #[cfg(feature = "feed")]
    streams: Option<feed::Streams>,
    name: String,
    counts: Arc<Counts>,
}

impl DynamoTable {
    /// A table by its name.
    pub fn new(client: Client, name: impl Into<String>, counts: Arc<Counts>) -> Self {
        Self {
            client,
            #[cfg(feature = "feed")]
            streams: None,
            name: name.into(),
            counts,
        }
    }

    /// The same, able to read its own change feed.
    #[cfg(feature = "feed")]
    #[must_use]
    pub fn with_streams(self, client: aws_sdk_dynamodbstreams::Client) -> Self {
        Self { streams: Some(feed::Streams::new(client)), ..self }
    }

    async fn look(&self, keys: &[ItemKey], sight: Sight) -> Result<Vec<Option<Item>>> {
        if let [key] = keys {
            return Ok(vec![self.read_one(key, sight).await?]);
        }
        let distinct: Vec<&ItemKey> = keys.iter().collect::<BTreeSet<_>>().into_iter().collect();
        let mut found = BTreeMap::new();
        for chunk in distinct.chunks(KEYS) {
            self.read(chunk.iter().map(|key| item::key(key)).collect(), sight, &mut found).await?;
        }
        Ok(keys.iter().map(|key| found.get(key).cloned()).collect())
    }

    /// Up to [`KEYS`] items, each named once.
    async fn read(&self, keys: Vec<Attributes>, sight: Sight, found: &mut BTreeMap<ItemKey, Item>) -> Result<()> {
        let mut asked = keys;
        for attempt in 0..TRIES {
            let wanted = KeysAndAttributes::builder().set_keys(Some(asked)).consistent_read(sight.is_whole()).build();
            let wanted = wanted.map_err(|_| Fault::new(Kind::Unexpected, "table.get", "the read names no key"))?;
            let request = self.client.batch_get_item().request_items(&self.name, wanted);
            let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
            let answer = request.send().await.map_err(|error| fault::of("table.get", &error))?;
            self.counts.read(answer.consumed_capacity().iter().filter_map(|used| used.capacity_units).sum());
            for attributes in answer.responses.unwrap_or_default().remove(&self.name).unwrap_or_default() {
                let item = item::read(attributes)?;
                found.insert(item.key.clone(), item);
            }
            asked = match answer.unprocessed_keys.unwrap_or_default().remove(&self.name) {
                Some(rest) if !rest.keys.is_empty() => rest.keys,
                _ => return Ok(()),
            };
            rest(attempt).await;
        }
        Err(Fault::new(Kind::Unavailable, "table.get", "AWS is busy"))
    }

    async fn read_one(&self, key: &ItemKey, sight: Sight) -> Result<Option<Item>> {
        let request = self.client.get_item().table_name(&self.name).set_key(Some(item::key(key)));
        let request = request.consistent_read(sight.is_whole()).return_consumed_capacity(ReturnConsumedCapacity::Total);
        let answer = request.send().await.map_err(|error| fault::of("table.get", &error))?;
        self.counts.read(answer.consumed_capacity.and_then(|used| used.capacity_units).unwrap_or_default());
        answer.item.map(item::read).transpose()
    }
}

/// Waits a little longer with every try, by lot, so that who met once does not meet again.
async fn rest(attempt: u32) {
    let most = 25_u64 << attempt.min(6);
    tokio::time::sleep(Duration::from_millis(most / 2 + rand::random::<u64>() % most)).await;
}

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        self.look(keys, Sight::Whole).await
    }

    async fn glance(&self, keys: &[ItemKey]) -> Result<Vec<Option<Item>>> {
        self.look(keys, Sight::MomentsOld).await
    }

    async fn query(&self, query: Query) -> Result<Page> {
        match query.index {
            None => self.range(query).await,
            Some(index) => self.places(index, query).await,
        }
    }

    fn is_shared(&self) -> bool {
        true
    }

    async fn transact(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        self.make(changes).await
    }

    async fn write_each(&self, changes: Vec<TableChange>) -> std::result::Result<(), TransactError> {
        self.write(changes).await
    }

    async fn changes(&self, after: Option<&str>, limit: usize) -> Result<Feed> {
        #[cfg(feature = "feed")]
        if let Some(streams) = &self.streams {
            return streams.changes(&self.client, &self.name, after, limit).await;
        }
        let _unread = (after, limit);
        Err(Fault::new(Kind::Unexpected, "table.changes", "this function is handed the feed and does not read it"))
    }
}
