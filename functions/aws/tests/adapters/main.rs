//! The laws of ports, on the adapters of AWS: DynamoDB as an emulator in this process that others wrote, and where they are
//! given AWS's own DynamoDB Local and an emulator of all services; SQS, Secrets Manager and S3 as stand-ins on loopback.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod cloud;
mod costs;
mod failures;
mod flow;
mod place;
mod ports;
mod prices;
mod samples;
mod signature;
mod stand_in;
