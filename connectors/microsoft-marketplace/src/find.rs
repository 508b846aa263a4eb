//! Looking for records that are a golden record. Only private offers have room for our mark: behind their name, which the
//! customer is not shown.

use crate::ingestion;
use concord_connector::{
    Context, Entity, ExternalId, Outcome, RecordId,
    key::{Key, KeyKind},
    script::{Run, Script},
};

/// No seller has more pages of private offers than this.
const PAGES: usize = 40;

/// Answers a search.
pub(crate) fn find(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    record: &RecordId,
    keys: &[Key],
) -> Run<Outcome> {
    let own = keys.iter().filter(|key| key.kind == KeyKind::External).filter_map(|key| key.value.split_once('/'));
    let own = own.filter(|(connection, _)| *connection == cx.connection.as_str());
    let mut found: Vec<ExternalId> = match entity {
        // A draft on its way is not found: the write that comes again takes it further.
        Entity::PrivateOffer => {
            let ours = ours(script, record)?;
            ours.into_iter().filter(|one| crate::offer::is_there(cx, one)).map(|one| one.id).take(1).collect()
        }
        _ => Vec::new(),
    };
    if found.is_empty() && entity != Entity::UsageRecord {
        let ids: Vec<ExternalId> = own.map(|(_, id)| id.into()).collect();
        if let Outcome::Records(rows) = crate::read::fetch(script, cx, entity, &ids)? {
            found.extend(rows.into_iter().filter(|(_, row)| row.is_ok()).map(|(id, _)| id));
        }
    }
    Ok(Outcome::Found(found))
}

/// A private offer with our mark.
pub(crate) struct Ours {
    pub(crate) id: ExternalId,
    /// No customer sees it, and it can be taken away without a trace.
    pub(crate) is_draft: bool,
}

/// The private offers with our mark, the oldest first.
pub(crate) fn ours(script: &mut Script<'_>, record: &RecordId) -> Run<Vec<Ours>> {
    let mut found = Vec::new();
    let mut page = None;
    for _ in 0..PAGES {
        let answer = script.send(ingestion::offers(page.as_deref()))?;
        for row in answer.array("/value")? {
            let (_, marker) = ingestion::named(row["name"].as_str().unwrap_or_default());
            let id = row["id"].as_str().filter(|_| row["state"] != "deleted" && marker == Some(record.as_str()));
            if let Some(id) = id {
                let since = row["createdDate"].as_str().unwrap_or_default().to_owned();
                found.push((since, id.to_owned(), row["state"] == "draft"));
            }
        }
        page = ingestion::next(answer);
        if page.is_none() {
            break;
        }
    }
    found.sort();
    Ok(found.into_iter().map(|(_, id, is_draft)| Ours { id: id.as_str().into(), is_draft }).collect())
}
