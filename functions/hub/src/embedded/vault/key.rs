//! The vault's key.

use base64::{Engine, engine::general_purpose::STANDARD};
use concord_connector::{Fault, Kind, Result};
use std::{
    fmt, fs, io,
    path::{Path, PathBuf},
};

/// The 32 bytes that open a vault, and the file that they came from.
#[derive(Clone)]
pub struct Key {
    bytes: [u8; 32],
    origin: PathBuf,
}

impl Key {
    /// Reads a key file: 32 bytes as 64 hexadecimal digits or as base64.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(|error| unusable(path, error))?;
        Self::parse(&text, path)
    }

    /// Reads a key file; makes one with a new random key, readable by its owner only, when there is none.
    pub fn read_or_create(path: &Path) -> Result<Self> {
        match fs::read_to_string(path) {
            Ok(text) => Self::parse(&text, path),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                if let Some(dir) = path.parent() {
                    fs::create_dir_all(dir).map_err(|error| unusable(path, error))?;
                }
                let bytes: [u8; 32] = rand::random();
                super::replace(path, format!("{}\n", hex::encode(bytes)).as_bytes())
                    .map_err(|error| unusable(path, error))?;
                Ok(Self { bytes, origin: path.to_owned() })
            }
            Err(error) => Err(unusable(path, error)),
        }
    }

    /// A key of given bytes, for tests and demos.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self { bytes, origin: PathBuf::from("memory") }
    }

    fn parse(text: &str, origin: &Path) -> Result<Self> {
        let text = text.trim();
        let bytes = hex::decode(text).ok().or_else(|| STANDARD.decode(text).ok());
        let bytes = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes).ok()).ok_or_else(|| {
            let sentence = "must hold 32 bytes, as 64 hexadecimal digits or as base64";
            Fault::malformed("vault.key", format!("The key file {} {sentence}.", origin.display()))
        })?;
        Ok(Self { bytes, origin: origin.to_owned() })
    }

    pub(in crate::embedded) fn bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub(super) fn origin(&self) -> &Path {
        &self.origin
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key(of {})", self.origin.display())
    }
}

fn unusable(path: &Path, error: io::Error) -> Fault {
    Fault::new(
        Kind::Unexpected,
        "vault.key",
        format!("The vault's key file {} cannot be used: {error}.", path.display()),
    )
    .caused_by(error)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_read_as_hexadecimal_or_base64_and_nothing_else() {
        let path = Path::new("k");
        assert_eq!(Key::parse(&format!("{}\n", "07".repeat(32)), path).unwrap().bytes, [7; 32]);
        assert_eq!(Key::parse(&STANDARD.encode([7; 32]), path).unwrap().bytes, [7; 32]);
        for wrong in ["", "07", "secret", &"07".repeat(33)] {
            let fault = Key::parse(wrong, path).unwrap_err();
            assert!(!fault.to_string().contains("secret"), "{fault}");
        }
    }

    #[test]
    fn a_missing_key_is_made_once_and_for_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("concord").join("vault.key");
        assert!(Key::read(&path).is_err());
        let made = Key::read_or_create(&path).unwrap();
        assert_eq!(Key::read_or_create(&path).unwrap().bytes, made.bytes);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }
}
