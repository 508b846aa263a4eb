//! Associations and their types. An association is one thing seen from two ends; each end has type numbers of its own.

use super::{
    Portal,
    object::Object,
    push::Event,
    refusal::{Answer, Refusal},
    store::Source,
};
use concord_connector::time::Instant;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// An association type: from, to, number, number seen from the other end, label, whether the portal's admin made it.
type Type = (&'static str, &'static str, u32, u32, &'static str, bool);

/// Plain and primary types have the numbers that HubSpot publishes; labels are those that the README asks for.
const TYPES: [Type; 27] = [
    ("contacts", "companies", 279, 280, "", false),
    ("contacts", "companies", 1, 2, "Primary", false),
    ("deals", "companies", 341, 342, "", false),
    ("deals", "companies", 5, 6, "Primary", false),
    ("deals", "companies", 21, 22, "Partner", true),
    ("deals", "companies", 23, 24, "Reseller", true),
    ("deals", "companies", 25, 26, "Distributor", true),
    ("deals", "companies", 27, 28, "Referral", true),
    ("deals", "companies", 29, 30, "Consultant", true),
    ("deals", "companies", 31, 32, "System integrator", true),
    ("deals", "contacts", 3, 4, "", false),
    ("leads", "contacts", 608, 607, "", false),
    ("leads", "contacts", 578, 577, "Primary", false),
    ("leads", "companies", 610, 609, "", false),
    ("leads", "companies", 580, 579, "Primary", false),
    ("leads", "companies", 33, 34, "Partner", true),
    ("orders", "companies", 509, 510, "", false),
    ("orders", "companies", 35, 36, "Partner", true),
    ("orders", "deals", 512, 511, "", false),
    ("invoices", "companies", 179, 180, "", false),
    ("invoices", "orders", 518, 517, "", false),
    ("p_partnerships", "companies", 41, 42, "", true),
    ("p_deal_registrations", "companies", 43, 44, "", true),
    ("p_deal_registrations", "companies", 45, 46, "Partner", true),
    ("p_deal_registrations", "deals", 47, 48, "", true),
    ("companies", "companies", 14, 13, "Parent Company", false),
    ("companies", "companies", 450, 450, "", false),
];

/// One end of an association to make.
pub(super) struct Link {
    pub(super) object: &'static Object,
    pub(super) id: u64,
    /// Its type seen from the record that gets it; `None` is the plain one.
    pub(super) kind: Option<u32>,
}

/// An end: object and record.
pub(super) type End = (&'static str, u64);

/// A type as seen from one end: number, label, whether the admin made it, number from the other end.
#[derive(Clone, Copy)]
pub(super) struct Seen {
    pub(super) id: u32,
    pub(super) label: &'static str,
    own: bool,
    other: u32,
}

/// The types between two objects as seen from the first.
pub(super) fn types(from: &str, to: &str) -> Vec<Seen> {
    let mut seen = Vec::new();
    for (a, b, there, back, label, own) in TYPES {
        if (a, b) == (from, to) {
            seen.push(Seen { id: there, label, own, other: back });
        } else if (b, a) == (from, to) {
            seen.push(Seen { id: back, label, own, other: there });
        }
    }
    seen
}

impl Seen {
    pub(super) fn category(&self) -> &'static str {
        if self.own { "USER_DEFINED" } else { "HUBSPOT_DEFINED" }
    }
    pub(super) fn show(&self) -> Json {
        let label = (!self.label.is_empty()).then_some(self.label);
        json!({ "category": self.category(), "typeId": self.id, "label": label })
    }
}

/// The type that an `{"associationCategory","associationTypeId"}` names.
pub(super) fn named(from: &Object, to: &Object, spec: &Json) -> Answer<u32> {
    let id = spec["associationTypeId"].as_u64();
    let category = spec["associationCategory"].as_str();
    let known = types(from.name, to.name).into_iter().find(|seen| Some(u64::from(seen.id)) == id);
    match known {
        Some(seen) if category == Some(seen.category()) => Ok(seen.id),
        _ => Err(Refusal::invalid(format!("No association type {spec} between {} and {}", from.name, to.name))),
    }
}

impl Portal {
    pub(super) fn associate(
        &mut self,
        now: Instant,
        source: Source,
        from: (&'static Object, u64),
        link: &Link,
    ) -> Answer<()> {
        let (object, id) = from;
        self.record(object, &id.to_string())?;
        self.record(link.object, &link.id.to_string())?;
        let all = types(object.name, link.object.name);
        let Some(plain) = all.iter().find(|seen| seen.label.is_empty()).copied() else {
            return Err(Refusal::invalid(format!("{} and {} cannot be associated", object.name, link.object.name)));
        };
        let wanted = all.iter().find(|seen| Some(seen.id) == link.kind).copied().unwrap_or(plain);
        let (here, there): (End, End) = ((object.name, id), (link.object.name, link.id));
        let before = self.links.get(&(here, there)).cloned().unwrap_or_default();
        // One primary only: the one before keeps its other labels.
        if wanted.label == "Primary" && !before.contains(&wanted.id) {
            let mine = (here, (there.0, 0))..=(here, (there.0, u64::MAX));
            let others: Vec<End> = self.links.range(mine).map(|((_, other), _)| *other).collect();
            for other in others {
                self.links.entry((here, other)).or_default().remove(&wanted.id);
                self.links.entry((other, here)).or_default().remove(&wanted.other);
            }
        }
        // A label comes with the plain association.
        for seen in [plain, wanted] {
            self.links.entry((here, there)).or_default().insert(seen.id);
            self.links.entry((there, here)).or_default().insert(seen.other);
        }
        if self.links.get(&(here, there)) != Some(&before) {
            self.linked(now, source, from, (link.object, link.id), false);
        }
        Ok(())
    }

    /// Takes types from a pair, or all of them; without any the pair is apart.
    pub(super) fn dissociate(
        &mut self,
        now: Instant,
        source: Source,
        from: (&'static Object, u64),
        to: (&'static Object, u64),
        kinds: Option<&BTreeSet<u32>>,
    ) {
        let (here, there): (End, End) = ((from.0.name, from.1), (to.0.name, to.1));
        let Some(before) = self.links.get(&(here, there)).cloned() else { return };
        for seen in types(here.0, there.0) {
            if kinds.is_none_or(|kinds| kinds.contains(&seen.id)) {
                self.links.entry((here, there)).or_default().remove(&seen.id);
                self.links.entry((there, here)).or_default().remove(&seen.other);
            }
        }
        let changed = self.links.get(&(here, there)) != Some(&before);
        self.links.retain(|_, kinds| !kinds.is_empty());
        if changed {
            self.linked(now, source, from, to, true);
        }
    }

    /// Roll-ups such as "number of associated contacts" are properties of both ends, so both are modified.
    fn linked(
        &mut self,
        now: Instant,
        source: Source,
        a: (&'static Object, u64),
        b: (&'static Object, u64),
        removed: bool,
    ) {
        for (from, to) in [(a, b), (b, a)] {
            if let Some(record) = self.records.get_mut(&(from.0.name, from.1)) {
                record.touch(now);
            }
            self.event(now, source, from.0, Event::association(from, to, removed));
        }
    }

    /// What a record is associated with, as the v4 API shows it.
    pub(super) fn linked_to(&self, from: &Object, id: u64, to: &Object) -> Vec<Json> {
        let here: End = (from.name, id);
        let all = types(from.name, to.name);
        let links = self.links.range((here, (to.name, 0))..=(here, (to.name, u64::MAX)));
        links
            .map(|((_, (_, other)), kinds)| {
                let types: Vec<Json> = all.iter().filter(|seen| kinds.contains(&seen.id)).map(Seen::show).collect();
                json!({ "toObjectId": other.to_string(), "associationTypes": types })
            })
            .collect()
    }
}
