//! The vault: one sealed file. Its key is kept elsewhere, so that a copied data folder opens nothing.

mod key;

pub use key::Key;

use super::{
    folder::replace,
    seal::{Unopened, seal, unseal},
};
use crate::ports::{self, Secrets};
use async_trait::async_trait;
use concord_connector::{Fault, Kind, Result};
use std::{
    collections::BTreeMap,
    fs, io,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

/// What the file begins with; authenticated with the rest.
const MAGIC: &[u8] = b"concord-vault-1\n";

/// Credentials and tokens in one sealed file, which is replaced whole with every write.
#[derive(Clone)]
pub struct Vault {
    inner: Arc<Inner>,
}

struct Inner {
    path: PathBuf,
    key: Key,
    names: Mutex<BTreeMap<String, Secrets>>,
}

impl Vault {
    /// Opens a vault; one that is missing is empty. A key that does not fit is refused.
    pub fn open(path: PathBuf, key: Key) -> Result<Self> {
        let names = match fs::read(&path) {
            Ok(bytes) => opened(&bytes, &key)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => BTreeMap::new(),
            Err(error) => return Err(unusable(error)),
        };
        Ok(Self { inner: Arc::new(Inner { path, key, names: Mutex::new(names) }) })
    }

    /// Names under which there is something, in order.
    pub fn names(&self) -> Vec<String> {
        self.inner.names.lock().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect()
    }

    /// Changes the document and writes it, off the threads that serve requests; `change` says whether it did anything.
    async fn change(
        &self,
        change: impl FnOnce(&mut BTreeMap<String, Secrets>) -> bool + Send + 'static,
    ) -> Result<bool> {
        let inner = self.inner.clone();
        let work = move || {
            let mut names = inner.names.lock().unwrap_or_else(PoisonError::into_inner);
            let mut changed = names.clone();
            if !change(&mut changed) {
                return Ok(false);
            }
            replace(&inner.path, &sealed(&changed, &inner.key)?).map_err(unusable)?;
            *names = changed;
            Ok(true)
        };
        tokio::task::spawn_blocking(work).await.map_err(|error| {
            Fault::new(Kind::Unexpected, "vault.write", "The vault's write was aborted.").caused_by(error)
        })?
    }
}

#[async_trait]
impl ports::Vault for Vault {
    async fn read(&self, name: &str) -> Result<Secrets> {
        let names = self.inner.names.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(names.get(name).cloned().unwrap_or_default())
    }

    async fn write(&self, name: &str, secrets: Secrets) -> Result<bool> {
        let name = name.to_owned();
        self.change(move |names| {
            let generation = names.get(&name).map_or(0, |kept| kept.generation);
            if generation != secrets.generation {
                return false;
            }
            names.insert(name, Secrets { generation: generation + 1, ..secrets });
            true
        })
        .await
    }

    async fn forget(&self, name: &str) -> Result<()> {
        let name = name.to_owned();
        self.change(move |names| names.remove(&name).is_some()).await.map(drop)
    }
}

fn sealed(names: &BTreeMap<String, Secrets>, key: &Key) -> Result<Vec<u8>> {
    let failed = || Fault::new(Kind::Unexpected, "vault.write", "The vault could not be sealed.");
    let document = serde_json::to_vec(names).map_err(|_| failed())?;
    seal(key, MAGIC, b"", &document).ok_or_else(failed)
}

fn opened(bytes: &[u8], key: &Key) -> Result<BTreeMap<String, Secrets>> {
    let not_ours = || Fault::malformed("vault.open", "The vault file is damaged, or was not written by Concord.");
    let document = unseal(key, MAGIC, b"", bytes).map_err(|why| match why {
        Unopened::NotOurs => not_ours(),
        Unopened::Locked => Fault::new(
            Kind::Forbidden,
            "vault.open",
            format!(
                "The key in {} does not open the vault of this data folder. Use the key file with which it was \
                 made, or remove vault.sealed from the folder and enter the credentials again.",
                key.origin().display()
            ),
        ),
    })?;
    // The parser's own words could quote a secret.
    serde_json::from_slice(&document).map_err(|_| not_ours())
}

fn unusable(error: io::Error) -> Fault {
    Fault::new(Kind::Unavailable, "vault.open", format!("The vault file cannot be used: {error}.")).caused_by(error)
}
