//! What the simulation knows of systems: the registry, each described once; and how people type values there.

mod typed;

pub use typed::{create, update};

use concord_connector::{
    Connector, Context, Entity, Instant, Operation, Outcome, Snapshot,
    exchange::Account,
    mapping::Flow,
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
    // PartnerStack's deals name no currency: the admin says which one the programme has.
    cx.currency = cx.currency.or_else(|| concord_connector::value::Currency::parse("EUR"));
    cx
}

/// Where webhooks of a connection arrive. Who cannot sign proves itself by a path that is secret.
pub fn hook_path(connector: &dyn Connector, name: &str, secret: &str) -> String {
    use concord_connector::webhook::Signed;
    let by_path = connector.manifest().webhooks.first().is_some_and(|scheme| matches!(scheme.signed, Signed::Path {}));
    if by_path { format!("/hooks/{name}/{secret}") } else { format!("/hooks/{name}") }
}

/// Whether people fill a field in there. A partnership is signed up for and looked after by people; the API only reads it.
pub fn is_filled_in(system: &str, flow: Flow) -> bool {
    flow.creates() || by_hand(system, flow)
}

/// Whether people change a field there.
pub fn is_edited(system: &str, flow: Flow) -> bool {
    flow.reads() && (flow.updates() || by_hand(system, flow))
}

fn by_hand(system: &str, flow: Flow) -> bool {
    system == "partnerstack" && flow.reads()
}

/// Whether people merge and delete records there, and anybody hears of it: PartnerStack merges nothing, and of a delete its
/// unsigned hints say nothing that could be believed (its README).
pub fn tells_of_the_end(system: &str) -> bool {
    system != "partnerstack"
}

/// The field by which people there tell one thing from another.
pub fn known_by(system: &str, entity: Entity) -> &'static str {
    match (system, entity) {
        // A deal has no name there.
        ("partnerstack", Entity::DealRegistration) => "customer_name",
        _ => title(entity),
    }
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
    // A deal is known by its customer where it has no name.
    let known_by = field == title(entity) || (entity, field) == (Entity::DealRegistration, "customer_name");
    known_by || all().iter().any(|one| of(one) == Some(true))
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
