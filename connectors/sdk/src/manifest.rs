//! The manifest: what a system is, as data. Read from `connector.toml`.

mod check;

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
    /// The mappings.
    pub entity: BTreeMap<Entity, Mapping>,
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
    /// Seconds for which a new record may be missing from a search.
    pub search_lag_s: u64,
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
            search_lag_s: 0,
            archives: false,
            deletes: false,
        }
    }
}

/// A way to authorize. Secrets are named, never held: each name is a part of the connection's secret.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Auth {
    /// `Authorization: Bearer <secret token>`; a token that the admin pastes.
    Bearer {},
    /// A header with a secret.
    Header {
        /// The header's name.
        header: String,
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
    /// The names of the secrets that an admin has to provide.
    pub fn secrets(&self) -> &'static [&'static str] {
        match self {
            Self::Bearer {} => &["token"],
            Self::Header { .. } => &["token"],
            Self::Basic {} => &["username", "password"],
            Self::Oauth { .. } => &["client_id", "client_secret"],
            Self::ClientCredentials { .. } => &["client_id", "client_secret"],
            Self::JwtBearer { .. } => &["client_id", "username", "private_key"],
        }
    }
}

/// A call budget: so many in so long.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// The name that requests count against; a limit named `all` counts every request.
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
        let manifest: Self = toml::from_str(text).map_err(|e| Fault::malformed("manifest", e.to_string()))?;
        let mistakes = manifest.check();
        if mistakes.is_empty() { Ok(manifest) } else { Err(Fault::malformed("manifest", mistakes.join("; "))) }
    }

    /// Whether an entity is polled: always where there are no events, else only where it is listed.
    pub fn polls(&self, entity: Entity) -> bool {
        self.entity.contains_key(&entity) && (!self.capabilities.push || self.capabilities.polled.contains(&entity))
    }
}
