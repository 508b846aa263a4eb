//! Where a running Concord is: `run.json` in its data folder.

use anyhow::{Context as _, Result};
use concord_hub::{embedded::Folder, ports::Secret};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

/// Address and token of the process that has the folder open. Readable by its owner only.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFile {
    /// The address of its server; no slash at the end.
    pub url: String,
    /// The admin token.
    pub token: Secret,
    /// Its process id.
    pub pid: u32,
}

impl RunFile {
    fn path(dir: &Path) -> PathBuf {
        dir.join("run.json")
    }

    /// Writes the file whole: whoever reads it never sees half of it.
    ///
    /// # Errors
    /// When the folder is not writable.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let (path, partial) = (Self::path(dir), dir.join("run.json.new"));
        let write = || -> std::io::Result<()> {
            drop(fs::remove_file(&partial));
            let mut options = File::options();
            options.create_new(true).write(true);
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            options.open(&partial)?.write_all(&serde_json::to_vec_pretty(self)?)?;
            fs::rename(&partial, &path)
        };
        write().with_context(|| format!("{} cannot be written.", path.display()))
    }

    /// The process that has the folder open; `None` when nobody has.
    pub fn of_live(dir: &Path) -> Option<Self> {
        if !Folder::is_open_elsewhere(dir) {
            return None;
        }
        serde_json::from_slice(&fs::read(Self::path(dir)).ok()?).ok()
    }

    /// Takes the file away; a missing one is no error.
    pub fn forget(dir: &Path) {
        drop(fs::remove_file(Self::path(dir)));
    }
}
