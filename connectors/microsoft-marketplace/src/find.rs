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
        Entity::PrivateOffer => marked(script, record)?.into_iter().collect(),
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

/// The live private offer with our mark.
pub(crate) fn marked(script: &mut Script<'_>, record: &RecordId) -> Run<Option<ExternalId>> {
    let mut page = None;
    for _ in 0..PAGES {
        let answer = script.send(ingestion::offers(page.as_deref()))?;
        let rows = answer.array("/value")?;
        let ours = |row: &&serde_json::Value| {
            let (_, marker) = ingestion::named(row["name"].as_str().unwrap_or_default());
            row["state"] != "deleted" && marker == Some(record.as_str())
        };
        if let Some(id) = rows.iter().find(ours).and_then(|row| row["id"].as_str()) {
            return Ok(Some(id.into()));
        }
        page = ingestion::next(answer);
        if page.is_none() {
            break;
        }
    }
    Ok(None)
}
