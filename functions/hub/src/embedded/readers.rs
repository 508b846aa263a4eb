//! Connections for reading, as many as are used at once.

use super::folder::{connect, database_fault};
use concord_connector::Result;
use rusqlite::Connection;
use std::{
    path::PathBuf,
    sync::{Mutex, PoisonError},
};

/// So many idle connections are kept.
const IDLE: usize = 8;

/// A pool. Reads run on the caller's thread: one takes microseconds, less than handing it to another thread would.
pub(super) struct Readers {
    path: PathBuf,
    idle: Mutex<Vec<Connection>>,
}

impl Readers {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, idle: Mutex::new(Vec::new()) }
    }

    /// Reads in one snapshot that holds every commit made so far.
    pub(super) fn read<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        self.read_one(operation, |connection| {
            let snapshot = connection.unchecked_transaction()?;
            read(&snapshot)
        })
    }

    /// The same for what is one statement, and so a snapshot by itself.
    pub(super) fn read_one<T>(
        &self,
        operation: &'static str,
        read: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let failed = |error| database_fault(operation, error);
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => {
                let connection = connect(&self.path).map_err(failed)?;
                connection.pragma_update(None, "query_only", true).map_err(failed)?;
                connection.pragma_update(None, "cache_size", -1_000).map_err(failed)?;
                connection
            }
        };
        let answer = read(&connection).map_err(failed)?;
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < IDLE {
            idle.push(connection);
        }
        Ok(answer)
    }
}
