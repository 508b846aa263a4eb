//! Deterministic simulation: the real steps, the real connectors and sandboxes, over simulated ports. One seeded scheduler
//! decides what happens next; everything is a function of the seed.

pub mod check;
pub mod clock;
pub mod gate;
pub mod ledger;
pub mod lot;
pub mod many;
pub mod plan;
pub mod ports;
pub mod run;
pub mod shrink;
pub mod summary;
pub mod systems;
pub mod vendors;
pub mod world;
