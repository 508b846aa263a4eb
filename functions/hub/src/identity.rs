//! Identity: which external records are one thing. A pure function of the set of facets, their keys and people's pins.

mod domain;
mod group;
mod keys;

pub use domain::registrable;
pub use group::{Ambiguity, Grouping, group};
pub use keys::keys;

use crate::{
    facet::{Facet, Link},
    record::{Record, Stored},
};
use concord_connector::{RecordId, key::Key};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that is claimed about one external record's identity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// The external record.
    pub link: Link,
    /// Its home.
    pub home: RecordId,
    /// Whether it is there.
    pub live: bool,
    /// Its keys and join pins.
    pub keys: BTreeSet<Key>,
    /// Homes that it is kept apart from.
    pub apart: BTreeSet<RecordId>,
}

impl Claimant {
    /// The claims of a facet.
    pub fn of(record: &Record, facet: &Facet) -> Self {
        Self {
            link: facet.link.clone(),
            home: facet.home.clone(),
            live: facet.is_live(),
            keys: keys(record.entity, facet),
            apart: facet.pins.apart.clone(),
        }
    }
}

/// The records that a set of records should be, after regrouping.
#[derive(Debug, Default)]
pub struct Regrouped {
    /// Records whose facets changed, with everything but golden fields up to date.
    pub records: BTreeMap<RecordId, Record>,
    /// Records that became part of another.
    pub redirects: BTreeMap<RecordId, RecordId>,
    /// Keys that join nobody.
    pub ambiguities: Vec<Ambiguity>,
}

/// Puts the facets of records where identity says that they belong. Each group lives in the record with the smallest of
/// its homes' ids. Records that stay as they are do not appear in the result.
pub fn regroup(records: &BTreeMap<RecordId, Record>) -> Regrouped {
    let mut claimants: Vec<Claimant> =
        records.values().flat_map(|record| record.facets.iter().map(|facet| Claimant::of(record, facet))).collect();
    // A key that names another connection's record is that record's too, although nothing stored it there.
    let named: BTreeSet<Key> = claimants.iter().flat_map(|claimant| claimant.keys.iter().cloned()).collect();
    for claimant in &mut claimants {
        let own = Key::external(claimant.link.connection.as_str(), claimant.link.id.as_str());
        if named.contains(&own) {
            claimant.keys.insert(own);
        }
    }
    let Grouping { groups, ambiguities } = group(&claimants);
    let mut regrouped = Regrouped { ambiguities, ..Regrouped::default() };
    for homes in &groups {
        let Some(target) = homes.first() else { continue };
        let sources: BTreeSet<&RecordId> = records
            .values()
            .filter(|record| record.facets.iter().any(|facet| homes.contains(&facet.home)))
            .map(|record| &record.id)
            .collect();
        let stays = sources.len() == 1
            && sources.first().is_some_and(|only| {
                *only == target && records[*only].facets.iter().all(|facet| homes.contains(&facet.home))
            });
        if stays {
            continue;
        }
        let mut record = assemble(records, &sources, target);
        for source in &sources {
            let moving = records[*source].facets.iter().filter(|facet| homes.contains(&facet.home));
            record.facets.extend(moving.cloned());
        }
        record.facets.sort_by(|a, b| a.link.cmp(&b.link));
        regrouped.records.insert(target.clone(), record);
        for home in homes.iter().filter(|home| *home != target) {
            regrouped.redirects.insert(home.clone(), target.clone());
        }
    }
    let (records, redirects) = (&regrouped.records, &mut regrouped.redirects);
    redirects.retain(|from, _| !records.contains_key(from));
    regrouped
}

/// The record that a group lives in, without facets; versions never go back.
fn assemble(records: &BTreeMap<RecordId, Record>, sources: &BTreeSet<&RecordId>, target: &RecordId) -> Record {
    let entity = records.values().next().map_or(concord_connector::Entity::Organization, |record| record.entity);
    let mut assembled = records.get(target).cloned().unwrap_or_else(|| Record::new(target.clone(), entity));
    assembled.facets.clear();
    for source in sources {
        assembled.version = assembled.version.max(records[*source].version);
        let earliest = records[*source].signalled_at;
        assembled.signalled_at = match (assembled.signalled_at, earliest) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
    }
    assembled.regroup = false;
    assembled
}

/// What to store for a regrouping.
pub fn stored(regrouped: &Regrouped) -> BTreeMap<RecordId, Stored> {
    let records = regrouped.records.iter().map(|(id, record)| (id.clone(), Stored::Record(Box::new(record.clone()))));
    let redirects = regrouped.redirects.iter().map(|(from, to)| (from.clone(), Stored::Redirect(to.clone())));
    records.chain(redirects).collect()
}
