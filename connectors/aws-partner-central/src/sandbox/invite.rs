//! Invitations of AWS's.

use super::{
    good, refused,
    store::{Invitation, Store, missing},
};
use concord_connector::sandbox::WireResponse;
use serde_json::{Value as Json, json};
use std::time::Duration;

/// An invitation lasts fifteen days.
const LASTS: Duration = Duration::from_secs(15 * 86_400);

/// AWS invites; `fields` is the payload of an opportunity.
pub(super) fn invite(store: &mut Store, payload: Json) -> String {
    let id = store.name("engi", 13);
    let expires = store.now.plus(LASTS);
    let body = json!({
        "Catalog": "AWS",
        "Id": id,
        "Arn": format!("arn:aws:partnercentral:us-east-1::catalog/AWS/engagement-invitation/{id}"),
        "PayloadType": "OpportunityInvitation",
        "EngagementTitle": payload.pointer("/Project/Title"),
        "Status": "PENDING",
        "InvitationDate": store.now.rfc3339(),
        "ExpirationDate": expires.rfc3339(),
        "SenderCompanyName": "AWS",
        "Payload": { "OpportunityInvitation": payload },
    });
    store.invitations.insert(id.clone(), Invitation { body, expires });
    told(store, "Engagement Invitation Created", &id);
    id
}

fn told(store: &mut Store, kind: &str, id: &str) {
    let detail = json!({
        "catalog": "AWS",
        "engagementInvitation": { "id": id, "participantType": "Receiver", "payloadType": "OpportunityInvitation" },
    });
    store.event(kind, detail);
}

pub(super) fn get(store: &Store, body: &Json) -> WireResponse {
    let id = body["Identifier"].as_str().unwrap_or_default();
    store.invitations.get(id).map_or_else(missing, |one| good(&one.body))
}

pub(super) fn list(store: &Store) -> WireResponse {
    let pending = store.invitations.values().filter(|one| one.body["Status"] == "PENDING");
    let row = |one: &Invitation| json!({ "Id": one.body["Id"], "Catalog": one.body["Catalog"], "Status": "PENDING" });
    let rows: Vec<Json> = pending.map(row).collect();
    good(&json!({ "EngagementInvitationSummaries": rows }))
}

pub(super) fn reject(store: &mut Store, body: &Json) -> WireResponse {
    let id = body["Identifier"].as_str().unwrap_or_default().to_owned();
    let Some(one) = store.invitations.get_mut(&id) else { return missing() };
    if one.body["Status"] != "PENDING" {
        return refused("ConflictException", "The invitation is answered.");
    }
    one.body["Status"] = "REJECTED".into();
    told(store, "Engagement Invitation Rejected", &id);
    good(&json!({}))
}

/// The opportunity that an accepted invitation becomes.
pub(super) fn become_deal(store: &mut Store, id: &str) -> Option<String> {
    let one = store.invitations.get_mut(id)?;
    one.body["Status"] = "ACCEPTED".into();
    let offered = one.body["Payload"]["OpportunityInvitation"].clone();
    let mut account = offered["Customer"].clone();
    // An invitation has the country beside the name, an account in its address.
    if let Some(country) = account.as_object_mut().and_then(|members| members.remove("CountryCode")) {
        account["Address"] = json!({ "CountryCode": country });
    }
    let opportunity = store.add(
        "AWS",
        json!({
            "Origin": "AWS Referral",
            "OpportunityType": "Net New Business",
            "Customer": { "Account": account },
            "Project": { "Title": offered["Project"]["Title"], "CustomerBusinessProblem": offered["Project"]["BusinessProblem"] },
            "LifeCycle": {
                "Stage": "Qualified",
                "ReviewStatus": "Approved",
                "TargetCloseDate": offered["Project"]["TargetCompletionDate"],
            },
        }),
    );
    told(store, "Engagement Invitation Accepted", id);
    Some(opportunity)
}
