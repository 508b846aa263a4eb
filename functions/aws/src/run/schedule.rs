//! The scheduler: what is due now, until it is quiet or the time is up.

use super::TimeLeft;
use crate::boot::Booted;
use concord_hub::steps::{reconfigure, schedule};
use lambda_runtime::Error;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// Between two looks while there is more to do: as embedded mode looks.
const AGAIN: Duration = Duration::from_secs(1);

/// Does what is due. While that makes requests it is looked at again: after an outage, a page of what waited goes with each
/// look, and a minute would be long.
///
/// # Errors
/// When the store or the queue fails: the next minute tries again.
pub async fn work(booted: &Booted, time: TimeLeft) -> Result<Json, Error> {
    let hub = &booted.hub;
    let mut looks = 0;
    loop {
        let before = sent(booted);
        schedule::tick(hub).await?;
        looks += 1;
        if sent(booted) == before || !time.is_enough() {
            break;
        }
        tokio::time::sleep(AGAIN).await;
    }
    // Checkpointed: what is not done in time goes on in a minute.
    let records = match tokio::time::timeout(time.left(), reconfigure::run(hub)).await {
        Ok(records) => records?,
        Err(_) => 0,
    };
    Ok(json!({ "looks": looks, "records": records }))
}

/// How much was sent to queues until now.
fn sent(booted: &Booted) -> u64 {
    let counted = booted.counts.counted();
    counted.requests.iter().filter(|(name, _)| name.ends_with(".SendMessageBatch")).map(|(_, count)| count).sum()
}
