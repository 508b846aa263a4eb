//! What HubSpot's errors mean.

use crate::drive::World;
use concord_connector::{
    Connector, Entity, Kind, Operation, Request, Response, Retry,
    sandbox::{Sandbox, Trouble},
};
use serde_json::{Value as Json, json};
use std::time::Duration;

fn classify(path: &str, status: u16, headers: &[(&str, &str)], body: Json) -> (Kind, Retry, String) {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let response = Response { status, headers, body, started_at: Default::default() };
    let fault = concord_hubspot::connector().classify(&Request::get(path), &response);
    (fault.kind, fault.retry, fault.to_string())
}

fn after(seconds: u64) -> Retry {
    Retry::After(Some(Duration::from_secs(seconds)))
}

#[test]
fn each_error_has_its_kind_and_its_wait() {
    let policy = |name: &str| json!({ "status": "error", "message": "m", "policyName": name });
    let html = || Json::String("<!doctype html><title>Page not found</title>".into());
    let invalid = || json!({ "category": "VALIDATION_ERROR", "message": "Property values were not valid" });
    let cases = [
        ("/crm", 429, vec![], policy("TEN_SECONDLY_ROLLING"), Kind::RateLimited, after(10)),
        ("/crm", 429, vec![("retry-after", "3")], policy("TEN_SECONDLY_ROLLING"), Kind::RateLimited, after(3)),
        ("/crm", 429, vec![], policy("SECONDLY"), Kind::RateLimited, after(1)),
        ("/crm", 429, vec![], policy("DAILY"), Kind::RateLimited, after(900)),
        ("/crm/v3/objects/deals/search", 429, vec![], html(), Kind::RateLimited, after(1)),
        ("/crm", 477, vec![("retry-after", "86400")], html(), Kind::Unavailable, after(86_400)),
        ("/crm", 423, vec![], json!({}), Kind::Unavailable, after(10)),
        ("/crm", 500, vec![], html(), Kind::Unavailable, Retry::After(None)),
        ("/crm", 502, vec![], html(), Kind::Unavailable, after(5)),
        ("/crm", 504, vec![], Json::Null, Kind::Unavailable, after(5)),
        ("/crm", 521, vec![], html(), Kind::Unavailable, after(5)),
        ("/crm", 523, vec![], html(), Kind::Unavailable, after(5)),
        ("/crm", 524, vec![], html(), Kind::Unavailable, after(5)),
        ("/crm", 401, vec![], json!({ "category": "INVALID_AUTHENTICATION" }), Kind::Unauthorized, Retry::AfterRefresh),
        ("/crm", 403, vec![], json!({ "category": "MISSING_SCOPES" }), Kind::Forbidden, Retry::Never),
        ("/crm", 404, vec![], html(), Kind::NotFound, Retry::Never),
        ("/crm", 400, vec![], invalid(), Kind::Rejected, Retry::Never),
        ("/crm", 400, vec![], Json::Null, Kind::Rejected, Retry::Never),
        ("/crm", 409, vec![], json!({ "category": "CONFLICT", "message": "m" }), Kind::Conflict, Retry::After(None)),
    ];
    for (path, status, headers, body, kind, retry) in cases {
        let (found, wait, sentence) = classify(path, status, &headers, body);
        assert_eq!((found, wait), (kind, retry), "{status}: {sentence}");
    }
}

#[test]
fn missing_scopes_are_named() {
    let body = json!({
        "category": "MISSING_SCOPES",
        "errors": [{ "message": "m", "context": { "requiredGranularScopes": ["crm.objects.leads.read"] } }],
    });
    assert!(classify("/crm", 403, &[], body).2.contains("crm.objects.leads.read"));
}

#[test]
fn a_throttle_in_the_middle_of_an_operation_is_the_connections_trouble() {
    let mut world = World::new();
    world.portal.faults().plan("/batch/read", Trouble::Throttle(Some(7)));
    let operation = Operation::Fetch { entity: Entity::Organization, ids: vec!["1".into()] };
    let fault = world.run(&operation).unwrap_err();
    assert!(fault.is_of_connection());
    assert_eq!(fault.retry, after(7));
}

#[test]
fn the_portals_own_budgets_are_recognised() {
    let mut world = World::new();
    world.portal.limit(Some(100));
    let search = Operation::Poll { entity: Entity::Person, cursor: None, until: world.now };
    let faults: Vec<_> = (0..6).filter_map(|_| world.run(&search).err()).collect();
    assert_eq!(faults.len(), 1, "five searches in a second");
    assert_eq!(faults[0].retry, after(1));
    world.tick(1000);
    assert!(world.run(&search).is_ok());
}

#[test]
fn an_outage_page_is_not_taken_for_data() {
    let mut world = World::new();
    world.portal.faults().outage = Some(503);
    let fault = world.run(&Operation::Describe).unwrap_err();
    assert_eq!(fault.kind, Kind::Unavailable);
}

#[test]
fn a_list_that_does_not_exist_is_said_so() {
    let mut world = World::new();
    let operation = Operation::Deleted { entity: Entity::Person, cursor: None, until: world.now };
    assert_eq!(world.run(&operation).unwrap_err().kind, Kind::Malformed);
}
