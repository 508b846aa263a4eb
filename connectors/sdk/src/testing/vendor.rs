//! Laws of a connector beside a vendor that remembers: nothing twice, nothing lost, nobody overwritten.

mod pages;
mod removal;

use super::{Group, Live, Subject, Verdict, generate, holds, live::create};
use crate::{
    Context, Entity, ExternalId, Field, Fields, Kind, Operation, Outcome, RecordId, Snapshot, Value,
    exchange::{Change, Write, Written},
    manifest::Concurrency,
    mapping::{Flow, Mapping, Rule},
    schema::Type,
    snapshot::Presence,
};
use std::collections::BTreeMap;

type Of = fn(&Subject, Entity) -> Verdict;

pub(super) fn laws(subject: &Subject, group: &mut Group<'_>) {
    let capabilities = subject.connector.manifest().capabilities.clone();
    let describe = subject.clone();
    match &subject.sandbox {
        Some(_) => group.law("account_is_described", move || described(&describe)),
        None => return group.ignored("every_law", "there is no sandbox"),
    }
    for (entity, mapping) in &subject.context.mappings {
        let creates = mapping.active(&subject.context).any(|rule| rule.flow.creates());
        let no_text = editable(&subject.context, mapping, *entity).is_empty().then_some("no text field is updated");
        let marker = mapping.marker.is_some();
        let laws: [(&str, Of, Option<&str>); 9] = [
            ("new_record_is_read_back", read_back, None),
            ("new_record_is_found_by_its_marker", found, (!marker).then_some("there is no room for a marker")),
            (
                "repeated_create_makes_no_second_record",
                repeated,
                (!marker).then_some("there is no room for a marker: the hub searches by keys before it sends again"),
            ),
            ("update_touches_only_its_fields", update, no_text),
            ("update_covers_nobody_else", clobber, no_text),
            ("pages_show_every_record_once", pages::pages, None),
            ("changes_are_polled", pages::changes, no_text),
            (
                "deleted_record_is_gone",
                removal::deleted,
                (!capabilities.deletes).then_some("`deletes` is not declared"),
            ),
            (
                "archived_record_is_answered",
                removal::archived,
                (!capabilities.archives).then_some("`archives` is not declared"),
            ),
        ];
        let api = mapping.api.as_ref();
        for (name, law, reason) in laws {
            let paged = matches!(name, "pages_show_every_record_once" | "changes_are_polled");
            let reason = match api {
                _ if capabilities.blind.contains(entity) => Some("nothing shows it"),
                _ if !creates => Some("no field is written on creation"),
                Some(api) if paged && api.list.is_none() => Some("nothing is listed"),
                Some(api) if !paged && !api.reads() => Some("nothing is read by id"),
                Some(api) if name.starts_with("deleted") && api.delete.is_none() => Some("nothing deletes it"),
                Some(api) if name.starts_with("new_record_is_found") && api.find.is_none() && api.upsert.is_none() => {
                    Some("nothing is searched for")
                }
                Some(api)
                    if name.starts_with("repeated")
                        && api.find.is_none()
                        && api.upsert.is_none()
                        && api.create.as_ref().is_none_or(|create| create.exists.is_none()) =>
                {
                    Some("nothing is searched for: the hub keeps what it sent")
                }
                _ => reason,
            };
            let (subject, entity) = (subject.clone(), *entity);
            group.law_unless(reason, format!("{entity}_{name}"), move || law(&subject, entity));
        }
        let (subject, entity) = (subject.clone(), *entity);
        group.law(format!("{entity}_unknown_id_is_not_visible"), move || {
            let mut live = Live::start(&subject, 5)?;
            match live.run(&Operation::Fetch { entity, ids: vec!["999999999".into()] }) {
                Ok(Outcome::Records(rows)) => holds(rows.is_empty(), || format!("shows {rows:?}")),
                Err(fault) => holds(fault.kind == Kind::NotFound, || fault.to_string()),
                Ok(other) => Err(format!("a fetch gave {other:?}")),
            }
        });
    }
}

