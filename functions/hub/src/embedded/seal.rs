//! Sealing: what lies in the data folder and is nobody else's business is encrypted under the vault's key, which lies elsewhere.

use super::vault::Key;
use chacha20poly1305::{
    KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};

/// The nonce's bytes: long enough to be drawn anew at random for every write.
const NONCE: usize = 24;

/// Why sealed bytes do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unopened {
    /// They are not what was asked for: another beginning, or cut off.
    NotOurs,
    /// Another key, other bytes, or another place than they were sealed for.
    Locked,
}

/// Seals bytes for one place, so that nothing can be put in another's: `magic` begins the result, `place` is only
/// authenticated. `None` when there is more than can be sealed at once.
pub(super) fn seal(key: &Key, magic: &[u8], place: &[u8], bytes: &[u8]) -> Option<Vec<u8>> {
    let nonce: [u8; NONCE] = rand::random();
    let aad = [magic, place].concat();
    let sealed = XChaCha20Poly1305::new(key.bytes().into())
        .encrypt(XNonce::from_slice(&nonce), Payload { msg: bytes, aad: &aad })
        .ok()?;
    Some([magic, &nonce, &sealed].concat())
}

/// Opens what [`seal`] sealed.
///
/// # Errors
/// Which of the two it is.
pub(super) fn unseal(key: &Key, magic: &[u8], place: &[u8], bytes: &[u8]) -> Result<Vec<u8>, Unopened> {
    let rest = bytes.strip_prefix(magic).ok_or(Unopened::NotOurs)?;
    let (nonce, sealed) = rest.split_at_checked(NONCE).ok_or(Unopened::NotOurs)?;
    let aad = [magic, place].concat();
    XChaCha20Poly1305::new(key.bytes().into())
        .decrypt(XNonce::from_slice(nonce), Payload { msg: sealed, aad: &aad })
        .map_err(|_| Unopened::Locked)
}
