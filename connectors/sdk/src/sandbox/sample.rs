//! Sample webhooks: what a vendor would send if something happened to a record, for an admin who wants to try a hook.

use crate::{Entity, time::Instant};
use std::collections::BTreeMap;

/// The samples of a vendor.
#[derive(Clone, Copy)]
pub struct Samples {
    /// The events that there are, as `deal.updated`, with what they are about.
    pub events: &'static [(&'static str, Entity)],
    /// The body of an event of that list; `None` for another name, or where the id is none of the vendor's.
    pub body: fn(&str, &About<'_>) -> Option<Vec<u8>>,
}

/// What a sample is about.
#[derive(Clone, Copy, Debug)]
pub struct About<'a> {
    /// The vendor's id of the record.
    pub id: &'a str,
    /// What the connection knows of its account.
    pub options: &'a BTreeMap<String, String>,
    /// The name of the signature scheme by which it is going to be sent.
    pub scheme: &'a str,
    /// When it happened.
    pub now: Instant,
    /// Tells this event from every other one.
    pub serial: u64,
}
