//! The stand-in refuses what the vendor refuses.

use crate::{Test, bench::Bench};
use concord_connector::sandbox::{Act, Sandbox, WireRequest};
use serde_json::{Value as Json, json};

pub(crate) fn tests() -> Vec<Test> {
    vec![
        ("what_the_vendor_refuses_is_refused", refusals),
        ("an_upsert_answers_201_200_and_300", upsert),
        ("a_composite_of_26_is_refused_and_all_or_none_is_kept", composite),
        ("queries_page_by_locator_and_refuse_what_they_do_not_know", queries),
        ("an_assertion_is_taken_while_it_is_good", assertion),
        ("collections_answer_row_by_row", collections),
        ("a_session_can_end", session),
    ]
}

fn call(bench: &mut Bench, method: &str, path: &str, body: Json) -> (u16, Json) {
    let headers = bench.key.iter().cloned().collect();
    let target = format!("/services/data/v67.0{path}");
    let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
    let answer = bench.org.handle(bench.now, &WireRequest { method: method.into(), target, headers, body });
    (answer.status, serde_json::from_slice(&answer.body).unwrap_or_default())
}

fn code(answer: &(u16, Json)) -> (u16, &str) {
    (answer.0, answer.1.pointer("/0/errorCode").and_then(Json::as_str).unwrap_or_default())
}

fn refusals() {
    let mut bench = Bench::new();
    let id = bench.made("Account", json!({ "Name": "A" }));
    for (body, expected) in [
        (json!({ "Nonsense": 1 }), "INVALID_FIELD"),
        (json!({ "IsPartner": true }), "INVALID_FIELD_FOR_INSERT_UPDATE"),
        (json!({ "Phone": "1".repeat(41) }), "STRING_TOO_LONG"),
        (json!({ "Name": null }), "REQUIRED_FIELD_MISSING"),
        (json!({ "AnnualRevenue": "12" }), "JSON_PARSER_ERROR"),
        (json!({ "ParentId": "001" }), "MALFORMED_ID"),
        (json!({ "ParentId": "001000000000009AAA" }), "INVALID_CROSS_REFERENCE_KEY"),
        (json!({ "Concord_Roles__c": "Friend" }), "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST"),
        (json!({ "Concord_Email__c": "no" }), "INVALID_EMAIL_ADDRESS"),
    ] {
        let answer = call(&mut bench, "PATCH", &format!("/sobjects/Account/{id}"), body);
        assert_eq!(code(&answer), (400, expected));
    }
    bench.made("Account", json!({ "Name": "B", "Concord_Id__c": "r-1" }));
    let taken = call(&mut bench, "POST", "/sobjects/Account", json!({ "Name": "C", "Concord_Id__c": "R-1" }));
    assert_eq!(code(&taken), (400, "DUPLICATE_VALUE"));
    let body = json!({ "OpportunityId": id });
    assert_eq!(call(&mut bench, "PATCH", &format!("/sobjects/OpportunityPartner/{id}"), body).0, 405);
    bench.org.act(bench.now, Act::Delete { object: "Account".into(), id: id.clone() }).unwrap();
    let gone = call(&mut bench, "GET", &format!("/sobjects/Account/{id}"), Json::Null);
    assert_eq!(code(&gone), (404, "ENTITY_IS_DELETED"));
}

fn upsert() {
    let mut bench = Bench::new();
    bench.org.repeat_markers();
    let path = "/sobjects/Account/Concord_Id__c/r-1";
    assert_eq!(call(&mut bench, "PATCH", path, json!({ "Name": "A" })).0, 201);
    assert_eq!(call(&mut bench, "PATCH", path, json!({ "Name": "B" })).1["created"], false);
    bench.made("Account", json!({ "Name": "C", "Concord_Id__c": "r-1" }));
    assert_eq!(call(&mut bench, "PATCH", path, json!({ "Name": "D" })).0, 300);
    assert_eq!(
        code(&call(&mut bench, "PATCH", "/sobjects/Account/Name/x", json!({ "Phone": "1" }))),
        (404, "NOT_FOUND")
    );
    let own = json!({ "Name": "A", "Concord_Id__c": "r-2" });
    assert_eq!(code(&call(&mut bench, "PATCH", "/sobjects/Account/Concord_Id__c/r-2", own)), (400, "INVALID_FIELD"));
}

