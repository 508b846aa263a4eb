//! What the Selling API's errors mean: every fault of the caller is 400, and its name is in the body.

use crate::ask::{error, rows, said};
use concord_connector::{
    Fault, Kind, Manifest, Request, Response, Retry,
    connector::classify_status,
    exchange::{Refused, Unfit},
};

fn kind(name: &str) -> Option<Kind> {
    Some(match name {
        "UnrecognizedClientException"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "MissingAuthenticationTokenException"
        | "ExpiredTokenException"
        | "InvalidClientTokenId" => Kind::Unauthorized,
        "AccessDeniedException" => Kind::Forbidden,
        "ThrottlingException" => Kind::RateLimited,
        "InternalServerException" => Kind::Unavailable,
        "ConflictException" => Kind::Conflict,
        "ResourceNotFoundException" => Kind::NotFound,
        _ => return None,
    })
}

/// What a response outside the accepted statuses means.
pub(crate) fn classify(manifest: &Manifest, request: &Request, response: &Response) -> Fault {
    let plain = classify_status(manifest, request, response);
    let name = error(response);
    let Some(kind) = kind(name) else { return plain };
    let sentence = match kind {
        Kind::Unauthorized => "AWS does not accept the access key; run `concord connect`",
        Kind::Forbidden => {
            "the access key lacks a permission, or has no part in this catalog; see the connector's README"
        }
        Kind::RateLimited => "AWS Partner Central asks for fewer calls",
        _ => plain.message(),
    };
    let fault = Fault::new(kind, "exchange", sentence).with("status", response.status).with("error", name);
    match (fault.retry, plain.retry) {
        (Retry::After(_), Retry::After(Some(wait))) => fault.after(wait),
        _ => fault,
    }
}

/// A call that was not carried out: of the connection as a whole, or of this record.
pub(crate) enum Failed {
    /// Throttled, locked out, out of order.
    Connection(Fault),
    /// Not this record, for these reasons.
    Record(Refused),
}

/// Why a call that may be refused was.
pub(crate) fn failed(response: &Response) -> Failed {
    let name = error(response);
    match kind(name) {
        Some(kind @ (Kind::Unauthorized | Kind::Forbidden | Kind::RateLimited | Kind::Unavailable)) => {
            let sentence = "AWS Partner Central does not carry out calls of this account now";
            Failed::Connection(Fault::new(kind, "aws-partner-central.write", sentence).with("error", name))
        }
        Some(kind) => {
            let sentence = match kind {
                Kind::Conflict => "the opportunity at AWS changed meanwhile",
                _ => "AWS does not show this opportunity to us",
            };
            Failed::Record(Fault::new(kind, "aws-partner-central.write", sentence).with("error", name).into())
        }
        None => Failed::Record(refusal(&mistakes(response))),
    }
}

/// Several mistakes as one refusal.
pub(crate) fn refusal(mistakes: &[Unfit]) -> Refused {
    let sentences: Vec<String> = mistakes.iter().map(Unfit::to_string).collect();
    Refused { kind: Kind::Rejected, retry: Retry::Never, message: sentences.join("; ") }
}

/// What AWS finds wrong, each on its field.
pub(crate) fn mistakes(response: &Response) -> Vec<Unfit> {
    let found: Vec<Unfit> = rows(&response.body, "/ErrorList")
        .map(|error| {
            let sentence = said(error, "/Message");
            let unfit = match field(said(error, "/FieldName")) {
                Some(field) => Unfit::field(field, sentence),
                None => Unfit::whole(sentence),
            };
            unfit.coded(said(error, "/Code"))
        })
        .collect();
    if found.is_empty() {
        let message = response.text("/Message").unwrap_or("AWS refuses the opportunity and does not say why");
        return vec![Unfit::whole(message)];
    }
    found
}

/// Our field of AWS's: `lifeCycle.targetCloseDate`.
pub(crate) fn field(name: &str) -> Option<&'static str> {
    let last = name.rsplit(['.', '/']).next().unwrap_or_default().to_ascii_lowercase();
    Some(match last.as_str() {
        "title" => "name",
        "companyname" => "customer_name",
        "websiteurl" => "website",
        "countrycode" | "postalcode" | "stateorregion" | "city" | "streetaddress" | "address" => "address",
        "industry" | "otherindustry" => "industry",
        "duns" => "duns",
        "awsaccountid" => "buyer_account",
        "firstname" => "given_name",
        "lastname" => "family_name",
        "email" => "email",
        "phone" => "phone",
        "businesstitle" => "job_title",
        "customerbusinessproblem" => "problem",
        "nextsteps" => "next_step",
        "expectedcustomerspend" | "amount" | "currencycode" => "amount",
        "stage" => "stage",
        "targetclosedate" => "close_date",
        "opportunitytype" => "type",
        "primaryneedsfromaws" => "help",
        "deliverymodels" => "delivery_models",
        "closedlostreason" => "lost_reason",
        "relatedentityidentifier" | "relatedentityidentifiers" => "solution",
        "rejectionreason" => "decision",
        _ => return None,
    })
}