fn described(subject: &Subject) -> Verdict {
    let account = Live::start(subject, 1)?.describe()?;
    let zone = account.time_zone.as_deref().unwrap_or_default();
    let known = zone.is_empty() || jiff::tz::TimeZone::get(zone).is_ok();
    holds(known, || format!("`{zone}` is no IANA time zone"))
}

/// What a field looks like after a stay there.
fn image(subject: &Subject, entity: Entity, field: &Field, value: Option<&Value>) -> Result<Option<Value>, String> {
    subject.connector.image(&subject.context, entity, field, value).map_err(|e| e.to_string())
}

/// Compares the fields that were written with what is read, each by its image.
fn shows(subject: &Subject, snapshot: &Snapshot, written: &Fields) -> Verdict {
    let mapping = subject.context.mapping(snapshot.entity).map_err(|e| e.to_string())?;
    for (field, value) in written {
        let Some(rule) = mapping.rule(field.as_str()).filter(|rule| rule.flow.reads()) else { continue };
        let expected = image(subject, snapshot.entity, &rule.field, value.as_ref())?;
        match snapshot.fields.get(field) {
            Some(read) => holds(*read == expected, || format!("{field}: wrote {value:?}, read {read:?}"))?,
            None => return Err(format!("{field} was written and is not read")),
        }
    }
    Ok(())
}

fn visible(live: &mut Live, entity: Entity, id: &ExternalId) -> Result<Snapshot, String> {
    live.read(entity, id)?.ok_or_else(|| format!("{entity} {id} is not visible"))
}

fn read_back(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let fields = live.plausible(entity)?;
    let row = live.write(entity, create("read-back-1", fields.clone()))?;
    let Ok(Written::Done { after, created, .. }) = row else { return Err(format!("a create ended as {row:?}")) };
    holds(created, || "a new record is not called created".into())?;
    live.later(2);
    let read = visible(&mut live, entity, &after.id)?;
    shows(subject, &read, &fields)?;
    holds(after.version <= read.version, || {
        format!("the answer's version {:?} is later than a read's {:?}", after.version, read.version)
    })?;
    let marker = subject.context.mapping(entity).map_err(|e| e.to_string())?.marker.is_some();
    let expected = marker.then(|| RecordId::new("read-back-1"));
    holds(read.marker == expected, || format!("the marker is {:?}, expected {expected:?}", read.marker))?;
    holds(read.presence == Presence::Live, || format!("a new record is {:?}", read.presence))
}

fn find(live: &mut Live, entity: Entity, record: &str) -> Result<Vec<ExternalId>, String> {
    let operation = Operation::Find { entity, record: RecordId::new(record), keys: Vec::new() };
    match live.run(&operation).map_err(|e| e.to_string())? {
        Outcome::Found(ids) => Ok(ids),
        other => Err(format!("a search gave {other:?}")),
    }
}

fn found(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let fields = live.plausible(entity)?;
    let row = live.write(entity, create("find-me", fields))?;
    let Ok(Written::Done { after, .. }) = row else { return Err(format!("a create ended as {row:?}")) };
    live.later(subject.connector.manifest().capabilities.search_lag_s + 1);
    let ids = find(&mut live, entity, "find-me")?;
    holds(ids == [after.id.clone()], || format!("found {ids:?}, expected {}", after.id))?;
    let none = find(&mut live, entity, "nobody")?;
    holds(none.is_empty(), || format!("found {none:?} under a marker that nothing has"))
}

fn repeated(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let fields = live.plausible(entity)?;
    let before = live.count(entity)?;
    let first = live.write(entity, create("twice-1", fields.clone()))?;
    let Ok(Written::Done { after, .. }) = first else { return Err(format!("a create ended as {first:?}")) };
    live.later(subject.connector.manifest().capabilities.search_lag_s + 1);
    let again = live.write(entity, create("twice-1", fields))?;
    let same = match &again {
        Ok(Written::Done { after: other, created, .. }) => other.id == after.id && !created,
        Ok(Written::Exists(id)) => *id == after.id,
        Ok(Written::Moved(other)) => other.id == after.id,
        Ok(Written::Running(_) | Written::Closed { .. }) | Err(_) => false,
    };
    holds(same, || format!("the second create of {} ended as {again:?}", after.id))?;
    let made = live.count(entity)? - before;
    holds(made == 1, || format!("{made} records were made"))
}

