//! `[policy.ENTITY]`: who may say a field and who wins.

use super::{
    nearest,
    reader::{Key, Reader, Spot},
    section,
};
use crate::policy::{Others, Rule};
use concord_connector::{
    Entity,
    schema::{FieldSpec, Type},
};
use toml::{Spanned, de::DeValue};

const RULES: [(&str, Rule); 6] = [
    ("owner", Rule::Owner),
    ("latest", Rule::Latest),
    ("union", Rule::Union),
    ("deltas", Rule::Deltas),
    ("monotone", Rule::Monotone),
    ("manual", Rule::Manual),
];
const OTHERS: [(&str, Others); 2] = [("leave", Others::Leave), ("revert", Others::Revert)];

/// The policy of one field as it was written. What is not said is as the schema says.
#[derive(Clone, Debug)]
pub(super) struct PolicySection {
    pub(super) entity: Entity,
    pub(super) field: Spot<&'static str>,
    pub(super) rule: Option<Rule>,
    pub(super) order: Option<Vec<Spot<String>>>,
    pub(super) only: bool,
    pub(super) others: Option<Others>,
}

impl PolicySection {
    pub(super) fn read(reader: &mut Reader, entity: &Key<'_>, value: &Spanned<DeValue<'_>>) -> Vec<Self> {
        let Some(entity) = section::entity(reader, entity) else { return Vec::new() };
        let Some((table, _)) = reader.table_of(value, entity.value.name()) else { return Vec::new() };
        let mut read = Vec::new();
        for (key, value) in table {
            let at = key.span().start;
            let Some(spec) = entity.value.field(key.get_ref()) else {
                let known: Vec<&str> = entity.value.fields().iter().map(|spec| spec.name).collect();
                reader.wrong(at, nearest::unknown(key.get_ref(), format!("field of {}", entity.value), &known));
                continue;
            };
            let mut one = Self {
                entity: entity.value,
                field: Spot { value: spec.name, at },
                rule: None,
                order: None,
                only: false,
                others: None,
            };
            if let DeValue::String(_) = value.get_ref() {
                one.rule = section::choice(reader, table, spec.name, &RULES);
            } else if let Some((inner, _)) = reader.table_of(value, spec.name) {
                reader.known(inner, "a field's policy", &["rule", "order", "only", "others"]);
                one.rule = section::choice(reader, inner, "rule", &RULES);
                one.order = reader.texts(inner, "order");
                one.only = reader.flag(inner, "only").unwrap_or(false);
                one.others = section::choice(reader, inner, "others", &OTHERS);
                if one.only && one.order.as_ref().is_none_or(Vec::is_empty) {
                    reader.wrong(at, "`only = true` needs an `order` with the connections that may say the field.");
                }
            }
            if let Some(sentence) = one.rule.and_then(|rule| unfit(rule, entity.value, spec)) {
                reader.wrong(value.span().start, sentence);
            }
            read.push(one);
        }
        read
    }

    /// The default is to write back where one owner is named.
    pub(super) fn others(&self) -> Others {
        let one_owner = self.order.as_ref().is_some_and(|order| order.len() == 1);
        self.others.unwrap_or(if one_owner { Others::Revert } else { Others::Leave })
    }
}

/// Why a rule cannot decide a field, if it cannot.
fn unfit(rule: Rule, entity: Entity, spec: &FieldSpec) -> Option<String> {
    let (fits, of) = match rule {
        Rule::Union => (matches!(spec.ty, Type::List(_)), "lists"),
        Rule::Deltas => (spec.ty == Type::Money, "amounts"),
        Rule::Monotone => (matches!(spec.ty, Type::Enum(_)), "fields whose values have an order"),
        Rule::Owner | Rule::Latest | Rule::Manual => (true, ""),
    };
    let sentence = || {
        format!(
            "the rule `{}` is for {of}, which `{}` of {entity} is not; write `latest`, `owner` or `manual`.",
            rule.name(),
            spec.name
        )
    };
    (!fits).then(sentence)
}
