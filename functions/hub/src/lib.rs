//! The hub: one golden record per thing, kept in step with every system that knows it.

/// Whether a rule is left out on purpose: `false`, and nothing else, in every build but the simulation's.
#[cfg(feature = "mutations")]
macro_rules! left_out {
    ($rule:ident) => {
        $crate::mutation::is_on($crate::mutation::Mutation::$rule)
    };
}
#[cfg(not(feature = "mutations"))]
macro_rules! left_out {
    ($rule:ident) => {
        false
    };
}

pub mod brake;
pub mod breaker;
#[cfg(any(feature = "embedded", feature = "testing"))]
pub mod broker;
mod coalesce;
pub mod commit;
pub mod config;
pub mod dead_letter;
pub mod deal;
pub mod derive;
#[cfg(feature = "embedded")]
pub mod embedded;
pub mod engine;
pub mod events;
pub mod explain;
pub mod facet;
pub mod history;
pub mod hub;
pub mod identity;
pub mod keys;
mod known;
mod lately;
pub mod lease;
pub mod log;
pub mod matches;
pub mod message;
#[cfg(feature = "mutations")]
pub mod mutation;
#[cfg(feature = "net")]
pub mod net;
pub mod operation;
pub mod people;
pub mod plan;
pub mod policy;
pub mod ports;
pub mod preview;
pub mod record;
mod referrers;
pub mod replay;
pub mod resolve;
pub mod review;
pub mod reviews;
pub mod settings;
pub mod settle;
pub mod steps;
pub mod store;
pub mod subscription;
#[cfg(feature = "system")]
pub mod system;
pub mod tap;
#[cfg(feature = "testing")]
pub mod testing;
pub mod trace;
pub mod usage;
pub mod verdict;
pub mod views;
