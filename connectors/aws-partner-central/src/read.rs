//! Reading: an opportunity, and AWS's own view of it.

use crate::{
    ask::{self, error, rows, said},
    deal, invitation,
};
use concord_connector::{
    Context, ExternalId, Fault, Instant, Kind, RecordId, Response, Result, Snapshot,
    exchange::Refused,
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

/// Records, each understood or not.
pub(crate) type Rows = Vec<(ExternalId, std::result::Result<Snapshot, Refused>)>;

/// Opportunities that are looked through for one of ours.
const LOOKED_THROUGH: usize = 5;

/// The records of these ids.
pub(crate) fn fetch(cx: &Context, script: &mut Script<'_>, ids: &[ExternalId]) -> Run<Rows> {
    let mut found = Rows::new();
    for id in ids {
        let read = if invitation::is_one(id.as_str()) {
            invitation::one(cx, script, id.as_str())?
        } else {
            one(cx, script, id.as_str())?
        };
        if let Some(row) = read {
            found.push((id.clone(), row.map_err(Refused::from)));
        }
    }
    Ok(found)
}

/// One opportunity; `None` when it is not visible.
pub(crate) fn one(cx: &Context, script: &mut Script<'_>, id: &str) -> Run<Option<Result<Snapshot>>> {
    let Some((opportunity, now)) = get(cx, script, id)? else { return Ok(None) };
    Ok(Some(understood(cx, script, &opportunity, now)?))
}

/// What AWS shows of an opportunity, and when it was asked.
pub(crate) fn get(cx: &Context, script: &mut Script<'_>, id: &str) -> Run<Option<(Json, Instant)>> {
    let request = ask::read(cx, "GetOpportunity", json!({ "Identifier": id })).accepting(&[200, 400]);
    let response = script.send(request)?;
    match (response.status, error(response)) {
        (200, _) => Ok(Some((deal::plain(&response.body), response.started_at))),
        // An id that is none of AWS's is a mistake of the request.
        (_, "ResourceNotFoundException" | "ValidationException") => Ok(None),
        _ => Err(fault(response).into()),
    }
}

/// What it says, with AWS's view beside where AWS has one.
pub(crate) fn understood(
    cx: &Context,
    script: &mut Script<'_>,
    opportunity: &Json,
    now: Instant,
) -> Run<Result<Snapshot>> {
    let mut summary = None;
    if said(opportunity, "/LifeCycle/ReviewStatus") != "Pending Submission" {
        let input = json!({ "RelatedOpportunityIdentifier": said(opportunity, "/Id") });
        let response = script.send(ask::read(cx, "GetAwsOpportunitySummary", input).accepting(&[200, 400]))?;
        match (response.status, error(response)) {
            (200, _) => summary = Some(deal::plain(&response.body)),
            (_, "ResourceNotFoundException" | "ValidationException") => {}
            _ => return Err(fault(response).into()),
        }
    }
    Ok(deal::snapshot(cx, opportunity, summary.as_ref(), now))
}

/// The fault that a refused read stands for.
pub(crate) fn fault(response: &Response) -> Fault {
    match crate::errors::failed(response) {
        crate::errors::Failed::Connection(fault) => fault,
        crate::errors::Failed::Record(refused) => {
            Fault::new(Kind::Rejected, "aws-partner-central.read", refused.message)
        }
    }
}

/// Opportunities that carry our id, among the newest 500: lists have it, and cannot be asked for it.
pub(crate) fn find(cx: &Context, script: &mut Script<'_>, record: &RecordId) -> Run<Vec<ExternalId>> {
    let ours = deal::marked(cx, record);
    let mut token: Option<String> = None;
    for _ in 0..LOOKED_THROUGH {
        let mut input = json!({
            "MaxResults": 100,
            "Sort": { "SortBy": "CreatedDate", "SortOrder": "DESCENDING" },
        });
        if let Some(token) = token {
            input["NextToken"] = token.into();
        }
        let response = script.send(ask::read(cx, "ListOpportunities", input))?;
        let all = rows(&response.body, "/OpportunitySummaries");
        let found: Vec<ExternalId> = all
            .filter(|one| said(one, "/PartnerOpportunityIdentifier") == ours)
            .map(|one| said(one, "/Id").into())
            .collect();
        token = response.text("/NextToken").map(str::to_owned);
        if !found.is_empty() || token.is_none() {
            return Ok(found);
        }
    }
    Ok(Vec::new())
}
