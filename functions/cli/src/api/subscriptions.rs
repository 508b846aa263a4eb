//! Subscriptions: how they are doing, their secrets, and what an admin does with them.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_connector::{Instant, SubscriptionName};
use concord_hub::{steps::publish, subscription, views};
use serde_json::{Value as Json, json};
use std::time::Duration;

/// The secret before may sign for a year at most.
const LONGEST_GRACE: Duration = Duration::from_secs(365 * 24 * 3600);

pub(super) async fn list(app: &App) -> Result<Json, Problem> {
    Ok(json!({ "subscriptions": shown(views::subscriptions(&app.hub).await?)? }))
}

pub(super) async fn one(app: &App, name: &str) -> Result<Json, Problem> {
    shown(views::subscription(&app.hub, &named(app, name)?).await?)
}

pub(super) async fn change(app: &App, name: &str, verb: &str, call: &Call) -> Result<Json, Problem> {
    let name = named(app, name)?;
    let hub = &app.hub;
    match verb {
        "enable" => subscription::enable(hub, &name).await?,
        "disable" => subscription::disable(hub, &name).await?,
        "resend" => subscription::resend(hub, &name).await?,
        "ping" => return shown(publish::ping(hub, &name).await?),
        "rotate" => return rotate(app, &name, call).await,
        _ => return Err(Problem::missing(format!("Nothing is called `{verb}` at a subscription."))),
    }
    shown(views::subscription(hub, &name).await?)
}

/// The new secret is in the answer, this once: somebody has to tell it to the subscriber.
async fn rotate(app: &App, name: &SubscriptionName, call: &Call) -> Result<Json, Problem> {
    let grace = match call.optional("grace_s")? {
        None => subscription::GRACE,
        Some(text) => text
            .parse()
            .ok()
            .map(Duration::from_secs)
            .filter(|grace| *grace <= LONGEST_GRACE)
            .ok_or_else(|| Problem::wrong("`grace_s` has to be a number of seconds, a year at most."))?,
    };
    let rotated = subscription::rotate(&app.hub, name, grace).await?;
    Ok(json!({
        "subscription": name,
        "secret": rotated.secret.expose(),
        "key": rotated.key_id,
        "previous_until": rotated.previous_until.map(Instant::rfc3339),
    }))
}

fn named(app: &App, name: &str) -> Result<SubscriptionName, Problem> {
    let settings = app.hub.settings();
    settings.subscriptions.get_key_value(name).map(|(name, _)| name.clone()).ok_or_else(|| {
        let known: Vec<&str> = settings.subscriptions.keys().map(SubscriptionName::as_str).collect();
        Problem::missing(format!(
            "There is no subscription `{name}` in the configuration in force; it has {}. After a change of concord.toml restart `concord up`.",
            if known.is_empty() { "none".to_owned() } else { known.join(", ") }
        ))
    })
}
