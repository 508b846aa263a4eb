//! The hub: one golden record per thing, kept in step with every system that knows it.

pub mod keys;
pub mod ports;
