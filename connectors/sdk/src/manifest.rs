//! The manifest: what a system is, as data. Read from `connector.toml`.

pub mod api;
mod check;
pub mod events;
mod explain;
pub mod shape;
pub mod template;

pub use api::{Api, Condition, Endpoint, Exists, Paging, SinceForm, VersionForm};
pub use events::{AccountFacts, ErrorRule, Events, Example, On};
pub use explain::explain;
pub use template::Template;

use crate::{
    Fault, Result, System,
    mapping::Mapping,
    schema::{Category, Entity},
    webhook::Scheme,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A system, declared.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The system's name in configuration, queues and folders.
    pub system: System,
    /// Its name as people write it.
    pub title: String,
    /// What it is for.
    pub category: Category,
    /// The base URL; `{name}` stands for a connection's option. Always https, but for the admin's own override.
    pub base_url: String,
    /// Further hosts that the system is reached at, by the name that requests give. A connection that has a base URL of its
    /// own (a sandbox, a proxy) reaches host `x` below it, at `/x`.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub hosts: BTreeMap<String, Host>,
    /// How lost updates are prevented.
    pub concurrency: Concurrency,
    /// What it can do.
    #[serde(default)]
    pub capabilities: Capabilities,
    /// Ways to authorize, by name; a connection picks one.
    pub auth: BTreeMap<String, Auth>,
    /// Call budgets, per connection.
    #[serde(default)]
    pub limits: Vec<Limit>,
    /// Webhook schemes, by name; a connection accepts those that it lists, by default the first.
    #[serde(default)]
    pub webhooks: Vec<Scheme>,
    /// Settings of a connection.
    #[serde(default)]
    pub options: BTreeMap<String, Setting>,
    /// What the account says of itself; for systems that are reached by this file alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountFacts>,
    /// What is in the bodies of webhooks; for systems that are reached by this file alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Events>,
    /// What answers outside the good ones mean; for systems that are reached by this file alone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRule>,
    /// Records as the system shows them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub examples: Vec<Example>,
    /// The mappings.
    pub entity: BTreeMap<Entity, Mapping>,
}

/// One of several hosts of a system.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {
    /// Its base URL; `{name}` stands for a connection's option.
    pub base_url: String,
    /// The name that AWS signatures give it, where it is another than the way to authorize says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// What tokens for it are asked for, where that differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
}

/// How a system protects against a lost update between our read and our write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Concurrency {
    /// It refuses a write whose precondition no longer holds.
    Precondition,
    /// It keeps field history, read after the write.
    History,
    /// It has neither; a read directly before the write leaves a window that the README states.
    None,
}

/// What a system can do, in numbers and switches.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Capabilities {
    /// Sends webhooks or events.
    pub push: bool,
    /// Entities that are polled even where events exist; all when empty and `push` is false.
    pub polled: Vec<Entity>,
    /// Seconds between polls in embedded mode.
    pub poll_every_s: u64,
    /// Seconds by which a poll reaches back before its cursor, for commits that appear late.
    pub look_back_s: u64,
    /// Has a list of deleted ids.
    pub lists_deleted: bool,
    /// Nothing is ever hidden from a user who may read the entity at all, and what was deleted leaves no trace: a record that
    /// is neither in a complete list nor to be read by id was deleted. Else such a record is only not visible.
    pub absent_is_deleted: bool,
    /// Ids in one fetch.
    pub read_batch: usize,
    /// Rows in one write.
    pub write_batch: usize,
    /// Calls that it answers at the same time; any number when not set.
    pub concurrent: Option<usize>,
    /// Seconds for which a new record may be missing from a search.
    pub search_lag_s: u64,
    /// Entities whose writes the vendor works on in jobs of its own: [`crate::exchange::Written::Running`].
    pub operates: Vec<Entity>,
    /// Entities that it takes and never shows: neither by id nor in a list.
    pub blind: Vec<Entity>,
    /// Can take a record out of use without deleting it.
    pub archives: bool,
    /// Can delete.
    pub deletes: bool,
}

impl Default for Capabilities {
    fn default() -> Self {
        Self {
            push: false,
            polled: Vec::new(),
            poll_every_s: 60,
            look_back_s: 300,
            lists_deleted: false,
            absent_is_deleted: false,
            read_batch: 1,
            write_batch: 1,
            concurrent: None,
            search_lag_s: 0,
            operates: Vec::new(),
            blind: Vec::new(),
            archives: false,
            deletes: false,
        }
    }
}

