//! What the functions' mains call: each boots a hub and hands events to its steps until Lambda ends the process.

pub mod http;
mod log;
mod metrics;
pub mod queue;
pub mod schedule;
pub mod stream;
mod time;

pub use time::TimeLeft;

use crate::boot::{Booted, boot};
pub use lambda_runtime::Error;
use lambda_runtime::{LambdaEvent, service_fn};
use serde_json::Value as Json;
use std::{future::Future, sync::Arc, time::Duration};

/// Ingest reads secrets with every webhook, and nothing else does: a rotated one counts after so long.
const KEPT: Duration = Duration::from_secs(60);

/// Takes webhooks in.
///
/// # Errors
/// When the environment lacks something, or the runtime's own interface fails.
pub async fn ingest() -> Result<(), Error> {
    serve(KEPT, |booted, event, _| async move { http::answer(&booted, event).await }).await
}

/// Works on messages of queues.
///
/// # Errors
/// As [`ingest`].
pub async fn messages() -> Result<(), Error> {
    serve(Duration::ZERO, |booted, event, time| async move { queue::work(&booted, event, time).await }).await
}

/// Passes the table's changes on.
///
/// # Errors
/// As [`ingest`].
pub async fn changes() -> Result<(), Error> {
    serve(Duration::ZERO, |booted, event, time| async move { stream::work(&booted, event, time).await }).await
}

/// Does what is due.
///
/// # Errors
/// As [`ingest`].
pub async fn due() -> Result<(), Error> {
    serve(Duration::ZERO, |booted, _, time| async move { schedule::work(&booted, time).await }).await
}

async fn serve<F, A>(keeps: Duration, work: F) -> Result<(), Error>
where
    F: Fn(Arc<Booted>, Json, TimeLeft) -> A + Copy,
    A: Future<Output = Result<Json, Error>>,
{
    log::start();
    let booted = Arc::new(boot(keeps).await?);
    let name = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let metrics = metrics::Metrics::new(name);
    let (booted, metrics) = (&booted, &metrics);
    lambda_runtime::run(service_fn(move |event: LambdaEvent<Json>| async move {
        let time = TimeLeft::until(event.context.deadline, booted.hub.now());
        booted.refresh().await;
        let answer = work(Arc::clone(booted), event.payload, time).await;
        metrics.tell(&booted.hub);
        answer
    }))
    .await
}
