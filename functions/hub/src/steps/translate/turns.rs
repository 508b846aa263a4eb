//! Polls and sweeps of a batch: one after another at a connection, side by side at several.

use super::{asked, buried, opened, poll, sweep};
use crate::{hub::Hub, ports::Disposition, steps::again};
use concord_connector::{ConnectionName, Entity, Fault, Kind, Result, Retry};
use futures::future::join_all;
use std::{collections::BTreeMap, time::Duration};

/// A batch spends so long on the polls of a connection; those that are left queue anew. A batch that takes too long is
/// given up as a whole, and that would count against each of its messages.
const SLICE: Duration = Duration::from_secs(15);

/// A poll or a sweep of a batch.
pub(super) struct Turn<'a> {
    /// Its place in the batch.
    pub(super) at: usize,
    pub(super) body: &'a str,
    /// What a poll is of; `None` is a sweep.
    pub(super) entity: Option<Entity>,
}

/// Takes every turn; what becomes of each message, by its place in the batch.
pub(super) async fn take(hub: &Hub, turns: &BTreeMap<ConnectionName, Vec<Turn<'_>>>) -> Vec<(usize, Disposition)> {
    let each: Vec<_> = turns.iter().map(|(name, turns)| at_connection(hub, name, turns)).collect();
    join_all(each).await.into_iter().flatten().collect()
}

async fn at_connection(hub: &Hub, name: &ConnectionName, turns: &[Turn<'_>]) -> Vec<(usize, Disposition)> {
    let began = hub.now();
    let mut dispositions = Vec::with_capacity(turns.len());
    for turn in turns {
        let done = if hub.now().since(began) > SLICE {
            later(hub, name, turn).await
        } else {
            match turn.entity {
                Some(entity) => poll::poll(hub, name, entity).await,
                None => sweep::run(hub, name).await,
            }
        };
        let disposition = match done {
            Ok(()) => Disposition::Done,
            Err(fault) => troubled(hub, name, turn, fault).await,
        };
        dispositions.push((turn.at, disposition));
    }
    dispositions
}

/// Puts a poll or a sweep at the end of the queue.
async fn later(hub: &Hub, name: &ConnectionName, turn: &Turn<'_>) -> Result<()> {
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    match turn.entity {
        Some(entity) => asked::go_on(hub, connection, entity).await,
        None => sweep::ask(hub, connection, Duration::ZERO).await,
    }
}

/// A poll needs not wait for the end of a trouble: the next one reads the same.
async fn troubled(hub: &Hub, name: &ConnectionName, turn: &Turn<'_>, fault: Fault) -> Disposition {
    let disposition = judged(hub, name, turn, &fault).await;
    if let (Some(entity), Disposition::Done) = (turn.entity, &disposition)
        && let Err(fault) = asked::answered(hub, name, entity).await
    {
        return again(&fault);
    }
    disposition
}

async fn judged(hub: &Hub, name: &ConnectionName, turn: &Turn<'_>, fault: &Fault) -> Disposition {
    if fault.is_of_connection() {
        return match opened(hub, name, fault).await {
            Ok(_) => Disposition::Done,
            Err(fault) => again(&fault),
        };
    }
    // A poll that meets somebody's lock comes again by itself; its letter is one however often it fails.
    let is_locked = fault.kind == Kind::Conflict && turn.entity.is_some();
    if is_locked || fault.retry == Retry::Never { buried(hub, turn.body, fault).await } else { again(fault) }
}
