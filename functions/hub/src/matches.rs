//! The match report: how the records of a connection fit what is known already, for a person to work through before the
//! connection is switched on.
//!
//! Every line has an id that stays the same while the line is about the same, says by what the two were found, and what
//! can be decided. Suggestions come from fixed rules, never from chance; a suggestion joins nobody until a person says so.
//! Decisions are kept, so that the work can be laid aside and taken up again.

mod alike;
mod decide;
mod look;

pub use decide::{Choice, Done, decide};
pub use look::{Asked, report};

use concord_connector::{ConnectionName, Entity, Instant, RecordId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// One record: a key, a person or a marker says so.
    Matched,
    /// A key would join it, but not without joining what must not be one.
    Ambiguous,
    /// It looks like another record; no key says so.
    Near,
    /// It is only at the connection.
    OnlyThere,
    /// It is not at the connection.
    OnlyHere,
}

impl Verdict {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Matched => "matched",
            Self::Ambiguous => "ambiguous",
            Self::Near => "near",
            Self::OnlyThere => "only_there",
            Self::OnlyHere => "only_here",
        }
    }
    /// What can be decided; the first is what happens when nobody decides.
    pub fn choices(self) -> &'static [&'static str] {
        match self {
            Self::Matched => &["keep", "not_the_same"],
            Self::Ambiguous => &["keep_apart", "link"],
            Self::Near => &["keep_apart", "link", "not_the_same"],
            Self::OnlyThere | Self::OnlyHere => &["create", "ignore"],
        }
    }
}

/// One side of a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Side {
    /// The golden record.
    pub record: RecordId,
    /// What it is called.
    pub name: String,
    /// Its external records, as `CONNECTION/ID`.
    pub external: Vec<String>,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Names it.
    pub id: String,
    /// Of which entity.
    pub entity: Entity,
    /// What it says.
    pub verdict: Verdict,
    /// The record at the connection.
    pub there: Option<Side>,
    /// The record elsewhere; the same as `there` when they are one.
    pub here: Option<Side>,
    /// By what they were found, or what follows.
    pub reasons: Vec<String>,
    /// Fields that `sync` would change at the connection.
    pub differences: Vec<String>,
    /// What can be decided.
    pub choices: Vec<&'static str>,
    /// What was decided.
    pub decided: Option<Decision>,
}

/// What a person decided about a line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decision {
    /// Which of its choices.
    pub choice: String,
    /// When.
    pub at: Instant,
}

/// A piece of the report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Report {
    /// Which connection.
    pub connection: ConnectionName,
    /// How many lines of each verdict this piece has, those that are not shown included.
    pub counts: BTreeMap<&'static str, usize>,
    /// How many of them were decided.
    pub decided: usize,
    /// The lines.
    pub lines: Vec<Line>,
    /// Where the next piece goes on; `None` at the end.
    pub next: Option<String>,
}
