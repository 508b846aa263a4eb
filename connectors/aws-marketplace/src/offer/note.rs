//! The description of an offer or authorization, which buyers do not see: a person's note, and our mark below it.

/// What a description may hold, in characters.
const MOST: usize = 255;
/// What the mark needs of it: `[concord 01ARZ3NDEKTSV4RRFFQ69G5FAV withdrawn]` and a line feed.
const MARK: usize = 50;
/// What is left for the note.
pub(crate) const ROOM: usize = MOST - MARK;

/// A description, read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Note<'a> {
    /// What a person wrote; `None` when nobody did.
    pub(crate) text: Option<&'a str>,
    /// The golden record's id.
    pub(crate) marker: Option<&'a str>,
    /// Whether the hub took it back.
    pub(crate) withdrawn: bool,
}

impl<'a> Note<'a> {
    /// Reads a description.
    pub(crate) fn read(description: &'a str) -> Self {
        let (before, mark) = match description.rfind("[concord ") {
            Some(at) if description.trim_end().ends_with(']') => (&description[..at], &description[at + 9..]),
            _ => (description, ""),
        };
        let mut words = mark.trim_end().trim_end_matches(']').split_whitespace();
        let text = Some(before.trim()).filter(|text| !text.is_empty());
        Self { text, marker: words.next(), withdrawn: words.next() == Some("withdrawn") }
    }

    /// Writes it.
    pub(crate) fn write(&self) -> String {
        let withdrawn = if self.withdrawn { " withdrawn" } else { "" };
        match (self.text, self.marker) {
            (Some(text), Some(marker)) => format!("{text}\n[concord {marker}{withdrawn}]"),
            (None, Some(marker)) => format!("[concord {marker}{withdrawn}]"),
            (text, None) => text.unwrap_or_default().to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mark_is_told_from_the_note() {
        for (text, withdrawn) in [(Some("CRM 0065x; see [concord docs]"), false), (None, true), (Some("a\nb"), true)] {
            let note = Note { text, marker: Some("01ARZ3NDEKTSV4RRFFQ69G5FAV"), withdrawn };
            assert_eq!(Note::read(&note.write()), note);
            let mark = note.write().chars().count() - text.map_or(0, |text| text.chars().count());
            assert!(mark <= MARK, "{mark}");
        }
        let plain = Note::read("by hand [concord");
        assert_eq!(plain, Note { text: Some("by hand [concord"), marker: None, withdrawn: false });
        assert_eq!(Note::read("").write(), "");
    }
}
