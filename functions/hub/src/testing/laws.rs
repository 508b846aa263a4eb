//! What every adapter of a port must do, as functions that panic where it does not.

mod blobs;
mod once;
mod queue;
mod table;
mod vault;

pub use blobs::blobs;
pub use once::once;
pub use queue::queue;
pub use table::table;
pub use vault::vault;
