//! The whole flow, over simulated ports.

mod arrows;
mod bad_input;
mod clobber;
mod crash;
mod crm;
mod documents;
mod explain;
mod gaps;
mod guards;
mod identity;
mod meddle;
mod money;
mod one_way_out;
mod people;
mod plan;
mod policies;
mod redrive;
mod references;
mod replay;
mod revisions;
mod scope;
mod secrecy;
mod security;
mod settles;
mod subscriptions;
