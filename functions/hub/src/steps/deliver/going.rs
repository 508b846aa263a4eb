//! What is under way at a connection.

use super::plan::Job;
use crate::trace;
use concord_connector::{Fault, RecordId};
use std::{
    collections::BTreeMap,
    future::Future,
    sync::{Mutex, PoisonError, atomic::AtomicBool},
};

/// What the chunks of a delivery share.
#[derive(Default)]
pub(super) struct Going {
    /// A trouble of the connection as a whole: once there is one, nothing more is sent.
    pub(super) trouble: Mutex<Option<Fault>>,
    /// Whether the vendor answered anything.
    pub(super) answered: AtomicBool,
    /// The trace of each record's order.
    pub(super) traces: BTreeMap<RecordId, String>,
}

impl Going {
    pub(super) fn note(&self, fault: Fault) {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(fault);
    }

    pub(super) fn is_over(&self) -> bool {
        self.trouble.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// Works under the trace of a job's own order.
    pub(super) async fn under<F: Future>(&self, job: &Job, work: F) -> F::Output {
        trace::under(self.traces.get(&job.record).cloned(), work).await
    }
}
