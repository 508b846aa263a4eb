//! The connector against its sandbox, its fixtures and the published signature vectors.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "main/drive.rs"]
mod drive;
#[path = "main/fixtures.rs"]
mod fixtures;
#[path = "main/portal.rs"]
mod portal;
#[path = "main/reading.rs"]
mod reading;
#[path = "main/refusals.rs"]
mod refusals;
#[path = "main/signals.rs"]
mod signals;
#[path = "main/signatures.rs"]
mod signatures;
#[path = "main/strange.rs"]
mod strange;
#[path = "main/writing.rs"]
mod writing;
