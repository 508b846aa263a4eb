//! Which external records have to change, and in which fields.

use super::{Cause, Settled, in_scope, is_concord};
use crate::{
    facet::{ByField, Facet, Hash, Link, View, Want, in_order},
    record::Record,
    resolve::{self, Golden, Viewed},
    review::{Review, Subject},
    settings::{Connection, Mode, Settings},
};
use concord_connector::{
    Entity, ExternalId, Field, Instant, Reference, Target, Value, manifest::Concurrency, mapping::Rule,
};
use std::{collections::BTreeMap, convert::Infallible, time::Duration};

/// How often a field may be written back within [`WINDOW`] although nobody edited it elsewhere.
const REVERTS: usize = 2;
const WINDOW: Duration = Duration::from_secs(24 * 3600);

/// What one facet has to show.
pub(super) struct Plan {
    link: Link,
    fields: ByField<Hash>,
}

/// Every difference between golden values and what is held, where the engine may write.
pub(super) fn plan(record: &Record, settings: &Settings, viewed: &[Viewed<'_>], cause: Cause<'_>) -> Vec<Plan> {
    let _ = cause;
    let mut plans = Vec::new();
    for one in viewed {
        let Some(connection) = settings.connections.get(&one.facet.link.connection) else { continue };
        if connection.mode != Mode::Sync
            || one.facet.is_unseen()
            || !one.facet.is_live()
            || !in_scope(record, connection)
        {
            continue;
        }
        let differing = differences(record.entity, &record.golden, one, connection, settings).into_iter();
        let free = differing.filter(|(field, _)| !one.facet.parked.contains(field));
        let fields = in_order(free.map(|(field, image)| (field, Hash::of(image.as_ref()))));
        plans.push(Plan { link: one.facet.link.clone(), fields });
    }
    plans
}

/// The fields whose golden value differs from what an external record holds, with the image that it should show.
pub fn differences(
    entity: Entity,
    golden: &ByField<Golden>,
    one: &Viewed<'_>,
    connection: &Connection,
    settings: &Settings,
) -> BTreeMap<Field, Option<Value>> {
    let mut differing = BTreeMap::new();
    let Ok(mapping) = connection.context.mapping(entity) else { return differing };
    for rule in mapping.active(&connection.context).filter(|rule| rule.flow.updates()) {
        let Some(golden) = golden.get(&rule.field) else { continue };
        if resolve::leaves(&settings.policy, entity, &rule.field, &connection.name) {
            continue;
        }
        if let Some(image) = difference(entity, rule, golden, &one.view, connection) {
            differing.insert(rule.field.clone(), image);
        }
    }
    differing
}

/// The fields that show what is golden as far as we know, but of which something else was wanted before: perhaps it was sent,
/// and no receipt came. With the image that each is to show.
pub fn doubtful(
    record: &Record,
    one: &Viewed<'_>,
    connection: &Connection,
    settings: &Settings,
) -> BTreeMap<Field, Option<Value>> {
    let wanted = one.facet.wanted();
    let Ok(mapping) = connection.context.mapping(record.entity) else { return BTreeMap::new() };
    let rules = mapping.active(&connection.context).filter(|rule| rule.flow.updates() && wanted.contains(&rule.field));
    let doubtful = rules.filter_map(|rule| {
        let golden = record.golden.get(&rule.field)?;
        let image = image(connection, record.entity, &rule.field, golden.value.as_ref())?;
        let hash = Hash::of(image.as_ref());
        let another = one.facet.wants.iter().filter_map(|want| want.fields.get(&rule.field)).any(|want| *want != hash);
        let left = resolve::leaves(&settings.policy, record.entity, &rule.field, &connection.name);
        (another && !left && one.view.cells.contains_key(&rule.field)).then(|| (rule.field.clone(), image))
    });
    doubtful.collect()
}

fn difference(
    entity: Entity,
    rule: &Rule,
    golden: &Golden,
    view: &View,
    connection: &Connection,
) -> Option<Option<Value>> {
    // A field that was never shown cannot be compared: no permission, or not there.
    let cell = view.cells.get(&rule.field)?;
    if cell.held == golden.value || cell.image_of == Some(Hash::of(golden.value.as_ref())) {
        return None;
    }
    // A value that the system cannot hold is not written; `explain` says so.
    let image = image(connection, entity, &rule.field, golden.value.as_ref())?;
    (cell.held != image).then_some(image)
}

/// What a golden value looks like after a stay at a connection; `None` when it cannot be held there.
pub fn image(connection: &Connection, entity: Entity, field: &Field, value: Option<&Value>) -> Option<Option<Value>> {
    let external = value.map(|value| {
        swap(value, &|to| match to {
            Target::Record(id) => Target::External(ExternalId::new(id.as_str())),
            other => other,
        })
    });
    let image = connection.connector.image(&connection.context, entity, field, external.flatten().as_ref()).ok()?;
    Some(image.and_then(|image| {
        swap(&image, &|to| match to {
            Target::External(id) => Target::Record(id.as_str().into()),
            other => other,
        })
    }))
}

fn swap(value: &Value, swap: &impl Fn(Target) -> Target) -> Option<Value> {
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        Ok(Some(Reference { to: swap(reference.to.clone()), ..reference.clone() }))
    });
    mapped.unwrap_or_else(|never| match never {})
}

