//! A value that a person sets in Concord.

use super::{Identity, Word, change, record, refusal};
use crate::{
    commit::Transaction,
    facet::{Facet, Link, Note},
    hub::Hub,
    identity,
    record::Record,
    reviews,
    settings::CONCORD,
};
use concord_connector::{
    ConnectionName, Entity, Field, Instant, RecordId, Reference, Result, Snapshot, SourceVersion, Target, Value,
    schema::FieldSpec,
};
use std::{collections::BTreeMap, convert::Infallible};

/// Sets a field of a record; `None` empties it. Under every rule but `manual` and `owner` it counts as an edit made now.
///
/// # Errors
/// `Rejected` when the field or the value cannot be; `NotFound` when there is no such record; the store's faults.
pub async fn set(hub: &Hub, id: &RecordId, field: &str, text: Option<&str>) -> Result<Record> {
    set_by(hub, id, field, text, &Word::default()).await
}

/// The same, with who says it and why.
///
/// # Errors
/// As [`set`].
pub async fn set_by(hub: &Hub, id: &RecordId, field: &str, text: Option<&str>, word: &Word) -> Result<Record> {
    let (before, _) = record(hub, id).await?;
    let entity = before.entity;
    let spec = spec(entity, field)?;
    let value = match text {
        Some(text) => super::parse_value(spec, text)?,
        None => None,
    };
    let value = referring(hub, value).await?;
    let field = Field::from(field);
    let records = change(hub, id, |record, transaction| {
        if record.is_placeholder() {
            return Err(refusal(format!(
                "{} was never seen in any system; a value can be set once it was read.",
                record.id
            )));
        }
        let link = own_facet(record, transaction)?;
        let golden = record.golden.get(&field).map(|golden| (golden.value.clone(), golden.stamp()));
        let Some(facet) = record.facet_mut(&link) else { return Ok(None) };
        let keys = identity::keys(entity, facet);
        say(facet, entity, &field, golden, &value, hub.now());
        match word.note(hub.now()) {
            Some(note) => facet.notes.insert(field.clone(), note),
            None => facet.notes.remove(&field),
        };
        let same = keys == identity::keys(entity, facet);
        Ok(Some(if same { Identity::Same } else { Identity::LookAgain }))
    })
    .await?;
    reviews::settled(hub, &before.id, &field, word).await?;
    let set = |record: &Record| {
        record
            .facets
            .iter()
            .any(|facet| facet.link.connection.as_str() == CONCORD && facet.link.id.as_str() == before.id.as_str())
    };
    match records.into_iter().find(set) {
        Some(record) => Ok(record),
        None => record(hub, id).await.map(|(record, _)| record),
    }
}

/// Takes back what people said of a field in Concord, as if they never had: what the systems say counts again, under
/// every rule.
///
/// # Errors
/// `Rejected` when nobody said anything of it in Concord, or there is no such field; `NotFound`; the store's faults.
pub async fn withdraw(hub: &Hub, id: &RecordId, field: &str, word: &Word) -> Result<Record> {
    let (before, _) = record(hub, id).await?;
    spec(before.entity, field)?;
    let field = Field::from(field);
    reviews::reopen(hub, &before.id, &field).await?;
    let records = change(hub, id, |record, _| {
        let (entity, own) = (record.entity, ConnectionName::from(CONCORD));
        let mut identity = Identity::Same;
        let mut any = false;
        // After a merge there may be several.
        for facet in record.facets.iter_mut().filter(|facet| facet.link.connection == own) {
            if facet.view().said(&field).is_none() {
                continue;
            }
            any = true;
            let keys = identity::keys(entity, facet);
            facet.forget(&field);
            match word.note(hub.now()) {
                Some(note) => facet.notes.insert(field.clone(), Note { withdrawn: true, ..note }),
                None => facet.notes.remove(&field),
            };
            if keys != identity::keys(entity, facet) {
                identity = Identity::LookAgain;
            }
        }
        if !any {
            return Err(refusal(format!(
                "Nobody set `{field}` of {} in Concord; there is nothing to take back.",
                record.id
            )));
        }
        Ok(Some(identity))
    })
    .await?;
    match records.into_iter().find(|record| record.id == before.id) {
        Some(record) => Ok(record),
        None => record(hub, id).await.map(|(record, _)| record),
    }
}

pub(super) fn spec(entity: Entity, field: &str) -> Result<&'static FieldSpec> {
    entity.field(field).ok_or_else(|| {
        let known: Vec<&str> = entity.fields().iter().map(|spec| spec.name).collect();
        refusal(format!("{entity} has no field `{field}`; it has {}.", known.join(", ")))
    })
}

