//! What fuzzers call: one function per kind of input, which panics when a law is broken and returns otherwise.
//!
//! `fuzz/` drives them with libFuzzer for hours; `tests/flow/corpus.rs` tries them on the committed seeds in every run of
//! the tests, with the compiler that everybody has. The laws are therefore written once.

mod answers;
mod input;
mod manifest;
mod mapping;
mod signature;
mod stored;
mod subjects;
mod webhook;

pub use answers::answers;
pub use manifest::manifest;
pub use mapping::mapping;
pub use signature::signature;
pub use stored::stored;
pub use webhook::webhook;

/// What has to hold of any bytes; it panics when it does not.
pub type Law = fn(&[u8]);

/// A target's name and its law, for whoever walks all of them. The folder `fuzz/seeds/NAME` has its seeds.
pub const TARGETS: [(&str, Law); 6] = [
    ("answers", answers),
    ("manifest", manifest),
    ("mapping", mapping),
    ("signature", signature),
    ("stored", stored),
    ("webhook", webhook),
];
