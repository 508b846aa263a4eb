//! The steps: each takes a batch from its queue and says of each message what became of it.

pub mod deliver;
pub mod fanout;
pub mod ingest;
pub mod publish;
pub mod reconcile;
pub mod reconfigure;
pub mod schedule;
pub mod sweep;
pub mod translate;

use crate::ports::Disposition;
use concord_connector::{Fault, Retry};

/// Messages of a batch that are worked on at the same time.
pub(crate) const PARALLEL: usize = 32;

/// What becomes of a message whose step failed: again, after what the fault suggests. The queue's own limit of receives
/// ends that, in a dead letter.
pub(crate) fn again(fault: &Fault) -> Disposition {
    let after = match fault.retry {
        Retry::After(after) => after,
        _ => None,
    };
    Disposition::Retry { after, reason: fault.to_string() }
}
