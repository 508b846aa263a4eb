//! Read models for the API and the command line: everything that an admin can look at, ready to be shown.
//!
//! They read lists from indexes, which may lag behind, and never decide anything.

mod changes;
mod connections;
mod deliveries;
mod letters;
mod preview;
mod records;
mod status;
mod subscriptions;
mod value;

pub use changes::{Changes, FieldChange, RecordChange, changes};
pub use connections::{ConnectionView, Reading, SweepPart, SweepView, Trouble, connections};
pub use deliveries::{DeliveryView, State, deliveries};
pub use letters::{Letters, Redriven, dead_letters, redrive, redrive_of};
pub(crate) use preview::as_if_synced;
pub use preview::{Example, Preview, preview};
pub use records::{FacetView, FieldView, RecordView, Records, record, records};
pub use status::{Status, status};
pub use subscriptions::{SubscriptionView, subscription, subscriptions};
pub use value::{When, json};

/// The most that one page holds.
pub const MOST: usize = 500;
