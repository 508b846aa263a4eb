//! The laws that need no vendor, as named tests.
#![cfg(feature = "testing")]

#[path = "people/world.rs"]
#[expect(dead_code, reason = "shared with the tests of people's decisions")]
mod world;

mod laws {
    mod order;
}
