//! What rules of the configuration make of records: deals become offers and co-sell deals, agreements orders, and what ends
//! becomes a renewal.
//!
//! What is derived is a facet of the connection `concord` in a record of its own, under an id that the rule and its source
//! give: it is made once, whatever is said twice. It follows its source; what somebody edits elsewhere is later, and wins until
//! the source changes again. Every value says whether it is the source's or a default of the rule.

mod end;
mod fee;
mod keep;
mod renewal;
mod values;

pub use fee::Percent;
pub(crate) use keep::due;

use crate::{
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    facet::{Facet, Link},
    hub::Hub,
    message::Message,
    people::{Said, Word},
    ports::Outgoing,
    record::Record,
    settings::{CONCORD, Settings},
};
use concord_connector::{Entity, Fault, Field, Kind, RecordId, Result, Snapshot, SourceVersion, Value};
use std::collections::{BTreeMap, BTreeSet};
use values::Values;

/// The name under which everything that follows from `[marketplaces]` is ordered.
const KEPT: &str = "marketplaces";
/// Warned of this many days before an agreement ends, unless the configuration says otherwise.
pub const WARN_BEFORE_DAYS: u32 = 60;
/// Warned of this many days before an offer can no longer be accepted, unless the configuration says otherwise.
pub const WARN_OFFER_BEFORE_DAYS: u32 = 7;

/// What a rule makes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Makes {
    /// A private offer of a deal.
    #[default]
    Offer,
    /// A co-sell deal of a deal.
    Cosell,
    /// An order of an agreement.
    Order,
}

impl Makes {
    /// What it is made of.
    pub fn source(self) -> Entity {
        match self {
            Self::Offer | Self::Cosell => Entity::Opportunity,
            Self::Order => Entity::Agreement,
        }
    }
    /// What it makes.
    pub fn entity(self) -> Entity {
        match self {
            Self::Offer => Entity::PrivateOffer,
            Self::Cosell => Entity::CosellDeal,
            Self::Order => Entity::Order,
        }
    }
}

/// A rule: which records become what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derivation {
    /// Its name: `offers.aws`.
    pub name: String,
    /// What it makes.
    pub makes: Makes,
    /// Values of closed-set fields of the source, one of which it has to have.
    pub when: BTreeMap<String, Vec<String>>,
    /// What the source does not say.
    pub defaults: Said,
    /// The last day of acceptance, so many days after the offer was derived.
    pub accept_within_days: Option<u32>,
    /// So many days before an agreement ends that one of its offers became, the renewal's offer is drafted.
    pub renew_before_days: Option<u32>,
}

impl Derivation {
    /// What it makes.
    pub fn entity(&self) -> Entity {
        self.makes.entity()
    }

    /// Whether a record is to become one.
    pub fn wants(&self, source: &Record) -> bool {
        source.entity == self.makes.source()
            && !source.is_placeholder()
            && source.removal.is_none()
            && self.when.iter().all(|(field, values)| word(source, field).is_some_and(|word| values.contains(&word)))
    }
}

/// What `[marketplaces.CLOUD]` says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Marketplace {
    /// What the marketplace keeps of the price.
    pub fee: Option<Percent>,
    /// The same of a renewal, where that is another.
    pub renewal_fee: Option<Percent>,
    /// Warned so many days before an agreement ends.
    pub warn_before_days: Option<u32>,
    /// Warned so many days before an offer can no longer be accepted.
    pub warn_offer_before_days: Option<u32>,
}

/// The rules that look at a record of an entity when it changes.
pub(crate) fn rules(settings: &Settings, of: Entity) -> Vec<&str> {
    let mut rules: Vec<&str> =
        settings.derivations.values().filter(|rule| rule.makes.source() == of).map(|rule| rule.name.as_str()).collect();
    if is_kept(settings, of) {
        rules.push(KEPT);
    }
    rules
}

/// Whether anything is worked out of records of an entity.
pub(crate) fn is_kept(settings: &Settings, of: Entity) -> bool {
    let any = !settings.marketplaces.is_empty()
        || settings.derivations.values().any(|rule| rule.makes == Makes::Order || rule.renew_before_days.is_some());
    any && matches!(of, Entity::PrivateOffer | Entity::Agreement | Entity::Entitlement | Entity::Order)
}

/// The message by which a rule looks at a record.
pub(crate) fn order(rule: &str, record: &RecordId) -> Result<Outgoing> {
    Ok(Outgoing::new(Message::DeriveV1 { rule: rule.to_owned(), record: record.clone() }.encode()?))
}

/// The message by which everything that follows from `[marketplaces]` looks at a record.
pub(crate) fn look(record: &RecordId) -> Result<Outgoing> {
    order(KEPT, record)
}

/// Makes what a rule makes of a record, or brings it up to date.
///
/// # Errors
/// `Rejected` when a default cannot be; the store's faults.
pub(crate) async fn derive(hub: &Hub, rule: &str, source: &RecordId) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let outcome = if rule == KEPT {
            keep::keep(hub, &settings, source).await
        } else {
            let (Some(rule), Some((source, _))) = (settings.derivations.get(rule), hub.record(source).await?) else {
                return Ok(());
            };
            attempt(hub, rule, &source).await
        };
        match outcome {
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
            Ok(()) => return Ok(()),
        }
    }
    Err(Fault::new(Kind::Unavailable, "derive", "the record is being changed by too many at once"))
}

