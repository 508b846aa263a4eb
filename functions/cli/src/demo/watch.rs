//! Watching: a table that stays in place on a terminal, plain lines elsewhere, and whether everything is quiet.

use super::door::{Door, Look};
use crate::print;
use concord_connector::Instant;
use std::{sync::Arc, time::Duration};

/// On a terminal.
const REDRAW: Duration = Duration::from_millis(400);
/// Elsewhere.
const LINE: Duration = Duration::from_secs(5);
/// Quiet has to last this long.
const LASTS: Duration = Duration::from_secs(2);

/// The screen of the demo.
pub(super) struct Screen {
    door: Arc<Door>,
    /// Standard output carries JSON only.
    silent: bool,
    lines: usize,
    shown_at: Option<std::time::Instant>,
}

impl Screen {
    pub(super) fn new(door: Arc<Door>, silent: bool) -> Self {
        Self { door, silent, lines: 0, shown_at: None }
    }

    /// Shows how things are, when the last look is long enough ago.
    pub(super) async fn show(&mut self, what: &str) {
        let watched = !self.silent && print::is_watched();
        let every = if watched { REDRAW } else { LINE };
        if self.shown_at.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        self.shown_at = Some(std::time::Instant::now());
        // A hub that was just killed says nothing; the next look shows it again.
        let Some(look) = self.door.glance().await else { return };
        if watched {
            self.lines = print::redraw(self.lines, &table(&look, what));
        } else {
            let line = line(&look, what);
            if self.silent { eprintln!("{line}") } else { print::line(line) }
        }
    }

    /// What is printed next does not overwrite the table.
    pub(super) fn leave(&mut self) {
        self.lines = 0;
    }
}

fn line(look: &Look, what: &str) -> String {
    format!(
        "{what}: {} webhooks, {} observations, {} commits, {} deliveries, {} echoes, {} throttles, {} messages wait",
        look.count("webhooks_accepted"),
        look.count("observations"),
        look.count("commits"),
        look.count("deliveries"),
        look.count("echoes_suppressed"),
        look.count("throttles"),
        look.waiting(),
    )
}

fn table(look: &Look, what: &str) -> Vec<String> {
    let mut rows = Vec::new();
    for one in look.connections() {
        let text = |name: &str| one[name].as_str().unwrap_or_default().to_owned();
        let pending = one["pending"].as_u64().map_or("many".to_owned(), |pending| pending.to_string());
        let state = match (one["trouble"].is_null(), pending.as_str()) {
            (false, _) => "held back",
            (true, "0") => "in step",
            (true, _) => "writing",
        };
        rows.push(vec![text("name"), text("system"), pending, state.to_owned()]);
    }
    let mut lines = print::columns(&["connection", "system", "pending", "state    "], &rows);
    lines.push(line(look, what));
    lines
}

/// Waits until nothing moves: everything that the systems have was read since `since`, nothing waits and nothing is
/// pending, and that for a while. `false` when it takes longer than `most`.
pub(super) async fn quiet(door: &Door, screen: &mut Screen, since: Instant, most: Duration, what: &str) -> bool {
    let began = std::time::Instant::now();
    let mut still: Option<(std::time::Instant, u64)> = None;
    while began.elapsed() < most {
        screen.show(what).await;
        let Ok(look) = door.look().await else { return false };
        let commits = look.count("commits");
        // Polls come and go; what matters is that they bring nothing new.
        let calm = look.pending() == 0 && look.waiting() <= 8 && look.read_since(since);
        still = match still {
            Some((at, before)) if calm && before == commits => {
                if at.elapsed() >= LASTS {
                    return true;
                }
                Some((at, before))
            }
            _ if calm => Some((std::time::Instant::now(), commits)),
            _ => None,
        };
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    false
}
