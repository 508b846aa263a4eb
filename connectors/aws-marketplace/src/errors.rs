//! What AWS's errors mean. Their name is in a header or in the body, by protocol; the status alone says less.

use concord_connector::{Fault, Kind, Manifest, Request, Response, Retry, connector::classify_status};
use std::time::Duration;

/// How long to wait after a quota of things that are open at the same time was met.
const QUOTA: Duration = Duration::from_secs(120);

/// The error's name, without name space and address.
fn name(response: &Response) -> String {
    let named = response.headers.get("x-amzn-errortype").map(String::as_str).or_else(|| response.text("/__type"));
    let named = named.unwrap_or_default();
    let name = named.split(':').next().unwrap_or_default();
    name.rsplit('#').next().unwrap_or_default().to_owned()
}

/// AWS's own sentence. It names ids and members, and no personal data.
fn message(response: &Response) -> &str {
    response.text("/Message").or_else(|| response.text("/message")).unwrap_or_default()
}

/// What a response outside the accepted statuses means.
pub(crate) fn classify(manifest: &Manifest, request: &Request, response: &Response) -> Fault {
    let plain = classify_status(manifest, request, response);
    let name = name(response);
    let Some(kind) = kind(&name) else { return told(plain, response) };
    let wait = match plain.retry {
        Retry::After(Some(wait)) => Some(wait),
        _ => None,
    };
    let sentence = match kind {
        Kind::Unauthorized => "AWS does not accept the access key; run `concord connect`".to_owned(),
        Kind::Forbidden => {
            format!("the access key lacks a permission for {}; see the connector's README", operation(request))
        }
        _ => plain.message().to_owned(),
    };
    let fault = Fault::new(kind, "exchange", sentence)
        .with("status", response.status)
        .with("error", &name)
        .with("request", format!("{} {}", request.method.as_str(), request.path));
    let fault =
        if wait.is_some() && matches!(fault.retry, Retry::After(_)) { fault.retry(Retry::After(wait)) } else { fault };
    told(fault, response)
}

/// With AWS's sentence where it is about what was asked.
fn told(fault: Fault, response: &Response) -> Fault {
    let message: String = message(response).chars().take(500).collect();
    if message.is_empty() || !matches!(response.status, 400 | 409 | 422) { fault } else { fault.with("said", message) }
}

fn operation(request: &Request) -> String {
    let target = request.headers.iter().find(|(name, _)| name == "x-amz-target").map(|(_, target)| target.as_str());
    target.unwrap_or(&request.path).rsplit(['/', '.']).next().unwrap_or_default().to_owned()
}

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "InvalidClientTokenId"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "SignatureDoesNotMatch"
        | "ExpiredToken"
        | "ExpiredTokenException"
        | "RequestExpired" => Kind::Unauthorized,
        "AccessDeniedException" | "AccessDenied" | "OptInRequired" => Kind::Forbidden,
        "ThrottlingException" | "Throttling" | "TooManyRequestsException" | "RequestLimitExceeded" => Kind::RateLimited,
        "InternalServiceException"
        | "InternalServerException"
        | "InternalServiceErrorException"
        | "InternalFailure"
        | "ServiceUnavailable" => Kind::Unavailable,
        "ResourceInUseException" | "ConflictException" => Kind::Conflict,
        "ResourceNotFoundException" => Kind::NotFound,
        _ => return None,
    })
}

/// Why a change set was not taken on.
pub(crate) fn of_change_set(response: &Response) -> Fault {
    let message = message(response);
    let fault =
        |kind, sentence: String| Fault::new(kind, "aws-marketplace.write", sentence).with("status", response.status);
    match (response.status, name(response).as_str()) {
        (402, _) => {
            let sentence = "AWS works on as many change sets as it takes at a time; the next one is sent later";
            fault(Kind::Conflict, sentence.into()).after(QUOTA)
        }
        (423, _) => fault(Kind::Conflict, "another change set works on the record".into()).after(QUOTA),
        // The sentence names the revision that is the latest one by now.
        (422, _) if message.contains("revision") => {
            fault(Kind::Conflict, format!("the record at AWS changed meanwhile: {message}"))
        }
        (200, _) => fault(Kind::Unknown, "AWS answered without the change set's id".into()),
        _ => fault(Kind::Rejected, format!("AWS refuses the change set: {message}")),
    }
}

/// Why the Agreement API refuses a request.
pub(crate) fn of_agreement(response: &Response) -> Fault {
    let sentence = format!("AWS refuses to show agreements: {}", message(response));
    Fault::new(Kind::Rejected, "aws-marketplace.agreement", sentence).with("status", response.status)
}

/// Whether a registration token is refused for what it is: it is none, or it has expired.
pub(crate) fn is_of_token(response: &Response) -> bool {
    matches!(name(response).as_str(), "InvalidTokenException" | "ExpiredTokenException")
}

/// Why usage was not taken: the metering service answers 400 to everything, throttling included.
pub(crate) fn of_metering(response: &Response) -> Fault {
    let name = name(response);
    let kind = kind(&name).unwrap_or(Kind::Rejected);
    let advice = match name.as_str() {
        "TimestampOutOfBoundsException" => {
            "the hour is over for more than 24 hours, or belongs to a month that is closed: AWS takes it no more"
        }
        "InvalidUsageDimensionException" => "the product has no such dimension that is metered",
        "InvalidLicenseException" => "AWS knows no such licence of this product",
        "InvalidCustomerIdentifierException" => "AWS knows no such buyer of this product",
        "InvalidProductCodeException" => "the product is none of this account's",
        "DisabledApiException" => "the product does not let this account meter; check its listing",
        _ => "AWS does not take the usage",
    };
    Fault::new(kind, "aws-marketplace.meter", advice).with("error", name)
}
