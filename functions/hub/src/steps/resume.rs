//! What waited for a connection goes on after a trouble.
//!
//! A hub of one process looks every second for what is due. Where the table is shared the scheduler comes once a minute, and
//! a vendor that asks for one second's patience would get a minute's: there the connection's own queue holds a message back
//! until the wait is over.

use super::schedule;
use crate::{
    hub::Hub,
    message::Message,
    ports::{Outgoing, QueueName},
    settings::Connection,
};
use concord_connector::{ConnectionName, Result};
use std::time::Duration;

/// The longest that a queue holds a message back.
const LONGEST: Duration = Duration::from_secs(900);

/// Pages that one tick orders at most.
const PAGES: usize = 16;

/// What is left to do after a trouble.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    /// Another page waits.
    Page {
        /// How many went before the last one.
        before: usize,
    },
    /// Nothing, or nothing until the one that tries was answered.
    Nothing,
}

/// Goes on with what waited for a connection. `None`: there was no trouble.
pub(super) async fn step(hub: &Hub, connection: &Connection) -> Result<Option<Left>> {
    let now = hub.now();
    if let Some(reopened) = hub.reopened(connection).await? {
        // After a trouble everything that waited is due at once.
        let before = reopened.pages;
        let next = schedule::sweep(hub, connection, now, reopened.after.clone(), schedule::SWEEP).await?;
        let left = if next.is_some() { Left::Page { before } } else { Left::Nothing };
        hub.swept(connection, reopened, next).await?;
        return Ok(Some(left));
    }
    if hub.breaker(connection).await?.is_some() {
        // The wait is over and nothing has succeeded yet: one of those that are pending tries.
        schedule::round(hub, connection, now, 1).await?;
        return Ok(Some(Left::Nothing));
    }
    Ok(None)
}

/// Goes on with a tick: one page at first, then as many as went before. A vendor that has just come back is met gently and, as
/// long as it bears that, with twice as much each time; a trouble begins anew. Whether there was something to go on with.
pub(super) async fn tick(hub: &Hub, connection: &Connection) -> Result<bool> {
    let mut most = None;
    loop {
        match step(hub, connection).await? {
            None => return Ok(most.is_some()),
            Some(Left::Nothing) => return Ok(true),
            // There the connection's own queue brings page after page.
            Some(Left::Page { .. }) if hub.table.is_shared() => return Ok(true),
            Some(Left::Page { before }) => {
                let most = *most.get_or_insert(before + before.clamp(1, PAGES));
                if before + 1 >= most || hub.held_back(connection).await?.is_some() {
                    return Ok(true);
                }
            }
        }
    }
}

/// Answers the message that was held back.
pub(super) async fn resume(hub: &Hub, name: &ConnectionName) -> Result<()> {
    let settings = hub.settings();
    let Some(connection) = settings.connections.get(name) else { return Ok(()) };
    // Whoever opened the breaker again has asked for another message.
    if hub.held_back(connection).await?.is_some() {
        return Ok(());
    }
    match step(hub, connection).await? {
        Some(Left::Page { .. }) => hub.resume_in(connection, Duration::ZERO).await,
        _ => Ok(()),
    }
}

impl Hub {
    /// Has what waits for a connection go on after a wait, where nobody would look sooner.
    pub(crate) async fn resume_in(&self, connection: &Connection, wait: Duration) -> Result<()> {
        if !self.table.is_shared() {
            return Ok(());
        }
        let message = Message::ResumeV1 { connection: connection.name.clone() };
        let queue = QueueName::Signals(connection.connector.system().clone());
        // A queue counts whole seconds: one that came early would find the wait not over.
        let delay = Duration::from_secs(wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).min(LONGEST);
        self.queue
            .send(&queue, vec![Outgoing { delay, ..Outgoing::new(message.encode()?).of(connection.name.as_str()) }])
            .await
    }
}
