//! Conditional writes: one item alone where one is enough, a transaction where several stand or fall together.

use super::{DynamoTable, TRIES, item, rest};
use crate::fault;
use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, ConsumedCapacity, Delete, DeleteRequest, Put, PutRequest,
        ReturnConsumedCapacity, TransactWriteItem, Update as Overwrite, WriteRequest,
    },
};
use concord_connector::{Fault, Kind};
use concord_hub::ports::{Cancelled, Condition, Item, TableChange, TransactError};
use std::collections::{BTreeSet, HashMap};

/// Changes of one transaction at most.
const MOST: usize = 100;
/// Items that are written at once without condition.
const BATCH: usize = 25;

type Done = Result<(), TransactError>;

/// An expression with its values; none where nothing has to hold.
fn condition(condition: Condition) -> (Option<String>, Option<HashMap<String, AttributeValue>>) {
    let with = |text: &str, value| (Some(text.to_owned()), Some(HashMap::from([(":x".to_owned(), value)])));
    match condition {
        Condition::None => (None, None),
        Condition::Absent => (Some("attribute_not_exists(pk)".into()), None),
        Condition::AbsentOrExpired(now) => with("attribute_not_exists(pk) OR e <= :x", item::number(now.ms())),
        Condition::Rev(rev) => with("v = :x", item::number(rev)),
    }
}

/// How an item is written: its revision grows by one with every write, whatever the caller says.
enum Written {
    /// In place of what was there, whose revision is known.
    Whole(Item),
    /// Over what is there, if anything: the table counts.
    Over(Update),
}

/// The attributes that are set, and those that go.
struct Update {
    expression: String,
    names: HashMap<String, String>,
    values: HashMap<String, AttributeValue>,
}

impl Written {
    fn of(item: &Item, condition: Condition) -> Self {
        match condition {
            Condition::Absent => Self::Whole(Item { rev: 1, ..item.clone() }),
            Condition::Rev(rev) => Self::Whole(Item { rev: rev + 1, ..item.clone() }),
            Condition::None | Condition::AbsentOrExpired(_) => Self::Over(Update::of(item)),
        }
    }
}

impl Update {
    fn of(item: &Item) -> Self {
        let mut attributes = item::write(item);
        let (mut set, mut gone) = (vec!["v = if_not_exists(v, :none) + :one".to_owned()], Vec::new());
        let mut names = HashMap::new();
        let mut values = HashMap::from([(":none".to_owned(), item::number(0)), (":one".to_owned(), item::number(1))]);
        for (at, name) in item::optional().into_iter().enumerate() {
            let value = attributes.remove(&name);
            names.insert(format!("#{at}"), name);
            match value {
                Some(value) => {
                    set.push(format!("#{at} = :{at}"));
                    values.insert(format!(":{at}"), value);
                }
                None => gone.push(format!("#{at}")),
            }
        }
        let mut expression = format!("SET {}", set.join(", "));
        if !gone.is_empty() {
            expression.push_str(&format!(" REMOVE {}", gone.join(", ")));
        }
        Self { expression, names, values }
    }

    /// The values, with those of a condition.
    fn values(self, more: Option<HashMap<String, AttributeValue>>) -> HashMap<String, AttributeValue> {
        self.values.into_iter().chain(more.into_iter().flatten()).collect()
    }
}

/// Why one item was not written.
struct Unwritten {
    /// Its condition did not hold.
    is_unmet: bool,
    /// A transaction was under way.
    is_passing: bool,
    fault: Fault,
}

macro_rules! unwritten {
    ($operation:literal) => {
        |error| {
            let said = error.as_service_error();
            Unwritten {
                is_unmet: said.is_some_and(|said| said.is_conditional_check_failed_exception()),
                is_passing: said.is_some_and(|said| said.is_transaction_conflict_exception()),
                fault: fault::of($operation, &error),
            }
        }
    };
}

impl DynamoTable {
    pub(super) async fn make(&self, changes: Vec<TableChange>) -> Done {
        let distinct: BTreeSet<_> = changes.iter().map(TableChange::key).collect();
        if changes.len() > MOST || distinct.len() < changes.len() {
            let sentence = "a transaction has at most 100 changes, and each item once";
            return Err(TransactError::Store(Fault::new(Kind::Unexpected, "table.transact", sentence)));
        }
        match changes.as_slice() {
            [] => Ok(()),
            [one @ (TableChange::Put(..) | TableChange::Delete(..))] => self.make_one(one).await,
            _ => self.make_all(&changes).await,
        }
    }

