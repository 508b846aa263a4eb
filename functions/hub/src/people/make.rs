//! Records that a person makes in Concord, and several values said at once.

use super::{Identity, Word, change, record, refusal, say, value};
use crate::{
    commit::{Changed, Hindrance, Transaction},
    hub::Hub,
    identity,
    record::Record,
};
use concord_connector::{
    Entity, Fault, Field, Kind, RecordId, Result, Value,
    schema::{FieldSpec, Type},
};
use serde_json::{Map, Value as Json};
use std::collections::BTreeMap;

/// Values by field, as a person wrote them: a text, a list of texts, or null for "empty".
pub type Said = Map<String, Json>;

/// Makes a record of what a person says.
///
/// # Errors
/// `Rejected` when a field or a value cannot be; the store's faults.
pub async fn make(hub: &Hub, entity: Entity, said: &Said, word: &Word) -> Result<Record> {
    let values = values(hub, entity, said).await?;
    if values.values().all(Option::is_none) {
        return Err(refusal(format!("A new {entity} needs at least one value: `name=...`.")));
    }
    let mut record = Record::new(hub.new_record_id(), entity);
    let mut transaction = Transaction::default();
    fill(hub, &mut record, &mut transaction, &values, word)?;
    let changed = Changed { record, rev: 0, observed: None, identity: true };
    match hub.commit(&hub.settings(), changed, transaction).await {
        Ok(committed) => {
            let made = committed.records.into_values().next();
            made.ok_or_else(|| Fault::new(Kind::Unexpected, "people", "The record was made and is not there."))
        }
        Err(Hindrance::Raced) => {
            Err(Fault::new(Kind::Unavailable, "people", "Somebody else was at the same keys; try again."))
        }
        Err(Hindrance::Fault(fault)) => Err(fault),
    }
}

/// Sets several fields of a record at once: those that are another already.
///
/// # Errors
/// As [`super::set`].
pub async fn set_all(hub: &Hub, id: &RecordId, said: &Said, word: &Word) -> Result<Record> {
    let (before, _) = record(hub, id).await?;
    let values = values(hub, before.entity, said).await?;
    let records = change(hub, id, |record, transaction| {
        let golden = &record.golden;
        let differs = |(field, value): &(&Field, &Option<Value>)| {
            golden.get(*field).and_then(|g| g.value.as_ref()) != value.as_ref()
        };
        let new: BTreeMap<Field, Option<Value>> =
            values.iter().filter(differs).map(|(field, value)| (field.clone(), value.clone())).collect();
        if new.is_empty() {
            return Ok(None);
        }
        fill(hub, record, transaction, &new, word).map(Some)
    })
    .await?;
    match records.into_iter().find(|found| found.id == before.id) {
        Some(found) => Ok(found),
        None => record(hub, id).await.map(|(found, _)| found),
    }
}

fn fill(
    hub: &Hub,
    record: &mut Record,
    transaction: &mut Transaction,
    values: &BTreeMap<Field, Option<Value>>,
    word: &Word,
) -> Result<Identity> {
    let entity = record.entity;
    let link = say::own_facet(record, transaction)?;
    let golden: BTreeMap<Field, _> =
        record.golden.iter().map(|(field, golden)| (field.clone(), (golden.value.clone(), golden.stamp()))).collect();
    let Some(facet) = record.facet_mut(&link) else { return Ok(Identity::Same) };
    let keys = identity::keys(entity, facet);
    for (field, value) in values {
        say::say(facet, entity, field, golden.get(field).cloned(), value, hub.now());
        match word.note(hub.now()) {
            Some(note) => facet.notes.insert(field.clone(), note),
            None => facet.notes.remove(field),
        };
    }
    Ok(if keys == identity::keys(entity, facet) { Identity::Same } else { Identity::LookAgain })
}

/// Values by field, read from what was written.
pub(crate) async fn values(hub: &Hub, entity: Entity, said: &Said) -> Result<BTreeMap<Field, Option<Value>>> {
    let mut values = BTreeMap::new();
    for (name, json) in said {
        let spec = say::spec(entity, name)?;
        let value = say::referring(hub, read(spec, json)?).await?;
        values.insert(Field::from(name.as_str()), value);
    }
    Ok(values)
}

fn read(spec: &FieldSpec, json: &Json) -> Result<Option<Value>> {
    match (json, spec.ty) {
        (Json::Null, _) => Ok(None),
        (Json::String(text), _) => value::parse(spec, text),
        // Element by element: a line may have commas in it.
        (Json::Array(lines), Type::List(&Type::Text)) => {
            let lines = lines.iter().map(|line| line.as_str().and_then(Value::text));
            let lines: Option<Vec<Value>> = lines.collect();
            lines.map(Value::list).ok_or_else(|| refusal(format!("`{}` is a list of texts.", spec.name)))
        }
        (Json::Array(elements), Type::List(_)) => {
            let texts: Option<Vec<&str>> = elements.iter().map(Json::as_str).collect();
            let texts = texts.ok_or_else(|| refusal(format!("`{}` is a list of texts.", spec.name)))?;
            value::parse(spec, &texts.join(", "))
        }
        _ => Err(refusal(format!("The value of `{}` has to be a text or a list of texts.", spec.name))),
    }
}
