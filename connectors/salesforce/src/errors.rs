//! What the vendor's error answers mean.

use concord_connector::{Fault, Kind, Manifest, Request, Response, Retry, connector::classify_status};
use serde_json::Value as Json;
use std::time::Duration;

/// The daily allowance rolls over 24 hours: asking again within seconds only burns it.
const PARKED: Duration = Duration::from_secs(15 * 60);

/// One entry of the list that a REST error is. OAuth errors are one object with other names.
struct Reported<'a> {
    code: &'a str,
    message: &'a str,
    fields: Vec<&'a str>,
}

fn reported(body: &Json) -> Option<Reported<'_>> {
    let first = match body {
        Json::Array(list) => list.first()?,
        object => object,
    };
    let text = |names: [&str; 3]| names.iter().find_map(|name| first.get(*name).and_then(Json::as_str));
    Some(Reported {
        code: text(["errorCode", "statusCode", "error"])?,
        message: text(["message", "error_description", "message"]).unwrap_or_default(),
        fields: first
            .get("fields")
            .and_then(Json::as_array)
            .map(|names| names.iter().filter_map(Json::as_str).take(20).collect())
            .unwrap_or_default(),
    })
}

/// The vendor's error code, where the body has one.
pub(crate) fn code(body: &Json) -> Option<&str> {
    Some(reported(body)?.code)
}

/// The vendor's own sentence. It may quote values, so it is searched for ids and never shown.
pub(crate) fn message(body: &Json) -> Option<&str> {
    Some(reported(body)?.message)
}

/// The fault that an error answer stands for, of a whole request or of one row.
pub(crate) fn fault(operation: &'static str, status: u16, body: &Json) -> Fault {
    let Some(reported) = reported(body) else { return of_status(operation, status) };
    let (kind, sentence) = meaning(status, reported.code);
    let mut fault = Fault::new(kind, operation, sentence).with("code", clip(reported.code)).with("status", status);
    if !reported.fields.is_empty() {
        fault = fault.with("fields", clip(&reported.fields.join(", ")));
    }
    match reported.code {
        "REQUEST_LIMIT_EXCEEDED" => fault.after(PARKED),
        // A lock is held for as long as somebody else's transaction lasts; it says nothing about the connection.
        "UNABLE_TO_LOCK_ROW" => fault.retry(Retry::After(Some(Duration::from_secs(2)))),
        // Asking again with a credential that was refused ends in a locked user.
        "invalid_grant" | "invalid_client" | "invalid_client_id" | "inactive_user" => fault.retry(Retry::Never),
        _ => fault,
    }
}

fn meaning(status: u16, code: &str) -> (Kind, &'static str) {
    match code {
        "INVALID_SESSION_ID" | "INVALID_AUTH_HEADER" => {
            (Kind::Unauthorized, "Salesforce says that the session has ended")
        }
        "invalid_grant" | "invalid_client" | "invalid_client_id" | "inactive_user" => (
            Kind::Unauthorized,
            "Salesforce refuses the credential; check the external client app, then run `concord connect`",
        ),
        "REQUEST_LIMIT_EXCEEDED" => (Kind::RateLimited, "the org has used up its daily API requests"),
        "UNABLE_TO_LOCK_ROW" => (Kind::Conflict, "somebody else is writing this record or its parent at this moment"),
        "SERVER_UNAVAILABLE" | "QUERY_TIMEOUT" | "UNKNOWN_EXCEPTION" | "PROCESSING_HALTED" => {
            (Kind::Unavailable, "Salesforce could not finish the request")
        }
        "INVALID_FIELD" | "INVALID_TYPE" => (
            Kind::Forbidden,
            "the integration user does not see an object or field; grant it or take it out of the mapping",
        ),
        "INSUFFICIENT_ACCESS"
        | "INSUFFICIENT_ACCESS_OR_READONLY"
        | "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
        | "INVALID_FIELD_FOR_INSERT_UPDATE"
        | "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY"
        | "API_DISABLED_FOR_ORG"
        | "API_CURRENTLY_DISABLED"
        | "TXN_SECURITY_METERING_ERROR"
        | "FUNCTIONALITY_NOT_ENABLED" => {
            (Kind::Forbidden, "the integration user may not do this; check its permission set")
        }
        "ENTITY_IS_DELETED" | "INVALID_CROSS_REFERENCE_KEY" if status == 404 => {
            (Kind::NotFound, "the record is not there any more")
        }
        "ENTITY_IS_DELETED" | "NOT_FOUND" => (Kind::NotFound, "Salesforce does not show this record to us"),
        "DUPLICATE_VALUE" => (Kind::Rejected, "another record has this value in a unique field"),
        "DUPLICATES_DETECTED" => (Kind::Rejected, "a duplicate rule of the org refuses the record"),
        "PRECONDITION_FAILED" => (Kind::Conflict, "the record was changed in Salesforce meanwhile"),
        "EXCEEDED_ID_LIMIT" => (Kind::Rejected, "too many records were deleted in the window"),
        _ => of_class(status),
    }
}

fn of_class(status: u16) -> (Kind, &'static str) {
    match status {
        401 => (Kind::Unauthorized, "Salesforce does not accept the session"),
        403 => (Kind::Forbidden, "the integration user may not do this; check its permission set"),
        404 => (Kind::NotFound, "Salesforce does not show this record to us"),
        // 406 and 420 come from the vendor's edge network, not from the API, and go away by themselves.
        406 | 408 | 420 | 0 | 500..=599 => (Kind::Unavailable, "Salesforce is not available now"),
        409 | 412 | 428 => (Kind::Conflict, "the record was changed in Salesforce meanwhile"),
        429 => (Kind::RateLimited, "Salesforce asks for fewer calls"),
        300 => (Kind::Ambiguous, "several records have the same `Concord_Id__c`; make the field unique"),
        _ => (Kind::Rejected, "Salesforce refuses the record as it is"),
    }
}

fn of_status(operation: &'static str, status: u16) -> Fault {
    let (kind, sentence) = of_class(status);
    Fault::new(kind, operation, sentence).with("status", status)
}

/// What a response outside the accepted statuses means. Bodies are lists of errors, OAuth objects, HTML or nothing.
pub(crate) fn classify(manifest: &Manifest, request: &Request, response: &Response) -> Fault {
    if code(&response.body).is_some() {
        let fault = fault("exchange", response.status, &response.body);
        return fault.with("request", format!("{} {}", request.method.as_str(), request.path));
    }
    match response.status {
        406 | 420 => of_status("exchange", response.status),
        _ => classify_status(manifest, request, response),
    }
}

fn clip(text: &str) -> String {
    text.chars().take(120).collect()
}
