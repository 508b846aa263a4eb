//! What a function has to know of its stack: names, from the environment that the template gives. Nowhere else is the
//! environment read, and no secret is in it.

use concord_connector::{Fault, Kind, Result};

/// Names of a stack's resources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// The table.
    pub table: String,
    /// What addresses of queues begin with; `signals-hubspot`, `observations`, `deliveries-hubspot.fifo` follow.
    pub queues: String,
    /// The bucket for what is too large for a message.
    pub bucket: String,
    /// What names of secrets begin with; a connection's name follows.
    pub secrets: String,
    /// What vendors call the hub by, for configurations that do not say it; no slash at the end.
    pub public_url: String,
    /// So many workers of one connection may run at once: each has that part of the connection's call budget.
    pub workers: u32,
}

impl Config {
    /// From the process's environment.
    ///
    /// # Errors
    /// A sentence that names the variable which is missing.
    pub fn from_env() -> Result<Self> {
        Self::of(&|name| std::env::var(name).ok())
    }

    /// From an environment.
    ///
    /// # Errors
    /// As [`Config::from_env`].
    pub fn of(variable: &dyn Fn(&str) -> Option<String>) -> Result<Self> {
        let named = |name: &'static str| {
            variable(name).filter(|value| !value.is_empty()).ok_or_else(|| {
                let sentence = format!("the environment has no {name}; the stack's template sets it");
                Fault::new(Kind::Rejected, "config", sentence)
            })
        };
        let workers = variable("CONCORD_WORKERS").unwrap_or_default();
        let workers = if workers.is_empty() { Some(1) } else { workers.parse().ok().filter(|workers| *workers > 0) };
        Ok(Self {
            table: named("CONCORD_TABLE")?,
            queues: named("CONCORD_QUEUES")?,
            bucket: named("CONCORD_BLOBS")?,
            secrets: named("CONCORD_SECRETS")?,
            public_url: variable("CONCORD_PUBLIC_URL").unwrap_or_default().trim_end_matches('/').to_owned(),
            workers: workers.ok_or_else(|| {
                Fault::new(Kind::Rejected, "config", "CONCORD_WORKERS has to be a number of at least 1")
            })?,
        })
    }
}

/// Where AWS is, when it is somewhere else.
#[cfg(not(feature = "stack"))]
pub(crate) fn endpoint() -> Option<String> {
    std::env::var("AWS_ENDPOINT_URL").ok().filter(|url| !url.is_empty())
}

/// The region, as Lambda says it.
#[cfg(not(feature = "stack"))]
pub(crate) fn region() -> Option<String> {
    std::env::var("AWS_REGION").ok().filter(|region| !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(changes: &[(&str, &str)]) -> Result<Config> {
        let given = [
            ("CONCORD_TABLE", "concord"),
            ("CONCORD_QUEUES", "https://sqs.example.com/1/concord-"),
            ("CONCORD_BLOBS", "concord-blobs"),
            ("CONCORD_SECRETS", "concord/"),
            ("CONCORD_PUBLIC_URL", "https://hub.example.com/"),
        ];
        let find = |name: &str, among: &[(&str, &str)]| {
            among.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned())
        };
        Config::of(&|name| find(name, changes).or_else(|| find(name, &given)))
    }

    #[test]
    fn names_come_from_the_environment() {
        let config = with(&[]).unwrap();
        assert_eq!((config.table.as_str(), config.workers), ("concord", 1));
        assert_eq!(config.public_url, "https://hub.example.com");
        assert_eq!(with(&[("CONCORD_WORKERS", "12")]).unwrap().workers, 12);
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = with(&[("CONCORD_BLOBS", "")]).unwrap_err().to_string();
        assert!(said.contains("CONCORD_BLOBS"), "{said}");
        assert!(with(&[("CONCORD_WORKERS", "0")]).is_err());
    }
}