    async fn make_one(&self, change: &TableChange) -> Done {
        for attempt in 0..TRIES {
            match self.write_one(change).await {
                Ok(used) => {
                    self.counts.wrote(used.and_then(|used| used.capacity_units).unwrap_or_default());
                    return Ok(());
                }
                Err(why) if why.is_unmet => return Err(TransactError::Cancelled(Cancelled(vec![0]))),
                Err(why) if why.is_passing => rest(attempt).await,
                Err(why) => return Err(TransactError::Store(why.fault)),
            }
        }
        Err(busy("table.put"))
    }

    async fn write_one(&self, change: &TableChange) -> Result<Option<ConsumedCapacity>, Unwritten> {
        let (expression, values) = condition(change.condition());
        let total = ReturnConsumedCapacity::Total;
        match change {
            TableChange::Put(item, condition) => match Written::of(item, *condition) {
                Written::Whole(item) => {
                    let request = self.client.put_item().table_name(&self.name).set_item(Some(item::write(&item)));
                    let request = request.set_condition_expression(expression).set_expression_attribute_values(values);
                    let answer = request.return_consumed_capacity(total).send().await;
                    answer.map(|answer| answer.consumed_capacity).map_err(unwritten!("table.put"))
                }
                Written::Over(update) => {
                    let request = self.client.update_item().table_name(&self.name).set_key(Some(item::key(&item.key)));
                    let request = request
                        .update_expression(&update.expression)
                        .set_expression_attribute_names(Some(update.names.clone()))
                        .set_condition_expression(expression)
                        .set_expression_attribute_values(Some(update.values(values)));
                    let answer = request.return_consumed_capacity(total).send().await;
                    answer.map(|answer| answer.consumed_capacity).map_err(unwritten!("table.update"))
                }
            },
            TableChange::Delete(key, _) | TableChange::Check(key, _) => {
                let request = self.client.delete_item().table_name(&self.name).set_key(Some(item::key(key)));
                let request = request.set_condition_expression(expression).set_expression_attribute_values(values);
                let answer = request.return_consumed_capacity(total).send().await;
                answer.map(|answer| answer.consumed_capacity).map_err(unwritten!("table.delete"))
            }
        }
    }

