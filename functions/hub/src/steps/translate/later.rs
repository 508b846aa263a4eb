//! Signals that wait in their queue.

use super::Asked;
use crate::{
    hub::Hub,
    message::Message,
    ports::{Disposition, Outgoing, QueueName},
    steps,
};
use concord_connector::{ConnectionName, ExternalId, Instant, Result, Signal, signal::Happened};
use std::{
    collections::{BTreeMap, btree_map::Entry},
    time::Duration,
};

/// The longest that a queue delays a message.
const LONGEST_DELAY: Duration = Duration::from_secs(900);
/// Edits that one postponed signal carries.
const EDITS: usize = 50;

/// Puts signals at the end of their queue, to be received when the wait is over: of each record the newest alone, with
/// what all of them said of edits.
pub(super) async fn postpone(hub: &Hub, name: &ConnectionName, asked: &[Asked<'_>], wait: Duration) -> Disposition {
    match later(hub, name, asked, wait.min(LONGEST_DELAY)).await {
        Ok(()) => Disposition::Done,
        Err(fault) => steps::again(&fault),
    }
}

pub(super) async fn later(hub: &Hub, name: &ConnectionName, asked: &[Asked<'_>], delay: Duration) -> Result<()> {
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    let mut newest: BTreeMap<&ExternalId, (Signal, Instant, Option<&str>)> = BTreeMap::new();
    let mut bodies = Vec::new();
    for one in asked {
        // What happened once is said once; that something changed is said by the newest.
        if one.signal.happened != Happened::Changed {
            bodies.push((one.body.to_owned(), one.trace));
            continue;
        }
        match newest.entry(&one.signal.id) {
            Entry::Vacant(free) => drop(free.insert((one.signal.clone(), one.received_at, one.trace))),
            Entry::Occupied(mut known) => {
                let (signal, received_at, trace) = known.get_mut();
                let mut edits = std::mem::take(&mut signal.edits);
                edits.extend(one.signal.edits.iter().cloned());
                edits.sort_by_key(|edit| edit.at);
                // The newest edits of a field are the ones that a read can still show.
                let spare = edits.len().saturating_sub(EDITS);
                edits.drain(..spare);
                if one.received_at >= *received_at {
                    *signal = one.signal.clone();
                    *received_at = one.received_at;
                    *trace = one.trace;
                }
                signal.edits = edits;
            }
        }
    }
    for (signal, received_at, trace) in newest.into_values() {
        bodies.push((Message::SignalV1 { connection: name.clone(), signal, received_at }.encode()?, trace));
    }
    let queue = QueueName::Signals(connection.connector.system().clone());
    let messages = bodies.into_iter().map(|(body, trace)| {
        let trace = trace.map(str::to_owned);
        Outgoing { delay, trace, ..Outgoing::new(body).of(name.as_str()) }
    });
    let messages = messages.collect();
    hub.queue.send(&queue, messages).await
}
