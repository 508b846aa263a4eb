//! Shared set-up of the end-to-end tests: the real steps and connectors over simulated ports, with vendors' sandboxes at
//! the other end, one thread and a clock that tests move.

pub mod forge;
pub mod fuzz;
pub mod world;
