//! How records of one kind are reached, as data: what the generic connector needs to know, and no more.

use super::template::Template;
use crate::exchange::Method;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// The endpoints of one kind of record, and where its order and its change token are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Api {
    /// Pointer to the number or time that grows with every change; it orders what is observed.
    pub version: Option<String>,
    /// How the version is written.
    pub version_as: VersionForm,
    /// Pointer to the change token that an update sends back.
    pub revision: Option<String>,
    /// The change token is the `ETag` header of a read.
    pub etag: bool,
    /// Pointer to the time of the last change.
    pub modified: Option<String>,
    /// What a record says that was deleted there.
    pub deleted: Option<Condition>,
    /// One record by its id.
    pub read: Option<Endpoint>,
    /// Several records by their ids.
    pub read_many: Option<Endpoint>,
    /// Pages of records, changed ones where the system can tell.
    pub list: Option<Endpoint>,
    /// Records by our marker.
    pub find: Option<Endpoint>,
    /// Records by a key: `domain`, `email`, `tax_id`, `lei`, `duns`.
    pub find_by: BTreeMap<String, Endpoint>,
    /// A new record.
    pub create: Option<Endpoint>,
    /// A change of one that is there.
    pub update: Option<Endpoint>,
    /// Both, under an id that is ours.
    pub upsert: Option<Endpoint>,
    /// Its end.
    pub delete: Option<Endpoint>,
    /// Out of use, and still there.
    pub archive: Option<Endpoint>,
}

/// How a version is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VersionForm {
    /// A whole number.
    #[default]
    Integer,
    /// A point in time.
    Instant,
}

/// A place of a record or event, and the texts that count there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// The place.
    pub at: String,
    /// The texts; numbers and booleans are compared as texts.
    pub is: Vec<String>,
}

impl Condition {
    /// Whether it holds.
    pub fn holds(&self, json: &Json) -> bool {
        json.pointer(&self.at).and_then(scalar).is_some_and(|text| self.is.contains(&text))
    }
}

/// The text of a single value; `None` for null, arrays and objects.
pub(crate) fn scalar(json: &Json) -> Option<String> {
    match json {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// One call. Which of the keys have a meaning depends on what the call is for.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Endpoint {
    /// The method, where it is not the usual one.
    pub method: Option<Method>,
    /// The path from the base URL on.
    pub path: Template,
    /// Query parameters; one whose placeholder has no value is left out.
    pub query: BTreeMap<String, Template>,
    /// Headers; one whose placeholder has no value is left out.
    pub headers: BTreeMap<String, Template>,
    /// A body to send besides the record, or in its place. Placeholders in its texts are filled.
    pub body: Option<Json>,
    /// Which of the limits it counts against, besides `all`.
    pub limit: Option<String>,
    /// Where the record is in the answer; the whole answer by default.
    pub record: String,
    /// Where the rows are in the answer; the whole answer by default.
    pub rows: String,
    /// Where the record is put in the request's body; the whole body by default.
    pub wrap: String,
    /// Between ids where `{ids}` stands.
    pub separator: Option<String>,
    /// How `{since}` and `{until}` are written.
    pub since: SinceForm,
    /// How pages follow each other.
    pub page: Paging,
    /// Pointer to a flag that says whether there is more.
    pub more: Option<String>,
    /// Search by listing: so many pages of `list` are looked through.
    pub scan: Option<usize>,
    /// The body replaces the record there, so that it has to be whole: it is read first.
    pub replaces: bool,
    /// How the system says that a new record is there already.
    pub exists: Option<Exists>,
    /// Statuses that say that the record changed meanwhile.
    pub stale: Option<Vec<u16>>,
    /// Statuses that say that the record is not there.
    pub missing: Option<Vec<u16>>,
}

/// How a system says that a new record is there already.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exists {
    /// The status.
    pub status: u16,
    /// Pointer to the id of the one that is there; without it, it is searched for.
    #[serde(default)]
    pub id: Option<String>,
}

/// How a point in time is written in a request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SinceForm {
    /// `2026-01-31T12:00:00.000Z`.
    #[default]
    Rfc3339,
    /// Milliseconds since the epoch.
    EpochMs,
    /// Seconds since the epoch.
    EpochS,
    /// The day, in UTC.
    Date,
}

/// How pages follow each other.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Paging {
    /// Everything is in one answer.
    None {},
    /// Pages have numbers.
    Number {
        /// The query parameter, or a pointer into the body.
        send: String,
        /// The number of the first.
        #[serde(default = "one")]
        first: u64,
        /// Rows in a full page: a shorter one is the last.
        size: usize,
    },
    /// A page begins behind so many rows.
    Offset {
        /// The query parameter, or a pointer into the body.
        send: String,
        /// Rows in a full page: a shorter one is the last.
        size: usize,
    },
    /// The answer names the place at which the next page begins.
    Cursor {
        /// The query parameter, or a pointer into the body.
        send: String,
        /// Pointer to it in the answer.
        #[serde(default)]
        at: Option<String>,
        /// Or the header with it.
        #[serde(default)]
        header: Option<String>,
    },
    /// The next page begins behind the last row of this one.
    LastId {
        /// The query parameter, or a pointer into the body.
        send: String,
        /// Pointer to it in a row; the record's id by default.
        #[serde(default)]
        at: Option<String>,
    },
    /// The answer has the address of the next page: in a `Link` header with `rel="next"`, or at a pointer. Its query is
    /// used, at this endpoint's own path.
    Link {
        /// Pointer to the address in the answer.
        #[serde(default)]
        at: Option<String>,
    },
}

impl Default for Paging {
    fn default() -> Self {
        Self::None {}
    }
}

fn one() -> u64 {
    1
}

impl Api {
    /// Every endpoint under the name that it has in a manifest.
    pub fn endpoints(&self) -> Vec<(&str, &Endpoint)> {
        let single = [
            ("read", &self.read),
            ("read_many", &self.read_many),
            ("list", &self.list),
            ("find", &self.find),
            ("create", &self.create),
            ("update", &self.update),
            ("upsert", &self.upsert),
            ("delete", &self.delete),
            ("archive", &self.archive),
        ];
        let by_key = self.find_by.iter().map(|(key, endpoint)| (key.as_str(), endpoint));
        single.into_iter().filter_map(|(name, one)| Some((name, one.as_ref()?))).chain(by_key).collect()
    }
    /// Whether records can be read again by id.
    pub fn reads(&self) -> bool {
        self.read.is_some() || self.read_many.is_some()
    }
}
