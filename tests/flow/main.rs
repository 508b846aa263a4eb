//! The whole flow, over simulated ports.

mod clobber;
mod crash;
mod crm;
