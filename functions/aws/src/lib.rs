//! The hub on AWS: its ports over DynamoDB, SQS, Secrets Manager and S3, and what runs its steps as Lambda functions.
//!
//! Names of tables, queues and secrets come from the environment that `template.yaml` gives (`config.rs`); how an item looks
//! is in `table/item.rs`; how an event becomes a call of a step is in `run.rs`.

mod blobs;
mod boot;
mod bucket;
pub mod config;
pub mod count;
mod fault;
pub mod queue;
pub mod run;
mod settings;
#[cfg(feature = "stack")]
pub mod stack;
pub mod table;
mod vault;

pub use blobs::S3Blobs;
pub use boot::{Booted, Clients, boot};
pub use bucket::S3;
pub use queue::SqsQueue;
pub use settings::reload;
pub use table::DynamoTable;
pub use vault::SecretsManagerVault;
