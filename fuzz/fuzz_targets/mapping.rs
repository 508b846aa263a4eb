//! Mappings, both ways. The law is in `tests/src/fuzz/mapping.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| concord_tests::fuzz::mapping(data));
