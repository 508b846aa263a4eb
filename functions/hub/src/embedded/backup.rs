//! One file with everything but the vault's key.

use super::{
    Store,
    folder::{BLOBS, DATABASE, VAULT, connect, database_fault, replace, sync_dir},
    migrate,
};
use concord_connector::{Fault, Kind, Result};
use rusqlite::{Connection, OpenFlags, params};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// What a backup has beside the database: the sealed vault and the blobs.
const FILES: &str = "CREATE TABLE files (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) STRICT, WITHOUT ROWID";

/// Writes a backup while the store is in use: the database as it is at one moment, every blob that it may name, and the
/// sealed vault. Blocks; call it off the threads that serve requests. An existing file is refused.
pub fn backup(store: &Store, to: &Path) -> Result<()> {
    if to.exists() {
        return Err(Fault::new(Kind::Conflict, "backup", format!("{} exists already.", to.display())));
    }
    let mut partial = to.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let made = fill(store, &partial).and_then(|()| {
        let publish = || {
            fs::File::open(&partial)?.sync_all()?;
            fs::rename(&partial, to)?;
            sync_dir(to.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        };
        publish().map_err(|error| unusable("backup", to, error))
    });
    if made.is_err() {
        // The error that is returned is the one that matters.
        drop(fs::remove_file(&partial));
    }
    made
}

fn fill(store: &Store, partial: &Path) -> Result<()> {
    match fs::remove_file(partial) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(unusable("backup", partial, error)),
        _ => {}
    }
    let folder = store.folder();
    // Links keep the blobs that messages of the copy name, even if those messages are dealt with while we copy.
    let links = tempdir(folder.path())?;
    let filled = link(&folder.blobs(), &links)
        .and_then(|()| copy(&folder.database(), partial))
        .and_then(|()| link(&folder.blobs(), &links))
        .and_then(|()| add_files(partial, &folder.vault(), &links));
    fs::remove_dir_all(&links).map_err(|error| unusable("backup", &links, error))?;
    filled
}

/// The database as it is at one moment.
fn copy(database: &Path, partial: &Path) -> Result<()> {
    let failed = |error| database_fault("backup", error);
    let source = connect(database).map_err(failed)?;
    let mut target = Connection::open(partial).map_err(failed)?;
    let copy = rusqlite::backup::Backup::new(&source, &mut target).map_err(failed)?;
    // In one step: a copy in several starts anew with every write.
    copy.step(-1).map(drop).map_err(failed)
}

fn add_files(partial: &Path, vault: &Path, blobs: &Path) -> Result<()> {
    let failed = |error| database_fault("backup", error);
    let mut target = Connection::open(partial).map_err(failed)?;
    target.pragma_update(None, "journal_mode", "DELETE").map_err(failed)?;
    let transaction = target.transaction().map_err(failed)?;
    transaction.execute_batch(FILES).map_err(failed)?;
    let add = |name: &str, path: &Path| {
        let bytes = fs::read(path).map_err(|error| unusable("backup", path, error))?;
        let sql = "INSERT INTO files (name, bytes) VALUES (?1, ?2)";
        transaction.execute(sql, params![name, bytes]).map(drop).map_err(failed)
    };
    if vault.exists() {
        add(VAULT, vault)?;
    }
    for path in entries(blobs)? {
        if let Some(name) = path.file_name().and_then(|name| name.to_str()) {
            add(&format!("{BLOBS}/{name}"), &path)?;
        }
    }
    transaction.commit().map_err(failed)
}

/// A new folder for links, on the file system of the blobs.
fn tempdir(folder: &Path) -> Result<PathBuf> {
    let path = folder.join(format!("backup-{:016x}", rand::random::<u64>()));
    fs::create_dir(&path).map(|()| path.clone()).map_err(|error| unusable("backup", &path, error))
}

/// Links every blob that is not linked yet; copies where the file system has no links.
fn link(blobs: &Path, links: &Path) -> Result<()> {
    for path in entries(blobs)? {
        let Some(name) = path.file_name() else { continue };
        let linked = links.join(name);
        // Temporary files have a dot in their name, blobs never.
        if name.to_string_lossy().contains('.') || linked.exists() {
            continue;
        }
        match fs::hard_link(&path, &linked).or_else(|_| fs::copy(&path, &linked).map(drop)) {
            // It went while we looked, before the copy of the database began or after its messages were sent.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            result => result.map_err(|error| unusable("backup", &path, error))?,
        }
    }
    Ok(())
}

fn entries(dir: &Path) -> Result<Vec<PathBuf>> {
    let failed = |error| unusable("backup", dir, error);
    fs::read_dir(dir).map_err(failed)?.map(|entry| entry.map(|entry| entry.path()).map_err(failed)).collect()
}

/// Makes a data folder of a backup. A folder with anything in it is refused, and so is a backup by a newer Concord.
pub fn restore(file: &Path, dir: &Path) -> Result<()> {
    let failed = |error| database_fault("restore", error);
    let in_dir = |error| unusable("restore", dir, error);
    fs::create_dir_all(dir.join(BLOBS)).map_err(in_dir)?;
    let is_empty = |path: &Path| fs::read_dir(path).map(|mut entries| entries.next().is_none());
    let others = fs::read_dir(dir).map_err(in_dir)?.filter_map(std::result::Result::ok);
    if others.filter(|entry| entry.file_name() != BLOBS).count() > 0 || !is_empty(&dir.join(BLOBS)).map_err(in_dir)? {
        let sentence = format!("{} is not empty: name a new folder to restore into.", dir.display());
        return Err(Fault::new(Kind::Conflict, "restore", sentence));
    }
    let source = Connection::open_with_flags(file, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(failed)?;
    migrate::refuse_newer(&source, file)?;
    let mut statement = source.prepare("SELECT name, bytes FROM files").map_err(|error| {
        Fault::malformed("restore", format!("{} is no backup of Concord.", file.display())).caused_by(error)
    })?;
    let mut rows = statement.query([]).map_err(failed)?;
    while let Some(row) = rows.next().map_err(failed)? {
        let (name, bytes): (String, Vec<u8>) = (row.get(0).map_err(failed)?, row.get(1).map_err(failed)?);
        let plain = name.strip_prefix("blobs/").unwrap_or(&name);
        if plain.is_empty() || plain.contains(['/', '\\', '.']) && name != VAULT {
            return Err(Fault::malformed("restore", format!("{} names a file outside of the folder.", file.display())));
        }
        replace(&dir.join(&name), &bytes).map_err(in_dir)?;
    }
    drop(rows);
    drop(statement);
    // Last, so that a folder whose restoration was interrupted has no database and is not mistaken for a whole one.
    let partial = dir.join("restoring");
    source.backup(rusqlite::MAIN_DB, &partial, None).map_err(failed)?;
    let target = Connection::open(&partial).map_err(failed)?;
    target.execute_batch("DROP TABLE files; VACUUM;").map_err(failed)?;
    drop(target);
    let publish = || {
        fs::File::open(&partial)?.sync_all()?;
        fs::rename(&partial, dir.join(DATABASE))?;
        sync_dir(dir)
    };
    publish().map_err(in_dir)
}

fn unusable(operation: &'static str, path: &Path, error: io::Error) -> Fault {
    Fault::new(Kind::Unexpected, operation, format!("{} cannot be used: {error}.", path.display())).caused_by(error)
}
