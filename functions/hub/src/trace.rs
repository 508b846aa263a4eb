//! The trace that a change belongs to: it travels with messages and items, so that a webhook and the deliveries that it led to
//! are one trace, also where a step works on many changes at once.

use std::future::Future;

tokio::task_local! {
    static TRACE: Option<String>;
}

/// The longest trace that is passed on, in bytes.
const LONGEST: usize = 500;

/// Works under a trace, or under none.
pub async fn under<F: Future>(trace: Option<String>, work: F) -> F::Output {
    TRACE.scope(fit(trace), work).await
}

/// The trace that is worked under.
pub fn current() -> Option<String> {
    TRACE.try_with(Clone::clone).ok().flatten()
}

fn fit(trace: Option<String>) -> Option<String> {
    trace.filter(|trace| trace.len() <= LONGEST && trace.is_ascii())
}
