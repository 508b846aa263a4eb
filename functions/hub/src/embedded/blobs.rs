//! Blobs as files of a folder, sealed: what vendors sent and we could not read may hold anything.

use super::{
    folder::{replace, sync_dir},
    seal::{seal, unseal},
    vault::Key,
};
use crate::ports;
use async_trait::async_trait;
use concord_connector::{Fault, Kind, Result};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A file's name is at most so long, temporary suffix aside; longer blob names are told apart by their hash.
const NAME: usize = 200;

/// What a blob's file begins with.
const MAGIC: &[u8] = b"concord-blob-1\n";

/// A folder of blobs.
#[derive(Clone)]
pub struct Blobs {
    dir: PathBuf,
    key: Key,
}

impl Blobs {
    /// Opens a folder, creating it when missing. Its files are sealed under the key.
    pub fn open(dir: PathBuf, key: Key) -> Result<Self> {
        fs::create_dir_all(&dir).map_err(|error| failed("blobs.open", error))?;
        Ok(Self { dir, key })
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(file_name(name))
    }
}

/// Percent-encodes what file systems treat in their own way; also capitals, which some do not tell from small letters.
fn file_name(name: &str) -> String {
    use std::fmt::Write;
    let mut encoded = String::with_capacity(name.len());
    for byte in name.bytes() {
        match byte {
            b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' => encoded.push(char::from(byte)),
            // Writing to a text cannot fail.
            _ => write!(encoded, "%{byte:02x}").unwrap_or_default(),
        }
    }
    if encoded.len() <= NAME { encoded } else { format!("%long-{}", hex::encode(Sha256::digest(name))) }
}

#[async_trait]
impl ports::Blobs for Blobs {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<()> {
        let (path, key, place) = (self.path(name), self.key.clone(), name.as_bytes().to_vec());
        let too_much = || io::Error::other("it is too large to be sealed");
        on_disk("blobs.put", move || replace(&path, &seal(&key, MAGIC, &place, &bytes).ok_or_else(too_much)?)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path(name);
        let Some(sealed) = on_disk("blobs.get", move || found(fs::read(&path))).await? else { return Ok(None) };
        let opened = unseal(&self.key, MAGIC, name.as_bytes(), &sealed);
        opened.map(Some).map_err(|_| {
            let sentence =
                "A blob does not open: it is damaged, or was sealed under another key than this data folder's.";
            Fault::new(Kind::Forbidden, "blobs.get", sentence)
        })
    }

    async fn delete(&self, name: &str) -> Result<()> {
        let path = self.path(name);
        on_disk("blobs.delete", move || {
            if found(fs::remove_file(&path))?.is_some() {
                sync_dir(path.parent().unwrap_or(Path::new(".")))?;
            }
            Ok(())
        })
        .await
    }
}

/// `None` where there is no such file.
fn found<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        result => result.map(Some),
    }
}

/// Runs slow file work off the threads that serve requests.
async fn on_disk<T: Send + 'static>(
    operation: &'static str,
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| failed(operation, error)),
        Err(error) => Err(Fault::new(Kind::Unexpected, operation, "The file work was aborted.").caused_by(error)),
    }
}

fn failed(operation: &'static str, error: io::Error) -> Fault {
    Fault::new(Kind::Unavailable, operation, format!("The folder of blobs failed: {error}.")).caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_cannot_leave_the_folder_nor_meet() {
        assert_eq!(file_name("../a/B"), "%2e%2e%2fa%2f%42");
        assert_eq!(file_name("raw-1_x"), "raw-1_x");
        let long = "x".repeat(300);
        assert!(file_name(&long).len() < NAME);
        assert_ne!(file_name(&long), file_name(&format!("{long}y")));
        assert_ne!(file_name("a%2fb"), file_name("a/b"));
    }
}
