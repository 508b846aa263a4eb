//! Whole deals, and usage.

use super::{Call, records::resolve, shown};
use crate::{app::App, server::Problem};
use concord_connector::Instant;
use concord_hub::{deal, usage};
use serde_json::{Value as Json, json};

/// The deal that a record is a part of.
pub(super) async fn whole(app: &App, named: &str) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    let found = deal::deal(&app.hub, &id).await?;
    shown(found.ok_or_else(|| Problem::missing(format!("There is no record `{named}`.")))?)
}

/// Reports usage under an entitlement.
pub(super) async fn report(app: &App, named: &str, call: &Call) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    let hour =
        match call.optional("hour")? {
            Some(text) => Some(Instant::parse(text).ok_or_else(|| {
                Problem::wrong(format!("`{text}` is no point in time; write `2026-11-23T04:00:00Z`."))
            })?),
            None => None,
        };
    let report = usage::Report { dimension: call.text("dimension")?, quantity: call.text("quantity")?, hour };
    shown(usage::report(&app.hub, &id, &report, &call.word()?).await?)
}

/// What was reported under an entitlement.
pub(super) async fn used(app: &App, named: &str) -> Result<Json, Problem> {
    let id = resolve(app, named).await?;
    Ok(json!({ "entitlement": id, "usage": shown(usage::list(&app.hub, &id).await?)? }))
}
