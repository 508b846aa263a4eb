//! Messages that were put aside.

use super::{Call, shown};
use crate::{app::App, server::Problem};
use concord_connector::ConnectionName;
use concord_hub::views::{self, Redriven};
use serde_json::{Value as Json, json};

pub(super) async fn list(app: &App, call: &Call) -> Result<Json, Problem> {
    let page = views::dead_letters(&app.hub, call.parameter("after"), call.limit()?).await?;
    let letters: Vec<Json> = page
        .letters
        .iter()
        .map(|letter| {
            // Not the message itself: it may hold personal data.
            json!({
                "id": letter.id,
                "at": letter.at.rfc3339(),
                "queue": letter.queue,
                "connection": letter.connection,
                "subject": letter.subject,
                "reason": letter.reason,
            })
        })
        .collect();
    Ok(json!({ "dead_letters": letters, "next": page.next }))
}

/// Looks again at what letters are about, as it is today: those of a connection, those named, or all of them.
pub(super) async fn redrive(app: &App, call: &Call) -> Result<Json, Problem> {
    let ids = call.texts("ids")?;
    let mut all = Redriven::default();
    if let Some(name) = call.optional("connection")? {
        all = views::redrive_of(&app.hub, &ConnectionName::from(name)).await?;
    } else if ids.is_empty() {
        all = views::redrive(&app.hub, None).await?;
        #[cfg(feature = "aws")]
        if let crate::app::Home::Stack(stack) = &app.home {
            all.redriven.extend(stack.redrive().await?);
        }
    }
    for id in &ids {
        let one = views::redrive(&app.hub, Some(id)).await?;
        all.redriven.extend(one.redriven);
        all.kept.extend(one.kept);
    }
    shown(all)
}
