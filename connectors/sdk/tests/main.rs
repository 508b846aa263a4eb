//! The SDK's own laws, in one binary.

mod codecs;
mod dates;
mod faults;
mod manifest;
mod mapping;
mod money;
mod schema;
mod values;
mod webhook;
