//! Our own write that was read before its receipt came: it landed, and what it may have covered was not looked at.

use super::{Facet, Sort};
use concord_connector::{Field, Instant, Value};

/// What a field held before our write landed there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Landed {
    /// The value then.
    pub before: Option<Value>,
    /// When that was last confirmed.
    pub confirmed_at: Instant,
}

impl Facet {
    /// Of a field that shows what we were about to write although no receipt says that we did: what was there before. The
    /// process died, or the answer was lost, between the write and its receipt.
    pub fn landed(&self, field: &Field) -> Option<Landed> {
        let at = self.versions.iter().rposition(|version| version.diff.contains_key(field))?;
        let (earlier, version) = (self.versions.get(at.checked_sub(1)?)?, self.versions.get(at)?);
        if version.order.sort != Sort::Seen || !version.ours.contains(field) {
            return None;
        }
        let before = self.view_before(at).held(field)?.clone();
        Some(Landed { before, confirmed_at: earlier.last_read })
    }
}
