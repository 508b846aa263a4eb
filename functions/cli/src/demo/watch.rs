//! Watching: a table that stays in place on a terminal, plain lines elsewhere, and whether everything is quiet.

use crate::{app::App, print};
use concord_connector::Instant;
use concord_hub::{
    events::Count,
    ports::{Index, Query},
    views,
};
use std::{sync::Arc, time::Duration};

/// On a terminal.
const REDRAW: Duration = Duration::from_millis(400);
/// Elsewhere.
const LINE: Duration = Duration::from_secs(5);
/// Quiet has to last this long.
const LASTS: Duration = Duration::from_secs(2);

/// The screen of the demo.
pub(super) struct Screen {
    app: Arc<App>,
    /// Standard output carries JSON only.
    silent: bool,
    lines: usize,
    shown_at: Option<std::time::Instant>,
}

impl Screen {
    pub(super) fn new(app: Arc<App>, silent: bool) -> Self {
        Self { app, silent, lines: 0, shown_at: None }
    }

    /// Shows how things are, when the last look is long enough ago.
    pub(super) async fn show(&mut self, what: &str) {
        let watched = !self.silent && print::is_watched();
        let every = if watched { REDRAW } else { LINE };
        if self.shown_at.is_some_and(|at| at.elapsed() < every) {
            return;
        }
        self.shown_at = Some(std::time::Instant::now());
        if watched {
            let lines = self.table(what).await;
            self.lines = print::redraw(self.lines, &lines);
        } else {
            let line = self.line(what);
            if self.silent { eprintln!("{line}") } else { print::line(line) }
        }
    }

    /// What is printed next does not overwrite the table.
    pub(super) fn leave(&mut self) {
        self.lines = 0;
    }

    fn line(&self, what: &str) -> String {
        let tally = &self.app.hub.tally;
        let number = |count| tally.get(count);
        format!(
            "{what}: {} webhooks, {} observations, {} commits, {} deliveries, {} echoes, {} throttles, {} messages wait",
            number(Count::WebhooksAccepted),
            number(Count::Observations),
            number(Count::Commits),
            number(Count::Deliveries),
            number(Count::EchoesSuppressed),
            number(Count::Throttles),
            waiting(&self.app),
        )
    }

    async fn table(&self, what: &str) -> Vec<String> {
        let mut rows = Vec::new();
        for one in views::connections(&self.app.hub).await.unwrap_or_default() {
            let state = if one.trouble.is_some() { "held back" } else { "in step" };
            let pending = one.pending.map_or("many".to_owned(), |pending| pending.to_string());
            let state = if pending == "0" || one.trouble.is_some() { state } else { "writing" };
            rows.push(vec![one.name.to_string(), one.system.to_string(), pending, state.to_owned()]);
        }
        let mut lines = print::columns(&["connection", "system", "pending", "state    "], &rows);
        lines.push(self.line(what));
        lines
    }
}

fn waiting(app: &App) -> usize {
    app.embedded.store.status().queues.values().map(|depth| depth.waiting + depth.hidden).sum()
}

/// Records with something to deliver that nobody has to decide about first.
async fn pending(app: &App) -> usize {
    let mut pending = 0;
    for name in app.hub.settings().connections.keys() {
        let page = app.hub.table.query(Query::partition(Some(Index::Pending), name.as_str(), 1000)).await;
        pending += page.map_or(1, |page| page.keys.len());
    }
    pending
}

/// Whether every poll that began after an instant has been read to its end.
async fn read_since(app: &App, since: Instant) -> bool {
    let Ok(connections) = views::connections(&app.hub).await else { return false };
    let settings = app.hub.settings();
    connections.iter().all(|view| {
        let Some(connection) = settings.connections.get(&view.name) else { return true };
        let manifest = connection.connector.manifest();
        let polled = connection.context.mappings.keys().filter(|entity| manifest.polls(**entity));
        let read =
            |entity| view.reading.get(entity).and_then(|reading| reading.complete_at).is_some_and(|at| at.0 > since);
        view.trouble.is_none() && polled.into_iter().all(read)
    })
}

/// Waits until nothing moves: everything that the systems have was read since `since`, nothing waits and nothing is
/// pending, and that for a while. `false` when it takes longer than `most`.
pub(super) async fn quiet(app: &App, screen: &mut Screen, since: Instant, most: Duration, what: &str) -> bool {
    let began = std::time::Instant::now();
    let mut still: Option<(std::time::Instant, u64)> = None;
    while began.elapsed() < most {
        screen.show(what).await;
        let commits = app.hub.tally.get(Count::Commits);
        // Polls come and go; what matters is that they bring nothing new.
        let calm = pending(app).await == 0 && waiting(app) <= 8 && read_since(app, since).await;
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
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}
