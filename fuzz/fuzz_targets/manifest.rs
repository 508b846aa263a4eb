//! What admins write. The law is in `tests/src/fuzz/manifest.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| concord_tests::fuzz::manifest(data));
