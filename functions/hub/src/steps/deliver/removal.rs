//! Before a record is taken out: whoever edited it since we last looked is heard first.

use super::plan::Job;
use crate::{
    facet::{Facet, Link},
    hub::Hub,
    settings::Connection,
};
use concord_connector::{Entity, ExternalId, Operation, Outcome, Result, Value, exchange::Change, snapshot::Presence};
use std::collections::BTreeSet;

/// The records that are about to go and that a fresh read shows changed since they were last seen. What was read is passed
/// on to reconcile; they are looked at again afterwards.
pub(super) async fn edited(
    hub: &Hub,
    connection: &Connection,
    entity: Entity,
    jobs: &[Job],
) -> Result<BTreeSet<ExternalId>> {
    let ids: Vec<ExternalId> = jobs.iter().filter_map(goes).cloned().collect();
    let mut edited = BTreeSet::new();
    for chunk in ids.chunks(connection.connector.manifest().capabilities.read_batch.max(1)) {
        let ran = hub.run(connection, &Operation::Fetch { entity, ids: chunk.to_vec() }).await?;
        let Outcome::Records(records) = ran.outcome else { continue };
        for (id, record) in records {
            let Ok(snapshot) = record else { continue };
            let link = Link { connection: connection.name.clone(), id: id.clone() };
            let known = jobs.iter().filter(|job| goes(job) == Some(&id)).find_map(|job| job.read.0.facet(&link));
            // A clock that was set back dates an edit before what we know.
            let is_newer = |facet: &Facet| {
                snapshot.version > facet.source_version()
                    || facet.version_of_look(&snapshot, ran.started_at) != snapshot.version
            };
            // What a write's own read-back showed besides what was written has the version of that write.
            let differs = |facet: &Facet| {
                let plain = snapshot.fields.iter().filter(|(_, value)| !refers(value.as_ref()));
                plain
                    .into_iter()
                    .filter_map(|(field, value)| Some((facet.view().held(field)?, value)))
                    .any(|(held, value)| held != value && !refers(held.as_ref()))
            };
            let is_edited = |facet: &Facet| is_newer(facet) || differs(facet);
            if snapshot.presence == Presence::Live && known.is_some_and(is_edited) {
                super::covered(hub, connection, vec![snapshot], ran.started_at, None).await?;
                edited.insert(id);
            }
        }
    }
    Ok(edited)
}

fn refers(value: Option<&Value>) -> bool {
    value.is_some_and(|value| !value.references().is_empty())
}

/// The external record that a job takes out.
pub(super) fn goes(job: &Job) -> Option<&ExternalId> {
    match &job.write.change {
        Change::Archive { id } | Change::Delete { id } => Some(id),
        Change::Create { .. } | Change::Update { .. } => None,
    }
}
