//! Vendors' answers. The law is in `tests/src/fuzz/answers.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| concord_tests::fuzz::answers(data));
