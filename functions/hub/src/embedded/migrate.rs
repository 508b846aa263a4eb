//! The schema of the database, by version.

use super::folder::{connect, database_fault};
use concord_connector::{Fault, Kind, Result};
use rusqlite::{Connection, TransactionBehavior};
use std::path::Path;

/// What turns each version into the next; the folder's version is how many were applied. Only ever appended to.
const STEPS: &[&str] = &[include_str!("schema/1.sql"), include_str!("schema/2.sql"), include_str!("schema/3.sql")];

/// Brings a database to the current version.
pub(super) fn to_current(path: &Path) -> Result<()> {
    migrate(path, STEPS)
}

/// Refuses a database that a newer Concord wrote.
pub(super) fn refuse_newer(connection: &Connection, path: &Path) -> Result<usize> {
    refuse_above(connection, path, STEPS.len())
}

fn refuse_above(connection: &Connection, path: &Path, known: usize) -> Result<usize> {
    let version: i64 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| database_fault("folder.open", error))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > known {
        return Err(Fault::new(
            Kind::Unexpected,
            "folder.open",
            format!(
                "{} was written by a newer Concord (schema version {version}; this program knows {known}). Use that \
                 version of Concord, or restore a backup made by this one.",
                path.display()
            ),
        ));
    }
    Ok(version)
}

fn migrate(path: &Path, steps: &[&str]) -> Result<()> {
    let failed = |error| database_fault("folder.migrate", error);
    let mut connection = connect(path).map_err(failed)?;
    let version = refuse_above(&connection, path, steps.len())?;
    if version == steps.len() {
        return Ok(());
    }
    if version > 0 {
        let aside = path.with_extension(format!("before-version-{}.sqlite", steps.len()));
        if !aside.exists() {
            connection.backup(rusqlite::MAIN_DB, &aside, None).map_err(failed)?;
        }
        tracing::info!(
            "Copied the database to {} and now migrate it to schema version {}.",
            aside.display(),
            steps.len()
        );
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed)?;
    for step in &steps[version..] {
        transaction.execute_batch(step).map_err(failed)?;
    }
    transaction.pragma_update(None, "user_version", steps.len()).map_err(failed)?;
    transaction.commit().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "CREATE TABLE a (x INTEGER) STRICT; INSERT INTO a VALUES (7);";
    const TWO: &str = "ALTER TABLE a RENAME COLUMN x TO y;";

    #[test]
    fn an_older_folder_is_copied_aside_and_then_migrated() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("concord.sqlite");
        migrate(&path, &[ONE]).unwrap();
        migrate(&path, &[ONE, TWO]).unwrap();
        let read = |path: &Path, sql: &str| -> i64 {
            Connection::open(path).unwrap().query_row(sql, [], |row| row.get(0)).unwrap()
        };
        assert_eq!(read(&path, "SELECT y FROM a"), 7);
        assert_eq!(read(&dir.path().join("concord.before-version-2.sqlite"), "SELECT x FROM a"), 7);
    }

    #[test]
    fn what_an_older_version_was_working_on_counts_as_ended() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("concord.sqlite");
        migrate(&path, &STEPS[..2]).unwrap();
        let insert = "INSERT INTO messages (id, queue, sent, visible, receives, body, in_flight, ended) VALUES (1, 'q', \
                      0, 0, 2, 'worked on', 1, 4), (2, 'q', 0, 0, 2, 'in back-off', 0, 0)";
        Connection::open(&path).unwrap().execute(insert, []).unwrap();
        to_current(&path).unwrap();
        let connection = Connection::open(&path).unwrap();
        let mut read = connection.prepare("SELECT receives, ended FROM messages ORDER BY id").unwrap();
        let counts: Vec<(u32, u32)> =
            read.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().collect::<rusqlite::Result<_>>().unwrap();
        assert_eq!(counts, [(1, 5), (2, 0)]);
    }

    #[test]
    fn a_migration_that_fails_changes_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("concord.sqlite");
        migrate(&path, &[ONE]).unwrap();
        assert!(migrate(&path, &[ONE, TWO, "SELECT * FROM missing"]).is_err());
        migrate(&path, &[ONE]).unwrap();
    }

    #[test]
    fn a_newer_folder_is_refused_with_a_sentence() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("concord.sqlite");
        migrate(&path, &[ONE, TWO]).unwrap();
        let fault = migrate(&path, &[ONE]).unwrap_err();
        assert!(fault.message().contains("written by a newer Concord (schema version 2"), "{fault}");
    }
}
