//! The story of one field.

use super::{FieldStory, Held, Said};
use crate::{
    facet::{Facet, Hash, Note, View},
    policy::{FieldPolicy, Rule},
    record::Record,
    resolve::{self, Golden},
    settings::{CONCORD, Connection, Mode, Settings},
    settle,
    views::When,
};
use concord_connector::{Field, Value, mapping::Flow};
use std::collections::BTreeSet;

type Views<'a> = Vec<(&'a Facet, &'a View)>;

pub(super) fn stories(record: &Record, settings: &Settings) -> Vec<FieldStory> {
    let views: Views<'_> = record.facets.iter().map(|facet| (facet, facet.view())).collect();
    let said = views
        .iter()
        .flat_map(|(_, view)| view.cells.iter().filter(|(_, cell)| cell.said.is_some()).map(|(field, _)| field));
    let fields: BTreeSet<&Field> = record.golden.keys().chain(said).collect();
    // In the order in which the schema lists them.
    let place = |field: &Field| record.entity.fields().iter().position(|spec| spec.name == field.as_str());
    let mut ordered: Vec<&Field> = fields.into_iter().collect();
    ordered.sort_by_key(|field| place(field));
    ordered.into_iter().filter_map(|field| story(record, settings, &views, field)).collect()
}

fn story(record: &Record, settings: &Settings, views: &Views<'_>, field: &Field) -> Option<FieldStory> {
    let policy = settings.policy.of(record.entity, field)?;
    let golden = record.golden.get(field);
    let value = golden.and_then(|golden| golden.value.as_ref());
    let lost = views
        .iter()
        .filter(|(facet, _)| golden.is_none_or(|golden| golden.from != facet.link))
        .filter_map(|(facet, view)| {
            let said = view.said(field)?;
            let counts = policy.may_say(&facet.link.connection);
            Some(Said { by: facet.link.clone(), value: shown(said.value.as_ref()), at: said.at.map(When), counts })
        })
        .filter(|said| golden.is_none() || said.value != shown(value))
        .collect();
    Some(FieldStory {
        field: field.clone(),
        value: shown(value),
        said_by: golden.map(|golden| golden.from.clone()),
        at: golden.and_then(|golden| golden.at).map(When),
        rule: golden.map_or(policy.rule, |golden| golden.rule),
        because: because(record, field, golden, policy),
        note: note(record, field).cloned(),
        time_uncertain: golden.is_some_and(|golden| golden.uncertain),
        lost,
        elsewhere: golden.map_or_else(Vec::new, |golden| elsewhere(record, settings, views, field, golden)),
    })
}

/// What is noted of a field in Concord: of the value that holds, else of the last that was said or taken back.
fn note<'a>(record: &'a Record, field: &Field) -> Option<&'a Note> {
    let own = record.facets.iter().filter(|facet| settle::is_concord(&facet.link.connection));
    own.filter_map(|facet| facet.notes.get(field)).max_by_key(|note| note.at)
}

pub(super) fn because(record: &Record, field: &Field, golden: Option<&Golden>, policy: &FieldPolicy) -> String {
    let Some(golden) = golden else { return nobody(record, field, policy) };
    let who = match golden.from.connection.as_str() {
        CONCORD => {
            let note = record.facet(&golden.from).and_then(|facet| facet.notes.get(field));
            // Rules sign with their section of the configuration.
            let derived = note.and_then(|note| note.by.as_ref()).is_some_and(|by| by.starts_with('['));
            let note = note.map(|note| format!(" ({note})")).unwrap_or_default();
            if derived { format!("a rule of the configuration{note}") } else { format!("a person in Concord{note}") }
        }
        _ => golden.from.to_string(),
    };
    let when = golden.at.map_or_else(|| "at first sight".to_owned(), |at| format!("at {at}"));
    let order: Vec<&str> = policy.order.iter().map(|name| name.as_str()).collect();
    let why = match golden.rule {
        Rule::Latest => "the latest edit wins".to_owned(),
        Rule::Owner => format!("the first in the order wins: {}", order.join(", ")),
        Rule::Union => "what anybody added and nobody removed later is in the list; this was the last edit".to_owned(),
        Rule::Deltas => {
            "the owner's first amount and every change made since are added up; this was the last change".to_owned()
        }
        Rule::Monotone => "the value that is furthest along wins".to_owned(),
        Rule::Manual if golden.from.connection.as_str() == CONCORD => "a person decides".to_owned(),
        Rule::Manual => "everybody says the same".to_owned(),
    };
    let decided = if golden.conflict { ", against another edit" } else { "" };
    let uncertain = if golden.uncertain { " (time uncertain: the other edit may have been the later one)" } else { "" };
    format!("{who} said it {when}; rule `{}`: {why}{decided}{uncertain}", golden.rule.name())
}

