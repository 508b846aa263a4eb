//! What comes back from store and queues. The law is in `tests/src/fuzz/stored.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| concord_tests::fuzz::stored(data));