fn composite() {
    let mut bench = Bench::new();
    let sub = |n: usize, name: Json| json!({ "method": "POST", "url": "/services/data/v67.0/sobjects/Account", "referenceId": format!("a{n}"), "body": { "Name": name } });
    let many: Vec<Json> = (0..26).map(|n| sub(n, json!("A"))).collect();
    assert_eq!(call(&mut bench, "POST", "/composite", json!({ "compositeRequest": many })).0, 400);
    for (all_or_none, left) in [(true, 0), (false, 1)] {
        let body = json!({ "allOrNone": all_or_none, "compositeRequest": [sub(1, json!("A")), sub(2, Json::Null)] });
        assert_eq!(call(&mut bench, "POST", "/composite", body).0, 200);
        assert_eq!(bench.org.records()["Account"].len(), left);
    }
}

fn query(bench: &mut Bench, soql: &str) -> (u16, Json) {
    let encoded: String = soql.bytes().map(|byte| format!("%{byte:02X}")).collect();
    call(bench, "GET", &format!("/query?q={encoded}"), Json::Null)
}

fn queries() {
    let mut bench = Bench::new();
    for n in 0..5 {
        bench.made("Contact", json!({ "LastName": format!("P{n}") }));
    }
    bench.org.page_size(2);
    let (_, mut page) =
        query(&mut bench, "SELECT Id, LastName FROM Contact WHERE LastName LIKE 'P%' ORDER BY LastName DESC LIMIT 5");
    let mut names = Vec::new();
    loop {
        names
            .extend(page["records"].as_array().unwrap().iter().map(|row| row["LastName"].as_str().unwrap().to_owned()));
        let Some(next) = page["nextRecordsUrl"].as_str().map(|url| url.replace("/services/data/v67.0", "")) else {
            break;
        };
        page = call(&mut bench, "GET", &next, Json::Null).1;
    }
    assert_eq!(names, ["P4", "P3", "P2", "P1", "P0"]);
    for (soql, expected) in [
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Nope", "INVALID_TYPE"),
        ("SELECT Id FROM Contact WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR"),
        ("SELECT Id FROM Contact WHERE Email = 'a' AND Phone = 'b' OR Title = 'c'", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE Email = 'a", "MALFORMED_QUERY"),
    ] {
        assert_eq!(code(&query(&mut bench, soql)), (400, expected), "{soql}");
    }
}

fn assertion() {
    let mut bench = Bench::new();
    let encode =
        |json: Json| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, json.to_string());
    let exp = bench.now.seconds() + 180;
    let token = |bench: &mut Bench, exp: i64, sub: &str| {
        let iss = bench.org.credentials()["client_id"].clone();
        let claims = json!({ "iss": iss, "sub": sub, "aud": "https://login.salesforce.com", "exp": exp });
        let jwt = format!("{}.{}.c2ln", encode(json!({ "alg": "RS256" })), encode(claims));
        let body = format!("grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Ajwt-bearer&assertion={jwt}");
        let request = WireRequest {
            method: "POST".into(),
            target: "/services/oauth2/token".into(),
            body: body.into_bytes(),
            ..Default::default()
        };
        bench.org.handle(bench.now, &request).status
    };
    assert_eq!(token(&mut bench, exp, "integration@example.com"), 200);
    assert_eq!(token(&mut bench, exp - 1_000, "integration@example.com"), 400, "expired");
    assert_eq!(token(&mut bench, exp + 1_000, "integration@example.com"), 400, "too far ahead");
    assert_eq!(token(&mut bench, exp, "stranger@example.com"), 400);
}

fn collections() {
    let mut bench = Bench::new();
    let row = |name: Json| json!({ "attributes": { "type": "Account" }, "Name": name });
    let (status, rows) =
        call(&mut bench, "POST", "/composite/sobjects", json!({ "records": [row(json!("A")), row(Json::Null)] }));
    assert_eq!(
        (status, &rows[0]["success"], &rows[1]["errors"][0]["statusCode"]),
        (200, &json!(true), &json!("REQUIRED_FIELD_MISSING"))
    );
}

fn session() {
    let mut bench = Bench::new();
    bench.org.expire_tokens();
    let answer = call(&mut bench, "GET", "/limits", Json::Null);
    assert_eq!(code(&answer), (401, "INVALID_SESSION_ID"));
}
