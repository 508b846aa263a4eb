//! Subscriptions: SaaS fulfillment version 2.

mod decide;

pub(crate) use decide::{check, preflight, write};

use crate::{ingestion, read::Seen};
use concord_connector::{
    Request, Response, Result, mapping,
    script::{Run, Script},
    webhook::registration,
};
use serde_json::{Value as Json, json};

const VERSION: &str = "2018-08-31";

pub(super) fn get(path: String) -> Request {
    versioned(Request::get(path))
}

pub(crate) fn versioned(request: Request) -> Request {
    request.query("api-version", VERSION)
}

/// A page of all subscriptions.
pub(crate) fn list(page: Option<&str>) -> Request {
    let request = get("/saas/subscriptions/".into());
    match page {
        Some(page) => request.query("continuationToken", page),
        None => request,
    }
}

/// The rows of a page.
pub(crate) fn rows(answer: &Response) -> Result<Vec<Json>> {
    Ok(answer.array("/subscriptions")?.iter().cloned().map(view).collect())
}

/// Whether an id can be a subscription's.
pub(crate) fn is_id(id: &str) -> bool {
    id.len() == 36 && id.bytes().all(|byte| byte.is_ascii_hexdigit() || byte == b'-')
}

/// One subscription.
pub(crate) fn one(script: &mut Script<'_>, id: &str) -> Run<Option<Seen>> {
    if !ingestion::is_path(id) {
        return Ok(None);
    }
    let answer = script.send(get(format!("/saas/subscriptions/{id}")).accepting(&[200, 400, 404]))?;
    Ok((answer.status == 200).then(|| Seen { row: view(answer.body.clone()), modified: None, at: answer.started_at }))
}

/// The subscription that a purchase token stands for; `None` for one that is not ours, or no longer good.
pub(crate) fn resolved(script: &mut Script<'_>, token: &str) -> Run<Option<Seen>> {
    let request = versioned(Request::new(concord_connector::exchange::Method::Post, "/saas/subscriptions/resolve"))
        .header("x-ms-marketplace-token", token)
        .accepting(&[200, 400, 404]);
    let answer = script.send(request)?;
    let row = answer.at("/subscription").filter(|_| answer.status == 200);
    Ok(row.map(|row| {
        let mut row = view(mapping::row(row));
        row["registration"] = registration(token).into();
        Seen { row, modified: None, at: answer.started_at }
    }))
}

/// A subscription in our view: one that goes on without renewing itself is on its way out.
fn view(mut row: Json) -> Json {
    let status = match (row["saasSubscriptionStatus"].as_str(), row["autoRenew"].as_bool()) {
        (Some("Subscribed"), Some(false)) => json!("CancelPending"),
        (Some(status), _) => json!(status),
        (None, _) => return row,
    };
    row["status"] = status;
    row
}
