//! Structured logs: a line of JSON for each, on standard output, as Lambda takes them.

use concord_hub::log;
use tracing_subscriber::{
    filter::Targets, fmt::layer, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

/// Starts logging; `CONCORD_LOG` says what is logged.
pub(super) fn start() {
    let said = std::env::var("CONCORD_LOG").unwrap_or_default();
    // Lambda writes the time itself. Who starts twice keeps the first.
    drop(registry().with(wanted(&said)).with(layer().json().with_target(false).without_time()).try_init());
}

/// What nobody can read is no reason to say nothing.
fn wanted(said: &str) -> Targets {
    log::filter(said).parse().or_else(|_| log::filter("").parse()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn the_sdks_own_lines_are_shown_only_when_they_are_named() {
        let (ours, theirs) = ("concord_hub::steps::ingest", "aws_smithy_runtime::client");
        let debug = wanted("debug");
        assert!(debug.would_enable(ours, &Level::DEBUG) && !debug.would_enable(ours, &Level::TRACE));
        assert!(!debug.would_enable(theirs, &Level::INFO) && debug.would_enable(theirs, &Level::WARN));
        assert!(wanted("aws_smithy_runtime=debug").would_enable(theirs, &Level::DEBUG));
        assert!(wanted("a=b=c").would_enable(ours, &Level::INFO), "what cannot be read is `info`");
    }
}
