//! Where the vault's key is.

use crate::failure::Usage;
use anyhow::Result;
use concord_hub::embedded::vault::Key;
use std::{env, path::PathBuf};

/// The environment variable that names a key file which is kept elsewhere, such as a mounted secret.
pub const KEY_FILE: &str = "CONCORD_VAULT_KEY_FILE";

/// The key: of the file that the environment names, else of one in the user's own configuration folder, made when it is
/// missing. Never in the data folder, so that a copied folder opens nothing.
///
/// # Errors
/// When the file cannot be used, or there is no place for it.
pub fn vault_key() -> Result<Key> {
    if let Some(path) = env::var_os(KEY_FILE).filter(|path| !path.is_empty()) {
        return Ok(Key::read(&PathBuf::from(path))?);
    }
    let folder = configuration_folder().ok_or_else(|| {
        Usage(format!("There is no home folder to keep the vault's key in; name a key file in {KEY_FILE}."))
    })?;
    Ok(Key::read_or_create(&folder.join("concord").join("vault.key"))?)
}

fn configuration_folder() -> Option<PathBuf> {
    let named = |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || Some(named("HOME")?.join(".config"));
    if cfg!(windows) {
        named("APPDATA")
    } else {
        named("XDG_CONFIG_HOME").filter(|path| path.is_absolute()).or_else(home)
    }
}
