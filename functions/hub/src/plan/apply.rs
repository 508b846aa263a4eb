//! Making exactly what a plan says, or nothing.

use super::{
    Action, Moved, Plan, PlannedWrite, compare, digest,
    look::{Sight, look},
    make::referred,
};
use crate::{
    commit::{ATTEMPTS, Hindrance, Transaction},
    facet::{Link, Want},
    hub::Hub,
    ports::{Outgoing, QueueName},
    record::{Approval, OpenCreate, Record},
    settings::Settings,
    steps::fanout,
};
use concord_connector::{ConnectionName, Fault, Kind, RecordId, Result};
use serde::Serialize;
use std::collections::BTreeMap;

const PAGE: usize = 100;
/// So many things that moved are named; the others are counted.
const NAMED: usize = 20;

/// What came of applying a plan.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Applied {
    /// The plan.
    pub plan: String,
    /// Writes that are on their way now.
    pub approved: u64,
    /// Writes that were on their way by this plan before.
    pub before: u64,
    /// What moved while the plan was being applied: these writes are not made.
    pub moved: Vec<Moved>,
}

/// Makes a plan's writes their way: everything is compared with the world first, and nothing is begun when anything moved.
///
/// # Errors
/// `Rejected` when the plan's digest is not that of its content; `Conflict`, naming what moved; the store's faults.
pub async fn apply(hub: &Hub, plan: &Plan, by: &str) -> Result<Applied> {
    let settings = hub.settings();
    if digest(plan.configuration, &plan.writes) != plan.id {
        return Err(refusal("The plan was changed after it was made: its digest is not that of its content."));
    }
    if plan.configuration != settings.revision {
        return Err(conflict(&[Moved(format!(
            "the configuration was of revision {} and is of revision {}",
            plan.configuration, settings.revision
        ))]));
    }
    let mut by_record: BTreeMap<&RecordId, Vec<&PlannedWrite>> = BTreeMap::new();
    for write in plan.makes() {
        settings.connection(&write.connection)?;
        by_record.entry(&write.record).or_default().push(write);
    }
    // First everything is compared, then anything is written.
    let mut moved = Vec::new();
    let ids: Vec<&RecordId> = by_record.keys().copied().collect();
    for page in ids.chunks(PAGE) {
        let page: Vec<RecordId> = page.iter().map(|id| (*id).clone()).collect();
        let found = hub.records(&page).await?;
        let records: Vec<Record> = found.values().map(|(record, _)| record.clone()).collect();
        let around = referred(hub, &records).await?;
        for id in &page {
            let record = found.get(id).map(|(record, _)| record);
            let writes = by_record.get(id).into_iter().flatten().copied();
            moved.extend(writes.filter_map(|write| differs(hub, &settings, plan, write, record, &around)));
        }
    }
    if !moved.is_empty() {
        return Err(conflict(&moved));
    }
    let mut applied = Applied { plan: plan.id.clone(), ..Applied::default() };
    let mut orders: BTreeMap<QueueName, Vec<Outgoing>> = BTreeMap::new();
    for (id, writes) in by_record {
        match approve(hub, plan, id, &writes, by).await? {
            Approved::Now(version) => {
                applied.approved += writes.len() as u64;
                for name in writes.iter().map(|write| &write.connection) {
                    let connection = settings.connection(name)?;
                    let queue = QueueName::Deliveries(connection.connector.system().clone());
                    let order = fanout::order(id, name, version, &format!("@{}", plan.id))?;
                    orders.entry(queue).or_default().push(order);
                }
            }
            Approved::Before => applied.before += writes.len() as u64,
            Approved::Moved(moved) => applied.moved.extend(moved),
        }
    }
    for (queue, orders) in orders {
        for chunk in orders.chunks(PAGE) {
            hub.queue.send(&queue, chunk.to_vec()).await?;
        }
    }
    Ok(applied)
}

fn refusal(sentence: &str) -> Fault {
    Fault::new(Kind::Rejected, "plan", sentence)
}

fn conflict(moved: &[Moved]) -> Fault {
    let mut lines: Vec<&str> = moved.iter().take(NAMED).map(|moved| moved.0.as_str()).collect();
    let more = format!("and {} more", moved.len().saturating_sub(NAMED));
    if moved.len() > NAMED {
        lines.push(&more);
    }
    let sentence = format!("The world moved since the plan was made, and nothing was written: {}", lines.join("; "));
    Fault::new(Kind::Conflict, "plan", sentence)
}

