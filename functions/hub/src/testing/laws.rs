//! What every adapter of a port must do, as functions that panic where it does not.

mod blobs;
mod queue;
mod table;
mod vault;

pub use blobs::blobs;
pub use queue::queue;
pub use table::table;
pub use vault::vault;
