//! Change sets: the jobs in which AWS works on everything that is written to the catalog.

use crate::{
    catalog,
    entity::{split, type_of},
    read,
    terms::{rows, said},
};
use concord_connector::{
    Context, Entity, ExternalId, Outcome, RecordId,
    exchange::{Checked, Unfit, Write},
    script::{Run, Script},
};
use serde_json::Value as Json;

/// How long AWS takes to look at a change set again, in seconds: about four minutes pass in all, and an event comes.
pub(crate) const AGAIN_S: u64 = 60;
/// How soon what was made is looked for again when a read does not show it yet.
const SHORTLY_S: u64 = 5;

/// The name of the change set that makes a record: what is searched for when no answer came.
pub(crate) fn name(cx: &Context, record: &RecordId) -> String {
    // Letters, digits, blanks and `+=.:@-`; nothing else may stand in a name.
    let prefix = cx.option("name_prefix").filter(|prefix| !prefix.is_empty()).unwrap_or("concord");
    let allowed = |c: &char| c.is_alphanumeric() || " _+=.:@-".contains(*c);
    format!("{prefix} {record}").chars().filter(allowed).take(92).collect()
}

/// What came of the change sets that were to make a record.
pub(crate) enum Made {
    /// None was sent, or all of them failed.
    Nothing,
    /// One is being worked on.
    Running(ExternalId),
    /// It is there.
    There(ExternalId),
}

/// Looks for the change set that makes a record.
pub(crate) fn made(cx: &Context, script: &mut Script<'_>, entity: Entity, record: &RecordId) -> Run<Made> {
    let response = script.send(catalog::named(&name(cx, record)))?;
    let mut running = None;
    for summary in rows(&response.body, "/ChangeSetSummaryList") {
        match said(summary, "Status") {
            "SUCCEEDED" => {
                let id = rows(summary, "/EntityIdList").filter_map(Json::as_str).find(|id| is_of(entity, id));
                if let Some(id) = id {
                    return Ok(Made::There(split(id).0.into()));
                }
            }
            "PREPARING" | "APPLYING" => running = Some(ExternalId::from(said(summary, "ChangeSetId"))),
            _ => {}
        }
    }
    Ok(running.map_or(Made::Nothing, Made::Running))
}

/// Ids begin with what they are of.
fn is_of(entity: Entity, id: &str) -> bool {
    match entity {
        Entity::Listing => id.starts_with("prod-"),
        Entity::ResaleAuthorization => id.starts_with("resaleauthz-"),
        _ => id.starts_with("offer-"),
    }
}

/// A record that a change set of ours made. There is no other search: AWS keeps change sets for 90 days.
pub(crate) fn find(cx: &Context, script: &mut Script<'_>, entity: Entity, record: &RecordId) -> Run<Outcome> {
    if type_of(entity).is_err() {
        return Ok(Outcome::Found(Vec::new()));
    }
    Ok(Outcome::Found(match made(cx, script, entity, record)? {
        Made::There(id) => vec![id],
        Made::Nothing | Made::Running(_) => Vec::new(),
    }))
}

/// How a change set stands, and what it made.
pub(crate) fn check(
    cx: &Context,
    script: &mut Script<'_>,
    entity: Entity,
    operation: &ExternalId,
    write: &Write,
) -> Run<Outcome> {
    let response = script.send(catalog::describe_change_set(operation))?;
    let told = &response.body;
    let checked = match said(told, "Status") {
        "SUCCEEDED" => {
            let first = told.pointer("/ChangeSet/0");
            let created = first.is_some_and(|change| said(change, "ChangeType").starts_with("Create"));
            let id = first.and_then(|change| change.pointer("/Entity/Identifier")).and_then(Json::as_str);
            let id = split(id.unwrap_or_default()).0;
            match read::one(cx, script, entity, id)? {
                Some(after) => Checked::Done { after: after?, created },
                None => Checked::Running { again_s: SHORTLY_S },
            }
        }
        "FAILED" if said(told, "FailureCode") == "SERVER_FAULT" => {
            let reason = match said(told, "FailureDescription") {
                "" => "AWS could not apply the change set".to_owned(),
                told => format!("AWS could not apply the change set: {told}"),
            };
            Checked::Broken { reason }
        }
        "FAILED" => Checked::Refused { mistakes: mistakes(told, write) },
        "CANCELLED" => {
            let sentence = "somebody cancelled the change set at AWS; change the record, or order it again";
            Checked::Refused { mistakes: vec![Unfit::whole(sentence)] }
        }
        _ => Checked::Running { again_s: AGAIN_S },
    };
    Ok(Outcome::Checked(checked))
}

