//! Offers, agreements and usage against the sandbox, exchange by exchange; and the recordings in `fixtures/`.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking")]

mod fixtures;
mod offers;
mod rights;
mod world;
