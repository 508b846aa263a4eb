//! Opportunities: what AWS shows as rows for the mapping, and canonical fields as what an update has to send.

use crate::ask::{rows, said};
use concord_connector::{
    Context, Entity, Fields, Instant, RecordId, Result, Snapshot, SourceVersion, mapping::Creating,
};
use serde_json::{Map, Value as Json, json};

/// What an update may name. The rest is AWS's own, or has calls of its own.
const SENT: [&str; 9] = [
    "Customer",
    "LifeCycle",
    "Marketing",
    "NationalSecurity",
    "OpportunityType",
    "PartnerOpportunityIdentifier",
    "PrimaryNeedsFromAws",
    "Project",
    "SoftwareRevenue",
];
/// Whose revenue the expected spend is.
const SPENT_AT: &str = "AWS";

/// Our id in the opportunity.
pub(crate) fn marked(cx: &Context, record: &RecordId) -> String {
    let prefix = cx.option("id_prefix").unwrap_or_default();
    format!("{prefix}{record}").chars().take(64).collect()
}

/// The golden record that an id of ours stands for.
pub(crate) fn marker<'a>(cx: &Context, opportunity: &'a Json) -> Option<&'a str> {
    let prefix = cx.option("id_prefix").unwrap_or_default();
    said(opportunity, "/PartnerOpportunityIdentifier").strip_prefix(prefix).filter(|id| !id.is_empty())
}

/// What AWS shows, with entities of HTML as the characters that they stand for: sent back as they come they would grow.
pub(crate) fn plain(json: &Json) -> Json {
    match json {
        Json::String(text) if text.contains('&') => Json::String(
            text.replace("&lt;", "<")
                .replace("&gt;", ">")
                .replace("&quot;", "\"")
                .replace("&#39;", "'")
                .replace("&#x27;", "'")
                .replace("&amp;", "&"),
        ),
        Json::Array(elements) => elements.iter().map(plain).collect(),
        Json::Object(members) => {
            Json::Object(members.iter().map(|(name, value)| (name.clone(), plain(value))).collect())
        }
        other => other.clone(),
    }
}

/// The row of an opportunity; `summary` is AWS's own view of it.
fn row(opportunity: &Json, summary: Option<&Json>) -> Json {
    let mut row = opportunity.clone();
    row["Contact"] = opportunity.pointer("/Customer/Contacts/0").cloned().unwrap_or_else(|| json!({}));
    row["Spend"] = spend(opportunity).cloned().unwrap_or_else(|| json!({ "Amount": null }));
    row["Consent"] =
        if said(opportunity, "/LifeCycle/ReviewStatus") == "Pending Submission" { "withheld" } else { "given" }.into();
    let related = |name: &str| rows(opportunity, &format!("/RelatedEntityIdentifiers/{name}")).next().cloned();
    let solution = ["Solutions", "AwsMarketplaceSolutions", "AwsMarketplaceProducts"].into_iter().find_map(related);
    row["Solution"] = solution.unwrap_or_default();
    let offer = related("AwsMarketplaceOffers");
    row["Offer"] = offer.as_ref().and_then(Json::as_str).map_or(Json::Null, |arn| short(arn).into());
    if let Some(summary) = summary {
        // Who brought a deal is in AWS's view only.
        if let Some(origin) = summary.get("Origin") {
            row["Origin"] = origin.clone();
        }
        let insights = summary.pointer("/Insights");
        row["Score"] = insights.map_or(Json::Null, score);
        let said_so = insights.map(|insights| rows(insights, "/Recommendations")).into_iter().flatten();
        let mut told: Vec<Json> = said_so.filter_map(|one| one.get("Details").cloned()).collect();
        told.extend(insights.and_then(|insights| insights.get("NextBestActions")).cloned());
        row["Recommendations"] = told.into();
    }
    row
}

/// The last part of an ARN: `offer-x`.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

fn score(insights: &Json) -> Json {
    let number = insights.pointer("/OpportunityQuality/Score").map(Json::to_string);
    let trend = said(insights, "/OpportunityQuality/Trend");
    match (number, trend, said(insights, "/EngagementScore")) {
        (Some(number), "", _) => number.into(),
        (Some(number), trend, _) => format!("{number} ({trend})").into(),
        (None, _, "") => Json::Null,
        (None, _, word) => word.into(),
    }
}

fn spend(opportunity: &Json) -> Option<&Json> {
    let all = || rows(opportunity, "/Project/ExpectedCustomerSpend");
    all().find(|one| said(one, "/TargetCompany") == SPENT_AT).or(all().next())
}

