//! Conditional writes: one item alone where one is enough, a transaction where several stand or fall together.

use super::{DynamoTable, TRIES, item, rest};
use crate::fault;
use aws_sdk_dynamodb::{
    operation::transact_write_items::TransactWriteItemsError,
    types::{
        AttributeValue, CancellationReason, ConditionCheck, Delete, DeleteRequest, Put, PutRequest,
        ReturnConsumedCapacity, TransactWriteItem, WriteRequest,
    },
};
use concord_connector::{Fault, Kind};
use concord_hub::ports::{Cancelled, Condition, TableChange, TransactError};
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
        let (expression, values) = condition(change.condition());
        for attempt in 0..TRIES {
            let (unmet, conflict, fault) = match change {
                TableChange::Put(item, _) => {
                    let request = self.client.put_item().table_name(&self.name).set_item(Some(item::write(item)));
                    let request = request.set_condition_expression(expression.clone());
                    let request = request.set_expression_attribute_values(values.clone());
                    match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
                        Ok(answer) => {
                            let used = answer.consumed_capacity.and_then(|used| used.capacity_units);
                            self.counts.wrote(used.unwrap_or_default());
                            return Ok(());
                        }
                        Err(error) => {
                            let said = error.as_service_error();
                            let unmet = said.is_some_and(|said| said.is_conditional_check_failed_exception());
                            let conflict = said.is_some_and(|said| said.is_transaction_conflict_exception());
                            (unmet, conflict, fault::of("table.put", &error))
                        }
                    }
                }
                TableChange::Delete(key, _) | TableChange::Check(key, _) => {
                    let request = self.client.delete_item().table_name(&self.name).set_key(Some(item::key(key)));
                    let request = request.set_condition_expression(expression.clone());
                    let request = request.set_expression_attribute_values(values.clone());
                    match request.return_consumed_capacity(ReturnConsumedCapacity::Total).send().await {
                        Ok(answer) => {
                            let used = answer.consumed_capacity.and_then(|used| used.capacity_units);
                            self.counts.wrote(used.unwrap_or_default());
                            return Ok(());
                        }
                        Err(error) => {
                            let said = error.as_service_error();
                            let unmet = said.is_some_and(|said| said.is_conditional_check_failed_exception());
                            let conflict = said.is_some_and(|said| said.is_transaction_conflict_exception());
                            (unmet, conflict, fault::of("table.delete", &error))
                        }
                    }
                }
            };
            match (unmet, conflict) {
                (true, _) => return Err(TransactError::Cancelled(Cancelled(vec![0]))),
                (false, true) if attempt + 1 < TRIES => rest(attempt).await,
                _ => return Err(TransactError::Store(fault)),
            }
        }
        Err(busy("table.put"))
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
            TableChange::Put(item, _) => Put::builder()
                .table_name(&self.name)
                .set_item(Some(item::write(item)))
                .set_condition_expression(expression)
                .set_expression_attribute_values(values)
                .build()
                .map(|put| part.put(put)),
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
                .condition_expression(expression.unwrap_or_else(|| "attribute_exists(pk) OR attribute_not_exists(pk)".into()))
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
        let plain = changes.iter().all(|change| {
            change.condition() == Condition::None && !matches!(change, TableChange::Check(..))
        });
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
                let answer = request.send().await.map_err(|error| TransactError::Store(fault::of("table.write", &error)))?;
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
    let codes: BTreeSet<&str> = reasons.iter().filter_map(CancellationReason::code).filter(|code| *code != "None").collect();
    let codes: Vec<&str> = codes.into_iter().collect();
    Fault::new(Kind::Unexpected, "table.transact", "AWS refuses the transaction").with("codes", codes.join(", "))
}

fn busy(operation: &'static str) -> TransactError {
    TransactError::Store(Fault::new(Kind::Unavailable, operation, "AWS is busy"))
}
