//! Where what a read showed stands among the versions, when vendors' clocks and our own writes are in between.

use super::Facet;
use concord_connector::{Instant, Snapshot, SourceVersion, snapshot::Presence};
use std::time::Duration;

/// A replica, or the index of a search, lags behind by less than this.
const SET_BACK: Duration = Duration::from_secs(900);

impl Facet {
    /// Whether a read began before our last write there had ended and shows no later version: it may show either side of
    /// the write.
    pub fn is_stale(&self, snapshot: &Snapshot, read_at: Instant) -> bool {
        !left_out!(NoFence)
            && snapshot.presence == Presence::Live
            && self
                .written
                .as_ref()
                .is_some_and(|written| read_at < written.ended_at && snapshot.version <= written.version)
    }

    /// The version of what a look showed. One that seems older than what was last seen [`SET_BACK`] before is not: no vendor
    /// shows so old a state, but a clock that was set back dates a new one so. It stands after what was seen.
    pub fn version_of_look(&self, snapshot: &Snapshot, read_at: Instant) -> SourceVersion {
        let last = self.versions.last().filter(|_| snapshot.presence == Presence::Live);
        match last {
            Some(last) if last.order.version > snapshot.version && read_at >= last.last_read.plus(SET_BACK) => {
                last.order.version
            }
            _ => snapshot.version,
        }
    }

    /// The place of what a read showed. After our write, and of no earlier version than it left, it stands after that write,
    /// even where the vendor's clock was set back in between.
    pub(super) fn place_of(&self, version: SourceVersion, read_at: Instant) -> SourceVersion {
        let ours = self.written.as_ref().filter(|ours| read_at >= ours.ended_at && version >= ours.version);
        ours.and_then(|ours| ours.stands_at).map_or(version, |stands_at| version.max(stands_at))
    }
}
