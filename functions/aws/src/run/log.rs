//! Structured logs: a line of JSON for each, on standard output, as Lambda takes them.

use tracing_subscriber::EnvFilter;

/// Starts logging; `CONCORD_LOG` says what is logged.
pub(super) fn start() {
    let filter = EnvFilter::try_from_env("CONCORD_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // Lambda writes the time itself. Who starts twice keeps the first.
    drop(tracing_subscriber::fmt().json().with_env_filter(filter).with_target(false).without_time().try_init());
}
