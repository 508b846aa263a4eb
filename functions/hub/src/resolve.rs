//! Resolve: from what was said to what is true. A pure function of facets and policy.

mod rules;

use crate::{
    facet::{ByField, Facet, Link, Said, View, in_order},
    policy::{FieldPolicy, Policy, Rule},
};
use concord_connector::{
    ConnectionName, Entity, Field, Instant, RecordId, Reference, Target, Value, snapshot::Presence,
};
use serde::{Deserialize, Serialize};
use std::{borrow::Cow, cmp::Reverse, collections::BTreeMap, convert::Infallible};

/// A resolved field: the value, who said it, when, and which rule let it win.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Golden {
    /// The value; `None` is "known to be empty".
    pub value: Option<Value>,
    /// Whose word it is (of a union or a sum: the latest contribution's).
    pub from: Link,
    /// When it was edited; `None` for a baseline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Instant>,
    /// The rule.
    pub rule: Rule,
    /// Whether another edit lost against it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub conflict: bool,
    /// Whether the loser's time lies in the range in which the winner's edit was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub uncertain: bool,
}

impl Golden {
    /// The logical time of the value: later edits on top of it are later than this.
    pub fn stamp(&self) -> Instant {
        self.at.unwrap_or(Instant::EPOCH)
    }
}

/// One external record's word on a field.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Claim<'a> {
    pub(crate) facet: &'a Facet,
    pub(crate) view: &'a View,
    pub(crate) said: &'a Said,
    pub(crate) rank: usize,
}

impl Claim<'_> {
    /// Later wins; between equals the more trusted; between equals of one connection the value, so that order of arrival
    /// never decides.
    fn recency(&self) -> (Option<Instant>, Reverse<usize>, &Option<Value>) {
        if left_out!(RecordTime) {
            let last = self.facet.versions().last();
            return (last.map(|last| last.modified.unwrap_or(last.last_read)), Reverse(self.rank), &self.said.value);
        }
        if left_out!(TieByArrival) {
            return (self.said.at, Reverse(0), &None);
        }
        (self.said.at, Reverse(self.rank), &self.said.value)
    }
}

/// What a resolution found that a person has to decide.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Undecided {
    /// The field whose rule is `manual` and whose claims differ.
    pub field: Field,
}

/// A facet with its fold, references brought up to date.
pub struct Viewed<'a> {
    /// The facet.
    pub facet: &'a Facet,
    /// Its fold.
    pub view: Cow<'a, View>,
}

/// Folds facets and follows redirects in their references.
pub fn views<'a>(facets: &'a [Facet], redirects: &BTreeMap<RecordId, RecordId>) -> Vec<Viewed<'a>> {
    facets
        .iter()
        .map(|facet| {
            let mut view = Cow::Borrowed(facet.view());
            if redirects.keys().any(|from| refers(&view, from)) {
                for (_, cell) in view.to_mut().cells.iter_mut() {
                    follow(&mut cell.held, redirects);
                    follow(&mut cell.baseline, redirects);
                    if let Some(said) = &mut cell.said {
                        follow(&mut said.value, redirects);
                    }
                    for (element, ..) in &mut cell.elements {
                        let mut one = Some(element.clone());
                        follow(&mut one, redirects);
                        *element = one.unwrap_or_else(|| element.clone());
                    }
                }
            }
            Viewed { facet, view }
        })
        .collect()
}

/// Whether a fold names a record.
fn refers(view: &View, record: &RecordId) -> bool {
    let names = |value: &Value| value.references().iter().any(|one| one.to == Target::Record(record.clone()));
    view.cells.values().any(|cell| {
        let said = cell.said.as_ref().and_then(|said| said.value.as_ref());
        let elements = cell.elements.iter().map(|(element, ..)| element);
        cell.held.iter().chain(&cell.baseline).chain(said).chain(elements).any(names)
    })
}

fn follow(value: &mut Option<Value>, redirects: &BTreeMap<RecordId, RecordId>) {
    let Some(held) = value else { return };
    if held.references().is_empty() {
        return;
    }
    let mapped = held.map_references::<Infallible>(&mut |reference| {
        let mut reference = reference.clone();
        if let Target::Record(id) = &reference.to
            && let Some(to) = redirects.get(id)
        {
            reference = Reference { to: Target::Record(to.clone()), ..reference };
        }
        Ok(Some(reference))
    });
    *value = mapped.unwrap_or_else(|never| match never {});
}

/// Resolves every field that anybody said anything about.
pub fn resolve(entity: Entity, viewed: &[Viewed<'_>], policy: &Policy) -> (ByField<Golden>, Vec<Undecided>) {
    let mut golden = Vec::new();
    let mut undecided = Vec::new();
    let mut fields: Vec<&Field> = viewed.iter().flat_map(|one| one.view.cells.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    for field in fields {
        let Some(policy) = policy.of(entity, field) else { continue };
        let claims = claims(viewed, field, policy);
        if claims.is_empty() {
            continue;
        }
        match rules::decide(entity, field, policy, &claims) {
            Some(decided) => golden.push((field.clone(), decided)),
            None => undecided.push(Undecided { field: field.clone() }),
        }
    }
    (in_order(golden.into_iter()), undecided)
}

/// The claims on a field that count: of those who may say it, and whose record was not merged by its vendor into one that
/// is here too. Where the winner belongs to another golden record - a person has yet to decide - the loser's word is all
/// that this one has.
fn claims<'a>(viewed: &'a [Viewed<'_>], field: &Field, policy: &FieldPolicy) -> Vec<Claim<'a>> {
    viewed
        .iter()
        .filter(|one| match &one.view.presence {
            Presence::MergedInto(winner) => !viewed.iter().any(|other| {
                other.facet.link.connection == one.facet.link.connection && other.facet.link.id == *winner
            }),
            _ => true,
        })
        .filter(|one| policy.may_say(&one.facet.link.connection))
        .filter_map(|one| {
            let said = one.view.said(field)?;
            Some(Claim { facet: one.facet, view: &one.view, said, rank: policy.rank(&one.facet.link.connection) })
        })
        .collect()
}

/// Whether a connection's edits of a field are left as they are there.
pub fn leaves(policy: &Policy, entity: Entity, field: &Field, connection: &ConnectionName) -> bool {
    policy
        .of(entity, field)
        .is_some_and(|policy| policy.others == crate::policy::Others::Leave && !policy.may_say(connection))
}
