//! Invitations: deals that AWS brings. They are co-sell deals under an id of their own until they are accepted, and go on
//! as the opportunity that they become.

use crate::ask::{self, error, rows, said};
use concord_connector::{
    Context, Entity, ExternalId, Fields, Instant, Result, Snapshot, SourceVersion,
    script::{Run, Script},
    snapshot::Presence,
};
use serde_json::{Value as Json, json};

/// Whether an id is an invitation's.
pub(crate) fn is_one(id: &str) -> bool {
    id.starts_with("engi-")
}

/// An invitation; `None` when it is not visible.
pub(crate) fn one(cx: &Context, script: &mut Script<'_>, id: &str) -> Run<Option<Result<Snapshot>>> {
    let request = ask::read(cx, "GetEngagementInvitation", json!({ "Identifier": id })).accepting(&[200, 400]);
    let response = script.send(request)?;
    if response.status == 400 {
        return match error(response) {
            "ResourceNotFoundException" | "ValidationException" => Ok(None),
            _ => Err(crate::read::fault(response).into()),
        };
    }
    let became = match said(&response.body, "/Status") {
        "ACCEPTED" => became(cx, script, id)?,
        _ => None,
    };
    Ok(Some(snapshot(cx, &response.body, became, response.started_at)))
}

/// The opportunity that an accepted invitation became, once it is there.
fn became(cx: &Context, script: &mut Script<'_>, id: &str) -> Run<Option<ExternalId>> {
    let input = json!({ "EngagementInvitationIdentifier": [id], "MaxResults": 5 });
    let response = script.send(ask::read(cx, "ListEngagementByAcceptingInvitationTasks", input))?;
    let ids = rows(&response.body, "/TaskSummaries").map(|task| said(task, "/OpportunityId"));
    Ok(ids.filter(|id| !id.is_empty()).map(ExternalId::from).next())
}

fn snapshot(cx: &Context, shown: &Json, became: Option<ExternalId>, now: Instant) -> Result<Snapshot> {
    let offered = shown.pointer("/Payload/OpportunityInvitation").cloned().unwrap_or_default();
    let status = match said(shown, "/Status") {
        "PENDING" => "In review",
        "ACCEPTED" => "Approved",
        "REJECTED" => "Rejected",
        _ => "Expired",
    };
    let mut row = json!({ "Origin": "AWS Referral", "LifeCycle": { "ReviewStatus": status } });
    let title = match said(&offered, "/Project/Title") {
        "" => said(shown, "/EngagementTitle"),
        title => title,
    };
    row["Project"] = json!({ "Title": title });
    let mut copy = |to: [&str; 3], from: &str| {
        if let Some(value) = offered.pointer(from) {
            row[to[0]][to[1]] = match to[2] {
                "" => value.clone(),
                inner => json!({ inner: value }),
            };
        }
    };
    copy(["Project", "CustomerBusinessProblem", ""], "/Project/BusinessProblem");
    copy(["LifeCycle", "TargetCloseDate", ""], "/Project/TargetCompletionDate");
    row["Customer"] = json!({ "Account": {
        "CompanyName": offered.pointer("/Customer/CompanyName"),
        "Industry": offered.pointer("/Customer/Industry"),
        "WebsiteUrl": offered.pointer("/Customer/WebsiteUrl"),
    } });
    if let Some(spent) = offered.pointer("/Project/ExpectedCustomerSpend/0") {
        row["Spend"] = spent.clone();
    }
    if let decision @ ("ACCEPTED" | "REJECTED") = said(shown, "/Status") {
        row["Decision"] = decision.into();
    }
    // Answered or not is all that changes; the answer has no time of its own.
    let invited = Instant::parse(said(shown, "/InvitationDate"));
    let step = u64::from(said(shown, "/Status") != "PENDING");
    let version = SourceVersion(SourceVersion::from_instant(invited.unwrap_or(now)).0.saturating_add(step));
    let mut snapshot = Snapshot::named(Entity::CosellDeal, said(shown, "/Id"), version)?;
    snapshot.modified = invited;
    snapshot.fields = cx.mapping(Entity::CosellDeal)?.decode(cx, Entity::CosellDeal, &row)?;
    if let Some(id) = became {
        snapshot.presence = Presence::MergedInto(id);
    }
    Ok(snapshot)
}

/// What is said of an invitation beside the decision cannot be: there is no opportunity yet.
pub(crate) fn only_decides(fields: &Fields, there: &Fields) -> bool {
    fields.iter().all(|(name, value)| name.as_str() == "decision" || there.get(name) == Some(value))
}
