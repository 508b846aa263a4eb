//! The configuration, what people decide, and what they are shown.
#![cfg(feature = "testing")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod people {
    mod config;
    mod decisions;
    mod explanations;
    mod reviews;
    mod subscriptions;
    mod views;
    mod words;
    mod world;
}
