//! Writes that a vendor works on in jobs of its own: what they are called, how they stand, what is wrong with them.

use crate::{ExternalId, Field, Snapshot};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An asynchronous job at a vendor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The vendor's name for it: a change set, a job.
    pub operation: ExternalId,
    /// When to ask after it, in seconds; an event may say so sooner.
    pub again_s: u64,
}

/// How an asynchronous job stands.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Checked {
    /// The vendor still works on it.
    Running {
        /// When to ask again, in seconds.
        again_s: u64,
    },
    /// That job is through, and what was asked goes on in another one.
    Next(Running),
    /// It did what was asked.
    Done {
        /// The record after it, as a read showed it.
        after: Snapshot,
        /// True when a new external record was made.
        created: bool,
    },
    /// The vendor failed; nothing was done, and the same may be asked again under another key.
    Broken {
        /// A sentence.
        reason: String,
    },
    /// The vendor refuses what was asked.
    Refused {
        /// What is wrong, a field each where the vendor says which.
        mistakes: Vec<Unfit>,
    },
}

/// A value that a vendor does not take, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unfit {
    /// The canonical field; `None` when it is the record as a whole.
    pub field: Option<Field>,
    /// The vendor's own code, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What is wrong and what to write instead. Without the value.
    pub sentence: String,
}

impl Unfit {
    /// Of a field.
    pub fn field(field: impl Into<Field>, sentence: impl Into<String>) -> Self {
        Self { field: Some(field.into()), code: None, sentence: sentence.into() }
    }
    /// Of the record as a whole.
    pub fn whole(sentence: impl Into<String>) -> Self {
        Self { field: None, code: None, sentence: sentence.into() }
    }
    /// Under the vendor's code.
    #[must_use]
    pub fn coded(mut self, code: impl Into<String>) -> Self {
        self.code = Some(code.into());
        self
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(field) = &self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.sentence)?;
        self.code.as_ref().map_or(Ok(()), |code| write!(f, " ({code})"))
    }
}