    async fn make_all(&self, changes: &[TableChange]) -> Done {
        let items = changes.iter().map(|change| self.part(change)).collect::<Result<Vec<_>, _>>()?;
        for attempt in 0..TRIES {
            // The SDK names each request once, so that what it sends again is not made twice.
            let request = self.client.transact_write_items().set_transact_items(Some(items.clone()));
            let error = match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
                Ok(answer) => {
                    self.counts.wrote(answer.consumed_capacity().iter().filter_map(|used| used.capacity_units).sum());
                    return Ok(());
                }
                Err(error) => error,
            };
            let Some(TransactWriteItemsError::TransactionCanceledException(why)) = error.as_service_error() else {
                return Err(TransactError::Store(fault::of("table.transact", &error)));
            };
            let unmet = unmet(why.cancellation_reasons());
            if !unmet.is_empty() {
                return Err(TransactError::Cancelled(Cancelled(unmet)));
            }
            if !passes(why.cancellation_reasons()) {
                return Err(TransactError::Store(refused(why.cancellation_reasons())));
            }
            rest(attempt).await;
        }
        Err(busy("table.transact"))
    }

    fn part(&self, change: &TableChange) -> Result<TransactWriteItem, TransactError> {
        let (expression, values) = condition(change.condition());
        let part = TransactWriteItem::builder();
        let made = match change {
            TableChange::Put(item, condition) => match Written::of(item, *condition) {
                Written::Whole(item) => Put::builder()
                    .table_name(&self.name)
                    .set_item(Some(item::write(&item)))
                    .set_condition_expression(expression)
                    .set_expression_attribute_values(values)
                    .build()
                    .map(|put| part.put(put)),
                Written::Over(update) => Overwrite::builder()
                    .table_name(&self.name)
                    .set_key(Some(item::key(&item.key)))
                    .update_expression(&update.expression)
                    .set_expression_attribute_names(Some(update.names.clone()))
                    .set_condition_expression(expression)
                    .set_expression_attribute_values(Some(update.values(values)))
                    .build()
                    .map(|update| part.update(update)),
            },
            TableChange::Delete(key, _) => Delete::builder()
                .table_name(&self.name)
                .set_key(Some(item::key(key)))
                .set_condition_expression(expression)
                .set_expression_attribute_values(values)
                .build()
                .map(|delete| part.delete(delete)),
            TableChange::Check(key, _) => ConditionCheck::builder()
                .table_name(&self.name)
                .set_key(Some(item::key(key)))
                // What has to hold of nothing in particular: a check without condition is none.
                .condition_expression(
                    expression.unwrap_or_else(|| "attribute_exists(pk) OR attribute_not_exists(pk)".into()),
                )
                .set_expression_attribute_values(values)
                .build()
                .map(|check| part.condition_check(check)),
        };
        made.map(|part| part.build()).map_err(|_| {
            TransactError::Store(Fault::new(Kind::Unexpected, "table.transact", "the transaction could not be made up"))
        })
    }

    /// Writes items without condition, each for itself, in batches; half the price of a transaction.
    pub(super) async fn write(&self, changes: Vec<TableChange>) -> Done {
        let distinct: BTreeSet<_> = changes.iter().map(TableChange::key).collect();
        let plain = changes
            .iter()
            .all(|change| change.condition() == Condition::None && !matches!(change, TableChange::Check(..)));
        if changes.len() < 2 || !plain || distinct.len() < changes.len() {
            return self.make(changes).await;
        }
        let requests = changes.iter().map(write_request).collect::<Result<Vec<_>, _>>()?;
        for chunk in requests.chunks(BATCH) {
            let mut left = chunk.to_vec();
            for attempt in 0..=TRIES {
                if attempt == TRIES {
                    return Err(busy("table.write"));
                }
                let request = self.client.batch_write_item().request_items(&self.name, left);
                let request = request.return_consumed_capacity(ReturnConsumedCapacity::Total);
                let answer =
                    request.send().await.map_err(|error| TransactError::Store(fault::of("table.write", &error)))?;
                self.counts.wrote(answer.consumed_capacity().iter().filter_map(|used| used.capacity_units).sum());
                left = answer.unprocessed_items.unwrap_or_default().remove(&self.name).unwrap_or_default();
                if left.is_empty() {
                    break;
                }
                rest(attempt).await;
            }
        }
        Ok(())
    }
}

fn write_request(change: &TableChange) -> Result<WriteRequest, TransactError> {
    let request = WriteRequest::builder();
    let made = match change {
        TableChange::Put(item, _) => {
            PutRequest::builder().set_item(Some(item::write(item))).build().map(|put| request.put_request(put))
        }
        TableChange::Delete(key, _) | TableChange::Check(key, _) => {
            DeleteRequest::builder().set_key(Some(item::key(key))).build().map(|delete| request.delete_request(delete))
        }
    };
    made.map(|request| request.build()).map_err(|_| {
        TransactError::Store(Fault::new(Kind::Unexpected, "table.write", "the write could not be made up"))
    })
}

/// The places of conditions that did not hold.
fn unmet(reasons: &[CancellationReason]) -> Vec<usize> {
    let failed = |reason: &CancellationReason| reason.code() == Some("ConditionalCheckFailed");
    reasons.iter().enumerate().filter(|(_, reason)| failed(reason)).map(|(at, _)| at).collect()
}

/// Whether everything that stood in the way passes by itself.
fn passes(reasons: &[CancellationReason]) -> bool {
    let passing = ["None", "TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"];
    reasons.iter().all(|reason| reason.code().is_none_or(|code| passing.contains(&code)))
}

fn refused(reasons: &[CancellationReason]) -> Fault {
    let codes: BTreeSet<&str> =
        reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    Fault::new(Kind::Unexpected, "table.transact", "AWS refuses the transaction").with("codes", codes.join(", "))
}

fn busy(operation: &'static str) -> TransactError {
    TransactError::Store(Fault::new(Kind::Unavailable, operation, "AWS is busy"))
}
