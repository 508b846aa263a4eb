//! Laws of records that go.

use crate::{
    Cursor, Entity, ExternalId, Fields, Kind, Operation, Outcome, Snapshot,
    exchange::{Change, Write, Written},
    snapshot::Presence,
    testing::{Live, Subject, Verdict, holds},
};

pub(super) fn deleted(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let id = live.make(entity)?;
    live.later(3_600);
    let (before, cursor) = (live.now(), deletions(&mut live, subject, entity, None)?.1);
    live.later(60);
    let write = Write {
        token: None,
        record: "gone-1".into(),
        change: Change::Delete { id: id.clone() },
        fields: Fields::new(),
    };
    let row = live.write(entity, write)?;
    holds(matches!(row, Ok(Written::Done { .. })), || format!("a delete ended as {row:?}"))?;
    live.later(60);
    let read = live.read(entity, &id)?;
    let gone = read.as_ref().is_none_or(|snapshot| snapshot.presence != Presence::Live);
    holds(gone, || format!("deleted after {before} and still read as {read:?}"))?;
    if subject.connector.manifest().capabilities.lists_deleted {
        live.later(600);
        let (listed, _) = deletions(&mut live, subject, entity, cursor)?;
        holds(listed.contains(&id), || format!("{id} was deleted; the list has {listed:?}"))?;
    }
    Ok(())
}

/// Deleted ids since a cursor, and where to go on.
fn deletions(
    live: &mut Live,
    subject: &Subject,
    entity: Entity,
    cursor: Option<Cursor>,
) -> Result<(Vec<ExternalId>, Option<Cursor>), String> {
    if !subject.connector.manifest().capabilities.lists_deleted {
        return Ok((Vec::new(), None));
    }
    let operation = Operation::Deleted { entity, cursor, until: live.now() };
    match live.run(&operation).map_err(|e| e.to_string())? {
        Outcome::Page { records, cursor, .. } => {
            let dead =
                |row: &Result<Snapshot, _>| row.as_ref().is_ok_and(|s: &Snapshot| s.presence == Presence::Deleted);
            Ok((records.into_iter().filter(|(_, row)| dead(row)).map(|(id, _)| id).collect(), Some(cursor)))
        }
        other => Err(format!("a list of deletions gave {other:?}")),
    }
}

pub(super) fn archived(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let id = live.make(entity)?;
    live.later(60);
    let write = Write {
        token: None,
        record: "old-1".into(),
        change: Change::Archive { id: id.clone() },
        fields: Fields::new(),
    };
    match live.write(entity, write)? {
        Ok(Written::Done { after, .. }) => holds(after.id == id, || format!("archived {}", after.id)),
        Ok(other) => Err(format!("an archive ended as {other:?}")),
        // Some kinds of record cannot be taken out of use; that is an answer, and final.
        Err(refused) => holds(refused.kind == Kind::Rejected, || refused.message),
    }
}
