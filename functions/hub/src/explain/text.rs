//! An explanation for a terminal.

use super::{Explanation, FieldStory};
use crate::views::When;
use std::fmt::Write;

impl Explanation {
    /// Lines for a terminal; of one field only, when it is named.
    pub fn text(&self, only: Option<&str>) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        let _ok = self.render(&mut out, only);
        out
    }

    fn render(&self, out: &mut String, only: Option<&str>) -> std::fmt::Result {
        writeln!(out, "{} {}, version {} of {}", self.entity, self.id, self.version, self.committed_at)?;
        let wanted = |story: &&FieldStory| only.is_none_or(|field| story.field.as_str() == field);
        for story in self.fields.iter().filter(wanted) {
            story.render(out)?;
        }
        if only.is_some() {
            return Ok(());
        }
        writeln!(out, "\nexternal records")?;
        for member in &self.members {
            let state = match member.confirmed_at {
                None => "not read yet".to_owned(),
                Some(at) if member.live => format!("confirmed {at}"),
                Some(at) => format!("deleted there, seen {at}"),
            };
            writeln!(out, "  {}  {state}", member.link)?;
            if !member.joined_by.is_empty() {
                writeln!(out, "    joined by {}", member.joined_by.join(", "))?;
            }
            if !member.apart.is_empty() {
                let apart: Vec<&str> = member.apart.iter().map(|id| id.as_str()).collect();
                writeln!(out, "    kept apart by a person from {}", apart.join(", "))?;
            }
            for note in &member.decided {
                writeln!(out, "    decided at {} by {note}", note.at)?;
            }
        }
        if !self.work.is_empty() {
            writeln!(out, "\nstill to do")?;
        }
        for sentence in &self.work {
            writeln!(out, "  {sentence}")?;
        }
        Ok(())
    }
}

impl FieldStory {
    fn render(&self, out: &mut String) -> std::fmt::Result {
        writeln!(out, "\n{} = {}", self.field, value(self.value.as_deref()))?;
        writeln!(out, "  {}", self.because)?;
        if let Some(note) = self.note.as_ref().filter(|note| note.withdrawn) {
            writeln!(out, "  what was set in Concord was taken back at {} by {note}", note.at)?;
        }
        for said in &self.lost {
            let counts = if said.counts { "" } else { ", which the policy does not count" };
            writeln!(out, "  {} said {} {}{counts}", said.by, value(said.value.as_deref()), when(said.at))?;
        }
        for held in &self.elsewhere {
            writeln!(out, "  {} holds {}: {}", held.at, value(held.value.as_deref()), held.why)?;
        }
        Ok(())
    }
}

fn value(value: Option<&str>) -> String {
    value.map_or_else(|| "(empty)".to_owned(), |value| format!("`{value}`"))
}

fn when(at: Option<When>) -> String {
    at.map_or_else(|| "at first sight".to_owned(), |at| format!("at {at}"))
}
