//! Every signature scheme. The law is in `tests/src/fuzz/signature.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| concord_tests::fuzz::signature(data));
