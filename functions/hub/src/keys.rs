//! The key layout of the table, alone.

use crate::ports::ItemKey;
use concord_connector::{ConnectionName, Entity, ExternalId, Instant, RecordId, SubscriptionName, key::Key};

/// What partitions of record items begin with: the items whose changes the feed carries.
pub const RECORDS: &str = "R#";

/// What partitions of looks begin with.
const LOOKS: &str = "T#";

/// A record.
pub fn record(id: &RecordId) -> ItemKey {
    ItemKey::new(format!("{RECORDS}{id}"), "R")
}
/// The id of a record item's record.
pub fn record_id(key: &ItemKey) -> Option<RecordId> {
    key.partition.strip_prefix(RECORDS).map(RecordId::from)
}
/// A version of a record in its history.
pub fn history(id: &RecordId, version: u64) -> ItemKey {
    ItemKey::new(format!("H#{id}"), format!("{version:020}"))
}
/// A link: from an external record to its golden one.
pub fn link(connection: &ConnectionName, entity: Entity, id: &ExternalId) -> ItemKey {
    ItemKey::new(format!("L#{connection}#{entity}#{id}"), "L")
}
/// A deterministic key of an entity.
pub fn key(entity: Entity, key: &Key) -> ItemKey {
    ItemKey::new(format!("K#{entity}#{key}"), "K")
}
/// The intent to create a record at a connection.
pub fn intent(record: &RecordId, connection: &ConnectionName) -> ItemKey {
    ItemKey::new(format!("I#{record}"), connection.as_str())
}
/// The partition of a connection's operations.
pub fn operations(connection: &ConnectionName) -> String {
    format!("O#{connection}")
}
/// The last operation of a record at a connection.
pub fn operation(connection: &ConnectionName, record: &RecordId) -> ItemKey {
    ItemKey::new(operations(connection), record.as_str())
}
/// A delivery id that was seen.
pub fn seen(connection: &ConnectionName, delivery: &str) -> ItemKey {
    ItemKey::new(format!("S#{connection}#{delivery}"), "S")
}
/// Where a poll of an entity at a connection stands.
pub fn cursor(connection: &ConnectionName, what: &str, entity: Entity) -> ItemKey {
    ItemKey::new(format!("C#{connection}"), format!("{what}#{entity}"))
}
/// A connection's circuit breaker.
pub fn breaker(connection: &ConnectionName) -> ItemKey {
    ItemKey::new(format!("C#{connection}"), "breaker")
}
/// How the sweep of a connection stands.
pub fn sweep(connection: &ConnectionName) -> ItemKey {
    ItemKey::new(format!("C#{connection}"), "sweep")
}
/// A page that a sweep keeps while it is under way.
pub fn scratch(connection: &ConnectionName, entity: Entity, what: &str, page: u64) -> ItemKey {
    ItemKey::new(format!("X#{connection}#{entity}"), format!("{what}#{page:012}"))
}
/// What was counted of a wave of changes.
pub fn brake(wave: &crate::brake::WaveName) -> ItemKey {
    let crate::brake::WaveName { connection, direction, kind } = wave;
    ItemKey::new(format!("C#{connection}"), format!("brake#{}#{}", direction.name(), kind.name()))
}
/// The partition of what a stopped wave holds, by its review item.
pub fn held_partition(review: &str) -> String {
    format!("B#{review}")
}
/// A member of a stopped wave.
pub fn held(review: &str, member: &str) -> ItemKey {
    ItemKey::new(held_partition(review), member)
}
/// What a person decided about a line of a connection's match report.
pub fn matching(connection: &ConnectionName, line: &str) -> ItemKey {
    ItemKey::new(format!("M#{connection}"), line)
}
/// The mode that a connection was last seen in, and the configuration that switched it on.
pub fn mode(connection: &ConnectionName) -> ItemKey {
    ItemKey::new(format!("C#{connection}"), "mode")
}
/// What a description of a connection's account found.
pub fn account(connection: &ConnectionName) -> ItemKey {
    ItemKey::new(format!("C#{connection}"), "account")
}
/// The lease under which one worker refreshes a connection's token.
pub fn lease(connection: &ConnectionName) -> ItemKey {
    ItemKey::new(format!("C#{connection}"), "lease")
}
/// The lease under which one worker writes what the vault keeps under a name.
pub fn vault_lease(name: &str) -> ItemKey {
    ItemKey::new(format!("C#{name}"), "vault")
}
/// How a subscriber is doing.
pub fn lane(subscription: &SubscriptionName) -> ItemKey {
    ItemKey::new(format!("N#{subscription}"), "lane")
}
/// What a subscriber knows of a record, and what it has yet to be told.
pub fn told(subscription: &SubscriptionName, record: &RecordId) -> ItemKey {
    ItemKey::new(format!("N#{subscription}#{record}"), "N")
}
/// The place in the index of open work where a subscriber's events are.
pub fn events(subscription: &SubscriptionName) -> String {
    format!("events#{subscription}")
}
/// When a record is to be looked at again because a day comes near.
pub fn look(record: &RecordId) -> ItemKey {
    ItemKey::new(format!("{LOOKS}{record}"), "T")
}
/// The record of such an item.
pub fn looked_at(key: &ItemKey) -> Option<RecordId> {
    key.partition.strip_prefix(LOOKS).map(RecordId::from)
}
/// A review item.
pub fn review(id: &str) -> ItemKey {
    ItemKey::new(format!("W#{id}"), "W")
}
/// A dead letter.
pub fn dead_letter(id: &str) -> ItemKey {
    ItemKey::new(format!("D#{id}"), "D")
}
/// The partition of plans that were made.
pub const PLANS: &str = "P#plans";

/// A plan that was made, by when.
pub fn plan(made_at: Instant, id: &str) -> ItemKey {
    ItemKey::new(PLANS, format!("{}#{id}", crate::record::place(made_at)))
}
/// The configuration in force.
pub fn configuration() -> ItemKey {
    ItemKey::new("G#configuration", "G")
}
/// The partition of lists that need no sharding on one machine; adapters that shard do so below this name.
pub const ALL: &str = "all";