/// What of a planned write is no longer so. One that this very plan has on its way is as it was planned.
fn differs(
    hub: &Hub,
    settings: &Settings,
    plan: &Plan,
    write: &PlannedWrite,
    record: Option<&Record>,
    around: &BTreeMap<RecordId, Record>,
) -> Option<Moved> {
    let Some(record) = record else {
        return Some(Moved(format!("{} {} is gone", write.entity, write.record)));
    };
    if record.id != write.record {
        return Some(Moved(format!("{} {} became part of {}", write.entity, write.record, record.id)));
    }
    if is_under_way(record, plan, &write.connection) {
        return None;
    }
    let connection = settings.connections.get(&write.connection)?;
    let seen = look(record, &Sight { settings, connection, referred: around, now: hub.now() });
    let same = |now: &&PlannedWrite| now.action == write.action && now.external == write.external;
    compare(write, seen.writes.iter().find(same))
}

fn is_under_way(record: &Record, plan: &Plan, connection: &ConnectionName) -> bool {
    record.approvals.get(connection).is_some_and(|approval| approval.plan == plan.id)
}

enum Approved {
    /// Under this version.
    Now(u64),
    Before,
    Moved(Vec<Moved>),
}

/// Writes the approval of a record's writes, on condition that the record is still the one that was compared.
async fn approve(hub: &Hub, plan: &Plan, id: &RecordId, writes: &[&PlannedWrite], by: &str) -> Result<Approved> {
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let found = hub.record(id).await?;
        let around = match &found {
            Some((record, _)) => referred(hub, std::slice::from_ref(record)).await?,
            None => BTreeMap::new(),
        };
        let record = found.as_ref().map(|(record, _)| record);
        let moved: Vec<Moved> =
            writes.iter().filter_map(|write| differs(hub, &settings, plan, write, record, &around)).collect();
        if !moved.is_empty() {
            return Ok(Approved::Moved(moved));
        }
        let Some((mut record, rev)) = found else { return Ok(Approved::Moved(Vec::new())) };
        if writes.iter().all(|write| is_under_way(&record, plan, &write.connection)) {
            return Ok(Approved::Before);
        }
        mark(hub, plan, &mut record, writes, by);
        let version = record.version;
        let mut transaction = Transaction::default();
        transaction.put_record(&record, rev);
        match hub.transact(transaction).await {
            Ok(()) => return Ok(Approved::Now(version)),
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Unavailable, "plan", "the record is being changed by too many at once"))
}

/// Makes a new version of the record that wants what was planned, and says who agreed.
fn mark(hub: &Hub, plan: &Plan, record: &mut Record, writes: &[&PlannedWrite], by: &str) {
    let now = hub.now();
    record.version += 1;
    record.committed_at = now;
    for write in writes {
        let name = &write.connection;
        let fields: BTreeMap<_, _> = write.fields.iter().map(|field| (field.field.clone(), field.image)).collect();
        let approval = record.approvals.entry(name.clone()).or_insert_with(|| Approval {
            plan: plan.id.clone(),
            by: by.to_owned(),
            at: now,
            create: None,
            updates: BTreeMap::new(),
            removals: Default::default(),
        });
        if approval.plan != plan.id {
            *approval = Approval { plan: plan.id.clone(), by: by.to_owned(), at: now, ..approval.clone() };
        }
        match (write.action, &write.external) {
            (Action::Create, _) => {
                approval.create = Some(fields);
                record.creates.entry(name.clone()).or_insert(OpenCreate { since: now, configured: false });
            }
            (Action::Update, Some(id)) => {
                approval.updates.insert(id.clone(), fields.clone());
                let (link, version) = (Link { connection: name.clone(), id: id.clone() }, record.version);
                let stamps = crate::settle::stamps(&record.golden, fields.keys());
                if let Some(facet) = record.facet_mut(&link) {
                    facet.want(Want {
                        version,
                        at: now,
                        configured: false,
                        sent: false,
                        fields: fields.into_iter().collect(),
                        stamps,
                        withdrawn: Default::default(),
                        outlived: Default::default(),
                    });
                }
            }
            (Action::Archive | Action::Delete, Some(id)) => {
                approval.removals.insert(id.clone());
            }
            (_, None) => {}
        }
        // Waits are over: a person says so.
        if let Some(outbox) = record.outbox.get_mut(name) {
            outbox.next_at = None;
        }
    }
}
