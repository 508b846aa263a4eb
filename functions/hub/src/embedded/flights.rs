//! Messages that are being worked on. Should the process end, that is what it ended upon, and a message that takes the
//! process down with it must not do so for ever.
//!
//! All of them are one row, written once with whatever a commit writes, instead of a row of each message changed at each
//! turn.

use rusqlite::{Connection, OptionalExtension, params};
use std::collections::BTreeMap;

/// The bytes of one: its id and how often it was received, this time included.
const EACH: usize = 8 + 4;

/// As the writer knows them.
#[derive(Debug, Default)]
pub(super) struct Flights {
    receives: BTreeMap<u64, u32>,
    /// Whether the row says something else.
    changed: bool,
}

impl Flights {
    /// A message is worked on, for the so manieth time.
    pub(super) fn begin(&mut self, id: u64, receives: u32) {
        self.changed |= self.receives.insert(id, receives) != Some(receives);
    }

    /// It is not, for whatever reason.
    pub(super) fn end(&mut self, id: u64) {
        self.changed |= self.receives.remove(&id).is_some();
    }

    /// Writes the row if it says something else; [`Self::written`] says that it was committed.
    pub(super) fn write(&self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.changed {
            return Ok(());
        }
        let mut bytes = Vec::with_capacity(self.receives.len() * EACH);
        for (id, receives) in &self.receives {
            bytes.extend_from_slice(&id.to_be_bytes());
            bytes.extend_from_slice(&receives.to_be_bytes());
        }
        connection
            .prepare_cached("INSERT OR REPLACE INTO flights (place, messages) VALUES (1, ?1)")?
            .execute([bytes])
            .map(drop)
    }

    pub(super) fn written(&mut self) {
        self.changed = false;
    }
}

/// Takes back what was being worked on when the last process ended: it is visible, and that receive counts as one that the
/// process did not survive instead of one that failed.
pub(super) fn take_back(connection: &mut Connection) -> rusqlite::Result<()> {
    let transaction = connection.transaction()?;
    let row = transaction.query_row("SELECT messages FROM flights", [], |row| row.get::<_, Vec<u8>>(0)).optional()?;
    let Some(bytes) = row else { return Ok(()) };
    for each in bytes.chunks_exact(EACH) {
        let Some((id, receives)) = each.split_first_chunk() else { continue };
        let (id, receives) = (u64::from_be_bytes(*id), receives.first_chunk().map_or(1, |it| u32::from_be_bytes(*it)));
        transaction
            .prepare_cached("UPDATE messages SET ended = ended + 1, receives = ?2 WHERE id = ?1")?
            .execute(params![id, receives.saturating_sub(1)])?;
    }
    transaction.execute("DELETE FROM flights", [])?;
    transaction.commit()
}