/// A way to authorize. Secrets are named, never held: each name is a part of the connection's secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// Nothing: whoever reaches the address is let in.
    None {},
    /// `Authorization: Bearer <secret token>`; a token that the admin pastes.
    Bearer {},
    /// A header with a secret.
    Header {
        /// The header's name.
        header: String,
        /// What stands before the secret: `Token `.
        #[serde(default)]
        prefix: String,
    },
    /// Basic, of the secrets `username` and `password`.
    Basic {},
    /// OAuth 2.0 authorization code with refresh tokens (`client_id`, `client_secret`, `refresh_token`).
    Oauth {
        /// Where a person consents.
        authorize_url: String,
        /// Where tokens come from.
        token_url: String,
        /// What is asked for.
        scopes: Vec<String>,
        /// Whether the vendor takes a PKCE challenge.
        #[serde(default)]
        pkce: bool,
    },
    /// OAuth 2.0 client credentials (`client_id`, `client_secret`).
    ClientCredentials {
        /// Where tokens come from.
        token_url: String,
        /// What is asked for.
        #[serde(default)]
        scopes: Vec<String>,
        /// Further parameters of the token request: `audience`.
        #[serde(default)]
        parameters: BTreeMap<String, String>,
    },
    /// OAuth 2.0 with a refresh token that the admin has got from the vendor (`client_id`, `client_secret`,
    /// `refresh_token`).
    RefreshToken {
        /// Where tokens come from.
        token_url: String,
    },
    /// AWS Signature Version 4 (`access_key_id`, `secret_access_key`, and `session_token` where the key is of a session).
    Sigv4 {
        /// The signing name: `aws-marketplace`.
        service: String,
        /// The region: `us-east-1`.
        region: String,
    },
    /// AWS Signature Version 4 by the role that the hub itself has at AWS: nothing is kept, and nothing has to be rotated. For
    /// a hub on AWS in the account that it works on.
    OwnRole {
        /// The signing name: `aws-marketplace`.
        service: String,
        /// The region: `us-east-1`.
        region: String,
    },
    /// OAuth 2.0 with the key of a Google service account (`client_email`, `private_key` in PEM).
    ServiceAccount {
        /// Where tokens come from, and the audience of the assertion.
        token_url: String,
        /// What is asked for.
        scopes: Vec<String>,
    },
    /// OAuth 2.0 JWT bearer, RS256 (`client_id`, `username`, `private_key` in PEM).
    JwtBearer {
        /// Where tokens come from.
        token_url: String,
        /// The `aud` claim; `{name}` stands for an option.
        audience: String,
    },
}

impl Auth {
    /// Whether it is there for a hub on AWS only, so that nobody gets it without saying so.
    pub fn is_own_role(&self) -> bool {
        matches!(self, Self::OwnRole { .. })
    }

    /// The names of the secrets that an admin has to provide.
    pub fn secrets(&self) -> &'static [&'static str] {
        match self {
            Self::None {} | Self::OwnRole { .. } => &[],
            Self::Bearer {} => &["token"],
            Self::Header { .. } => &["token"],
            Self::Basic {} => &["username", "password"],
            Self::Oauth { .. } => &["client_id", "client_secret"],
            Self::ClientCredentials { .. } => &["client_id", "client_secret"],
            Self::RefreshToken { .. } => &["client_id", "client_secret", "refresh_token"],
            Self::Sigv4 { .. } => &["access_key_id", "secret_access_key"],
            Self::ServiceAccount { .. } => &["client_email", "private_key"],
            Self::JwtBearer { .. } => &["client_id", "username", "private_key"],
        }
    }
}

/// A call budget: so many in so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The name that requests count against; a limit named `all`, or `all_` and more, counts every request, and one named
    /// `write/day` those that count against `write`.
    pub name: String,
    /// How many.
    pub requests: u32,
    /// In how many milliseconds.
    pub per_ms: u64,
}

/// A setting of a connection.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Setting {
    /// What it is, in one sentence.
    pub meaning: String,
    /// What holds when it is not set; a setting without default has to be set.
    #[serde(default)]
    pub default: Option<String>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// `Malformed`, with every mistake in one sentence each.
    pub fn parse(text: &str) -> Result<Self> {
        let mut manifest: Self = toml::from_str(text).map_err(|e| Fault::malformed("manifest", e.to_string()))?;
        manifest.derive();
        let mistakes = manifest.check();
        if mistakes.is_empty() { Ok(manifest) } else { Err(Fault::malformed("manifest", mistakes.join("; "))) }
    }

    /// What the rest of the file says already.
    fn derive(&mut self) {
        self.capabilities.push |= self.events.is_some();
        let apis = || self.entity.values().filter_map(|mapping| mapping.api.as_ref());
        self.capabilities.deletes |= apis().any(|api| api.delete.is_some());
        self.capabilities.archives |= apis().any(|api| api.archive.is_some());
    }

    /// Whether an entity is polled: always where there are no events, else only where it is listed; never where there is
    /// nothing to list.
    pub fn polls(&self, entity: Entity) -> bool {
        let Some(mapping) = self.entity.get(&entity) else { return false };
        let lists = mapping.api.as_ref().is_none_or(|api| api.list.is_some());
        lists
            && !self.capabilities.blind.contains(&entity)
            && (!self.capabilities.push || self.capabilities.polled.contains(&entity))
    }

    /// Whether the file alone is a connector: every mapped entity says by which calls it is reached.
    pub fn is_whole(&self) -> bool {
        !self.entity.is_empty() && self.entity.values().all(|mapping| mapping.api.is_some())
    }
}
