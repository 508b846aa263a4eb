//! The behaviour suite: laws that every connector has to keep, chosen by what its manifest declares.

pub mod drive;
pub mod generate;

pub use drive::{authorize, drive, learn};
