//! The brake before a write: deliveries that are part of a wave out of proportion stay where they are.

use super::plan::Job;
use crate::{
    brake::{self, Answer, Direction, Held, Kind, Wave, What},
    facet::{Hash, hash},
    hub::Hub,
    settings::Connection,
    steps::reconfigure,
};
use concord_connector::{Result, exchange::Change};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// What is stopped is looked at again this rarely; a decision orders it at once.
const AGAIN: Duration = Duration::from_secs(900);

/// The jobs that may go on. What is stopped stays pending and is kept with its wave.
pub(super) async fn pass(hub: &Hub, connection: &Connection, jobs: Vec<Job>) -> Result<Vec<Job>> {
    let mut waves: BTreeMap<Option<Kind>, Vec<Job>> = BTreeMap::new();
    for job in jobs {
        // What somebody has seen in a plan and applied is approved already.
        let applied = job.read.0.approvals.contains_key(&connection.name);
        let kind = if applied { None } else { kind(hub, connection, &job).await? };
        waves.entry(kind.filter(|kind| connection.brake.limit(*kind).is_some())).or_default().push(job);
    }
    let mut free = waves.remove(&None).unwrap_or_default();
    for (kind, jobs) in waves {
        let Some(kind) = kind else { continue };
        let wave = Wave { connection, direction: Direction::To, kind };
        let names: Vec<String> = jobs.iter().map(|job| job.record.to_string()).collect();
        let passes = brake::passes(hub, &wave.name(), &names).await?;
        let (approved, asked): (Vec<Job>, Vec<Job>) =
            jobs.into_iter().partition(|job| passes.lets(&job.record, print(job)));
        free.extend(approved);
        let records: Vec<Hash> = asked.iter().map(|job| hash(&job.record)).collect();
        if asked.is_empty() || hub.brake_ask(wave, &records).await? == Answer::Go {
            free.extend(asked);
            continue;
        }
        let hold = |job: &Job| Held {
            wave: wave.name(),
            at: hub.now(),
            change: described(job),
            what: What::Written { record: job.record.clone(), print: print(job) },
            decided: None,
        };
        brake::hold(hub, asked.iter().map(hold).collect()).await?;
        for job in &asked {
            super::refused::later(hub, connection, &job.record, AGAIN).await?;
        }
    }
    Ok(free)
}

/// Equal for the same write.
fn print(job: &Job) -> Hash {
    let verb = match &job.write.change {
        Change::Create { .. } => "create".to_owned(),
        Change::Update { id, .. } => format!("update {id}"),
        Change::Archive { id } => format!("archive {id}"),
        Change::Delete { id } => format!("delete {id}"),
    };
    hash(&(verb, &job.write.fields))
}

async fn kind(hub: &Hub, connection: &Connection, job: &Job) -> Result<Option<Kind>> {
    let record = &job.read.0;
    let (kind, configured) = match &job.write.change {
        Change::Archive { .. } | Change::Delete { .. } => return Ok(Some(Kind::Deletes)),
        Change::Create { .. } => {
            (Kind::Creates, record.creates.get(&connection.name).is_some_and(|create| create.configured))
        }
        Change::Update { id, held, .. } => {
            let emptied =
                |(field, value): (&_, &Option<_>)| value.is_none() && held.get(field).is_some_and(Option::is_some);
            let facet =
                record.facets.iter().find(|facet| facet.link.connection == connection.name && facet.link.id == *id);
            let configured = facet.is_some_and(|facet| facet.wants.iter().any(|want| want.configured));
            (if job.write.fields.iter().any(emptied) { Kind::Clears } else { Kind::Updates }, configured)
        }
    };
    // Who switched a connection on has seen what that does.
    if configured {
        let mut around: BTreeSet<_> = record.facets.iter().map(|facet| facet.link.connection.clone()).collect();
        around.insert(connection.name.clone());
        if !reconfigure::switched_on(hub, &around, record.configuration).await? {
            return Ok(Some(Kind::Configured));
        }
    }
    Ok(Some(kind))
}

fn described(job: &Job) -> String {
    let named = || job.write.fields.keys().map(|field| field.as_str()).collect::<Vec<_>>().join(", ");
    match &job.write.change {
        Change::Archive { id } => format!("take {id} out of use"),
        Change::Delete { id } => format!("delete {id}"),
        Change::Create { .. } => "create it".to_owned(),
        Change::Update { id, held, .. } => {
            let emptied: Vec<&str> =
                job.write.fields.iter().filter(|(_, value)| value.is_none()).map(|(f, _)| f.as_str()).collect();
            let _ = held;
            if emptied.is_empty() {
                format!("set {} of {id}", named())
            } else {
                format!("empty {} of {id}", emptied.join(", "))
            }
        }
    }
}