/// What AWS found wrong, each on the field that the change is made of.
fn mistakes(told: &Json, write: &Write) -> Vec<Unfit> {
    let mut mistakes = Vec::new();
    for change in rows(told, "/ChangeSet") {
        for error in rows(change, "/ErrorDetailList") {
            let (code, message) = (said(error, "ErrorCode"), said(error, "ErrorMessage"));
            let sentence = match advice(code) {
                "" => message.to_owned(),
                advice => format!("{message} {advice}"),
            };
            let field = field(code, said(change, "ChangeType"));
            // A field that we did not send is nothing that a person could mend there.
            let unfit = match field.filter(|field| write.fields.contains_key(*field) || field == &"buyers") {
                Some(field) => Unfit::field(field, sentence.trim()),
                None => Unfit::whole(sentence.trim()),
            };
            mistakes.push(unfit.coded(code));
        }
    }
    if mistakes.is_empty() {
        let description = said(told, "FailureDescription");
        let sentence =
            if description.is_empty() { "AWS refuses the change set and does not say why" } else { description };
        mistakes.push(Unfit::whole(sentence));
    }
    mistakes
}

/// The canonical field that an error is about: by its code where that says so, else by the change.
fn field(code: &str, change_type: &str) -> Option<&'static str> {
    Some(match code {
        "INVALID_BUYER_ACCOUNTS" | "INCOMPATIBLE_TARGETING" => "buyers",
        "INVALID_RESELLER_ACCOUNT" => "reseller_account",
        "INCOMPATIBLE_PRODUCT" => "product",
        "INCOMPATIBLE_AGREEMENT" => "agreement",
        "MISSING_AVAILABILITY_END_DATE" => "accept_by",
        "INVALID_CHARGE_DATES" | "TOO_MANY_BACKDATED_CHARGES" => "installments",
        "INVALID_LEGAL_DOCUMENTS" => "eula",
        _ => match change_type {
            "UpdateTargeting" | "UpdateBuyerTargetingTerms" => "buyers",
            "UpdatePaymentScheduleTerms" => "installments",
            "UpdateAvailability" => "accept_by",
            "UpdateLegalTerms" => "eula",
            "UpdateValidityTerms" => "duration",
            "UpdateMarkup" => "markup",
            "UpdatePricingTerms" => "pricing",
            "UpdateInformation" => "name",
            "AddDimensions" | "UpdateDimensions" => "dimensions",
            "AddDeliveryOptions" | "UpdateDeliveryOptions" => "landing_url",
            "UpdateVisibility" => "visibility",
            _ => return None,
        },
    })
}

/// What to do about a code. Source: the service's list of asynchronous errors.
fn advice(code: &str) -> &'static str {
    match code {
        "INVALID_BUYER_ACCOUNTS" => "Write the 12 digits of accounts that exist and are none of the seller's own.",
        "INCOMPATIBLE_TARGETING" => "Targets cannot be changed in this way; make a new offer.",
        "INVALID_RESELLER_ACCOUNT" => {
            "The reseller has to be a seller, and both sides need the service-linked role for resale."
        }
        "INCOMPATIBLE_PRODUCT" => "Take a product that is public or limited, and the seller's own.",
        "INCOMPATIBLE_AGREEMENT" => {
            "Take an agreement that is active, of this product, and has no other replacement offer."
        }
        "INVALID_PRICE_CHANGE" => "A price of usage cannot rise within 120 days.",
        "MISSING_AVAILABILITY_END_DATE" => "Write the last day on which the offer can be accepted.",
        "INVALID_CHARGE_DATES" => "Exactly one instalment is due on or before the last day of acceptance.",
        "TOO_MANY_BACKDATED_CHARGES" => "At most one instalment may be due before the offer is accepted.",
        "INVALID_LEGAL_DOCUMENTS" => "Write an address of a PDF in S3 that AWS can read.",
        "INCOMPATIBLE_PAYMENT_SETTINGS" | "INVALID_TAX_INFORMATION" | "INCOMPATIBLE_SELLER_VERIFICATION" => {
            "Complete the seller's account in the AWS Marketplace Management Portal."
        }
        _ => "",
    }
}

/// The revision under which an entity is changed.
pub(crate) fn identifier(id: &ExternalId, revision: Option<&str>) -> String {
    revision.map_or_else(|| id.to_string(), |revision| format!("{id}@{revision}"))
}
