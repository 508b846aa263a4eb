//! What an answer outside the accepted statuses means: the manifest's rules, then the status.

use crate::{Fault, Kind, Manifest, Request, Response, connector::classify_status, manifest::api::scalar};

/// A sentence of the system is shown up to this many characters.
const SHOWN: usize = 300;

/// Classifies.
pub(super) fn classify(manifest: &Manifest, request: &Request, response: &Response) -> Fault {
    let by_status = classify_status(manifest, request, response);
    let fits = |rule: &&crate::manifest::ErrorRule| {
        rule.status.contains(&response.status) && rule.when.as_ref().is_none_or(|when| when.holds(&response.body))
    };
    let Some(rule) = manifest.errors.iter().find(fits) else { return by_status };
    // Other bodies may hold what nobody should see: tokens, pages of a proxy.
    let shows = matches!(response.status, 400 | 409 | 422);
    let said = rule.message.as_deref().filter(|_| shows).and_then(|at| response.at(at)).and_then(scalar);
    let sentence = match &said {
        Some(said) => format!("{} says: {}", manifest.title, said.chars().take(SHOWN).collect::<String>()),
        None if rule.kind == by_status.kind => by_status.message().to_owned(),
        None => format!("{} {}", manifest.title, meaning(rule.kind)),
    };
    let mut fault = Fault::new(rule.kind, "exchange", sentence);
    if let (crate::Retry::After(_), Some(wait)) = (fault.retry, wait(response)) {
        fault = fault.after(wait);
    }
    by_status.context().iter().fold(fault, |fault, (name, value)| fault.with(name, value))
}

fn wait(response: &Response) -> Option<std::time::Duration> {
    response.headers.get("retry-after")?.trim().parse().ok().map(std::time::Duration::from_secs)
}

fn meaning(kind: Kind) -> &'static str {
    match kind {
        Kind::Unauthorized => "does not accept the credential; run `concord connect`",
        Kind::Forbidden => "says that the credential lacks a permission",
        Kind::NotFound => "does not show this record to us",
        Kind::Unavailable => "is not available now",
        Kind::Conflict => "says that the record changed meanwhile",
        Kind::RateLimited => "asks for fewer calls",
        Kind::Ambiguous => "knows several records under one id",
        _ => "refuses the request",
    }
}
