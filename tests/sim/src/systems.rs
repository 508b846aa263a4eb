//! What the simulation knows of systems: the registry, each described once; and how people type values there.

mod typed;

pub use typed::{create, update};

use concord_connector::{
    Connector, Context, Entity, Instant, Operation, Outcome, Snapshot,
    exchange::Account,
    sandbox::Sandbox,
    schema::Type,
    testing::{authorize, drive, learn},
};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, OnceLock, PoisonError},
};

/// Every connector, made once.
pub fn all() -> &'static [Arc<dyn Connector>] {
    static ALL: OnceLock<Vec<Arc<dyn Connector>>> = OnceLock::new();
    ALL.get_or_init(concord_connectors::all)
}

/// The names of systems that have a sandbox and organizations.
pub fn names() -> Vec<&'static str> {
    let with = |one: &&Arc<dyn Connector>| one.manifest().entity.contains_key(&Entity::Organization);
    all().iter().filter(with).map(|one| one.system().as_str()).collect()
}

/// A connector.
pub fn connector(system: &str) -> Arc<dyn Connector> {
    let found = all().iter().find(|one| one.system().as_str() == system);
    Arc::clone(found.expect("a registered system"))
}

/// A fresh sandbox; the number tells accounts of one system apart.
pub fn sandbox(system: &str, number: usize) -> Box<dyn Sandbox> {
    concord_connectors::sandbox(system, number as u64).expect("a sandbox of a registered system")
}

/// What an account says of itself; asked once a system and number.
pub fn described(system: &str, number: usize) -> Account {
    static KNOWN: Mutex<BTreeMap<(String, usize), Account>> = Mutex::new(BTreeMap::new());
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let entry = known.entry((system.to_owned(), number));
    entry
        .or_insert_with(|| {
            let (connector, mut vendor) = (connector(system), sandbox(system, number));
            let cx = Context::new(system, connector.manifest());
            let now = Instant::from_ms(crate::clock::START);
            let headers = authorize(connector.manifest(), &cx, vendor.as_mut(), now).unwrap_or_default();
            match drive(connector.as_ref(), &cx, &Operation::Describe, vendor.as_mut(), now, &headers) {
                Ok(Outcome::Account(account)) => account,
                _ => Account::default(),
            }
        })
        .clone()
}

/// The context of a connection that knows its account.
pub fn context(name: &str, system: &str, number: usize) -> Context {
    let connector = connector(system);
    let mut cx = Context::new(name, connector.manifest());
    learn(&mut cx, &described(system, number));
    cx
}

/// Reads records as the system's own interface shows them, past every trouble.
pub fn read(
    connector: &dyn Connector,
    cx: &Context,
    vendor: &mut dyn Sandbox,
    headers: &[(String, String)],
    now: Instant,
    entity: Entity,
    ids: &[String],
) -> BTreeMap<String, Result<Snapshot, String>> {
    let calm = std::mem::take(vendor.faults());
    let mut found = BTreeMap::new();
    for chunk in ids.chunks(connector.manifest().capabilities.read_batch.max(1)) {
        let operation = Operation::Fetch { entity, ids: chunk.iter().map(|id| id.as_str().into()).collect() };
        if let Ok(Outcome::Records(rows)) = drive(connector, cx, &operation, vendor, now, headers) {
            found.extend(rows.into_iter().map(|(id, row)| (id.as_str().to_owned(), row.map_err(|e| e.message))));
        }
    }
    *vendor.faults() = calm;
    found
}

/// Fields by which identity is decided: people do not edit them here.
pub fn is_key(field: &str) -> bool {
    matches!(field, "domain" | "website" | "email" | "tax_id" | "lei" | "duns" | "number")
}

/// The same, for an entity: the mail box of a company is no key.
pub fn is_key_of(entity: Entity, field: &str) -> bool {
    is_key(field) && (entity, field) != (Entity::Organization, "email")
}

/// Whether any system cannot make a record without it: people fill it in, and never empty it.
pub fn is_required(entity: Entity, field: &str) -> bool {
    let of = |one: &Arc<dyn Connector>| {
        let mapping = one.manifest().entity.get(&entity)?;
        Some(mapping.rule(field)?.required)
    };
    field == title(entity) || all().iter().any(|one| of(one) == Some(true))
}

/// The field that bears the name of a thing.
pub fn title(entity: Entity) -> &'static str {
    match entity {
        Entity::Person => "family_name",
        _ => "name",
    }
}

/// Values that are one value, for which the latest word is all there is.
pub fn is_plain(ty: Type) -> bool {
    matches!(ty, Type::Text | Type::Money | Type::Date | Type::Enum(_) | Type::Address)
}

/// Whether records of an entity made in two systems find each other.
pub fn has_key(entity: Entity) -> bool {
    matches!(entity, Entity::Organization | Entity::Person)
}
