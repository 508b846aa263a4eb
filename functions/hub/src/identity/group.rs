//! Grouping: homes joined by keys, unless that would join what must not be joined.

use super::Claimant;
use crate::facet::Link;
use concord_connector::{
    RecordId,
    key::{Key, KeyKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// A key that joins nobody, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ambiguity {
    /// The key.
    pub key: Key,
    /// Everyone who claims it.
    pub claimants: Vec<Link>,
    /// A clause: `two records of hubspot-eu claim it`.
    pub why: String,
}

/// The result: homes by group, each sorted, and the keys that were set aside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grouping {
    /// Groups of homes.
    pub groups: Vec<BTreeSet<RecordId>>,
    /// Keys that join nobody.
    pub ambiguities: Vec<Ambiguity>,
}

/// Joins homes by keys, strongest kind first and in the order of their values, so that the result depends on the set
/// only. A key whose claimants cannot all be one joins none of them.
pub fn group(claimants: &[Claimant]) -> Grouping {
    let mut groups: BTreeMap<&RecordId, BTreeSet<RecordId>> = BTreeMap::new();
    for claimant in claimants {
        groups.entry(&claimant.home).or_default().insert(claimant.home.clone());
    }
    let mut keys: BTreeMap<&Key, Vec<&Claimant>> = BTreeMap::new();
    for claimant in claimants {
        for key in &claimant.keys {
            keys.entry(key).or_default().push(claimant);
        }
    }
    let mut ambiguities = Vec::new();
    for (key, claiming) in keys {
        let joined: BTreeSet<RecordId> = claiming.iter().flat_map(|claimant| groups[&claimant.home].clone()).collect();
        let parts: BTreeSet<&BTreeSet<RecordId>> = claiming.iter().map(|claimant| &groups[&claimant.home]).collect();
        if parts.len() < 2 {
            continue;
        }
        if let Some(why) = forbidden(claimants, &joined, key.kind) {
            let claimants = claiming.iter().map(|claimant| claimant.link.clone()).collect();
            ambiguities.push(Ambiguity { key: key.clone(), claimants, why });
            continue;
        }
        for home in &joined {
            if let Some(group) = groups.get_mut(home) {
                group.clone_from(&joined);
            }
        }
    }
    let groups: BTreeSet<BTreeSet<RecordId>> = groups.into_values().collect();
    Grouping { groups: groups.into_iter().collect(), ambiguities }
}

/// Why these homes cannot be one thing, if they cannot. What a person joined may hold two records of one connection.
fn forbidden(claimants: &[Claimant], homes: &BTreeSet<RecordId>, kind: KeyKind) -> Option<String> {
    let members: Vec<&Claimant> = claimants.iter().filter(|claimant| homes.contains(&claimant.home)).collect();
    if members.iter().any(|member| member.apart.iter().any(|other| homes.contains(other))) {
        return Some("a person keeps them apart".into());
    }
    if kind == KeyKind::Pin {
        return None;
    }
    for strong in [KeyKind::TaxId, KeyKind::Lei] {
        let values: BTreeSet<&str> = members
            .iter()
            .flat_map(|member| &member.keys)
            .filter(|key| key.kind == strong)
            .map(|key| key.value.as_str())
            .collect();
        if values.len() > 1 {
            let values: Vec<&str> = values.into_iter().collect();
            return Some(format!("they disagree: {}", values.join(" and ")));
        }
    }
    let mut seen: BTreeMap<&str, &Claimant> = BTreeMap::new();
    for member in members.iter().filter(|member| member.live && !crate::settle::is_concord(&member.link.connection)) {
        if let Some(other) = seen.insert(member.link.connection.as_str(), member)
            && !pinned(other, member)
        {
            return Some(format!("{} and {} are two records of one connection", other.link, member.link));
        }
    }
    None
}

fn pinned(a: &Claimant, b: &Claimant) -> bool {
    a.keys.iter().any(|key| key.kind == KeyKind::Pin && b.keys.contains(key))
}