/// A line that an update writes with a plain text, and two texts that a new record does not have.
pub(super) struct Edit {
    pub(super) rule: Rule,
    pub(super) ours: Value,
    pub(super) theirs: Value,
}

/// What can be edited. Keys are left alone: they have rules of their own; so is a text of which systems know only one.
pub(super) fn editable(cx: &Context, mapping: &Mapping, entity: Entity) -> Vec<Edit> {
    let plain = |rule: &Rule| -> Option<Edit> {
        let spec = entity.field(rule.field.as_str())?;
        let key = matches!(spec.name, "domain" | "website" | "email" | "tax_id" | "lei" | "duns" | "number");
        let text = spec.ty == Type::Text && !key && rule.flow == Flow::Both;
        let codec = rule.effective(entity).ok()?;
        let value = |n| generate::plausible(spec, &codec, cx, n);
        let (ours, theirs) = (value(4_712)?, value(4_710)?);
        (text && ours != theirs).then(|| Edit { rule: rule.clone(), ours, theirs })
    };
    mapping.active(cx).filter_map(plain).collect()
}

/// The first of them.
fn edit(live: &Live, entity: Entity) -> Result<Edit, String> {
    let found = editable(live.context(), live.mapping(entity)?, entity).into_iter().next();
    found.ok_or_else(|| "no text field is updated".to_owned())
}

fn change(snapshot: &Snapshot, record: &str, field: &Field, value: Value) -> Write {
    let held = snapshot.fields.iter().filter(|(name, _)| *name == field).map(|(n, v)| (n.clone(), v.clone())).collect();
    let held_at = snapshot.modified.unwrap_or_default();
    let change = Change::Update { id: snapshot.id.clone(), revision: snapshot.revision.clone(), held, held_at };
    Write {
        token: Some(format!("change-{record}")),
        record: RecordId::new(record),
        change,
        fields: Fields::from([(field.clone(), Some(value))]),
    }
}

fn update(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let id = live.make(entity)?;
    live.later(60);
    let before = visible(&mut live, entity, &id)?;
    let Edit { rule, ours: value, .. } = edit(&live, entity)?;
    let write = change(&before, "update-1", &rule.field, value.clone());
    let row = live.write(entity, write)?;
    let Ok(Written::Done { after, overwritten, created }) = row else {
        return Err(format!("an update ended as {row:?}"));
    };
    holds(after.id == id && !created && overwritten.is_empty(), || format!("{after:?}, {overwritten:?}, {created}"))?;
    live.later(2);
    let read = visible(&mut live, entity, &id)?;
    holds(read.version > before.version, || "an update did not raise the version".into())?;
    let mut expected = before.fields;
    expected.insert(rule.field.clone(), image(subject, entity, &rule.field, Some(&value))?);
    let differs: BTreeMap<_, _> =
        read.fields.iter().filter(|(field, value)| expected.get(*field) != Some(*value)).collect();
    holds(differs.is_empty(), || format!("{} was written; also changed: {differs:?}", rule.field))
}

/// A person edits the field between our read and our write: the edit is not covered in silence.
fn clobber(subject: &Subject, entity: Entity) -> Verdict {
    let mut live = Live::start(subject, 5)?;
    let id = live.make(entity)?;
    live.later(60);
    let held = visible(&mut live, entity, &id)?;
    let Edit { rule, ours: value, theirs } = edit(&live, entity)?;
    live.edit(entity, &id, &rule.field, theirs.clone())?;
    live.later(60);
    let row = live.write(entity, change(&held, "clobber-1", &rule.field, value))?;
    let theirs = image(subject, entity, &rule.field, Some(&theirs))?;
    let says = |snapshot: &Snapshot| snapshot.fields.get(&rule.field) == Some(&theirs);
    let kept = match (&row, subject.connector.manifest().concurrency) {
        (Ok(Written::Moved(read)), _) => says(read),
        (Ok(Written::Done { overwritten, .. }), Concurrency::History) => overwritten.iter().any(says),
        (Err(refused), Concurrency::Precondition) => refused.kind == Kind::Conflict,
        _ => false,
    };
    holds(kept, || format!("a person's edit of {} was covered: {row:?}", rule.field))
}
