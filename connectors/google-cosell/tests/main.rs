//! The connector beside its sandbox, and the recordings of what they say to each other (`UPDATE=1` makes them anew).

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

#[path = "main/deals.rs"]
mod deals;
