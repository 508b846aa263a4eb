//! Credentials and tokens.

use async_trait::async_trait;
use concord_connector::Result;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt};

/// A secret text: printed nowhere, opened in few places.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
    /// The text itself.
    pub fn expose(&self) -> &str {
        &self.0
    }
}
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// The secrets under one name, with a generation that grows with every write.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Secrets {
    /// Zero when there is nothing under the name.
    pub generation: u64,
    /// By part: `token`, `client_secret`, `refresh_token`, `webhook`.
    pub parts: BTreeMap<String, Secret>,
}

/// Keeps secrets by name (a connection's name).
#[async_trait]
pub trait Vault: Send + Sync {
    /// What is kept under a name; empty with generation 0 when nothing is.
    async fn read(&self, name: &str) -> Result<Secrets>;

    /// Replaces what is kept under a name if its generation still is `secrets.generation`; the new generation is one
    /// more. `false` when somebody else wrote first. Durable when it returns.
    async fn write(&self, name: &str, secrets: Secrets) -> Result<bool>;

    /// What the hub itself signs with at AWS: `access_key_id`, `secret_access_key` and `session_token`. `None` where it runs
    /// elsewhere. It is kept nowhere.
    async fn own_role(&self) -> Result<Option<Secrets>> {
        Ok(None)
    }

    /// Forgets a name; a missing one is no error.
    async fn forget(&self, name: &str) -> Result<()>;
}
