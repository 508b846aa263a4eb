//! What follows a write: the solution and the offer are named, the opportunity is submitted, an invitation accepted. Each
//! check looks at what is there and does the next step; a step that was done is not done again.

use crate::{
    ask::{self, rows, said},
    deal,
    errors::{Failed, failed, mistakes},
    invitation, read,
    write::token,
};
use concord_connector::{
    Context, ExternalId, Fields, Outcome, Response, Value,
    exchange::{Change, Checked, Unfit, Write},
    script::{Run, Script},
};
use serde_json::{Value as Json, json};

/// A submission takes some seconds.
const AGAIN_S: u64 = 10;

/// How a write stands, after its next step.
pub(crate) fn check(cx: &Context, script: &mut Script<'_>, operation: &ExternalId, write: &Write) -> Run<Outcome> {
    let id = operation.as_str();
    let checked = if invitation::is_one(id) { accept(cx, script, id, write)? } else { follow(cx, script, id, write)? };
    Ok(Outcome::Checked(checked))
}

/// Whether something of a write is still to be done once the opportunity has its fields.
pub(crate) fn is_due(cx: &Context, fields: &Fields, opportunity: &Json) -> bool {
    !missing(cx, fields, opportunity).is_empty() || submits(fields, opportunity)
}

fn text<'a>(fields: &'a Fields, name: &str) -> Option<&'a str> {
    fields.get(name)?.as_ref().and_then(Value::as_str)
}

/// Consent is given by submitting, and to what AWS wanted mended once more.
fn submits(fields: &Fields, opportunity: &Json) -> bool {
    let status = said(opportunity, "/LifeCycle/ReviewStatus");
    match status {
        "Pending Submission" => text(fields, "consent") == Some("given"),
        "Action Required" => true,
        _ => false,
    }
}

/// What is to be named with the opportunity and is not yet: AWS's type and name of it.
fn missing(cx: &Context, fields: &Fields, opportunity: &Json) -> Vec<(&'static str, String)> {
    let account = cx.option("seller_account").unwrap_or_default();
    let arn = |kind: &str, id: &str| format!("arn:aws:aws-marketplace:us-east-1:{account}:AWSMarketplace/{kind}/{id}");
    let mut wanted = Vec::new();
    let default = cx.option("solution").filter(|solution| !solution.is_empty());
    let is_new = said(opportunity, "/LifeCycle/ReviewStatus") == "Pending Submission";
    if let Some(solution) = text(fields, "solution").or(default.filter(|_| is_new)) {
        wanted.push(match solution {
            arn if arn.contains("/Solution/") => ("AwsMarketplaceSolutions", arn.to_owned()),
            arn if arn.starts_with("arn:") => ("AwsMarketplaceProducts", arn.to_owned()),
            id if id.starts_with("prod-") => ("AwsMarketplaceProducts", arn("SaaSProduct", id)),
            id => ("Solutions", id.to_owned()),
        });
    }
    if let Some(offer) = text(fields, "marketplace_offer") {
        wanted.push(match offer {
            full if full.starts_with("arn:") => ("AwsMarketplaceOffers", full.to_owned()),
            id => ("AwsMarketplaceOffers", arn("Offer", deal::short(id))),
        });
    }
    wanted.retain(|(kind, name)| {
        let named = |one: &Json| one.as_str() == Some(name.as_str());
        !rows(opportunity, &format!("/RelatedEntityIdentifiers/{kind}")).any(named)
    });
    wanted
}

/// The next step of a write.
pub(crate) fn follow(cx: &Context, script: &mut Script<'_>, id: &str, write: &Write) -> Run<Checked> {
    let Some((opportunity, now)) = read::get(cx, script, id)? else {
        // It is shown some seconds after it was made.
        return Ok(Checked::Running { again_s: AGAIN_S });
    };
    for (kind, name) in missing(cx, &write.fields, &opportunity) {
        let body = json!({
            "OpportunityIdentifier": id,
            "RelatedEntityType": kind,
            "RelatedEntityIdentifier": name,
        });
        let response = script.send(ask::write(cx, "AssociateOpportunity", body))?;
        if response.status != 200 && !is_there(response) {
            let field = if kind == "AwsMarketplaceOffers" { "marketplace_offer" } else { "solution" };
            return refused(response, Some(field));
        }
    }
    if submits(&write.fields, &opportunity) {
        let body = json!({
            "ClientToken": token(write, "submit"),
            "Identifier": id,
            "AwsSubmission": {
                "InvolvementType": cx.option("involvement").unwrap_or("Co-Sell"),
                "Visibility": cx.option("visibility").unwrap_or("Full"),
            },
        });
        let response = script.send(ask::write(cx, "StartEngagementFromOpportunityTask", body))?;
        if response.status != 200 {
            return refused(response, None);
        }
        if let Some(checked) = task(&response.body) {
            return Ok(checked);
        }
    }
    let created = matches!(write.change, Change::Create { .. });
    let after = if is_due(cx, &write.fields, &opportunity) {
        match read::one(cx, script, id)? {
            Some(after) => after,
            None => return Ok(Checked::Running { again_s: AGAIN_S }),
        }
    } else {
        read::understood(cx, script, &opportunity, now)?
    };
    Ok(Checked::Done { after: after?, created })
}

/// Whether a call was refused because it was done before.
fn is_there(response: &Response) -> bool {
    let twice = |error: &Json| said(error, "/Code") == "DUPLICATE_KEY_VALUE";
    ask::error(response) == "ConflictException" || rows(&response.body, "/ErrorList").any(twice)
}

fn refused(response: &Response, field: Option<&'static str>) -> Run<Checked> {
    match failed(response) {
        Failed::Connection(fault) => Err(fault.into()),
        Failed::Record(_) => {
            let mut found = mistakes(response);
            for unfit in &mut found {
                if unfit.field.is_none() {
                    unfit.field = field.map(Into::into);
                }
            }
            Ok(Checked::Refused { mistakes: found })
        }
    }
}

/// How a task stands; `None` when it is through.
fn task(told: &Json) -> Option<Checked> {
    match said(told, "/TaskStatus") {
        "COMPLETE" => None,
        "FAILED" => {
            let (code, message) = (said(told, "/ReasonCode"), said(told, "/Message"));
            // Somebody else was at it, or AWS was not well: the same works later.
            if matches!(code, "InternalError" | "RequestThrottled" | "ServiceQuotaExceeded")
                || code.ends_with("Conflict")
            {
                return Some(Checked::Broken {
                    reason: format!("AWS could not submit the opportunity ({code}): {message}"),
                });
            }
            let sentence = if code.ends_with("AccessDenied") {
                format!("the access key lacks a permission that a submission needs: {message}")
            } else {
                message.to_owned()
            };
            Some(Checked::Refused { mistakes: vec![Unfit::whole(sentence).coded(code)] })
        }
        _ => Some(Checked::Running { again_s: AGAIN_S }),
    }
}

/// Accepts an invitation; the deal goes on under the id of the opportunity that it becomes.
fn accept(cx: &Context, script: &mut Script<'_>, id: &str, write: &Write) -> Run<Checked> {
    let body = json!({ "ClientToken": token(write, "accept"), "Identifier": id });
    let response = script.send(ask::write(cx, "StartEngagementByAcceptingInvitationTask", body))?;
    if response.status != 200 {
        return refused(response, Some("decision"));
    }
    if let Some(checked) = task(&response.body) {
        return Ok(checked);
    }
    match invitation::one(cx, script, id)? {
        Some(after) => Ok(Checked::Done { after: after?, created: false }),
        None => Ok(Checked::Running { again_s: AGAIN_S }),
    }
}
