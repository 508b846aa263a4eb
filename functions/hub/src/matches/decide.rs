//! Carrying out what a person decided about lines of the report.

use super::{Asked, Decision, Line, Verdict, report};
use crate::{
    hub::Hub,
    keys,
    people::{self, refusal},
    ports::Item,
    settings::Connection,
    steps::fanout,
    store,
};
use concord_connector::{ConnectionName, ExternalId, RecordId, Result};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Lines of the report that are looked at at once.
const PAGE: usize = 5_000;

/// What is decided about one line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// The line.
    pub id: String,
    /// One of its choices.
    pub choice: String,
}

/// What became of decisions.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Lines whose decision was carried out.
    pub decided: Vec<String>,
    /// Lines whose decision could not be, with the reason.
    pub refused: BTreeMap<String, String>,
}

/// Decides lines. What cannot be decided is refused by itself; the others are carried out.
///
/// # Errors
/// `Rejected` without such a connection; the store's faults.
pub async fn decide(hub: &Hub, name: &ConnectionName, choices: &[Choice]) -> Result<Done> {
    let mut open: BTreeMap<&str, &str> =
        choices.iter().map(|choice| (choice.id.as_str(), choice.choice.as_str())).collect();
    let mut done = Done::default();
    let mut lines = Vec::new();
    let mut asked = Asked { limit: PAGE, ..Asked::default() };
    while !open.is_empty() {
        let piece = report(hub, name, &asked).await?;
        for line in piece.lines {
            if let Some(choice) = open.remove(line.id.as_str()) {
                lines.push((line, choice.to_owned()));
            }
        }
        match piece.next {
            Some(next) => asked.after = Some(next),
            None => break,
        }
    }
    for id in open.into_keys() {
        let reason = "there is no such line any more; look at the report again".to_owned();
        done.refused.insert(id.to_owned(), reason);
    }
    let settings = hub.settings();
    let connection = settings.connection(name)?;
    for (line, choice) in lines {
        match one(hub, connection, &line, &choice).await {
            Ok(()) => done.decided.push(line.id),
            Err(fault) if fault.retry == concord_connector::Retry::Never => {
                done.refused.insert(line.id, fault.message().to_owned());
            }
            Err(fault) => return Err(fault),
        }
    }
    Ok(done)
}

async fn one(hub: &Hub, connection: &Connection, line: &Line, choice: &str) -> Result<()> {
    if !line.choices.contains(&choice) {
        let known = if line.choices.is_empty() { "nothing".to_owned() } else { line.choices.join(" or ") };
        return Err(refusal(format!("`{choice}` is no choice of this line; there is {known}.")));
    }
    let there = line.there.as_ref().map(|side| &side.record);
    let here = line.here.as_ref().map(|side| &side.record);
    match (line.verdict, choice, there, here) {
        (Verdict::Matched, "not_the_same", Some(record), _) => part(hub, connection, record).await?,
        (Verdict::Near | Verdict::Ambiguous, "link", Some(a), Some(b)) => drop(people::merge(hub, a, b).await?),
        (Verdict::Near, "not_the_same", Some(a), Some(b)) | (Verdict::Ambiguous, "keep_apart", Some(a), Some(b)) => {
            people::apart(hub, &[a.clone(), b.clone()]).await?;
        }
        (Verdict::OnlyHere, choice, _, Some(record)) => {
            only(hub, record, &[connection.name.clone()].into(), choice == "ignore").await?;
        }
        (Verdict::OnlyThere, choice, Some(record), _) => {
            let others = hub.settings().connections.keys().filter(|name| **name != connection.name).cloned().collect();
            only(hub, record, &others, choice == "ignore").await?;
        }
        // To keep is to change nothing.
        _ => {}
    }
    let decision = Decision { choice: choice.to_owned(), at: hub.now() };
    hub.put_plain(Item::new(keys::matching(&connection.name, &line.id), store::body(&decision)?)).await
}

/// Takes the connection's external records out of a record.
async fn part(hub: &Hub, connection: &Connection, id: &RecordId) -> Result<()> {
    let (record, _) = people::record(hub, id).await?;
    let ids: Vec<ExternalId> = record.live_at(&connection.name).map(|facet| facet.link.id.clone()).collect();
    for external in ids {
        people::unlink(hub, id, &connection.name, &external).await?;
    }
    Ok(())
}

/// Whether a record is made at connections where it is missing: what a person does not want waits there for good.
async fn only(hub: &Hub, id: &RecordId, at: &BTreeSet<ConnectionName>, ignored: bool) -> Result<()> {
    hub.amend(id, |record, _| {
        for name in at {
            let there = record.facets.iter().any(|facet| facet.link.connection == *name);
            if ignored && !there {
                record.outbox.entry(name.clone()).or_default().parked = true;
            } else if !ignored && record.outbox.get(name).is_some_and(|outbox| outbox.parked && outbox.fault.is_none())
            {
                record.outbox.remove(name);
            }
        }
    })
    .await?;
    let Some((record, _)) = hub.record(id).await?.filter(|_| !ignored) else { return Ok(()) };
    let settings = hub.settings();
    for name in record.creates.keys().filter(|name| at.contains(*name)) {
        if let Some(connection) = settings.connections.get(name) {
            let queue = crate::ports::QueueName::Deliveries(connection.connector.system().clone());
            let order = fanout::order(&record.id, name, record.version, &format!("@{}", hub.new_token()))?;
            hub.queue.send(&queue, vec![order]).await?;
        }
    }
    Ok(())
}
