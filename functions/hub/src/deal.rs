//! The whole deal, from any of its parts: opportunity, registration, co-sell deal, offer, agreement, entitlement, usage, order,
//! invoice and what was paid.
//!
//! References go one way; the other way is an index (`referrers.rs`). What it shows is read and looked at before it counts.

mod sum;

pub use sum::{Paid, Usage};

use crate::{hub::Hub, record::Record, referrers};
use concord_connector::{ConnectionName, Entity, RecordId, Result};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// What a deal consists of, in the order in which it comes about.
pub const PARTS: [Entity; 10] = [
    Entity::Opportunity,
    Entity::DealRegistration,
    Entity::CosellDeal,
    Entity::PrivateOffer,
    Entity::Agreement,
    Entity::Entitlement,
    Entity::UsageRecord,
    Entity::Order,
    Entity::Invoice,
    Entity::Transaction,
];
/// Parts that are shown at most, usage aside.
const MOST: usize = 300;
/// Records of usage that are summed at most.
const MOST_USAGE: usize = 20_000;
/// Records of usage that are read at a time.
const PAGE: usize = 200;

/// Everything that belongs together.
#[derive(Clone, Debug, Serialize)]
pub struct Deal {
    /// The record that was asked for.
    pub record: RecordId,
    /// The parts, in the order in which a deal comes about.
    pub parts: Vec<Part>,
    /// What there is none of, by entity.
    pub missing: Vec<&'static str>,
    /// What was used, summed by entitlement and dimension.
    pub usage: Vec<Usage>,
    /// What was invoiced, paid, and is left after the marketplace's fee, by currency.
    pub paid: Vec<Paid>,
    /// Whether that is all: `false` when there is more than is shown or summed.
    pub whole: bool,
}

/// A part of a deal.
#[derive(Clone, Debug, Serialize)]
pub struct Part {
    /// Its id.
    pub id: RecordId,
    /// What it is.
    pub entity: Entity,
    /// What people call it, or its number.
    pub name: Option<String>,
    /// Where it stands.
    pub state: Option<String>,
    /// What it comes to.
    pub amount: Option<String>,
    /// What is left of that after the marketplace's fee.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub net_amount: Option<String>,
    /// The systems that have it.
    pub at: BTreeSet<ConnectionName>,
    /// The parts that it refers to.
    pub refers_to: BTreeSet<RecordId>,
}

/// Whether records of an entity are parts of deals.
pub(crate) fn is_part(entity: Entity) -> bool {
    PARTS.contains(&entity)
}

/// The parts of a deal that a part refers to, by the ids that it names.
fn refers_to(record: &Record) -> BTreeSet<RecordId> {
    referrers::named(record).into_iter().filter(|(entity, _)| is_part(*entity)).map(|(_, id)| id).collect()
}

/// The deal that a record is a part of; `None` when there is no such record.
///
/// # Errors
/// `Rejected` when the record is no part of deals; the store's faults.
pub async fn deal(hub: &Hub, id: &RecordId) -> Result<Option<Deal>> {
    let Some((record, _)) = hub.record(id).await? else { return Ok(None) };
    if !is_part(record.entity) {
        let parts: Vec<&str> = PARTS.iter().map(|entity| entity.name()).collect();
        let sentence =
            format!("{} is of entity {}; a deal consists of {}.", record.id, record.entity, parts.join(", "));
        return Err(crate::people::refusal(sentence));
    }
    let asked = record.id.clone();
    let mut whole = true;
    let mut parts: BTreeMap<RecordId, Record> = BTreeMap::new();
    let mut used: BTreeSet<RecordId> = BTreeSet::new();
    let mut ahead = VecDeque::from([record]);
    while let Some(record) = ahead.pop_front() {
        if parts.contains_key(&record.id) {
            continue;
        }
        if parts.len() >= MOST {
            whole = false;
            break;
        }
        let mut next = refers_to(&record);
        let referring = referrers::of(hub, &record, None, MOST_USAGE).await?;
        for (entity, id) in referring.into_iter().filter(|(entity, _)| is_part(*entity)) {
            // Usage leads nowhere, and there is much of it.
            if entity == Entity::UsageRecord {
                used.insert(id)
            } else {
                next.insert(id)
            };
        }
        let next: Vec<RecordId> = next.into_iter().filter(|id| !parts.contains_key(id)).collect();
        let found = hub.records(&next).await?;
        // The index may lag behind; what was never read is not there.
        ahead.extend(found.into_values().map(|(found, _)| found).filter(|found| !found.is_placeholder()));
        parts.insert(record.id.clone(), record);
    }
    used.retain(|id| !parts.contains_key(id));
    whole &= used.len() <= MOST_USAGE;
    let mut usage = sum::Sums::default();
    for chunk in used.into_iter().take(MOST_USAGE).collect::<Vec<_>>().chunks(PAGE) {
        hub.records(chunk).await?.values().for_each(|(record, _)| usage.add(record));
    }
    parts.values().filter(|part| part.entity == Entity::UsageRecord).for_each(|record| usage.add(record));
    let records: Vec<&Record> = parts.values().filter(|part| part.entity != Entity::UsageRecord).collect();
    let paid = sum::paid(&records);
    let place = |entity: Entity| PARTS.iter().position(|part| *part == entity);
    let mut shown: Vec<Part> = parts.values().map(part).collect();
    shown.sort_by_key(|part| (place(part.entity), part.id.clone()));
    let has = |entity: &Entity| {
        shown.iter().any(|part| part.entity == *entity) || *entity == Entity::UsageRecord && !usage.is_empty()
    };
    let missing = PARTS.iter().filter(|entity| !has(entity)).map(|entity| entity.name()).collect();
    Ok(Some(Deal { record: asked, parts: shown, missing, usage: usage.all(), paid, whole }))
}

fn part(record: &Record) -> Part {
    let one = |fields: &[&str]| fields.iter().find_map(|field| record.value(field)).map(ToString::to_string);
    Part {
        id: record.id.clone(),
        entity: record.entity,
        name: one(&["name", "description", "number", "reference", "dimension"]),
        state: one(&["status", "stage"]),
        amount: one(&["amount", "total", "quantity"]),
        net_amount: one(&["net_amount"]),
        at: record
            .facets
            .iter()
            .filter(|facet| facet.is_live() && facet.link.connection.as_str() != crate::settings::CONCORD)
            .map(|facet| facet.link.connection.clone())
            .collect(),
        refers_to: refers_to(record),
    }
}
