//! `[offers.NAME]`, `[cosell.NAME]` and `[orders.NAME]`: which deals become offers and co-sell deals, which agreements orders,
//! and what those do not say.

use super::reader::{Reader, Spot};
use crate::{
    derive::{Derivation, Makes},
    people::parse_value,
};
use concord_connector::{
    Entity,
    mistake::unknown,
    schema::{FieldSpec, Type},
};
use serde_json::Value as Json;
use toml::de::{DeTable, DeValue};

/// What a rule of each kind may say.
const KINDS: &[(&str, Makes, &[&str])] = &[
    ("offers", Makes::Offer, &["when", "cloud", "defaults", "accept_within_days", "renew_before_days"]),
    ("cosell", Makes::Cosell, &["when", "cloud", "defaults"]),
    ("orders", Makes::Order, &["when", "defaults"]),
];

pub(super) fn read(reader: &mut Reader, root: &DeTable<'_>) -> Vec<Derivation> {
    let mut all = Vec::new();
    for (section, makes, known) in KINDS {
        let Some((table, _)) = reader.table(root, section) else { continue };
        for (key, value) in table {
            let name = format!("{section}.{}", key.get_ref());
            let Some((table, at)) = reader.table_of(value, &name) else { continue };
            all.push(one(reader, table, at, name, (*makes, known)));
        }
    }
    all
}

fn one(
    reader: &mut Reader,
    table: &DeTable<'_>,
    at: usize,
    name: String,
    (makes, known): (Makes, &[&str]),
) -> Derivation {
    let (source, example) = match makes.source() {
        Entity::Agreement => ("agreements", "status = [\"active\"]"),
        _ => ("deals", "stage = [\"committed\"]"),
    };
    reader.known(table, &format!("a rule for {source}"), known);
    let mut rule = Derivation { name, makes, ..Derivation::default() };
    if let Some((when, _)) = reader.table(table, "when") {
        for (field, value) in when {
            let known = field_of(reader, makes.source(), field.get_ref(), field.span().start);
            let values = reader.texts_of(value, field.get_ref());
            if let Some(spec) = known {
                closed(reader, spec, &values);
            }
            rule.when.insert(field.get_ref().to_string(), values.into_iter().map(|value| value.value).collect());
        }
    }
    if rule.when.is_empty() {
        let sentence = format!("`{}` does not say which {source}; add `when = {{ {example} }}`.", rule.name);
        reader.wrong(at, sentence);
    }
    let entity = rule.entity();
    match reader.text(table, "cloud") {
        Some(cloud) => {
            if let Some(spec) = entity.field("cloud") {
                closed(reader, spec, std::slice::from_ref(&cloud));
            }
            rule.defaults.insert("cloud".into(), Json::String(cloud.value));
        }
        None if table.contains_key("cloud") || makes == Makes::Order => {}
        None => {
            let sentence = format!("`{}` does not say for whom; add `cloud = \"aws\"`.", rule.name);
            reader.wrong(at, sentence);
        }
    }
    if let Some((defaults, _)) = reader.table(table, "defaults") {
        for (field, value) in defaults {
            let place = field.span().start;
            let Some(spec) = field_of(reader, entity, field.get_ref(), place) else { continue };
            let json = match value.get_ref() {
                DeValue::Array(_) => Json::Array(
                    reader.texts_of(value, spec.name).into_iter().map(|one| Json::String(one.value)).collect(),
                ),
                _ => match reader.text_of(value, spec.name) {
                    Some(text) => {
                        if let Err(fault) = parse_value(spec, &text.value) {
                            reader.wrong(text.at, fault.message().to_owned());
                        }
                        Json::String(text.value)
                    }
                    None => continue,
                },
            };
            rule.defaults.insert(spec.name.to_owned(), json);
        }
    }
    let mut days = |name: &str| reader.number(table, name).and_then(|days| u32::try_from(days.value).ok());
    rule.accept_within_days = days("accept_within_days");
    rule.renew_before_days = days("renew_before_days");
    rule
}

fn field_of(reader: &mut Reader, entity: Entity, name: &str, at: usize) -> Option<&'static FieldSpec> {
    let spec = entity.field(name);
    if spec.is_none() {
        let known: Vec<&str> = entity.fields().iter().map(|spec| spec.name).collect();
        reader.wrong(at, unknown(name, format!("field of {entity}"), &known));
    }
    spec
}

fn closed(reader: &mut Reader, spec: &FieldSpec, values: &[Spot<String>]) {
    let Type::Enum(known) = spec.ty else { return };
    for value in values.iter().filter(|value| !known.contains(&value.value.as_str())) {
        reader.wrong(value.at, unknown(&value.value, format!("value of `{}`", spec.name), known));
    }
}