async fn attempt(hub: &Hub, rule: &Derivation, source: &Record) -> std::result::Result<(), Hindrance> {
    // What was merged keeps what any of its parts became.
    let links = links(source, |id| format!("{}/{id}", rule.name));
    let Some(found) = find(hub, rule.entity(), &links).await? else {
        if !rule.wants(source) {
            return Ok(());
        }
        let (values, defaults) = values::of(hub, rule, source, None).await?;
        return match (rule.makes, values.get("organization")) {
            // An order is somebody's; whose it is may be known later.
            (Makes::Order, None) => Ok(()),
            _ => make(hub, rule.entity(), &links[0], &values, &defaults, &rule.name).await,
        };
    };
    let (link, mut record, rev) = found;
    let (mut values, defaults) = values::of(hub, rule, source, record.facet(&link)).await?;
    if rule.makes == Makes::Order && values::says_erp(&record) {
        values.retain(|field, _| !values::AMOUNTS.contains(&field.as_str()));
    }
    let Some(facet) = record.facet_mut(&link) else { return Err(Hindrance::Raced) };
    if shows(facet, &values) {
        return Ok(());
    }
    say(hub, rule.entity(), facet, values, &defaults, &rule.name);
    let changed = Changed { record, rev, observed: None, identity: false };
    hub.commit(&hub.settings(), changed, Transaction::default()).await.map(drop)
}

/// The names under which what is derived of a record may be: the first is the record's own.
fn links(source: &Record, name: impl Fn(&str) -> String) -> Vec<Link> {
    let named = |id: &RecordId| Link { connection: CONCORD.into(), id: name(id.as_str()).as_str().into() };
    let own = named(&source.id);
    let homes: BTreeSet<Link> = source.facets.iter().map(|facet| named(&facet.home)).collect();
    std::iter::once(own.clone()).chain(homes.into_iter().filter(|link| *link != own)).collect()
}

/// What is there under one of these names.
async fn find(hub: &Hub, of: Entity, links: &[Link]) -> Result<Option<(Link, Record, u64)>> {
    let known = hub.links(of, links).await?;
    for (link, item) in links.iter().zip(known) {
        let Some(item) = item else { continue };
        if let Some((record, rev)) = hub.record(&item.record).await? {
            return Ok(Some((link.clone(), record, rev)));
        }
    }
    Ok(None)
}

/// Makes a record of values, under a name that nobody may have yet.
async fn make(
    hub: &Hub,
    of: Entity,
    link: &Link,
    values: &Values,
    defaults: &BTreeSet<String>,
    rule: &str,
) -> std::result::Result<(), Hindrance> {
    let id = hub.new_record_id();
    let mut transaction = Transaction::default();
    transaction.new_link(of, link, &id, &id)?;
    let mut record = Record::new(id.clone(), of);
    let mut facet = Facet::unseen(link.clone(), id);
    say(hub, of, &mut facet, values.clone(), defaults, rule);
    record.facets.push(facet);
    let changed = Changed { record, rev: 0, observed: None, identity: true };
    hub.commit(&hub.settings(), changed, transaction).await.map(drop)
}

/// Whether a facet says all of this already.
fn shows(facet: &Facet, values: &Values) -> bool {
    let view = facet.view();
    !facet.is_unseen() && values.iter().all(|(field, value)| view.held(field).cloned().flatten() == *value)
}

/// Lets a facet say values, each with why.
fn say(hub: &Hub, of: Entity, facet: &mut Facet, values: Values, defaults: &BTreeSet<String>, rule: &str) {
    let source = if of == Entity::Order { "the agreement says so" } else { "the deal says so" };
    let why = |field: &Field| if defaults.contains(field.as_str()) { "a default of the rule" } else { source };
    let notes = values.keys().map(|field| (field.clone(), why(field).to_owned())).collect();
    say_because(hub, of, facet, values, &notes, rule);
}

fn say_because(hub: &Hub, of: Entity, facet: &mut Facet, values: Values, why: &BTreeMap<Field, String>, rule: &str) {
    let now = hub.now();
    let version = facet.source_version().0.saturating_add(1).max(SourceVersion::from_instant(now).0);
    let mut snapshot = Snapshot::new(of, facet.link.id.clone(), SourceVersion(version));
    for (field, why) in why {
        facet.notes.extend(Word::of(format!("[{rule}]"), Some(why)).note(now).map(|note| (field.clone(), note)));
    }
    snapshot.fields = values;
    facet.observe(&snapshot, now);
}

/// The word of a closed-set field.
fn word(record: &Record, field: &str) -> Option<String> {
    record.value(field).and_then(Value::as_str).map(str::to_owned)
}

/// The record that a field refers to.
fn referred(record: &Record, field: &str) -> Option<RecordId> {
    record.value(field)?.as_reference()?.record_id().cloned()
}

/// The record that a field refers to, read.
async fn follow(hub: &Hub, record: &Record, field: &str) -> Result<Option<Record>> {
    match referred(record, field) {
        Some(id) => Ok(hub.record(&id).await?.map(|(record, _)| record)),
        None => Ok(None),
    }
}