/// Marks what wants are of by now something else, where writes land only on what they saw. A system that takes every write
/// says in its history whose a value is.
pub(super) fn withdraw(record: &mut Record, settings: &Settings) {
    let Record { entity, golden, facets, .. } = record;
    for facet in facets.iter_mut().filter(|facet| !facet.wants.is_empty()) {
        let Some(connection) = settings.connections.get(&facet.link.connection) else { continue };
        if connection.connector.manifest().concurrency == Concurrency::History {
            continue;
        }
        for want in &mut facet.wants {
            let other = |(field, hash): &(&Field, &Hash)| {
                let value = golden.get(*field).and_then(|golden| golden.value.as_ref());
                image(connection, *entity, field, value).is_some_and(|image| Hash::of(image.as_ref()) != **hash)
            };
            let withdrawn: Vec<Field> = want.fields.iter().filter(other).map(|(field, _)| field.clone()).collect();
            want.withdrawn.extend(withdrawn);
        }
    }
}

/// Writes the plans into the facets as wants. True when a want was added.
pub(super) fn adopt(
    record: &mut Record,
    plans: Vec<Plan>,
    version: u64,
    cause: Cause<'_>,
    settled: &mut Settled,
) -> bool {
    let mut added = false;
    for plan in plans {
        let Some(facet) = record.facets.iter_mut().find(|facet| facet.link == plan.link) else { continue };
        if is_concord(&facet.link.connection) {
            continue;
        }
        let reverted = cause.observed == Some(&facet.link);
        let mut fields = ByField::new();
        for (field, hash) in plan.fields {
            let edit = facet.newest_edit(&field).map(|edit| edit.order.read_at);
            let newest = facet.wants.iter_mut().rev().find(|want| want.fields.contains_key(&field));
            let stands = newest.filter(|want| want.fields.get(&field) == Some(&hash) && !want.is_withdrawn(&field));
            if let Some(want) = stands {
                want.outlived.extend(edit.filter(|edit| want.at < *edit).map(|edit| (field, edit)));
                continue;
            }
            if reverted && left_out!(RevertOff) {
                continue;
            }
            let edited = newest_edits(facet, &field);
            if reverted && edited && !revert(facet, &field, cause) {
                settled.reviews.push(Review::parked_field(&record.id, &plan.link, &field));
                continue;
            }
            if !reverted {
                facet.reverts.remove(&field);
            }
            fields.insert(field, hash);
        }
        if !fields.is_empty() {
            // What was given up begins anew with something new to say.
            if record.outbox.remove(&plan.link.connection).is_some_and(|outbox| outbox.parked) {
                let connection = plan.link.connection.clone();
                settled.closed.push(Subject::Refused { record: record.id.clone(), connection }.question());
            }
            let stamps = stamps(&record.golden, fields.keys());
            facet.want(Want {
                version,
                at: cause.now,
                configured: cause.configured,
                sent: false,
                fields,
                stamps,
                withdrawn: Default::default(),
                outlived: Default::default(),
            });
            added = true;
        }
    }
    added
}

/// The stamps of the golden values of fields.
pub fn stamps<'a>(golden: &ByField<Golden>, fields: impl Iterator<Item = &'a Field>) -> ByField<Instant> {
    fields.filter_map(|field| Some((field.clone(), golden.get(field)?.at?))).collect()
}

/// Whether the newest version of an external record brings somebody's edit of a field.
fn newest_edits(facet: &Facet, field: &Field) -> bool {
    facet.versions().last().is_some_and(|version| version.diff.contains_key(field) && !version.ours.contains(field))
}

/// Counts a write-back; `false` parks the field.
fn revert(facet: &mut Facet, field: &Field, cause: Cause<'_>) -> bool {
    let times = facet.reverts.entry(field.clone()).or_default();
    times.retain(|at| cause.now.since(*at) < WINDOW);
    if times.len() >= REVERTS {
        facet.parked.insert(field.clone());
        return false;
    }
    times.push(cause.now);
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_connector::{Snapshot, SourceVersion};

    #[test]
    fn a_want_knows_the_edit_that_it_may_be_written_over() {
        let (link, phone) = (Link { connection: "crm".into(), id: "1".into() }, Field::from("phone"));
        let at = Instant::from_ms;
        let shows = |number: &str, version: u64| {
            let mut snapshot = Snapshot::new(Entity::Organization, "1", SourceVersion(version));
            snapshot.fields.insert(phone.clone(), Value::text(number));
            snapshot
        };
        let image = Hash::of(Value::text("3").as_ref());
        let settle_again = |record: &mut Record, now: i64| {
            let cause = Cause { observed: Some(&link), now: at(now), regrouped: false, configured: false };
            let fields = ByField::from_iter([(phone.clone(), image)]);
            let plan = Plan { link: link.clone(), fields };
            adopt(record, vec![plan], 2, cause, &mut Settled::default())
        };
        let mut record = Record::new("r1".into(), Entity::Organization);
        let mut facet = Facet::unseen(link.clone(), "r1".into());
        facet.observe(&shows("1", 1), at(1));
        record.facets.push(facet);
        assert!(settle_again(&mut record, 10), "it is to show `3`");
        assert!(record.facets[0].wants[0].outlived.is_empty(), "nobody has edited it");
        record.facets[0].observe(&shows("2", 2), at(20));
        assert!(!settle_again(&mut record, 30), "that stands");
        assert_eq!(record.facets[0].wants[0].outlived.get(&phone), Some(&at(20)));
        // Something else is to be there from then on, and then our write is read.
        record.facets[0].wants[0].withdrawn.insert(phone.clone());
        record.facets[0].observe(&shows("3", 3), at(40));
        let said = record.facets[0].view().said(&phone).and_then(|said| said.value.clone());
        assert_eq!(said, Value::text("2"), "nobody has typed what we wrote");
    }
}
