//! The hub as the demo sees it: through its API, as anybody would, and patiently while it is being started again.

use crate::session::Live;
use anyhow::Result;
use concord_connector::Instant;
use concord_hub::ports::Secret;
use serde_json::Value as Json;
use std::{collections::BTreeMap, time::Duration};

/// A hub that was killed is back within this.
const PATIENCE: Duration = Duration::from_secs(60);
/// From one try to the next.
const AGAIN: Duration = Duration::from_millis(100);

/// The way to the hub.
pub(super) struct Door {
    live: Live,
}

/// How the hub is doing at one moment.
pub(super) struct Look(Json);

impl Door {
    pub(super) fn new(url: &str, token: Secret) -> Result<Self> {
        Ok(Self { live: Live::new(url, token)? })
    }

    /// Reads, again and again while nobody answers.
    ///
    /// # Errors
    /// What the hub answers, or that it stays away.
    pub(super) async fn get(&self, target: &str) -> Result<Json> {
        let began = std::time::Instant::now();
        loop {
            match self.live.get(target).await {
                Err(error) if error.is::<reqwest::Error>() && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(AGAIN).await;
                }
                other => return other,
            }
        }
    }

    /// Changes something that does no harm twice, again and again while nobody answers.
    ///
    /// # Errors
    /// What the hub answers, or that it stays away.
    pub(super) async fn post(&self, target: &str, body: &Json) -> Result<Json> {
        let began = std::time::Instant::now();
        loop {
            match self.live.post(target, body).await {
                Err(error) if error.is::<reqwest::Error>() && began.elapsed() < PATIENCE => {
                    tokio::time::sleep(AGAIN).await;
                }
                other => return other,
            }
        }
    }

    /// Everything that the hub says of itself.
    ///
    /// # Errors
    /// When it stays away.
    pub(super) async fn look(&self) -> Result<Look> {
        Ok(Look(self.get("/api/status").await?))
    }

    /// The same, if it answers at once.
    pub(super) async fn glance(&self) -> Option<Look> {
        self.live.get("/api/status").await.ok().map(Look)
    }

    /// Lets it end.
    ///
    /// # Errors
    /// When nobody answers.
    pub(super) async fn stop(&self) -> Result<()> {
        self.live.post("/api/stop", &Json::Null).await.map(drop)
    }
}

impl Look {
    pub(super) fn json(&self) -> &Json {
        &self.0
    }
    pub(super) fn count(&self, name: &str) -> u64 {
        self.0["counts"][name].as_u64().unwrap_or(0)
    }
    pub(super) fn counts(&self) -> BTreeMap<String, u64> {
        let counts = self.0["counts"].as_object().into_iter().flatten();
        counts.filter_map(|(name, count)| Some((name.clone(), count.as_u64()?))).collect()
    }
    /// Messages in all queues.
    pub(super) fn waiting(&self) -> u64 {
        let queues = self.0["queues"].as_object().into_iter().flat_map(|queues| queues.values());
        queues.map(|depth| depth["waiting"].as_u64().unwrap_or(0) + depth["hidden"].as_u64().unwrap_or(0)).sum()
    }
    pub(super) fn connections(&self) -> impl Iterator<Item = &Json> {
        self.0["connections"].as_array().into_iter().flatten()
    }
    /// Records with something to deliver that nobody has to decide about first.
    pub(super) fn pending(&self) -> u64 {
        self.connections().map(|one| one["pending"].as_u64().unwrap_or(u64::from(u32::MAX))).sum()
    }
    /// Whether every poll that began after an instant was read to its end.
    pub(super) fn read_since(&self, since: Instant) -> bool {
        self.connections().all(|one| {
            let read = |entity: &Json| {
                let at = one["reading"][entity.as_str().unwrap_or_default()]["complete_at"].as_str();
                at.and_then(Instant::parse).is_some_and(|at| at > since)
            };
            one["trouble"].is_null() && one["polled"].as_array().into_iter().flatten().all(read)
        })
    }
}
