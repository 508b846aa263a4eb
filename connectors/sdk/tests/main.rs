//! The SDK's own laws, in one binary.

#![expect(clippy::unwrap_used, reason = "tests may")]

mod acme;
mod alone;
mod codecs;
mod dates;
mod faults;
mod guide;
mod jwt;
mod manifest;
mod mapping;
mod money;
mod schema;
mod sns;
mod values;
mod webhook;
