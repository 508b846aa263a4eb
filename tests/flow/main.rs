//! The whole flow, over simulated ports.

mod crm;
