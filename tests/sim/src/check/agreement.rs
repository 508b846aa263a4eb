//! Every system shows the golden record, as far as it can hold it and policy lets us write it.

use super::{Stock, Violation};
use crate::run::Run;
use concord_connector::{Entity, Field, Reference, Target, Value, mapping::Flow};
use concord_hub::{
    facet::{Facet, Hash, Link},
    policy::Others,
    record::Record,
    review::Subject,
    settings::{Connection, Mode},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

/// What a vendor shows, by id.
type Shown = BTreeMap<String, BTreeMap<Field, Option<Value>>>;

/// `read` once everything was read once more: until then nobody may have told of a reference that a system let go of.
pub(super) fn check(run: &mut Run<'_>, stock: &Stock, read: bool, found: &mut Vec<Violation>) {
    let now = run.now();
    let settings = crate::world::copy(&run.settings);
    for connection in settings.connections.values() {
        for entity in connection.context.mappings.keys() {
            let shown = run.world.vendors.with(connection.name.as_str(), |vendor| {
                let ids = vendor.ids(*entity);
                vendor.read(now, *entity, &ids)
            });
            let mut there = Shown::new();
            let mut unreadable: BTreeSet<String> = BTreeSet::new();
            for (id, snapshot) in shown {
                let link = Link { connection: connection.name.clone(), id: id.as_str().into() };
                match snapshot {
                    Ok(snapshot) if stock.owners.contains_key(&(*entity, link.clone())) => {
                        there.insert(id, snapshot.fields);
                    }
                    Ok(_) => {
                        found.push(Violation::new("unknown record", format!("{entity} {link} was never taken in")))
                    }
                    Err(why) => {
                        let subject = format!("{entity}/{id}");
                        if !stock.letters.iter().any(|letter| letter.subject.as_ref() == Some(&subject)) {
                            found.push(Violation::new("poison in silence", format!("{entity} {link}: {why}")));
                        }
                        unreadable.insert(id);
                    }
                }
            }
            let records = stock.records.values().filter(|record| record.entity == *entity && !record.is_placeholder());
            for record in records {
                one(stock, &settings, (connection, read), record, (&there, &unreadable), found);
            }
        }
    }
}

fn one(
    stock: &Stock,
    settings: &concord_hub::settings::Settings,
    (connection, read): (&Connection, bool),
    record: &Record,
    (there, unreadable): (&Shown, &BTreeSet<String>),
    found: &mut Vec<Violation>,
) {
    let facets: Vec<&Facet> = record.facets.iter().filter(|facet| facet.link.connection == connection.name).collect();
    let live: Vec<&&Facet> = facets.iter().filter(|facet| facet.is_live() && !facet.is_unseen()).collect();
    let parked = record.outbox.get(&connection.name).is_some_and(|outbox| outbox.parked);
    if connection.mode != Mode::Sync {
        return;
    }
    if record.removal.is_some() {
        for facet in live.iter().filter(|facet| there.contains_key(facet.link.id.as_str())) {
            if !parked {
                found.push(Violation::new("not removed", format!("{} is still at {}", record.id, facet.link)));
            }
        }
        return;
    }
    let due = connection.scope(record.entity).creates(|field| record.value(field));
    if facets.is_empty() && due && !parked && creatable(record, connection) {
        found.push(Violation::new(
            "not created",
            format!("{} {} is missing at {}", record.entity, record.id, connection.name),
        ));
    }
    for facet in facets.iter().filter(|facet| !facet.is_live() && there.contains_key(facet.link.id.as_str())) {
        let what = format!("{} {} is still at {}", record.entity, record.id, facet.link);
        found.push(Violation::new("taken for gone", what));
    }
    for facet in live {
        match there.get(facet.link.id.as_str()) {
            Some(fields) if !parked => {
                fields_agree(stock, settings, (connection, read), record, facet, fields, found);
            }
            Some(_) => {}
            // It is there, and a letter says why it cannot be read.
            None if unreadable.contains(facet.link.id.as_str()) => {}
            None => gone(record, facet, found),
        }
    }
}

fn creatable(record: &Record, connection: &Connection) -> bool {
    let Some(mapping) = connection.context.mappings.get(&record.entity) else { return false };
    let has = |rule: &&concord_connector::mapping::Rule| record.value(rule.field.as_str()).is_some();
    let rules: Vec<_> = mapping.active(&connection.context).filter(|rule| rule.flow.creates()).collect();
    rules.iter().any(has) && rules.iter().all(|rule| !rule.required || has(rule))
}

/// A record that is not shown and that we take for live.
fn gone(record: &Record, facet: &Facet, found: &mut Vec<Violation>) {
    let what = format!("{} {} is not at {} any more", record.entity, record.id, facet.link);
    found.push(Violation::new("gone in silence", what));
}

fn fields_agree(
    stock: &Stock,
    settings: &concord_hub::settings::Settings,
    (connection, read): (&Connection, bool),
    record: &Record,
    facet: &Facet,
    there: &BTreeMap<Field, Option<Value>>,
    found: &mut Vec<Violation>,
) {
    let Some(mapping) = connection.context.mappings.get(&record.entity) else { return };
    for rule in mapping.active(&connection.context).filter(|rule| rule.flow == Flow::Both) {
        let Some(shown) = there.get(&rule.field) else { continue };
        let Some(golden) = record.golden.get(&rule.field) else { continue };
        if leaves(settings, record.entity, &rule.field, connection) || is_parked(stock, facet, &rule.field) {
            continue;
        }
        let Some(wanted) = at(stock, connection, golden.value.as_ref()) else { continue };
        let image = connection.connector.image(&connection.context, record.entity, &rule.field, wanted.as_ref());
        // A value that the system cannot hold is not written.
        let Ok(expected) = image else { continue };
        let view = facet.view();
        // A record that was merged into another is that other.
        let led = followed(stock, golden.value.as_ref());
        let meant = [Some(Hash::of(golden.value.as_ref())), Some(Hash::of(led.as_ref()))];
        let as_stored =
            view.cells.get(&rule.field).is_some_and(|cell| cell.image_of.is_some() && meant.contains(&cell.image_of));
        // How the vendor stored what we wrote counts as equal; then it shows that still.
        let stored = as_stored
            && view.held(&rule.field).and_then(|held| at(stock, connection, held.as_ref())).as_ref() == Some(shown);
        // Where a person joined two records of one system, both are the one that is referred to.
        let same = canonical(stock, connection, shown.as_ref()) == canonical(stock, connection, wanted.as_ref());
        let untold = !read && shown.is_none() && was_let_go(stock, facet, &rule.field);
        if *shown != expected && !same && !stored && !untold {
            found.push(Violation::new(
                "disagreement",
                format!(
                    "{} {} `{}` at {}: shows {}, golden is {} of {}",
                    record.entity,
                    record.id,
                    rule.field,
                    facet.link,
                    text(shown),
                    text(&golden.value),
                    golden.from
                ),
            ));
        }
    }
}

/// Whether what a facet refers to was deleted in its system, which lets go of it without a word.
pub(super) fn was_let_go(stock: &Stock, facet: &Facet, field: &Field) -> bool {
    let held = facet.view().held(field).and_then(Option::as_ref).and_then(Value::as_reference);
    let Some(home) = held.and_then(Reference::record_id) else { return false };
    let facets = stock.record(home).into_iter().flat_map(|record| &record.facets);
    let mut there = facets.filter(|one| one.link.connection == facet.link.connection && one.home == *home).peekable();
    there.peek().is_some() && there.all(|one| !one.is_live())
}

fn leaves(settings: &concord_hub::settings::Settings, entity: Entity, field: &Field, connection: &Connection) -> bool {
    settings
        .policy
        .of(entity, field)
        .is_some_and(|policy| policy.only && policy.others == Others::Leave && !policy.order.contains(&connection.name))
}

/// Fields that are no longer written there, and a person was told.
fn is_parked(stock: &Stock, facet: &Facet, field: &Field) -> bool {
    facet.parked.contains(field)
        && stock.asked(|subject| match subject {
            Subject::ParkedField { link, field: of, .. } => *link == facet.link && of == field,
            _ => false,
        })
}

/// A value with the records that its references lead to.
fn followed(stock: &Stock, value: Option<&Value>) -> Option<Value> {
    let mapped = value?.map_references::<Infallible>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let to = stock.record(id).map_or_else(|| id.clone(), |record| record.id.clone());
        Ok(Some(concord_connector::Reference { to: Target::Record(to), ..reference.clone() }))
    });
    mapped.unwrap_or_else(|never| match never {})
}

