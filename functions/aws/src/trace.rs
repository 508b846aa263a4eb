//! The X-Ray trace that a change belongs to: it travels with messages and items, so that a webhook and the deliveries that
//! it led to are one trace.

use std::future::Future;

tokio::task_local! {
    static TRACE: Option<String>;
}

/// The longest trace header that is passed on, in bytes.
const LONGEST: usize = 500;

/// Works under a trace.
pub(crate) async fn under<F: Future>(trace: Option<String>, work: F) -> F::Output {
    TRACE.scope(trace.filter(|trace| trace.len() <= LONGEST && trace.is_ascii()), work).await
}

/// The trace that is worked under.
pub(crate) fn current() -> Option<String> {
    TRACE.try_with(Clone::clone).ok().flatten()
}
