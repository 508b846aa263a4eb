//! The change feed, read by ourselves: shard by shard, parents before their children.

use super::item;
use crate::fault;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_sdk_dynamodbstreams::{
    Client,
    types::{AttributeValue as Streamed, Record, Shard, ShardIteratorType},
};
use concord_connector::{Fault, Kind, Result};
use concord_hub::{
    keys,
    ports::{Feed, FeedEntry},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, time::Duration};
use tokio::sync::OnceCell;

/// Empty pages that are turned before a shard is taken to be at its end: they are no rarity.
const EMPTY: usize = 8;
/// Records that one request brings at most.
const PAGE: usize = 1000;

/// Where a reader stands in one shard.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Place {
    /// After this record.
    After(String),
    /// At its end, for good.
    Done,
}

/// Where a reader stands in all shards.
type Cursor = BTreeMap<String, Place>;

pub(super) struct Streams {
    client: Client,
    arn: OnceCell<String>,
}

impl Streams {
    pub(super) fn new(client: Client) -> Self {
        Self { client, arn: OnceCell::new() }
    }

    pub(super) async fn changes(
        &self,
        table: &aws_sdk_dynamodb::Client,
        name: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Feed> {
        let damaged = |_| Fault::new(Kind::Rejected, "table.changes", "the cursor is not one that this feed gave");
        let mut at: Cursor = after.map(serde_json::from_str).transpose().map_err(damaged)?.unwrap_or_default();
        let arn = self.arn.get_or_try_init(|| arn(table, name)).await?;
        let shards = self.shards(arn).await?;
        // Shards that are no more are forgotten.
        at.retain(|id, _| shards.iter().any(|shard| shard.shard_id() == Some(id)));
        let mut entries = Vec::new();
        for shard in &shards {
            let open_parent = shard.parent_shard_id().is_some_and(|parent| {
                shards.iter().any(|one| one.shard_id() == Some(parent)) && at.get(parent) != Some(&Place::Done)
            });
            if !open_parent && entries.len() < limit {
                self.read(arn, shard, &mut at, limit, &mut entries).await?;
            }
        }
        let cursor = entries.last().map(|entry: &FeedEntry| entry.cursor.clone());
        Ok(Feed { cursor: cursor.or_else(|| after.map(str::to_owned)), entries })
    }

    async fn shards(&self, arn: &str) -> Result<Vec<Shard>> {
        let mut shards = Vec::new();
        let mut start = None;
        loop {
            let request = self.client.describe_stream().stream_arn(arn).set_exclusive_start_shard_id(start);
            let answer = request.send().await.map_err(|error| fault::of("table.changes", &error))?;
            let Some(stream) = answer.stream_description else { return Ok(shards) };
            shards.extend(stream.shards.unwrap_or_default());
            start = stream.last_evaluated_shard_id;
            if start.is_none() {
                // Ids begin with the time at which a shard was made: parents come first.
                shards.sort_by(|one, other| one.shard_id().cmp(&other.shard_id()));
                return Ok(shards);
            }
        }
    }

    async fn read(
        &self,
        arn: &str,
        shard: &Shard,
        at: &mut Cursor,
        limit: usize,
        entries: &mut Vec<FeedEntry>,
    ) -> Result<()> {
        let Some(id) = shard.shard_id() else { return Ok(()) };
        let mut iterator = match at.get(id) {
            Some(Place::Done) => return Ok(()),
            place => self.iterator(arn, id, place).await?,
        };
        let mut empty = 0;
        while let Some(from) = iterator {
            let most = i32::try_from((limit - entries.len()).min(PAGE)).unwrap_or(1).max(1);
            let request = self.client.get_records().shard_iterator(from).limit(most);
            let answer = request.send().await.map_err(|error| fault::of("table.changes", &error))?;
            let records = answer.records.unwrap_or_default();
            empty = if records.is_empty() { empty + 1 } else { 0 };
            for record in records {
                let Some(change) = record.dynamodb.as_ref() else { continue };
                let place = change.sequence_number().unwrap_or_default().to_owned();
                at.insert(id.to_owned(), Place::After(place));
                if let Some(mut entry) = entry(&record)? {
                    entry.cursor = text(at)?;
                    entries.push(entry);
                }
            }
            iterator = answer.next_shard_iterator;
            if iterator.is_none() {
                at.insert(id.to_owned(), Place::Done);
            }
            if entries.len() >= limit || empty >= EMPTY {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn iterator(&self, arn: &str, id: &str, place: Option<&Place>) -> Result<Option<String>> {
        let request = self.client.get_shard_iterator().stream_arn(arn).shard_id(id);
        let whole = request.clone().shard_iterator_type(ShardIteratorType::TrimHorizon);
        let request = match place {
            Some(Place::After(number)) => {
                request.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
            _ => whole.clone(),
        };
        let answer = match request.send().await {
            Ok(answer) => answer,
            // What came right after that place is older than a day, and gone.
            Err(error) if error.as_service_error().is_some_and(|said| said.is_trimmed_data_access_exception()) => {
                whole.send().await.map_err(|error| fault::of("table.changes", &error))?
            }
            Err(error) => return Err(fault::of("table.changes", &error)),
        };
        Ok(answer.shard_iterator)
    }
}

async fn arn(table: &aws_sdk_dynamodb::Client, name: &str) -> Result<String> {
    // A stream that was just switched on has its name after a moment.
    for attempt in 0..10 {
        let answer = table.describe_table().table_name(name).send().await;
        let answer = answer.map_err(|error| fault::of("table.changes", &error))?;
        if let Some(arn) = answer.table.and_then(|table| table.latest_stream_arn) {
            return Ok(arn);
        }
        tokio::time::sleep(Duration::from_millis(50 << attempt.min(5))).await;
    }
    Err(Fault::new(Kind::Rejected, "table.changes", "the table has no change feed; its stack switches it on"))
}

fn text(cursor: &Cursor) -> Result<String> {
    serde_json::to_string(cursor).map_err(|error| Fault::malformed("table.changes", error.to_string()))
}

/// The change of a record; `None` for any other item's.
fn entry(record: &Record) -> Result<Option<FeedEntry>> {
    let Some(change) = record.dynamodb.as_ref() else { return Ok(None) };
    let image = |attributes: Option<&std::collections::HashMap<String, Streamed>>| {
        attributes.map(|attributes| {
            attributes.iter().map(|(name, value)| (name.clone(), plain(value))).collect::<item::Attributes>()
        })
    };
    let Some(named) = image(change.keys()) else { return Ok(None) };
    let key = item::name(&named)?;
    if !key.partition.starts_with(keys::RECORDS) {
        return Ok(None);
    }
    Ok(Some(FeedEntry {
        key,
        old: image(change.old_image()).map(item::read).transpose()?,
        new: image(change.new_image()).map(item::read).transpose()?,
        cursor: String::new(),
        trace: None,
    }))
}

/// The two clients have types of their own for the same.
fn plain(value: &Streamed) -> AttributeValue {
    match value {
        Streamed::S(text) => AttributeValue::S(text.clone()),
        Streamed::N(number) => AttributeValue::N(number.clone()),
        Streamed::B(bytes) => AttributeValue::B(bytes.clone()),
        Streamed::L(all) => AttributeValue::L(all.iter().map(plain).collect()),
        Streamed::Bool(yes) => AttributeValue::Bool(*yes),
        _ => AttributeValue::Null(true),
    }
}
