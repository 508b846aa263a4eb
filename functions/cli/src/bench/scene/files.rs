//! The files of a run: a configuration with two connections, each of a system that one file describes.

use crate::bench::child::VAULT_KEY;
use anyhow::Result;
use concord_hub::embedded::vault::Key;
use std::{fs, path::Path};

/// Writes them.
///
/// # Errors
/// When the folder is not writable.
pub(super) fn write(dir: &Path, target: &str) -> Result<()> {
    fs::write(dir.join("source.toml"), include_str!("source.toml"))?;
    fs::write(dir.join("target.toml"), include_str!("target.toml"))?;
    fs::write(dir.join("concord.toml"), include_str!("concord.toml").replace("{target}", target))?;
    // The hub makes no key where a file is named for it.
    Key::read_or_create(&dir.join(VAULT_KEY))?;
    Ok(())
}

/// What the files of a folder come to, in MiB.
pub(super) fn size(dir: &Path) -> f64 {
    let entries = fs::read_dir(dir).into_iter().flatten().filter_map(std::result::Result::ok);
    let bytes: u64 =
        entries.filter_map(|entry| entry.metadata().ok()).filter(fs::Metadata::is_file).map(|m| m.len()).sum();
    bytes as f64 / f64::from(1 << 20)
}
