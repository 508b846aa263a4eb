//! Errors of the SDK as faults: what happened and whether to try again, with the service's code and never with values.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use concord_connector::{Fault, Kind, Retry};

/// Codes that pass by themselves.
const PASSING: [&str; 14] = [
    "InternalServerError",
    "InternalFailure",
    "InternalServiceError",
    "InternalError",
    "LimitExceededException",
    "OverLimit",
    "ProvisionedThroughputExceededException",
    "RequestLimitExceeded",
    "RequestThrottled",
    "ServiceUnavailable",
    "SlowDown",
    "ThrottlingException",
    "TransactionConflictException",
    "TransactionInProgressException",
];

/// Codes that say who is not known, and not what is not allowed.
const UNKNOWN: [&str; 6] = [
    "ExpiredToken",
    "ExpiredTokenException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "SignatureDoesNotMatch",
    "UnrecognizedClientException",
];

/// The fault of a failed call. What the SDK could not do by trying again is tried again by the queue, unless the service
/// refuses the request itself.
pub(crate) fn of<E: ProvideErrorMetadata, R>(operation: &'static str, error: &SdkError<E, R>) -> Fault {
    let Some(service) = error.as_service_error() else {
        let sentence = match error {
            SdkError::TimeoutError(_) => "AWS did not answer in time",
            SdkError::ConstructionFailure(_) => "the request could not be made",
            SdkError::ResponseError(_) => "AWS gave an answer that cannot be read",
            _ => "AWS cannot be reached",
        };
        return Fault::new(Kind::Unavailable, operation, sentence);
    };
    coded(operation, service.code().unwrap_or("none"))
}

/// The fault of a refusal, by its code.
pub(crate) fn coded(operation: &'static str, code: &str) -> Fault {
    match code {
        code if PASSING.contains(&code) => Fault::new(Kind::Unavailable, operation, "AWS is busy").with("code", code),
        "AccessDeniedException" | "AccessDenied" => {
            // A function is its role, a command at the command line is the admin.
            let sentence =
                "AWS refuses it: whoever asks - a function's role, or your own user or role - lacks a permission";
            Fault::new(Kind::Forbidden, operation, sentence).with("code", code).retry(Retry::After(None))
        }
        code if UNKNOWN.contains(&code) => {
            let sentence =
                "AWS does not take these credentials; they have expired, or are of another account or region";
            Fault::new(Kind::Unavailable, operation, sentence).with("code", code)
        }
        _ => Fault::new(Kind::Unexpected, operation, "AWS refuses the request").with("code", code),
    }
}
