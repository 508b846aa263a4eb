//! What is known here and was not listed.

use super::{
    Part, Phase, Place,
    scratch::{self, What},
};
use crate::{
    brake::{self, Answer, Direction, Wave},
    message::Observation,
    ports::{Index, Query},
    steps::reconcile,
};
use concord_connector::{
    ExternalId, Fault, Kind, Operation, Outcome, RecordId, Result, Snapshot, SourceVersion, snapshot::Presence,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Records that are looked at at once.
const PAGE: usize = 500;

/// Somebody who is not listed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Candidate {
    id: ExternalId,
    /// The newest version that was seen.
    version: SourceVersion,
}

/// Compares a page of records with the ids that were listed.
pub(super) async fn look(place: &Place<'_>, part: &mut Part, listed: &[u64], after: Option<String>) -> Result<()> {
    let Place { hub, connection, entity, .. } = *place;
    let query = Query { after, ..Query::partition(Some(Index::List), entity.name(), PAGE) };
    let page = hub.table.query(query).await?;
    let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| crate::keys::record_id(key)).collect();
    let mut absent = Vec::new();
    for (_, (record, _)) in hub.records(&ids).await?.into_iter().filter(|(id, (record, _))| *id == record.id) {
        for facet in record.live_at(&connection.name).filter(|facet| !facet.is_unseen()) {
            part.known += 1;
            // What was read after the enumeration had begun may be younger than its page.
            let fenced = facet.confirmed_at() < part.started_at;
            if fenced && listed.binary_search(&scratch::mark(&facet.link.id)).is_err() {
                absent.push(Candidate { id: facet.link.id.clone(), version: facet.source_version() });
            }
        }
    }
    if !absent.is_empty() {
        part.absent += absent.len() as u64;
        scratch::put(place, What::Absent, part.absent_pages, &absent).await?;
        part.absent_pages += 1;
    }
    part.phase = match page.next {
        Some(next) => Phase::Absent { after: Some(next) },
        None => Phase::Read { at: 0 },
    };
    Ok(())
}

/// Reads a page of them by id. Only the system's own word, or its silence where silence means that, makes a tombstone.
pub(super) async fn read(place: &Place<'_>, part: &mut Part, at: u64) -> Result<()> {
    let Place { hub, connection, entity, .. } = *place;
    if at >= part.absent_pages {
        part.phase = Phase::Take { at: 0 };
        return Ok(());
    }
    let can = &connection.connector.manifest().capabilities;
    let candidates: Vec<Candidate> = scratch::get(place, What::Absent, at).await?;
    let (mut gone, mut alive) = (Vec::new(), Vec::new());
    for chunk in candidates.chunks(can.read_batch.max(1)) {
        let ids = chunk.iter().map(|candidate| candidate.id.clone()).collect();
        let ran = hub.run_in_background(connection, &Operation::Fetch { entity, ids }).await?;
        let Outcome::Records(records) = ran.outcome else {
            return Err(Fault::new(Kind::Unexpected, "sweep", "the connector did not answer a fetch with records"));
        };
        let mut shown: BTreeMap<ExternalId, _> = records.into_iter().collect();
        for candidate in chunk {
            let observe = |snapshot| Observation::of_read(&connection.name, snapshot, ran.started_at);
            match shown.remove(&candidate.id) {
                Some(Ok(snapshot)) if snapshot.presence == Presence::Live => alive.push(observe(snapshot)),
                Some(Ok(snapshot)) => gone.push(observe(snapshot)),
                Some(Err(_)) => part.unreadable += 1,
                None if can.absent_is_deleted => {
                    let mut tombstone = Snapshot::deleted(entity, candidate.id.clone(), ran.started_at);
                    tombstone.version = tombstone.version.max(SourceVersion(candidate.version.0.saturating_add(1)));
                    gone.push(observe(tombstone));
                }
                None => part.not_visible += 1,
            }
        }
    }
    reconcile::take_in(hub, &alive).await?;
    if !gone.is_empty() {
        part.deleted += gone.len() as u64;
        scratch::put(place, What::Gone, part.gone_pages, &gone).await?;
        part.gone_pages += 1;
    }
    part.phase = Phase::Read { at: at + 1 };
    Ok(())
}

/// How many tombstones nobody has refused before.
async fn undecided(place: &Place<'_>, part: &Part, wave: &Wave<'_>) -> Result<u64> {
    let mut asked = 0;
    for page in 0..part.gone_pages {
        let gone: Vec<Observation> = scratch::get(place, What::Gone, page).await?;
        let members: Vec<String> = gone.iter().map(|one| format!("{}/{}", place.entity, one.snapshot.id)).collect();
        let passes = brake::passes(place.hub, &wave.name(), &members).await?;
        let refused = |one: &&Observation| passes.refuses(place.entity, one.snapshot.id.as_str(), one.snapshot.version);
        asked += (gone.len() - gone.iter().filter(refused).count()) as u64;
    }
    Ok(asked)
}

/// Takes a page of tombstones in. The brake is asked about all of them before the first.
pub(super) async fn take(place: &Place<'_>, part: &mut Part, at: u64) -> Result<()> {
    let Place { hub, connection, entity, .. } = *place;
    if at == 0 && part.deleted > 0 {
        let wave = Wave { connection, direction: Direction::From, kind: brake::Kind::Deletes };
        let asked = undecided(place, part, &wave).await?;
        part.braked = asked > 0 && hub.brake_ask_many(wave, asked, part.known).await? == Answer::Stop;
    }
    if at < part.gone_pages {
        let gone: Vec<Observation> = scratch::get(place, What::Gone, at).await?;
        reconcile::take_in(hub, &gone).await?;
        part.phase = Phase::Take { at: at + 1 };
        return Ok(());
    }
    for (what, pages) in
        [(What::Seen, part.seen_pages), (What::Absent, part.absent_pages), (What::Gone, part.gone_pages)]
    {
        scratch::forget(place, what, pages).await?;
    }
    if part.not_visible > 0 {
        tracing::warn!(
            connection = %connection.name, %entity, records = part.not_visible,
            "Records are neither listed nor visible by id any more; they are not taken for deleted."
        );
    }
    part.phase = Phase::Done;
    Ok(())
}
