//! `[connections.NAME.scope]`: what is created there and kept up to date.

use super::{
    nearest,
    reader::{Reader, Spot},
    section,
};
use crate::settings::Scope;
use concord_connector::{
    Entity,
    schema::{FieldSpec, Type},
};
use toml::de::{DeTable, DeValue};

pub(super) fn read(reader: &mut Reader, table: &DeTable<'_>) -> Vec<(Spot<Entity>, Scope)> {
    let Some((table, _)) = reader.table(table, "scope") else { return Vec::new() };
    let mut read = Vec::new();
    for (key, value) in table {
        let Some(entity) = section::entity(reader, key) else { continue };
        let scope = match value.get_ref() {
            DeValue::Table(inner) => filter(reader, &entity, inner, value.span().start),
            _ => section::choice(reader, table, key.get_ref(), &[("all", false), ("linked", true)])
                .map(|linked| if linked { Scope::Linked } else { Scope::All }),
        };
        read.extend(scope.map(|scope| (entity, scope)));
    }
    read
}

/// `{ roles = ["partner"] }`: one field with a closed set of values, also in the plural.
fn filter(reader: &mut Reader, entity: &Spot<Entity>, table: &DeTable<'_>, at: usize) -> Option<Scope> {
    let mut keys = table.keys();
    let (Some(key), None) = (keys.next(), keys.next()) else {
        reader.wrong(
            at,
            format!("a scope names exactly one field, or it is \"all\" or \"linked\"; {}.", known(entity.value)),
        );
        return None;
    };
    let name = key.get_ref().as_ref();
    let Some((spec, allowed)) = closed(entity.value, name) else {
        let sentence =
            format!("`{name}` of {} is no field with a closed set of values; {}.", entity.value, known(entity.value));
        reader.wrong(key.span().start, sentence);
        return None;
    };
    let values = reader.texts(table, name)?;
    for value in values.iter().filter(|value| !allowed.contains(&value.value.as_str())) {
        reader.wrong(value.at, nearest::unknown(&value.value, format!("value of `{}`", spec.name), allowed));
    }
    if values.is_empty() {
        reader.wrong(at, "a scope without values lets nothing in; write \"linked\" to create nothing.");
    }
    Some(Scope::Where { field: spec.name.to_owned(), values: values.into_iter().map(|value| value.value).collect() })
}

fn closed(entity: Entity, name: &str) -> Option<(&'static FieldSpec, &'static [&'static str])> {
    let singular = [Some(name), name.strip_suffix('s'), name.strip_suffix("es")];
    let spec = singular.into_iter().flatten().find_map(|name| entity.field(name))?;
    match spec.ty {
        Type::Enum(allowed) | Type::List(&Type::Enum(allowed)) => Some((spec, allowed)),
        _ => None,
    }
}

fn known(entity: Entity) -> String {
    let fields: Vec<&str> =
        entity.fields().iter().map(|spec| spec.name).filter(|name| closed(entity, name).is_some()).collect();
    match fields.as_slice() {
        [] => format!("{entity} has none"),
        fields => format!("{entity} has {}", nearest::listed(fields)),
    }
}