/// Where what people say of a record is kept; it is there afterwards.
pub(crate) fn own_facet(record: &mut Record, transaction: &mut Transaction) -> Result<Link> {
    let link = Link { connection: CONCORD.into(), id: record.id.as_str().into() };
    if record.facet(&link).is_none() {
        transaction.put_link(record.entity, &link, &record.id, &record.id)?;
        record.facets.push(Facet::unseen(link.clone(), record.id.clone()));
        record.facets.sort_by(|a, b| a.link.cmp(&b.link));
    }
    Ok(link)
}

/// References lead to the record that an id leads to now.
pub(super) async fn referring(hub: &Hub, value: Option<Value>) -> Result<Option<Value>> {
    let Some(value) = value else { return Ok(None) };
    let mut homes: BTreeMap<RecordId, RecordId> = BTreeMap::new();
    for reference in value.references() {
        let Target::Record(id) = &reference.to else { continue };
        let (found, _) = record(hub, id).await?;
        if found.entity != reference.entity {
            return Err(refusal(format!("{id} is of entity {}, and {} is asked for.", found.entity, reference.entity)));
        }
        homes.insert(id.clone(), found.id);
    }
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let to = homes.get(id).unwrap_or(id).clone();
        Ok(Some(Reference { to: Target::Record(to), ..reference.clone() }))
    });
    Ok(mapped.unwrap_or_else(|never| match never {}))
}

/// The person saw the golden value and put another in its place: the facet first shows the one, as if it had been
/// delivered there, then the other. So the edit is later than what it was made on, whatever the clocks say, and of a list
/// or an amount only what was changed counts as changed.
pub(super) fn say(
    facet: &mut Facet,
    entity: Entity,
    field: &Field,
    golden: Option<(Option<Value>, Instant)>,
    value: &Option<Value>,
    now: Instant,
) {
    let (shown, stamp) = golden.unwrap_or((None, Instant::EPOCH));
    // To say what is true already still is to say it: it then holds against others.
    let shown = if shown == *value { None } else { shown };
    let version = SourceVersion(facet.source_version().0.saturating_add(1).max(SourceVersion::from_instant(now).0));
    let mut snapshot = Snapshot::new(entity, facet.link.id.clone(), version);
    snapshot.fields.insert(field.clone(), shown.clone());
    facet.receive(&BTreeMap::from([(field.clone(), (shown, stamp))]), &snapshot, (now, now));
    let held = facet.view().cells.iter().map(|(field, cell)| (field.clone(), cell.held.clone()));
    snapshot.fields = held.collect();
    snapshot.fields.insert(field.clone(), value.clone());
    snapshot.field_times.insert(field.clone(), now);
    facet.observe(&snapshot, now);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_wins_over_what_they_saw_even_when_the_clocks_disagree() {
        let mut facet = Facet::unseen(Link { connection: CONCORD.into(), id: "r1".into() }, "r1".into());
        let (name, now) = (Field::from("name"), Instant::from_ms(1000));
        let ahead = Instant::from_ms(5000);
        let text = |text: &str| Value::text(text);
        say(&mut facet, Entity::Organization, &name, Some((text("Acme"), ahead)), &text("Acme Inc"), now);
        let said = facet.view().said(&name).cloned().unwrap();
        assert_eq!((said.value, said.at), (text("Acme Inc"), Some(Instant::from_ms(5001))));
        say(&mut facet, Entity::Organization, &name, Some((text("Acme Inc"), Instant::from_ms(5001))), &None, now);
        let said = facet.view().said(&name).cloned().unwrap();
        assert_eq!((said.value, said.at), (None, Some(Instant::from_ms(5002))), "to empty a field is a claim");
    }

    #[test]
    fn of_a_list_only_what_changed_is_said() {
        let mut facet = Facet::unseen(Link { connection: CONCORD.into(), id: "r1".into() }, "r1".into());
        let (roles, now) = (Field::from("roles"), Instant::from_ms(1000));
        let list = |roles: &[&str]| Value::list(roles.iter().map(|role| Value::Enum((*role).into())).collect());
        let golden = Some((list(&["customer", "partner"]), Instant::from_ms(10)));
        say(&mut facet, Entity::Organization, &roles, golden, &list(&["partner", "prospect"]), now);
        let elements = facet.view().cells[&roles].elements.clone();
        let shown: Vec<_> = elements.iter().map(|(value, there, _)| (value.to_string(), *there)).collect();
        assert_eq!(shown, [("customer".to_owned(), false), ("prospect".to_owned(), true)]);
    }
}
