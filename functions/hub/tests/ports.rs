//! The laws of the ports, on every adapter that needs no cloud.
#![cfg(all(feature = "embedded", feature = "net", feature = "testing"))]

mod ports {
    mod embedded;
    mod folder;
    mod killed;
    mod memory;
    mod net;
    mod poller;
}
