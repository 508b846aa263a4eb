//! Ranges of the table and of its indexes.

use super::{DynamoTable, item};
use crate::fault;
use aws_sdk_dynamodb::types::{AttributeValue, ReturnConsumedCapacity};
use concord_connector::{Fault, Kind, Result};
use concord_hub::ports::{Index, ItemKey, Page, Query};
use futures::future::try_join_all;
use item::APART;

/// After everything that a place or a name can be.
const LAST: &str = "\u{10ffff}";

/// A range of one partition, both ends included.
struct Range<'a> {
    index: Option<usize>,
    partition: &'a str,
    from: String,
    to: String,
    limit: usize,
}

/// A sort key with the item that it is of.
type Found = (String, ItemKey);

impl DynamoTable {
    /// A range of the table itself.
    pub(super) async fn range(&self, query: Query) -> Result<Page> {
        let range = Range {
            index: None,
            partition: &query.partition,
            from: from(&query),
            to: query.to.clone().unwrap_or_else(|| LAST.to_owned()),
            limit: query.limit,
        };
        let (found, more) = self.found(range).await?;
        let next = if more { found.last().map(|(place, _)| place.clone()) } else { None };
        Ok(Page { keys: found, next })
    }

    /// A range of an index: of all its slots, merged.
    pub(super) async fn places(&self, index: Index, query: Query) -> Result<Page> {
        let partition = item::partition(index, &query.partition);
        let (from, to) = (from(&query), format!("{}{APART}{LAST}", query.to.as_deref().unwrap_or(LAST)));
        let slots = (0..item::SLOTS).map(|slot| {
            let range = Range {
                index: Some(slot),
                partition: &partition,
                from: from.clone(),
                to: to.clone(),
                limit: query.limit,
            };
            self.found(range)
        });
        let slots = try_join_all(slots).await?;
        let more = slots.iter().any(|(_, more)| *more);
        let mut found: Vec<Found> = slots.into_iter().flat_map(|(found, _)| found).collect();
        found.sort();
        let cut = found.len() > query.limit;
        found.truncate(query.limit);
        let next = if cut || more { found.last().map(|(place, _)| place.clone()) } else { None };
        let place = |unique: String| unique.split(APART).next().unwrap_or_default().to_owned();
        Ok(Page { keys: found.into_iter().map(|(unique, key)| (place(unique), key)).collect(), next })
    }

    /// What a range holds, and whether there is more.
    async fn found(&self, range: Range<'_>) -> Result<(Vec<Found>, bool)> {
        let mut found = Vec::new();
        let mut start = None;
        if range.from > range.to {
            return Ok((found, false));
        }
        let (partition, sort) = match range.index {
            None => ("pk".to_owned(), "sk".to_owned()),
            Some(slot) => (format!("p{slot}"), format!("q{slot}")),
        };
        loop {
            let left = range.limit - found.len();
            let request =
                self.client.query().table_name(&self.name).set_index_name(range.index.map(|slot| format!("pq{slot}")));
            let request = request
                .key_condition_expression(if range.from.is_empty() {
                    // No key is empty, and no query may name such a one.
                    "#p = :p AND #q <= :to"
                } else {
                    "#p = :p AND #q BETWEEN :from AND :to"
                })
                .projection_expression(if range.index.is_some() { "pk, sk, #q" } else { "pk, #q" })
                .expression_attribute_names("#p", &partition)
                .expression_attribute_names("#q", &sort)
                .expression_attribute_values(":p", item::text(range.partition))
                .expression_attribute_values(":to", item::text(&range.to))
                .consistent_read(range.index.is_none())
                .return_consumed_capacity(ReturnConsumedCapacity::Total)
                .limit(i32::try_from(left).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            let request = match range.from.as_str() {
                "" => request,
                from => request.expression_attribute_values(":from", item::text(from)),
            };
            let answer = request.send().await.map_err(|error| fault::of("table.query", &error))?;
            self.counts.read(answer.consumed_capacity().and_then(|used| used.capacity_units).unwrap_or_default());
            for attributes in answer.items() {
                let text = |name: &str| attributes.get(name).and_then(|value| AttributeValue::as_s(value).ok());
                let (Some(place), Some(pk), Some(sk)) = (text(&sort), text("pk"), text("sk")) else {
                    return Err(Fault::new(Kind::Unexpected, "table.query", "an item of the table has no name"));
                };
                found.push((place.clone(), ItemKey::new(pk, sk)));
            }
            start = answer.last_evaluated_key;
            if start.is_none() || found.len() >= range.limit {
                return Ok((found, start.is_some()));
            }
        }
    }
}

/// Where a query begins. A sort key with the smallest letter added is the first one after it.
fn from(query: &Query) -> String {
    match &query.after {
        Some(after) if format!("{after}\0") > query.from => format!("{after}\0"),
        _ => query.from.clone(),
    }
}
