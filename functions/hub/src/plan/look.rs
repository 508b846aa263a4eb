//! What would be written for one record at one connection. Pure.

use super::{Action, Conflict, PlannedField, PlannedWrite};
use crate::{
    explain,
    facet::{Facet, Hash},
    record::Record,
    resolve::{self, Golden, Undecided, Viewed},
    settings::{Connection, Mode, Scope, Settings},
    settle,
    steps::deliver::{comes, outward},
};
use concord_connector::{Field, Instant, RecordId, Value};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

/// What one record needs at one connection.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// The writes.
    pub writes: Vec<PlannedWrite>,
    /// The disagreements.
    pub conflicts: Vec<Conflict>,
}

/// Everything that the decision needs.
pub struct Sight<'a> {
    /// The settings; those in force, or others on trial.
    pub settings: &'a Settings,
    /// The connection, of these settings.
    pub connection: &'a Connection,
    /// Every record that the record's values refer to, by the id by which it is named.
    pub referred: &'a BTreeMap<RecordId, Record>,
    /// Now.
    pub now: Instant,
}

/// What would be written for a record: at a connection that observes what mode `sync` would write, at others what is open.
pub fn look(record: &Record, sight: &Sight<'_>) -> Seen {
    let mut seen = Seen::default();
    let Sight { settings, connection, .. } = sight;
    if record.is_placeholder() || !connection.maps(record.entity) {
        return seen;
    }
    if record.removal.is_some() {
        seen.writes.extend(record.live_at(&connection.name).map(|facet| removal(record, facet, sight)));
        return seen;
    }
    let redirects = sight.referred.iter().map(|(id, to)| (id.clone(), to.id.clone())).collect();
    let viewed = resolve::views(&record.facets, &redirects);
    // A record that the configuration has not reached yet is seen as it will be.
    let behind = record.configuration < settings.revision;
    let (golden, undecided) = resolve::resolve(record.entity, &viewed, &settings.policy);
    let golden = if behind { Arc::new(golden) } else { Arc::clone(&record.golden) };
    let record = Record { golden, ..record.clone() };
    let open = |facet: &Facet| -> Option<BTreeSet<Field>> {
        let all = connection.mode == Mode::Observe || behind;
        (!all).then(|| facet.wanted().into_iter().cloned().collect())
    };
    if record.facets.iter().any(|facet| facet.link.connection == connection.name) {
        seen.conflicts.extend(undecided_of(&record, &undecided, sight));
    }
    for one in viewed.iter().filter(|one| one.facet.link.connection == connection.name) {
        if one.facet.is_unseen() || !one.facet.is_live() || !settle::in_scope(&record, connection) {
            continue;
        }
        seen.conflicts.extend(one.facet.parked.iter().map(|field| parked(&record, field, one, sight)));
        let (write, conflicts) = update(&record, one, open(one.facet).as_ref(), sight);
        seen.writes.extend(write);
        seen.conflicts.extend(conflicts);
    }
    let ordered = connection.mode == Mode::Observe || behind || record.creates.contains_key(&connection.name);
    if ordered
        && settle::would_create_at(&record, connection)
        && !settle::waits_for_match(&record, connection, settings)
    {
        seen.writes.extend(create(&record, sight));
    }
    seen
}

fn removal(record: &Record, facet: &Facet, sight: &Sight<'_>) -> PlannedWrite {
    let can = &sight.connection.connector.manifest().capabilities;
    let archive = record.removal.as_ref().is_some_and(|removal| removal.archive);
    let action = if archive && can.archives || !can.deletes { Action::Archive } else { Action::Delete };
    let because = match &record.removal {
        Some(removal) if settle::is_concord(&removal.by.connection) => {
            format!("a person decided at {} that it is deleted everywhere", removal.at)
        }
        Some(removal) => format!("{} was deleted at {}, and the others follow", removal.by, removal.at),
        None => String::new(),
    };
    PlannedWrite { external: Some(facet.link.id.clone()), because, ..write(record, action, sight) }
}

fn write(record: &Record, action: Action, sight: &Sight<'_>) -> PlannedWrite {
    PlannedWrite {
        record: record.id.clone(),
        entity: record.entity,
        version: record.version,
        connection: sight.connection.name.clone(),
        action,
        external: None,
        fields: Vec::new(),
        because: String::new(),
        waits_for: BTreeSet::new(),
        held_back: held_back(record, sight),
    }
}

fn held_back(record: &Record, sight: &Sight<'_>) -> Option<String> {
    let outbox = record.outbox.get(&sight.connection.name)?;
    let fault = outbox.fault.as_ref().map(|fault| fault.message.trim_end_matches('.'));
    match (outbox.parked, fault) {
        (true, Some(fault)) => Some(format!("it was refused again and again, and a person has to decide: {fault}")),
        (true, None) => Some("a person has to decide; `concord review list`".into()),
        (false, _) => None,
    }
}

