//! The enumeration: a page of what the system lists is compared, and what is new here is taken in at once.

use super::{
    Part, Phase, Place,
    compare::{Known, compare},
    scratch,
};
use crate::{
    keys,
    message::Observation,
    ports::{Condition, Item, TableChange, TransactError},
    steps::{
        reconcile,
        translate::{self, Position},
    },
    store,
};
use concord_connector::{Cursor, ExternalId, Fault, Instant, Kind, Operation, Outcome, Result};
use std::time::Duration;

/// What changed that shortly before the sweep looked may still be on its way by itself.
const GRACE: Duration = Duration::from_secs(300);

/// Lists the next page.
pub(super) async fn page(place: &Place<'_>, part: &mut Part) -> Result<()> {
    let Place { hub, connection, entity, first } = *place;
    if part.cursor.is_none() {
        part.started_at = hub.now();
    }
    let operation = Operation::Poll { entity, cursor: part.cursor.clone(), until: hub.now() };
    let ran = hub.run_in_background(connection, &operation).await?;
    let Outcome::Page { records, cursor, more } = ran.outcome else {
        return Err(Fault::new(Kind::Unexpected, "sweep", "the connector did not answer a poll with a page"));
    };
    let marks: Vec<u64> = records.iter().map(|(id, _)| scratch::mark(id)).collect();
    let mut observations = Vec::with_capacity(records.len());
    let (mut unreadable, mut hidden): (Vec<(ExternalId, _)>, Vec<ExternalId>) = Default::default();
    part.listed += records.len() as u64;
    for (id, record) in records {
        match record {
            Ok(snapshot) => observations.push(Observation::of_read(&connection.name, snapshot, ran.started_at)),
            Err(refused) if refused.kind == Kind::NotFound => hidden.push(id),
            Err(refused) => unreadable.push((id, refused)),
        }
    }
    translate::ask_for(hub, connection, entity, hidden).await?;
    let known = compare(place, &observations).await?;
    let old = ran.started_at.minus(GRACE);
    let mut fresh = Vec::new();
    for (observation, known) in observations.into_iter().zip(known) {
        match known {
            Known::Same => continue,
            Known::Missing => part.missing += 1,
            Known::Differs => part.differing += 1,
            Known::Unclear => {}
        }
        let late = observation.snapshot.modified.is_some_and(|modified| modified < old);
        if !first && late && known != Known::Unclear {
            part.gaps += 1;
            hub.tally.add(crate::events::Count::GapsClosed);
        }
        fresh.push(observation);
    }
    reconcile::take_in(hub, &fresh).await?;
    for (id, refused) in &unreadable {
        part.unreadable += 1;
        translate::unreadable(hub, connection, entity, id, refused).await?;
    }
    if !first {
        scratch::put_seen(place, part.seen_pages, marks.into_iter()).await?;
        part.seen_pages += 1;
    }
    part.cursor = Some(cursor.clone());
    if more {
        return Ok(());
    }
    part.complete_at = Some(hub.now());
    follow(place, cursor, part.started_at).await?;
    // Nothing was known before a first reading that could be absent from it.
    part.phase = if first { Phase::Done } else { Phase::Absent { after: None } };
    Ok(())
}

/// Polls go on where the first reading ends.
async fn follow(place: &Place<'_>, cursor: Cursor, since: Instant) -> Result<()> {
    let position = Position { cursor, complete_at: Some(since), window_at: None, through: Some(since) };
    let key = keys::cursor(&place.connection.name, "poll", place.entity);
    let put = TableChange::Put(Item::new(key, store::body(&position)?), Condition::Absent);
    match place.hub.table.transact(vec![put]).await {
        // Polls have a place of their own already.
        Ok(()) | Err(TransactError::Cancelled(_)) => Ok(()),
        Err(TransactError::Store(fault)) => Err(fault),
    }
}
