//! How far the writes of an applied plan are, and delivering them where nobody else does.

use super::{Action, Plan, PlannedWrite};
use crate::{
    facet::{Hash, Link},
    hub::Hub,
    message::Message,
    ports::Received,
    record::Record,
    steps::deliver,
};
use concord_connector::{ConnectionName, RecordId, Result};
use serde::Serialize;
use std::collections::BTreeMap;

const PAGE: usize = 100;
/// Deliveries of one batch.
const BATCH: usize = 50;
/// Rounds without any progress after which the rest is left to `concord up`.
const ROUNDS: usize = 3;

/// How a planned write stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Progress {
    /// The vendor has it.
    Done,
    /// It is on its way; with the reason why it is not there yet, where there is one.
    Pending(Option<String>),
    /// The vendor refuses it, and a person has to decide.
    Refused(String),
    /// The world moved before it could be written: it is not made.
    Overtaken,
}

/// How the writes of a plan stand.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Standing {
    /// Writes that the vendors have.
    pub done: u64,
    /// Writes that are on their way.
    pub pending: u64,
    /// Writes that a vendor refuses, with the reason, by record and connection.
    pub refused: Vec<String>,
    /// Writes that are not made, because the world moved.
    pub overtaken: Vec<String>,
    /// Why what is pending is, by connection.
    pub reasons: BTreeMap<ConnectionName, String>,
}

/// How the writes of a plan that was applied stand.
///
/// # Errors
/// The store's faults.
pub async fn standing(hub: &Hub, plan: &Plan) -> Result<Standing> {
    let writes: Vec<&PlannedWrite> = plan.makes().collect();
    let mut standing = Standing::default();
    for chunk in writes.chunks(PAGE) {
        let ids: Vec<RecordId> = chunk.iter().map(|write| write.record.clone()).collect();
        let records = hub.records(&ids).await?;
        for write in chunk {
            let record = records.get(&write.record).map(|(record, _)| record);
            let name = || format!("{} {} at {}", write.entity, write.record, write.connection);
            match progress(plan, write, record) {
                Progress::Done => standing.done += 1,
                Progress::Pending(reason) => {
                    standing.pending += 1;
                    standing.reasons.extend(reason.map(|reason| (write.connection.clone(), reason)));
                }
                Progress::Refused(why) => standing.refused.push(format!("{}: {why}", name())),
                Progress::Overtaken => standing.overtaken.push(name()),
            }
        }
    }
    for connection in hub.settings().connections.values() {
        if standing.pending > 0
            && hub.held_back(connection).await?.is_some()
            && let Some(breaker) = hub.breaker(connection).await?
        {
            standing.reasons.insert(connection.name.clone(), breaker.reason);
        }
    }
    Ok(standing)
}

fn progress(plan: &Plan, write: &PlannedWrite, record: Option<&Record>) -> Progress {
    let Some(record) = record else { return Progress::Overtaken };
    let outbox = record.outbox.get(&write.connection);
    let open = record.approvals.get(&write.connection).filter(|approval| approval.plan == plan.id);
    let open = open.is_some_and(|approval| match (write.action, &write.external) {
        (Action::Create, _) => approval.create.is_some(),
        (Action::Update, Some(id)) => approval.updates.contains_key(id),
        (_, Some(id)) => approval.removals.contains(id),
        (_, None) => false,
    });
    if open {
        let fault = outbox.and_then(|outbox| outbox.fault.as_ref()).map(|fault| fault.message.clone());
        return match outbox {
            Some(outbox) if outbox.parked => {
                Progress::Refused(fault.unwrap_or_else(|| "a person has to decide".into()))
            }
            Some(outbox) if !outbox.waiting_on.is_empty() => {
                Progress::Pending(Some("it waits for records that it refers to".into()))
            }
            _ => Progress::Pending(fault),
        };
    }
    match &write.external {
        None if record.live_at(&write.connection).next().is_some() => Progress::Done,
        None => Progress::Overtaken,
        Some(id) => {
            let link = Link { connection: write.connection.clone(), id: id.clone() };
            let Some(facet) = record.facet(&link) else { return Progress::Overtaken };
            if write.action != Action::Update {
                return if facet.is_live() { Progress::Overtaken } else { Progress::Done };
            }
            let view = facet.view();
            let there = write.fields.iter().all(|field| {
                view.cells.get(&field.field).is_some_and(|cell| {
                    Hash::of(cell.held.as_ref()) == field.image || cell.image_of == Some(field.golden)
                })
            });
            if there { Progress::Done } else { Progress::Overtaken }
        }
    }
}

/// Delivers what an applied plan has on its way, and nothing else, until it is done or gets no further. For a folder on
/// which no hub runs: where one does, its own deliveries are under way.
///
/// # Errors
/// The store's faults.
pub async fn carry_out(hub: &Hub, plan: &Plan, mut told: impl FnMut(&Standing)) -> Result<Standing> {
    let mut idle = 0;
    let mut before = standing(hub, plan).await?;
    while before.pending > 0 && idle < ROUNDS {
        let mut open: Vec<&PlannedWrite> = Vec::new();
        for write in plan.makes() {
            let record = hub.record(&write.record).await?;
            let record = record.as_ref().map(|(record, _)| record);
            if matches!(progress(plan, write, record), Progress::Pending(_)) {
                open.push(write);
            }
        }
        for chunk in open.chunks(BATCH) {
            let mut batch = Vec::with_capacity(chunk.len());
            for (at, write) in chunk.iter().enumerate() {
                let message = Message::DeliveryV1 {
                    record: write.record.clone(),
                    connection: write.connection.clone(),
                    version: 0,
                };
                batch.push(Received {
                    id: at.to_string(),
                    body: message.encode()?,
                    receives: 1,
                    group: None,
                    trace: None,
                });
            }
            deliver::deliver(hub, &batch).await;
        }
        let now = standing(hub, plan).await?;
        told(&now);
        idle = if now.pending < before.pending { 0 } else { idle + 1 };
        before = now;
    }
    Ok(before)
}