fn update(
    record: &Record,
    one: &Viewed<'_>,
    open: Option<&BTreeSet<Field>>,
    sight: &Sight<'_>,
) -> (Option<PlannedWrite>, Vec<Conflict>) {
    let Sight { settings, connection, referred, .. } = sight;
    let (mut fields, mut conflicts, mut waits_for) = (Vec::new(), Vec::new(), BTreeSet::new());
    for (field, image) in settle::differences(record.entity, &record.golden, one, connection, settings) {
        if one.facet.parked.contains(&field) || open.is_some_and(|open| !open.contains(&field)) {
            continue;
        }
        let Some(golden) = record.golden.get(&field) else { continue };
        if let Err(missing) = outward(connection, referred, golden.value.as_ref()) {
            if !coming(&missing, sight) {
                continue;
            }
            waits_for.extend(missing);
        }
        let held = one.view.held(&field).cloned().flatten();
        if let Some(said) = one.view.said(&field).filter(|said| said.at.is_some() && said.value != golden.value) {
            let sentence = format!(
                "`{}` was set to {} at {} {}; {} takes its place",
                field,
                quoted(said.value.as_ref()),
                one.facet.link,
                said.at.map_or_else(String::new, |at| format!("at {at}")),
                quoted(golden.value.as_ref()),
            );
            conflicts.push(conflict(record, &field, sentence, sight));
        }
        fields.push(planned(record, &field, held.as_ref(), image.as_ref(), golden, settings));
    }
    if fields.is_empty() {
        return (None, conflicts);
    }
    let because = format!("{} of its fields differ from the golden record", fields.len());
    let external = Some(one.facet.link.id.clone());
    let update = PlannedWrite { external, fields, because, waits_for, ..write(record, Action::Update, sight) };
    (Some(update), conflicts)
}

fn create(record: &Record, sight: &Sight<'_>) -> Option<PlannedWrite> {
    let Sight { settings, connection, referred, .. } = sight;
    let mapping = connection.context.mappings.get(&record.entity)?;
    let (mut fields, mut waits_for, mut lacks) = (Vec::new(), BTreeSet::new(), Vec::new());
    for rule in mapping.active(&connection.context).filter(|rule| rule.flow.creates()) {
        let Some(golden) = record.golden.get(&rule.field).filter(|golden| golden.value.is_some()) else {
            if rule.required {
                lacks.push(rule.field.to_string());
            }
            continue;
        };
        let Some(image) = settle::image(connection, record.entity, &rule.field, golden.value.as_ref()) else {
            continue;
        };
        if let Err(missing) = outward(connection, referred, golden.value.as_ref()) {
            match (coming(&missing, sight), rule.required) {
                (true, _) => waits_for.extend(missing),
                (false, true) => {
                    lacks.push(rule.field.to_string());
                    continue;
                }
                (false, false) => continue,
            }
        }
        fields.push(planned(record, &rule.field, None, image.as_ref(), golden, settings));
    }
    fields.sort_by(|a, b| a.field.cmp(&b.field));
    let scope = match connection.scope(record.entity) {
        Scope::Where { field, values } => {
            format!("its `{field}` is in the scope of {}: {}", connection.name, values.join(", "))
        }
        _ => format!("every {} is in the scope of {}", record.entity, connection.name),
    };
    let mut create = PlannedWrite {
        fields,
        because: format!("{scope}, and it is missing there"),
        waits_for,
        ..write(record, Action::Create, sight)
    };
    if !lacks.is_empty() && create.held_back.is_none() {
        create.held_back = Some(format!("it cannot be made without {}", lacks.join(", ")));
    }
    Some(create)
}

fn planned(
    record: &Record,
    field: &Field,
    held: Option<&Value>,
    image: Option<&Value>,
    golden: &Golden,
    settings: &Settings,
) -> PlannedField {
    PlannedField {
        field: field.clone(),
        now: held.map(ToString::to_string),
        then: image.map(ToString::to_string),
        because: explain::because(record, settings, field, Some(golden)),
        held: Hash::of(held),
        golden: Hash::of(golden.value.as_ref()),
        image: Hash::of(image),
    }
}

/// Whether a record that is missing there will be there: it is being made, was not read yet, or would be made by mode
/// `sync` too.
fn coming(missing: &BTreeSet<RecordId>, sight: &Sight<'_>) -> bool {
    let would = |to: &Record| {
        sight.connection.mode == Mode::Observe && to.removal.is_none() && settle::would_create_at(to, sight.connection)
    };
    missing.iter().all(|id| sight.referred.get(id).is_some_and(|to| comes(to, sight.connection) || would(to)))
}

fn undecided_of(record: &Record, undecided: &[Undecided], sight: &Sight<'_>) -> Vec<Conflict> {
    let mapping = sight.connection.context.mappings.get(&record.entity);
    let mapped =
        undecided.iter().filter(|one| mapping.is_some_and(|mapping| mapping.rule(one.field.as_str()).is_some()));
    mapped
        .map(|one| {
            let sentence = format!(
                "`{}` has several claims and rule `manual`: nothing is written until a person decides",
                one.field
            );
            conflict(record, &one.field, sentence, sight)
        })
        .collect()
}

fn parked(record: &Record, field: &Field, one: &Viewed<'_>, sight: &Sight<'_>) -> Conflict {
    let sentence = format!("`{field}` is no longer written to {}: it was undone there again and again", one.facet.link);
    conflict(record, field, sentence, sight)
}

fn conflict(record: &Record, field: &Field, sentence: String, sight: &Sight<'_>) -> Conflict {
    Conflict {
        record: record.id.clone(),
        entity: record.entity,
        connection: sight.connection.name.clone(),
        field: field.clone(),
        sentence,
    }
}

fn quoted(value: Option<&Value>) -> String {
    value.map_or_else(|| "empty".to_owned(), |value| format!("`{value}`"))
}
