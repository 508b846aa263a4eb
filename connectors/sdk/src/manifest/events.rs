//! What the bodies of webhooks look like, what errors look like, what the account says, and examples: as data.

use super::api::Condition;
use crate::{fault::Kind, schema::Entity};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// What is in the body of a webhook.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Events {
    /// Pointer to the array of events. Without it the body is one event, or an array of them.
    pub each: Option<String>,
    /// Pointer in an event to what happened.
    pub kind: Option<String>,
    /// Pointer in an event to what names it; equal when it is sent again.
    pub key: Option<String>,
    /// Or the header that names the request.
    pub key_header: Option<String>,
    /// Pointer in an event to when it happened.
    pub at: Option<String>,
    /// What the events mean. Every one that fits counts.
    pub on: Vec<On>,
}

/// What a kind of event means.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct On {
    /// What stands at `kind`; a `*` at the end stands for anything. Every event when empty.
    #[serde(default)]
    pub is: Vec<String>,
    /// What it is about.
    pub entity: Entity,
    /// Pointer in the event to the record's id; by default the mapping's, inside `record`.
    #[serde(default)]
    pub id: Option<String>,
    /// Pointer in the event to the record, when it is whole. Without a strictly growing version it is a mere signal.
    #[serde(default)]
    pub record: Option<String>,
    /// The record was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// The record was deleted if this holds in the event.
    #[serde(default)]
    pub deleted_if: Option<Condition>,
}

impl On {
    /// Whether an event of a kind is meant.
    pub fn fits(&self, kind: Option<&str>) -> bool {
        let fits = |pattern: &String| match (pattern.strip_suffix('*'), kind) {
            (Some(begin), Some(kind)) => kind.starts_with(begin),
            (None, Some(kind)) => kind == pattern,
            (_, None) => false,
        };
        self.is.is_empty() || self.is.iter().any(fits)
    }
}

/// What an answer outside the good ones means. The first that fits counts; for all others the status speaks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ErrorRule {
    /// The statuses.
    pub status: Vec<u16>,
    /// What the body has to say as well.
    #[serde(default)]
    pub when: Option<Condition>,
    /// What it means.
    pub kind: Kind,
    /// Pointer to the sentence for people. It is shown for refusals only: other bodies may hold what nobody should see.
    #[serde(default)]
    pub message: Option<String>,
}

/// What the system says about the account, or what is so for every account.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AccountFacts {
    /// The path to read.
    pub path: Option<String>,
    /// Pointer to the IANA time zone in the answer.
    pub time_zone_at: Option<String>,
    /// Pointer to the currency in the answer.
    pub currency_at: Option<String>,
    /// The time zone of every account.
    pub time_zone: Option<String>,
    /// The currency of every account.
    pub currency: Option<String>,
}

/// A record as the system shows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Example {
    /// What it is.
    pub entity: Entity,
    /// The record, as a table.
    #[serde(default)]
    pub record: Option<Json>,
    /// The record, as a text in JSON: for what TOML cannot write, as null.
    #[serde(default)]
    pub json: Option<String>,
}

impl Example {
    /// The record.
    ///
    /// # Errors
    /// A sentence when there is none, or it is no JSON object.
    pub fn json(&self) -> Result<Json, String> {
        let json = match (&self.record, &self.json) {
            (Some(record), None) => record.clone(),
            (None, Some(text)) => serde_json::from_str(text).map_err(|e| format!("`json` is no JSON: {e}"))?,
            _ => return Err("an example has either `record` or `json`".into()),
        };
        if json.is_object() { Ok(json) } else { Err("an example has to be an object".into()) }
    }
}
