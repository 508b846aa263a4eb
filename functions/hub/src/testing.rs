//! For tests: ports in memory, a clock that tests move, ports that fail when told to, and the laws that every adapter
//! of a port obeys.
//!
//! Nothing here depends on the order of a hash map or on real time, so that a simulation over these ports is exact.

mod clock;
mod entropy;
mod fault;
pub mod laws;
mod memory;

pub use clock::FakeClock;
pub use entropy::SeededEntropy;
pub use fault::{FaultPlan, Flaky, When};
pub use memory::{MemoryBlobs, MemoryQueue, MemoryTable, MemoryVault};
