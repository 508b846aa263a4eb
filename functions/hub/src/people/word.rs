//! Who decides, and why: kept with the decision, and shown by `explain`.

use crate::facet::Note;
use concord_connector::Instant;

/// The longest reason that is kept, in characters.
const LONGEST: usize = 500;

/// Who decides, and why.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Word {
    /// Who, as they are known where they decided; `None` when nobody said.
    pub by: Option<String>,
    /// Why, in their words.
    pub why: Option<String>,
}

impl Word {
    /// Of somebody, perhaps with a reason.
    pub fn of(by: impl Into<String>, why: Option<&str>) -> Self {
        let why = why.map(str::trim).filter(|why| !why.is_empty());
        let clean = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST).collect();
        Self { by: Some(clean(&by.into())), why: why.map(clean) }
    }
    /// The note that is kept; `None` when there is nothing to note.
    pub(crate) fn note(&self, at: Instant) -> Option<Note> {
        (self.by.is_some() || self.why.is_some()).then(|| Note {
            by: self.by.clone(),
            why: self.why.clone(),
            at,
            withdrawn: false,
        })
    }
}
