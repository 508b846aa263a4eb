//! A fault says what happened and what to do, and nothing that a log must not have.

use crate::mapping::every;
use concord_connector::{Fault, Kind, Request, Response, Retry, connector::classify_status};
use serde_json::json;
use std::{collections::BTreeMap, error::Error, time::Duration};

fn classified(status: u16, headers: &[(&str, &str)]) -> Fault {
    let headers: BTreeMap<_, _> = headers.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
    let response = Response { status, headers, body: json!({ "email": "ana@example.com" }), ..Response::default() };
    classify_status(&every(), &Request::get("/x"), &response)
}

#[test]
fn a_status_gives_kind_and_retry() {
    for (status, kind, retry) in [
        (400, Kind::Rejected, Retry::Never),
        (401, Kind::Unauthorized, Retry::AfterRefresh),
        (403, Kind::Forbidden, Retry::Never),
        (404, Kind::NotFound, Retry::Never),
        (408, Kind::Unavailable, Retry::After(None)),
        (409, Kind::Conflict, Retry::After(None)),
        (412, Kind::Conflict, Retry::After(None)),
        (422, Kind::Rejected, Retry::Never),
        (429, Kind::RateLimited, Retry::After(None)),
        (500, Kind::Unavailable, Retry::After(None)),
        (504, Kind::Unavailable, Retry::After(None)),
        (302, Kind::Unexpected, Retry::Never),
    ] {
        let fault = classified(status, &[]);
        assert_eq!((fault.kind, fault.retry), (kind, retry), "{status}");
    }
}

#[test]
fn retry_after_in_seconds_is_kept_where_waiting_helps() {
    let wait = Retry::After(Some(Duration::from_secs(7)));
    assert_eq!(classified(429, &[("retry-after", " 7 ")]).retry, wait);
    assert_eq!(classified(503, &[("retry-after", "7")]).retry, wait);
    assert_eq!(classified(400, &[("retry-after", "7")]).retry, Retry::Never);
    assert_eq!(classified(429, &[("retry-after", "Wed, 21 Oct 2026 07:28:00 GMT")]).retry, Retry::After(None));
    assert_eq!(classified(429, &[("retry-after", "-1")]).retry, Retry::After(None));
}

#[test]
fn a_fault_repeats_no_body() {
    for status in [400, 403, 422, 500] {
        assert!(!classified(status, &[]).to_string().contains("ana@example.com"), "{status}");
    }
}

#[test]
fn the_cause_is_a_source_and_not_part_of_the_sentence() {
    let fault = Fault::new(Kind::Unavailable, "read", "no answer").with("id", 7).caused_by("secret detail");
    assert_eq!(fault.to_string(), "read: no answer (id 7)");
    assert_eq!(fault.source().unwrap().to_string(), "secret detail");
}

#[test]
fn trouble_of_the_connection_is_told_from_trouble_of_a_record() {
    for (status, connection) in [(401, true), (429, true), (503, true), (400, false), (404, false), (409, false)] {
        assert_eq!(classified(status, &[]).is_of_connection(), connection, "{status}");
    }
}
