//! A plan for a terminal.

use super::{Action, Cost, Plan, PlannedWrite, Share};
use crate::settings::Mode;
use concord_connector::ConnectionName;
use std::fmt::Write;

impl Plan {
    /// Lines for a terminal: every write with its values and reasons, the conflicts, and the sums.
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing to a text cannot fail.
        let _ok = self.render(&mut out);
        out
    }

    fn render(&self, out: &mut String) -> std::fmt::Result {
        for write in &self.writes {
            write.render(out)?;
        }
        if !self.conflicts.is_empty() {
            writeln!(out, "conflicts")?;
            for conflict in &self.conflicts {
                writeln!(out, "  {} {}: {}", conflict.entity, conflict.record, conflict.sentence)?;
            }
            writeln!(out)?;
        }
        for (name, share) in &self.connections {
            writeln!(out, "{}", share.line(name))?;
        }
        if self.connections.len() > 1 {
            let all: u64 = self.connections.values().map(|share| share.creates + share.updates + share.removals).sum();
            writeln!(out, "in total: {all} writes, about {} calls", self.calls())?;
        }
        if !self.complete {
            writeln!(out, "There is more than this plan holds: apply it and plan again.")?;
        }
        Ok(())
    }
}

impl PlannedWrite {
    fn render(&self, out: &mut String) -> std::fmt::Result {
        let place = match &self.external {
            Some(id) => format!("{}/{id}", self.connection),
            None => self.connection.to_string(),
        };
        writeln!(out, "{} {} {} at {place}: {}", self.action.name(), self.entity, self.record, self.because)?;
        for field in &self.fields {
            let shown =
                |value: &Option<String>| value.as_ref().map_or("(empty)".to_owned(), |value| format!("`{value}`"));
            match self.action {
                Action::Create => writeln!(out, "  {} = {}", field.field, shown(&field.then))?,
                _ => writeln!(out, "  {}: {} -> {}", field.field, shown(&field.now), shown(&field.then))?,
            }
            writeln!(out, "    {}", field.because)?;
        }
        if !self.waits_for.is_empty() {
            let ids: Vec<&str> = self.waits_for.iter().map(|id| id.as_str()).collect();
            writeln!(out, "  after {}", ids.join(", "))?;
        }
        if let Some(reason) = &self.held_back {
            writeln!(out, "  held back: {reason}")?;
        }
        writeln!(out)
    }
}

impl Share {
    /// One line that says how much, and what it costs.
    pub fn line(&self, name: &ConnectionName) -> String {
        let mode = match self.mode {
            Mode::Sync => "sync: is to",
            Mode::Observe => "observe: `sync` would",
        };
        let held = if self.held_back > 0 { format!(", {} held back", self.held_back) } else { String::new() };
        format!(
            "{name} ({mode} create {}, change {}, remove {}{held}; {} conflicts; {})",
            self.creates,
            self.updates,
            self.removals,
            self.conflicts,
            self.cost.line()
        )
    }
}

impl Cost {
    fn line(&self) -> String {
        if self.calls == 0 {
            return "no calls".into();
        }
        let about = if self.measured { "about" } else { "at least about" };
        let limits = match self.limits.as_slice() {
            [] => "no limit is declared".to_owned(),
            limits => format!("limits {}", limits.join(", ")),
        };
        let time = if self.seconds > 0 { format!(", which takes {} s or more", self.seconds) } else { String::new() };
        format!(
            "{about} {} calls: {} searches and {} batches of writes; {limits}{time}",
            self.calls, self.searches, self.batches
        )
    }
}
