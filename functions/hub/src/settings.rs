//! The configuration, compiled: what every step needs to know of the connections and the policy. Immutable.

use crate::{policy::Policy, subscription::Subscription};
use concord_connector::{
    ConnectionName, Connector, Context, Entity, Fault, Result, SubscriptionName, value::Value, webhook::Scheme,
};
use std::{collections::BTreeMap, sync::Arc};

/// The name of the connection whose facets hold what people decide in Concord itself.
pub const CONCORD: &str = "concord";

/// Whether the engine may write to a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// Read, match and show; never write.
    #[default]
    Observe,
    /// Keep in step.
    Sync,
}

/// Which golden records are created at a connection. Linked ones are updated while they are in scope.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// None: only linked records are updated.
    #[default]
    Linked,
    /// Every record.
    All,
    /// Records of which a closed-set field (roles, type, stage, status) has one of these values. Others are neither
    /// created nor updated.
    Where {
        /// The field.
        field: String,
        /// The values.
        values: Vec<String>,
    },
}

/// What follows when the vendor says that a record was deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnDelete {
    /// The others keep it; it is not created there again; a person is told.
    #[default]
    Unlink,
    /// The others take it out of use.
    Archive,
    /// The others delete it.
    Propagate,
}

/// One connection, ready for use.
#[derive(Clone)]
pub struct Connection {
    /// Its name.
    pub name: ConnectionName,
    /// What it is.
    pub connector: Arc<dyn Connector>,
    /// What the connector may know.
    pub context: Context,
    /// May the engine write.
    pub mode: Mode,
    /// The base URL, options filled in; no slash at the end.
    pub base_url: String,
    /// Whether private and loopback addresses are allowed.
    pub allow_private: bool,
    /// Which of the manifest's ways to authorize.
    pub auth: String,
    /// The webhook schemes that it accepts.
    pub schemes: Vec<Scheme>,
    /// Per entity: what is created there.
    pub scope: BTreeMap<Entity, Scope>,
    /// Per entity: what a delete there means elsewhere.
    pub on_delete: BTreeMap<Entity, OnDelete>,
    /// Parts of secrets that come from the environment or a file instead of the vault.
    pub given_secrets: BTreeMap<String, Vec<crate::ports::Secret>>,
    /// Seconds between polls; the manifest's unless the connection says otherwise.
    pub poll_every_s: u64,
    /// Call budgets: the manifest's, or what the connection says that its plan allows.
    pub limits: Vec<concord_connector::manifest::Limit>,
    /// When a wave of changes is out of proportion.
    pub brake: crate::brake::Brake,
    /// Nothing is made elsewhere of records that are only here, so that a person can match them first.
    pub hold_new: bool,
    /// Seconds between completeness sweeps; 0: never by itself.
    pub sweep_every_s: u64,
}

/// A completeness sweep a day, unless a connection says otherwise.
pub const SWEEP_EVERY_S: u64 = 24 * 3600;

/// Everything.
#[derive(Clone, Default)]
pub struct Settings {
    /// Grows with every change of the configuration; records carry the one that they were resolved with.
    pub revision: u64,
    /// What vendors call us by, no slash at the end.
    pub public_url: String,
    /// The connections.
    pub connections: BTreeMap<ConnectionName, Connection>,
    /// Who wins.
    pub policy: Policy,
    /// Which deals become offers and co-sell deals, and which agreements orders.
    pub derivations: BTreeMap<String, crate::derive::Derivation>,
    /// What marketplaces keep of the price, and when their ends are told of, by cloud.
    pub marketplaces: BTreeMap<String, crate::derive::Marketplace>,
    /// Who is told of changes.
    pub subscriptions: BTreeMap<SubscriptionName, Subscription>,
}

impl Settings {
    /// A connection.
    ///
    /// # Errors
    /// `Rejected` when there is none of the name.
    pub fn connection(&self, name: &ConnectionName) -> Result<&Connection> {
        self.connections.get(name).ok_or_else(|| {
            Fault::new(concord_connector::Kind::Rejected, "settings", format!("there is no connection `{name}`"))
        })
    }
    /// A subscription.
    ///
    /// # Errors
    /// `Rejected` when there is none of the name.
    pub fn subscription(&self, name: &SubscriptionName) -> Result<&Subscription> {
        self.subscriptions.get(name).ok_or_else(|| {
            let sentence = format!("there is no subscription `{name}` in the configuration in force");
            Fault::new(concord_connector::Kind::Rejected, "settings", sentence)
        })
    }
}

impl Connection {
    /// Whether the connection maps an entity.
    pub fn maps(&self, entity: Entity) -> bool {
        self.context.mappings.contains_key(&entity)
    }
    /// The scope of an entity.
    pub fn scope(&self, entity: Entity) -> &Scope {
        self.scope.get(&entity).unwrap_or(&Scope::Linked)
    }
    /// What a delete means.
    pub fn on_delete(&self, entity: Entity) -> OnDelete {
        self.on_delete.get(&entity).copied().unwrap_or_default()
    }
}

impl Scope {
    /// Whether a record with these golden values is created when it is missing.
    pub fn creates<'a>(&self, value_of: impl Fn(&str) -> Option<&'a Value>) -> bool {
        // A draft waits for a person.
        if value_of("confirmed").and_then(Value::as_str) == Some("no") {
            return false;
        }
        match self {
            Self::Linked => false,
            Self::All => true,
            Self::Where { field, values } => holds(value_of(field), values),
        }
    }
    /// Whether a linked record with these golden values is updated.
    pub fn updates<'a>(&self, value_of: impl Fn(&str) -> Option<&'a Value>) -> bool {
        match self {
            Self::Linked | Self::All => true,
            Self::Where { field, values } => holds(value_of(field), values),
        }
    }
}

fn holds(value: Option<&Value>, wanted: &[String]) -> bool {
    match value {
        Some(Value::List(elements)) => elements.iter().any(|element| holds(Some(element), wanted)),
        Some(value) => value.as_str().is_some_and(|text| wanted.iter().any(|w| w == text)),
        None => false,
    }
}
