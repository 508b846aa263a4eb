//! The Webhooks Journal, a pull feed of change events. **Not verified**: HubSpot documents the pointer below and not the
//! layout of the file that it points to, so the option `journal` stays `off` and nothing reads the files yet.

use concord_connector::{Fault, Response, Result, time::Instant};

/// Where the next file of the journal is. Offsets are opaque, in order of time, and kept for three days.
#[derive(Clone, PartialEq, Eq)]
pub struct Pointer {
    /// Where the file can be downloaded; it carries its own authorization, so it is never logged.
    pub url: String,
    /// The offset to go on from.
    pub offset: String,
    /// When `url` stops to work.
    pub expires_at: Option<Instant>,
}

impl std::fmt::Debug for Pointer {
    /// Without the URL.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Pointer({})", self.offset)
    }
}

impl Pointer {
    /// Reads the answer of `/webhooks-journal/journal/2026-03/...`. An answer without body (204) means "nothing new".
    ///
    /// # Errors
    /// `Malformed` when the answer has no offset.
    pub fn decode(response: &Response) -> Result<Option<Self>> {
        if response.status == 204 {
            return Ok(None);
        }
        let text = |pointer| response.text(pointer).map(str::to_owned);
        match (text("/url"), text("/currentOffset")) {
            (Some(url), Some(offset)) => {
                Ok(Some(Self { url, offset, expires_at: response.text("/expiresAt").and_then(Instant::parse) }))
            }
            _ => Err(Fault::malformed("hubspot.journal", "the journal's answer has no `url` and `currentOffset`")),
        }
    }
}
