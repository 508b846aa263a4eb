//! What the service takes: forms of values, and what the review leaves open.

use super::invalid;
use concord_connector::{Instant, sandbox::WireResponse};
use serde_json::Value as Json;

pub(super) type Errors = Vec<(&'static str, &'static str, String)>;

pub(super) fn told(errors: &Errors) -> WireResponse {
    let errors: Vec<(&str, &str, &str)> =
        errors.iter().map(|(field, code, message)| (*field, *code, message.as_str())).collect();
    invalid(&errors)
}

/// What is wrong with a body.
pub(super) fn body(body: &Json, now: Instant) -> Errors {
    let mut errors = Errors::new();
    let text = |pointer: &str| body.pointer(pointer).and_then(Json::as_str);
    let mut limit = |field: &'static str, pointer: &str, least: usize, most: usize| {
        if let Some(length) = text(pointer).map(|text| text.chars().count())
            && (length < least || length > most)
        {
            errors.push((field, "INVALID_STRING_FORMAT", format!("{least} to {most} characters")));
        }
    };
    limit("project.title", "/Project/Title", 0, 255);
    limit("project.customerBusinessProblem", "/Project/CustomerBusinessProblem", 20, 2000);
    limit("lifeCycle.nextSteps", "/LifeCycle/NextSteps", 0, 255);
    limit("customer.account.companyName", "/Customer/Account/CompanyName", 1, 120);
    limit("customer.account.websiteUrl", "/Customer/Account/WebsiteUrl", 4, 255);
    limit("partnerOpportunityIdentifier", "/PartnerOpportunityIdentifier", 0, 64);
    if text("/Customer/Account/CompanyName").is_none() {
        errors.push(("customer.account.companyName", "REQUIRED_FIELD_MISSING", "the company is needed".into()));
    }
    if text("/Customer/Account/Address/CountryCode").is_some_and(|code| code.len() != 2) {
        errors.push(("customer.account.address.countryCode", "INVALID_ENUM_VALUE", "two letters".into()));
    }
    let phone = text("/Customer/Contacts/0/Phone");
    if phone.is_some_and(|phone| !phone.starts_with('+') || !phone[1..].bytes().all(|b| b.is_ascii_digit())) {
        errors.push(("customer.contacts.phone", "INVALID_STRING_FORMAT", "E.164".into()));
    }
    let today = now.rfc3339();
    let closes = text("/LifeCycle/TargetCloseDate");
    let open = !matches!(text("/LifeCycle/Stage"), Some("Closed Lost" | "Launched"));
    if open && closes.is_some_and(|day| day < today.get(..10).unwrap_or_default()) {
        errors.push(("lifeCycle.targetCloseDate", "INVALID_VALUE", "Target close date is in the past.".into()));
    }
    if text("/LifeCycle/Stage") == Some("Closed Lost") && text("/LifeCycle/ClosedLostReason").is_none() {
        errors.push(("lifeCycle.closedLostReason", "REQUIRED_FIELD_MISSING", "A reason is needed.".into()));
    }
    errors
}

/// What a submission needs beside.
pub(super) fn submission(body: &Json) -> Errors {
    let mut errors = Errors::new();
    for (field, pointer) in [
        ("customer.account.websiteUrl", "/Customer/Account/WebsiteUrl"),
        ("customer.account.industry", "/Customer/Account/Industry"),
        ("customer.account.address.countryCode", "/Customer/Account/Address/CountryCode"),
        ("project.customerBusinessProblem", "/Project/CustomerBusinessProblem"),
        ("lifeCycle.targetCloseDate", "/LifeCycle/TargetCloseDate"),
        ("project.deliveryModels", "/Project/DeliveryModels/0"),
        ("project.salesActivities", "/Project/SalesActivities/0"),
        ("primaryNeedsFromAws", "/PrimaryNeedsFromAws/0"),
        ("project.expectedCustomerSpend", "/Project/ExpectedCustomerSpend/0/Amount"),
    ] {
        if body.pointer(pointer).is_none() {
            errors.push((field, "REQUIRED_FIELD_MISSING", "It is needed to submit.".into()));
        }
    }
    let related = body["RelatedEntityIdentifiers"].as_object();
    let solution = ["Solutions", "AwsMarketplaceSolutions", "AwsMarketplaceProducts"];
    if !related.is_some_and(|related| solution.iter().any(|kind| related.contains_key(*kind))) {
        errors.push(("relatedEntityIdentifiers", "NOT_ENOUGH_VALUES", "A solution or product is needed.".into()));
    }
    errors
}

/// What an update changes and the review does not let.
pub(super) fn locked(held: &Json, body: &Json) -> Errors {
    let status = held["LifeCycle"]["ReviewStatus"].as_str().unwrap_or_default();
    let stage = held["LifeCycle"]["Stage"].as_str().unwrap_or_default();
    let closed = |message: &str| vec![("lifeCycle.reviewStatus", "INVALID_RESOURCE_STATE", message.to_owned())];
    if matches!(status, "Submitted" | "In review" | "Rejected") {
        return closed("The opportunity cannot be changed while it is in this review status.");
    }
    if matches!(stage, "Closed Lost" | "Launched") {
        return closed("The opportunity is closed.");
    }
    let differs = |pointer: &str| held.pointer(pointer) != body.pointer(pointer);
    let fixed: &[(&'static str, &'static str)] = match status {
        "Pending Submission" => &[("lifeCycle.stage", "/LifeCycle/Stage")],
        "Approved" => &[
            ("customer.account.industry", "/Customer/Account/Industry"),
            ("customer.account.websiteUrl", "/Customer/Account/WebsiteUrl"),
            ("customer.account.companyName", "/Customer/Account/CompanyName"),
            ("project.customerBusinessProblem", "/Project/CustomerBusinessProblem"),
            ("project.title", "/Project/Title"),
            ("partnerOpportunityIdentifier", "/PartnerOpportunityIdentifier"),
        ],
        "Action Required" => &[
            ("project.title", "/Project/Title"),
            ("lifeCycle.stage", "/LifeCycle/Stage"),
            ("customer.account.companyName", "/Customer/Account/CompanyName"),
        ],
        _ => &[],
    };
    let fixed = fixed.iter().filter(|(_, pointer)| differs(pointer));
    fixed.map(|(field, _)| (*field, "ACTION_NOT_PERMITTED", "It cannot be changed now.".to_owned())).collect()
}
