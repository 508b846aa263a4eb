//! The laws of the ports, on every adapter that needs no cloud.
#![cfg(all(feature = "embedded", feature = "net", feature = "testing"))]
#![expect(clippy::unwrap_used, reason = "a test fails where something is not as it should be")]

mod ports {
    mod embedded;
    mod ended;
    mod failures;
    mod folder;
    mod killed;
    mod memory;
    mod net;
    mod poller;
    mod stale;
    mod way_out;
}
