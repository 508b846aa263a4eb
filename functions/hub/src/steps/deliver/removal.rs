//! Before a record is taken out: whoever edited it since we last looked is heard first.

use super::plan::Job;
use crate::{
    facet::{Facet, Link},
    hub::Hub,
    settings::Connection,
};
use concord_connector::{Entity, ExternalId, Operation, Outcome, Result, exchange::Change, snapshot::Presence};
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
            if snapshot.presence == Presence::Live && known.is_some_and(is_newer) {
                super::covered(hub, connection, vec![snapshot], ran.started_at, false).await?;
                edited.insert(id);
            }
        }
    }
    Ok(edited)
}

/// The external record that a job takes out.
pub(super) fn goes(job: &Job) -> Option<&ExternalId> {
    match &job.write.change {
        Change::Archive { id } | Change::Delete { id } => Some(id),
        Change::Create { .. } | Change::Update { .. } => None,
    }
}