/// What an opportunity says.
///
/// # Errors
/// When it cannot be understood.
pub(crate) fn snapshot(cx: &Context, opportunity: &Json, summary: Option<&Json>, now: Instant) -> Result<Snapshot> {
    let shown = said(opportunity, "/LastModifiedDate");
    let modified = Instant::parse(shown);
    let version = SourceVersion::from_instant(modified.unwrap_or(now));
    let mut snapshot = Snapshot::named(Entity::CosellDeal, said(opportunity, "/Id"), version)?;
    snapshot.revision = Some(shown.to_owned()).filter(|shown| !shown.is_empty());
    snapshot.modified = modified;
    snapshot.marker = marker(cx, opportunity).map(RecordId::new);
    snapshot.fields = cx.mapping(Entity::CosellDeal)?.decode(cx, Entity::CosellDeal, &row(opportunity, summary))?;
    Ok(snapshot)
}

/// The body of a new opportunity. What AWS wants and no field says is filled in as its own samples do.
///
/// # Errors
/// When a value does not fit.
pub(crate) fn creation(cx: &Context, record: &RecordId, fields: &Fields) -> Result<Json> {
    let mut body = json!({
        "Origin": "Partner Referral",
        "PartnerOpportunityIdentifier": marked(cx, record),
        "OpportunityType": "Net New Business",
        "NationalSecurity": "No",
        "LifeCycle": { "Stage": "Prospect", "ReviewStatus": "Pending Submission" },
        "Marketing": { "Source": "None" },
        "Project": { "SalesActivities": ["Initialized discussions with customer"] },
    });
    overlay(cx, &mut body, fields, Creating::Yes)?;
    Ok(body)
}

/// The body of an update: everything that AWS shows and lets be sent, with our fields on top. A field that is left out
/// would be cleared.
///
/// # Errors
/// When a value does not fit.
pub(crate) fn update(cx: &Context, opportunity: &Json, fields: &Fields) -> Result<Json> {
    let members = opportunity.as_object().into_iter().flatten();
    let kept = members.filter(|(name, _)| SENT.contains(&name.as_str()));
    let mut body = Json::Object(kept.map(|(name, value)| (name.clone(), value.clone())).collect());
    overlay(cx, &mut body, fields, Creating::No)?;
    // What was said before is kept by AWS.
    if let Some(cycle) = body.get_mut("LifeCycle").and_then(Json::as_object_mut) {
        cycle.remove("NextStepsHistory");
    }
    body["Identifier"] = opportunity.get("Id").cloned().unwrap_or_default();
    body["LastModifiedDate"] = opportunity.get("LastModifiedDate").cloned().unwrap_or_default();
    Ok(body)
}

fn overlay(cx: &Context, body: &mut Json, fields: &Fields, creating: Creating) -> Result<()> {
    let mut ours = cx.mapping(Entity::CosellDeal)?.encode(cx, Entity::CosellDeal, fields, creating)?;
    let mut take = |name: &str| ours.as_object_mut().and_then(|ours| ours.remove(name));
    for own in ["Consent", "Solution", "Offer", "Decision"] {
        take(own);
    }
    if let Some(contact) = take("Contact") {
        let mut first = body.pointer("/Customer/Contacts/0").cloned().unwrap_or_else(|| json!({}));
        merge(&mut first, &contact);
        let named = first.as_object().is_some_and(|first| !first.is_empty());
        let contacts = body.pointer("/Customer/Contacts").and_then(Json::as_array);
        let mut all = contacts.cloned().unwrap_or_default();
        match (all.first_mut(), named) {
            (Some(one), true) => *one = first,
            (Some(_), false) => drop(all.remove(0)),
            (None, true) => all.push(first),
            (None, false) => {}
        }
        merge(body, &json!({ "Customer": { "Contacts": all } }));
    }
    if let Some(spent) = take("Spend") {
        spend_on(body, &spent);
    }
    merge(body, &ours);
    Ok(())
}

/// Puts the expected spend in its place among those of other companies.
fn spend_on(body: &mut Json, spent: &Json) {
    let mut all: Vec<Json> = rows(body, "/Project/ExpectedCustomerSpend").cloned().collect();
    let at = all.iter().position(|one| said(one, "/TargetCompany") == SPENT_AT);
    let mut one = at
        .and_then(|at| all.get(at).cloned())
        .unwrap_or_else(|| json!({ "Frequency": "Monthly", "TargetCompany": SPENT_AT }));
    if spent.get("Amount").is_none_or(Json::is_null) {
        at.map(|at| all.remove(at));
    } else {
        merge(&mut one, spent);
        match at {
            Some(at) => all[at] = one,
            None => all.insert(0, one),
        }
    }
    merge(body, &json!({ "Project": { "ExpectedCustomerSpend": all } }));
}

/// Puts members on top of others; null takes one away.
fn merge(held: &mut Json, said: &Json) {
    let Json::Object(members) = said else {
        *held = said.clone();
        return;
    };
    if !held.is_object() {
        *held = Json::Object(Map::new());
    }
    let Some(held) = held.as_object_mut() else { return };
    for (name, value) in members {
        match value {
            Json::Null => drop(held.remove(name)),
            value => merge(held.entry(name.clone()).or_insert(Json::Null), value),
        }
    }
}
