//! Plans that were made, kept under their ids until they are applied or a week has passed.

use super::Plan;
use crate::{
    hub::Hub,
    keys,
    ports::{Condition, Item, Query, TableChange},
};
use concord_connector::{Fault, Kind, Result};
use std::time::Duration;

const KEPT: Duration = Duration::from_secs(7 * 24 * 3600);
/// So many plans that were kept long enough go with each one that comes.
const SWEEP: usize = 20;

fn blob(id: &str) -> String {
    format!("plans/{id}")
}

/// Keeps a plan.
///
/// # Errors
/// The store's faults.
pub async fn keep(hub: &Hub, plan: &Plan) -> Result<()> {
    forget_old(hub).await?;
    let json = serde_json::to_vec(plan).map_err(|e| Fault::malformed("plan", e.to_string()))?;
    hub.blobs.put(&blob(&plan.id), miniz_oxide::deflate::compress_to_vec(&json, 1)).await?;
    hub.put_plain(Item::new(keys::plan(hub.now(), &plan.id), Vec::new())).await
}

/// A plan that was kept.
///
/// # Errors
/// The store's faults; `Unexpected` when it cannot be read.
pub async fn kept(hub: &Hub, id: &str) -> Result<Option<Plan>> {
    let fits = id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !fits {
        return Ok(None);
    }
    let Some(bytes) = hub.blobs.get(&blob(id)).await? else { return Ok(None) };
    let damaged = |what: String| Fault::new(Kind::Unexpected, "plan", format!("the plan {id} cannot be read: {what}"));
    let json =
        miniz_oxide::inflate::decompress_to_vec_with_limit(&bytes, 1 << 28).map_err(|e| damaged(e.to_string()))?;
    serde_json::from_slice(&json).map(Some).map_err(|e| damaged(e.to_string()))
}

/// What was made again since stays.
async fn forget_old(hub: &Hub) -> Result<()> {
    let until = hub.now().minus(KEPT);
    let query = Query { to: Some(keys::plan(until, "").sort), ..Query::partition(None, keys::PLANS, SWEEP) };
    for (_, key) in hub.table.query(query).await?.keys {
        let id = key.sort.rsplit_once('#').map_or("", |(_, id)| id);
        if kept(hub, id).await.is_ok_and(|plan| plan.is_none_or(|plan| plan.made_at.0 <= until)) {
            hub.blobs.delete(&blob(id)).await?;
        }
        hub.write_plain(vec![TableChange::Delete(key, Condition::None)]).await?;
    }
    Ok(())
}
