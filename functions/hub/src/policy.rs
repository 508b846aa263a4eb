//! Policy: per entity and field, who may say it and who wins.

use crate::settings::CONCORD;
use concord_connector::{
    ConnectionName, Entity, Field,
    schema::{Category, DefaultRule},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the winner is found. A closed set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// The first connection in the order that says anything.
    Owner,
    /// The latest edit; between equals the first in the order.
    Latest,
    /// Element by element: the later of add and remove, add between equals.
    Union,
    /// The first owner's baseline plus every change that people made anywhere.
    Deltas,
    /// The value that is furthest along the field's order.
    Monotone,
    /// A person decides; until then nothing is written where values differ.
    Manual,
}

impl Rule {
    /// The name in configuration and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Latest => "latest",
            Self::Union => "union",
            Self::Deltas => "deltas",
            Self::Monotone => "monotone",
            Self::Manual => "manual",
        }
    }
}

/// What happens at a connection that may not say a field when it changes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Others {
    /// Its value stays as it is there.
    Leave,
    /// The golden value is written back.
    Revert,
}

/// The policy of one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldPolicy {
    /// How the winner is found.
    pub rule: Rule,
    /// Connections in order of trust; those that are not in it come after it.
    pub order: Vec<ConnectionName>,
    /// True when only the connections of `order` may say the field.
    pub only: bool,
    /// What happens to the edits of those that may not.
    pub others: Others,
}

impl FieldPolicy {
    /// Whether a connection may say the field. Concord itself always may.
    pub fn may_say(&self, connection: &ConnectionName) -> bool {
        !self.only || connection.as_str() == CONCORD || self.order.contains(connection)
    }
    /// The place in the order; the smaller the more trusted. Concord itself is first.
    pub fn rank(&self, connection: &ConnectionName) -> usize {
        if connection.as_str() == CONCORD {
            return 0;
        }
        self.order.iter().position(|name| name == connection).map_or(usize::MAX, |at| at + 1)
    }
}

/// The policy of every field.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    fields: BTreeMap<Entity, BTreeMap<Field, FieldPolicy>>,
}

impl Policy {
    /// The schema's defaults for connections of these categories, which keep the order given within a category.
    pub fn defaults(connections: &[(ConnectionName, Category)]) -> Self {
        let mut fields: BTreeMap<Entity, BTreeMap<Field, FieldPolicy>> = BTreeMap::new();
        for entity in Entity::ALL {
            for spec in entity.fields() {
                let rank = |category: Category| spec.order.iter().position(|c| *c == category).unwrap_or(usize::MAX);
                let mut ordered: Vec<_> = connections.iter().collect();
                ordered.sort_by_key(|(_, category)| rank(*category));
                let rule = match spec.rule {
                    DefaultRule::Latest => Rule::Latest,
                    DefaultRule::Owner => Rule::Owner,
                    DefaultRule::Union => Rule::Union,
                };
                let policy = FieldPolicy {
                    rule,
                    order: ordered.into_iter().map(|(name, _)| name.clone()).collect(),
                    only: false,
                    others: Others::Revert,
                };
                fields.entry(entity).or_default().insert(Field::from(spec.name), policy);
            }
        }
        Self { fields }
    }
    /// Sets one field's policy.
    pub fn set(&mut self, entity: Entity, field: Field, policy: FieldPolicy) {
        self.fields.entry(entity).or_default().insert(field, policy);
    }
    /// One field's policy.
    pub fn of(&self, entity: Entity, field: &Field) -> Option<&FieldPolicy> {
        self.fields.get(&entity)?.get(field)
    }
}
