//! The laws of ports, on the adapters of AWS: DynamoDB as an emulator in this process that others wrote, and where they are
//! given AWS's own DynamoDB Local and an emulator of all services; SQS, Secrets Manager and S3 as stand-ins on loopback.

mod events;
mod place;
mod ports;
mod stand_in;
