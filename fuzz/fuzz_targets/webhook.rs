//! Webhook bodies. The law is in `tests/src/fuzz/webhook.rs`.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| concord_tests::fuzz::webhook(data));
