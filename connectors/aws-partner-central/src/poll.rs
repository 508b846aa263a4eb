//! What changed since the last time, page by page; then the invitations that wait for an answer.

use crate::{
    ask::{self, rows, said},
    read::{self, Rows},
};
use concord_connector::{
    Context, Cursor, ExternalId, Fault, Instant, Outcome, Result,
    script::{Run, Script},
};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::time::Duration;

/// Opportunities in one page: each costs two reads of ten a second.
const PAGE: usize = 20;

/// Where a poll stands.
#[derive(Clone, Default, Serialize, Deserialize)]
struct Position {
    /// The beginning of the window, in milliseconds; none at the beginning of a backfill.
    from: Option<i64>,
    /// The beginning of the next window.
    next: Option<i64>,
    /// Whether the opportunities are through.
    #[serde(default)]
    invitations: bool,
    /// AWS's own mark.
    token: Option<String>,
}

impl Position {
    fn of(cursor: Option<&Cursor>) -> Result<Self> {
        let Some(cursor) = cursor else { return Ok(Self::default()) };
        serde_json::from_str(cursor.as_str())
            .map_err(|_| Fault::malformed("aws-partner-central.poll", "the cursor is none of AWS's; start a backfill"))
    }
    fn cursor(&self) -> Cursor {
        let written =
            json!({ "from": self.from, "next": self.next, "invitations": self.invitations, "token": self.token });
        Cursor::new(written.to_string())
    }
}

/// One page.
pub(crate) fn poll(
    cx: &Context,
    script: &mut Script<'_>,
    cursor: Option<&Cursor>,
    until: Instant,
    look_back_s: u64,
) -> Run<Outcome> {
    let at = Position::of(cursor)?;
    let mut input = json!({ "MaxResults": PAGE });
    if let Some(token) = &at.token {
        input["NextToken"] = token.clone().into();
    }
    let (operation, list) = if at.invitations {
        input["ParticipantType"] = "RECEIVER".into();
        input["Status"] = json!(["PENDING"]);
        input["Sort"] = json!({ "SortBy": "InvitationDate", "SortOrder": "ASCENDING" });
        ("ListEngagementInvitations", "/EngagementInvitationSummaries")
    } else {
        input["Sort"] = json!({ "SortBy": "LastModifiedDate", "SortOrder": "ASCENDING" });
        if let Some(from) = at.from {
            input["LastModifiedDate"] = json!({ "AfterLastModifiedDate": Instant::from_ms(from).rfc3339() });
        }
        ("ListOpportunities", "/OpportunitySummaries")
    };
    let response = script.send(ask::read(cx, operation, input))?;
    let ids: Vec<ExternalId> = rows(&response.body, list).map(|one| said(one, "/Id").into()).collect();
    let records: Rows = read::fetch(cx, script, &ids)?;
    // A hub whose clock is ahead of AWS's would leave a gap: the next window begins by AWS's clock.
    let next = at.next.unwrap_or_else(|| response.window_end(until).minus(Duration::from_secs(look_back_s)).ms());
    let onward = match response.text("/NextToken") {
        Some(token) => Some(Position { next: Some(next), token: Some(token.to_owned()), ..at }),
        None if !at.invitations => Some(Position { from: at.from, next: Some(next), invitations: true, token: None }),
        None => None,
    };
    let more = onward.is_some();
    let position = onward.unwrap_or(Position { from: Some(next), ..Position::default() });
    Ok(Outcome::Page { records, cursor: position.cursor(), more })
}
