//! The whole flow, over simulated ports.

mod arrows;
mod bad_input;
mod clobber;
mod crash;
mod crm;
mod documents;
mod explain;
mod identity;
mod meddle;
mod money;
mod one_way_out;
mod people;
mod policies;
mod references;
mod revisions;
mod scope;
mod secrecy;
mod security;
mod settles;
mod subscriptions;