/// A golden value with references as the system's own ids; `None` when one of them is not there.
fn at(stock: &Stock, connection: &Connection, value: Option<&Value>) -> Option<Option<Value>> {
    let Some(value) = value else { return Some(None) };
    let mut missing = false;
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let there = stock.record(id).and_then(|record| record.live_at(&connection.name).next());
        missing |= there.is_none();
        Ok(there.map(|facet| {
            let mut own = reference.clone();
            own.to = Target::External(facet.link.id.clone());
            own
        }))
    });
    let mapped = mapped.unwrap_or_else(|never| match never {});
    (!missing).then_some(mapped)
}

/// A value with references as golden records, whichever of their records there is named.
fn canonical(stock: &Stock, connection: &Connection, value: Option<&Value>) -> Option<Value> {
    let mapped = value?.map_references::<Infallible>(&mut |reference| {
        let Target::External(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let link = Link { connection: connection.name.clone(), id: id.clone() };
        let mut own = reference.clone();
        if let Some(owner) = stock.owners.get(&(reference.entity, link)) {
            own.to = Target::Record(owner.clone());
        }
        Ok(Some(own))
    });
    mapped.unwrap_or_else(|never| match never {})
}

fn text(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "(empty)".to_owned(), |value| format!("`{value}`"))
}
