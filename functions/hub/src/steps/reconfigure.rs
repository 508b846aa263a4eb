//! After the configuration changed: every record is resolved again, a page at a time, below live traffic.

use crate::{
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    dead_letter::DeadLetter,
    facet::{Hash, hash},
    hub::Hub,
    keys,
    message::Message,
    ports::{Condition, Index, Item, Query, QueueName, TableChange},
    settings::Mode,
    store,
};
use concord_connector::{ConnectionName, Entity, Fault, Kind, RecordId, Result, Retry};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, time::Duration};

const PAGE: usize = 50;
/// Between pages, so that live traffic comes first.
const PAUSE: Duration = Duration::from_millis(20);

/// The mode that a connection was last seen in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    mode: Mode,
    /// Whether nothing new was made of its records elsewhere.
    #[serde(default)]
    held: bool,
    /// What was mapped, and how.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mapping: Option<Hash>,
    /// The configuration that switched it to `sync`, or let its records go on, last.
    switched: Option<u64>,
}

/// Whether one of these connections was switched on by a configuration: what that writes was shown before and is wanted.
pub(super) async fn switched_on(hub: &Hub, connections: &BTreeSet<ConnectionName>, revision: u64) -> Result<bool> {
    let names: Vec<_> = connections.iter().map(keys::mode).collect();
    for item in hub.table.get(&names).await?.iter().flatten() {
        if store::parse::<Seen>(item)?.switched == Some(revision) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes which connections the configuration in force has switched on.
async fn note_modes(hub: &Hub) -> Result<()> {
    let settings = hub.settings();
    for connection in settings.connections.values() {
        let key = keys::mode(&connection.name);
        let before: Option<Seen> = hub.item(key.clone()).await?.as_ref().map(store::parse).transpose()?;
        let on = connection.mode == Mode::Sync && before.as_ref().is_none_or(|seen| seen.mode == Mode::Observe);
        let fresh = on || !connection.hold_new && before.as_ref().is_some_and(|seen| seen.held);
        let switched = if fresh { Some(settings.revision) } else { before.as_ref().and_then(|seen| seen.switched) };
        let mapping = Some(hash(&connection.context.mappings));
        if before.as_ref().is_some_and(|seen| seen.mapping.is_some() && seen.mapping != mapping) {
            // What was not mapped before was never read; it enters as a baseline.
            super::sweep::begin(hub, connection, true).await?;
        }
        let now = Seen { mode: connection.mode, held: connection.hold_new, mapping, switched };
        if before.as_ref() != Some(&now) {
            hub.put_plain(Item::new(key, store::body(&now)?)).await?;
        }
    }
    Ok(())
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Checkpoint {
    revision: u64,
    entity: usize,
    after: Option<String>,
}

/// Brings every record to the configuration in force. Goes on where an earlier run stopped; returns at once when nothing
/// is left to do.
///
/// # Errors
/// When the store fails; the checkpoint holds.
pub async fn run(hub: &Hub) -> Result<u64> {
    note_modes(hub).await?;
    let revision = hub.settings().revision;
    let key = keys::cursor(&"concord".into(), "reconfigure", Entity::Organization);
    let stored: Option<Checkpoint> = hub.item(key.clone()).await?.as_ref().map(store::parse).transpose()?;
    let mut at =
        stored.filter(|at| at.revision == revision).unwrap_or(Checkpoint { revision, ..Checkpoint::default() });
    let mut resolved = 0;
    while let Some(entity) = Entity::ALL.get(at.entity) {
        let query = Query { after: at.after.clone(), ..Query::partition(Some(Index::List), entity.name(), PAGE) };
        let page = hub.table.query(query).await?;
        // What is worked out of them follows the configuration, too.
        let looks = crate::derive::is_kept(&hub.settings(), *entity);
        let ids = page.keys.iter().filter(|_| looks).filter_map(|(_, item)| keys::record_id(item));
        let messages = ids.map(|id| crate::derive::look(&id)).collect::<Result<Vec<_>>>()?;
        if !messages.is_empty() {
            hub.queue.send(&QueueName::Observations, messages).await?;
        }
        for (_, item) in &page.keys {
            if let Some(id) = keys::record_id(item) {
                match resolve(hub, &id).await {
                    Ok(again) => resolved += u64::from(again),
                    // One that cannot be resolved keeps no other from it.
                    Err(fault) if fault.retry == Retry::Never => aside(hub, &id, &fault).await?,
                    Err(fault) => return Err(fault),
                }
            }
        }
        match page.next {
            Some(next) => at.after = Some(next),
            None => at = Checkpoint { revision, entity: at.entity + 1, after: None },
        }
        let change = TableChange::Put(Item::new(key.clone(), store::body(&at)?), Condition::None);
        hub.write_plain(vec![change]).await?;
        hub.clock.sleep(PAUSE).await;
    }
    Ok(resolved)
}

/// Whether every record was brought to the configuration in force.
///
/// # Errors
/// When the store fails.
pub async fn is_complete(hub: &Hub) -> Result<bool> {
    let key = keys::cursor(&"concord".into(), "reconfigure", Entity::Organization);
    let stored: Option<Checkpoint> = hub.item(key).await?.as_ref().map(store::parse).transpose()?;
    let revision = hub.settings().revision;
    Ok(stored.is_some_and(|at| at.revision >= revision && at.entity >= Entity::ALL.len()))
}

async fn aside(hub: &Hub, id: &RecordId, fault: &Fault) -> Result<()> {
    let body = Message::RegroupV1 { record: id.clone() }.encode()?;
    DeadLetter::of_message(hub, &QueueName::Observations, &body, fault).bury(hub).await
}

/// Resolves one record again, when it was resolved with an older configuration.
async fn resolve(hub: &Hub, id: &RecordId) -> Result<bool> {
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let Some((record, rev)) = hub.record(id).await? else { return Ok(false) };
        if record.configuration >= settings.revision {
            return Ok(false);
        }
        let changed = Changed { record, rev, observed: None, identity: false };
        match hub.commit(&settings, changed, Transaction::default()).await {
            Ok(_) => return Ok(true),
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Unavailable, "reconfigure", "the record is being changed by too many at once"))
}
