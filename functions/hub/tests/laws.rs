//! The laws that need no vendor, as named tests.
#![cfg(all(test, feature = "testing"))]

#[cfg(test)]
#[path = "people/world.rs"]
#[expect(dead_code, reason = "shared with the tests of people's decisions")]
mod world;

#[cfg(test)]
mod laws {
    mod order;
    mod versions;
}