/// Why a field that somebody said has no golden value.
fn nobody(record: &Record, field: &Field, policy: &FieldPolicy) -> String {
    let counts = record.facets.iter().filter(|facet| policy.may_say(&facet.link.connection));
    let claimed = counts.filter(|facet| facet.view().said(field).is_some()).count();
    if policy.rule == Rule::Manual && claimed > 1 {
        return "the claims differ and the rule is `manual`: a person has to decide".into();
    }
    let order: Vec<&str> = policy.order.iter().map(|name| name.as_str()).collect();
    format!(
        "nobody who may say it says anything; rule `{}`: the policy counts {}",
        policy.rule.name(),
        if order.is_empty() { "nobody".to_owned() } else { order.join(", ") }
    )
}

fn elsewhere(record: &Record, settings: &Settings, views: &Views<'_>, field: &Field, golden: &Golden) -> Vec<Held> {
    let mut differing = Vec::new();
    for (facet, view) in views.iter().filter(|(facet, _)| !settle::is_concord(&facet.link.connection)) {
        let held = view.held(field).cloned().flatten();
        if view.cells.contains_key(field) && held == golden.value {
            continue;
        }
        let connection = settings.connections.get(&facet.link.connection);
        let why = match connection {
            None => "the connection is not in the configuration".to_owned(),
            Some(connection) => why(record, settings, facet, view, connection, field, golden),
        };
        differing.push(Held { at: facet.link.clone(), value: shown(held.as_ref()), why });
    }
    differing
}

fn why(
    record: &Record,
    settings: &Settings,
    facet: &Facet,
    view: &View,
    connection: &Connection,
    field: &Field,
    golden: &Golden,
) -> String {
    let title = &connection.connector.manifest().title;
    let mapping = connection.context.mappings.get(&record.entity);
    let Some((mapping, rule)) = mapping.and_then(|mapping| Some((mapping, mapping.rule(field.as_str())?))) else {
        return format!("not mapped at {title}");
    };
    if !mapping.active(&connection.context).any(|active| active.field == *field) {
        return format!("this account has no field `{}`", rule.vendor);
    }
    if facet.is_unseen() {
        return "not read yet".into();
    }
    if !facet.is_live() {
        return "it was deleted there".into();
    }
    let Some(cell) = view.cells.get(field) else {
        return match rule.flow {
            Flow::Out => "written there and never read back".into(),
            _ => "never shown to us: the field is missing there, or the permission to read it".into(),
        };
    };
    let stored_as = || format!("this is how {title} stores that value");
    if cell.image_of == Some(Hash::of(golden.value.as_ref())) {
        return stored_as();
    }
    if facet.parked.contains(field) {
        return "no longer written there, because it was undone there again and again; `concord review list`".into();
    }
    match rule.flow {
        Flow::In => return "only read there".into(),
        Flow::Create => return format!("{title} takes it at creation only"),
        Flow::Both | Flow::Out | Flow::Update => {}
    }
    match settle::image(connection, record.entity, field, golden.value.as_ref()) {
        None => return format!("{title} cannot hold this value"),
        Some(image) if image == cell.held => return stored_as(),
        Some(_) => {}
    }
    if connection.mode == Mode::Observe {
        return "the connection only observes; `mode = \"sync\"` would write it".into();
    }
    if !settle::in_scope(record, connection) {
        return "the record is out of this connection's scope".into();
    }
    if resolve::leaves(&settings.policy, record.entity, field, &connection.name) {
        return "the policy leaves this connection its own value".into();
    }
    if let Some(outbox) = record.outbox.get(&connection.name).filter(|outbox| outbox.parked) {
        let fault = outbox.fault.as_ref().map(|fault| format!(": {}", fault.message)).unwrap_or_default();
        return format!("deliveries of this record are parked{fault}; `concord review list`");
    }
    match facet.wants.iter().find(|want| want.fields.contains_key(field)) {
        Some(want) => format!("on its way since {}", want.at),
        None => "a delivery is being decided".into(),
    }
}

fn shown(value: Option<&Value>) -> Option<String> {
    value.map(ToString::to_string)
}
