//! `[connections.NAME.mapping.ENTITY]`: an admin's own lines of a mapping, in the format of `connector.toml`.

use super::{
    reader::{Reader, Spot},
    section,
};
use concord_connector::{
    Entity,
    mapping::{Mapping, Rule},
};
use toml::de::{DeTable, DeValue};

const LIKE: &str = "`{ field = \"industry\", vendor = \"/properties/branche\" }`";

/// What an admin adds to a mapping and takes from it.
#[derive(Clone, Debug)]
pub(super) struct Overlay {
    pub(super) entity: Spot<Entity>,
    pub(super) fields: Vec<Spot<Rule>>,
    pub(super) off: Vec<Spot<String>>,
}

impl Overlay {
    pub(super) fn read_all(reader: &mut Reader, table: &DeTable<'_>) -> Vec<Self> {
        let Some((table, _)) = reader.table(table, "mapping") else { return Vec::new() };
        let mut read = Vec::new();
        for (key, value) in table {
            let Some(entity) = section::entity(reader, key) else { continue };
            let Some((table, _)) = reader.table_of(value, key.get_ref()) else { continue };
            reader.known(table, "a mapping", &["fields", "off"]);
            let fields = fields(reader, table, entity.value);
            let off = reader.texts(table, "off").unwrap_or_default();
            read.push(Self { entity, fields, off });
        }
        read
    }

    /// The mapping with this on top: a line replaces the one of the same field, or is added.
    pub(super) fn apply(&self, mapping: &mut Mapping) {
        mapping.fields.retain(|rule| !self.off.iter().any(|off| off.value == rule.field.as_str()));
        for rule in &self.fields {
            match mapping.fields.iter_mut().find(|known| known.field == rule.value.field) {
                Some(known) => *known = rule.value.clone(),
                None => mapping.fields.push(rule.value.clone()),
            }
        }
    }
}

fn fields(reader: &mut Reader, table: &DeTable<'_>, entity: Entity) -> Vec<Spot<Rule>> {
    let Some(value) = table.get("fields") else { return Vec::new() };
    let DeValue::Array(lines) = value.get_ref() else {
        reader.wrong(value.span().start, format!("`fields` has to be a list of lines like {LIKE}."));
        return Vec::new();
    };
    let mut read = Vec::new();
    for line in lines {
        let Some(rule) = reader.shape::<Rule>(line, LIKE) else { continue };
        match rule.value.check(entity) {
            Ok(()) => read.push(rule),
            Err(sentence) => reader.wrong(rule.at, format!("{sentence}.")),
        }
    }
    read
}
