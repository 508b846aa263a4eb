//! The connector beside its sandbox, and the recordings of what they say to each other (`UPDATE=1` makes them anew).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "main/bench.rs"]
mod bench;
#[path = "main/listings.rs"]
mod listings;
#[path = "main/offers.rs"]
mod offers;
#[path = "main/record.rs"]
mod record;
#[path = "main/subscriptions.rs"]
mod subscriptions;
#[path = "main/usage.rs"]
mod usage;
