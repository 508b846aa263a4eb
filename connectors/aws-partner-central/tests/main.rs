//! Deals, their submission and AWS's review against the sandbox; and the recordings in `fixtures/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod deals;
mod fixtures;
mod world;
