//! The data folder: where things are, and that only one process has it open.

use super::migrate;
use concord_connector::{Fault, Kind, Result};
use rusqlite::Connection;
use std::{
    fs::{self, File, TryLockError},
    path::{Path, PathBuf},
};

/// A data folder of the current schema version, locked until it is dropped.
#[derive(Debug)]
pub struct Folder {
    dir: PathBuf,
    _lock: File,
}

impl Folder {
    /// Opens a folder, creating what is missing. A folder of an older schema version is copied aside and migrated; a
    /// newer one, or one that another process has open, is refused.
    pub fn open(dir: &Path) -> Result<Self> {
        fs::create_dir_all(dir).map_err(|error| unusable(dir, error))?;
        let lock = lock(dir)?;
        let folder = Self { dir: dir.to_owned(), _lock: lock };
        migrate::to_current(&folder.database())?;
        Ok(folder)
    }
    /// Whether another process has the folder open. `false` when there is no folder.
    pub fn is_open_elsewhere(dir: &Path) -> bool {
        dir.join(LOCK).exists() && lock(dir).is_err()
    }
    /// The folder's path.
    pub fn path(&self) -> &Path {
        &self.dir
    }
    /// The database file.
    pub fn database(&self) -> PathBuf {
        self.dir.join(DATABASE)
    }
    /// The folder of blobs.
    pub fn blobs(&self) -> PathBuf {
        self.dir.join(BLOBS)
    }
    /// The sealed vault.
    pub fn vault(&self) -> PathBuf {
        self.dir.join(VAULT)
    }
}

pub(super) const DATABASE: &str = "concord.sqlite";
pub(super) const BLOBS: &str = "blobs";
pub(super) const VAULT: &str = "vault.sealed";
const LOCK: &str = "concord.lock";

fn lock(dir: &Path) -> Result<File> {
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(dir.join(LOCK))
        .map_err(|error| unusable(dir, error))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(Fault::new(
            Kind::Conflict,
            "folder.open",
            format!(
                "The data folder {} is in use by another Concord process. Stop it, or use another folder.",
                dir.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(unusable(dir, error)),
    }
}

fn unusable(dir: &Path, error: std::io::Error) -> Fault {
    Fault::new(Kind::Unexpected, "folder.open", format!("The data folder {} cannot be used: {error}.", dir.display()))
        .caused_by(error)
}

/// Makes a rename or a new file in a folder durable.
pub(super) fn sync_dir(dir: &Path) -> std::io::Result<()> {
    // Opening a folder as a file is a Unix ability; elsewhere the file system's own journal must do.
    if cfg!(unix) { File::open(dir)?.sync_all() } else { Ok(()) }
}

/// Writes a file so that after a power loss either the old or the new content is there, whole.
pub(super) fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    use std::io::Write;
    let dir = path.parent().unwrap_or(Path::new("."));
    let mut temporary = path.as_os_str().to_owned();
    temporary.push(format!(".{}.new", rand::random::<u64>()));
    let temporary = PathBuf::from(temporary);
    let mut options = File::options();
    options.create_new(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&temporary).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        sync_dir(dir)
    });
    if written.is_err() {
        // The error that is returned is the one that matters.
        drop(fs::remove_file(&temporary));
    }
    written
}

/// Opens the database for one thread's use. `FULL`: a commit is on disk when it returns.
pub(super) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    use rusqlite::OpenFlags;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(std::time::Duration::from_secs(10))?;
    connection.execute_batch("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA temp_store = MEMORY;")?;
    connection.set_prepared_statement_cache_capacity(64);
    Ok(connection)
}

/// A fault of the database, for the people who must make room on a disk or repair it.
pub(super) fn database_fault(operation: &'static str, error: rusqlite::Error) -> Fault {
    Fault::new(Kind::Unavailable, operation, format!("The database of the data folder failed: {error}."))
        .caused_by(error)
}
