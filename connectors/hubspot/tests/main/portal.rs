//! The sandbox refuses what HubSpot refuses. Everything here speaks the vendor's API, not the connector's.

use concord_connector::{
    sandbox::{Act, Sandbox, WireRequest},
    time::Instant,
};
use concord_hubspot::sandbox::Portal;
use serde_json::{Value as Json, json};

struct Client {
    portal: Portal,
    now: Instant,
    token: String,
}

impl Client {
    fn new() -> Self {
        let portal = Portal::new(7, 100);
        let token = portal.credentials().remove("token").unwrap();
        Self { portal, now: Instant::from_ms(1_767_225_600_000), token }
    }
    fn send(&mut self, method: &str, target: &str, body: Json) -> (u16, Json) {
        let body = if body.is_null() { Vec::new() } else { body.to_string().into_bytes() };
        self.raw(method, target, body)
    }
    fn raw(&mut self, method: &str, target: &str, body: Vec<u8>) -> (u16, Json) {
        let headers = [("authorization".to_owned(), format!("Bearer {}", self.token))].into();
        let request = WireRequest { method: method.into(), target: target.into(), headers, body };
        let response = self.portal.handle(self.now, &request);
        let html = || json!(String::from_utf8_lossy(&response.body));
        (response.status, serde_json::from_slice(&response.body).unwrap_or_else(|_| html()))
    }
    fn company(&mut self, properties: Json) -> String {
        let (status, body) = self.send("POST", "/crm/v3/objects/companies", json!({ "properties": properties }));
        assert_eq!(status, 201, "{body}");
        body["id"].as_str().unwrap().to_owned()
    }
}

#[test]
fn one_record_at_a_time() {
    let mut client = Client::new();
    let id =
        client.company(json!({ "name": " Acme ", "domain": "https://WWW.Acme.example.com/x", "concord_id": "r1" }));
    let path = format!("/crm/v3/objects/companies/{id}");
    let (_, shown) = client.send("GET", &format!("{path}?properties=name,domain,phone"), Json::Null);
    assert_eq!(shown["properties"]["name"], "Acme");
    assert_eq!(shown["properties"]["domain"], "acme.example.com");
    assert_eq!(shown["properties"]["phone"], Json::Null);
    let by_marker = "/crm/v3/objects/companies/r1?idProperty=concord_id";
    let (status, _) = client.send("PATCH", by_marker, json!({ "properties": { "annualrevenue": "0012.50" } }));
    assert_eq!(status, 200);
    let (_, shown) = client.send("GET", &path, Json::Null);
    assert_eq!(shown["properties"]["annualrevenue"], "12.5");
    assert_eq!(client.send("DELETE", &path, Json::Null).0, 204);
    let (status, page) = client.send("GET", &path, Json::Null);
    assert_eq!(status, 404);
    assert!(page.as_str().unwrap().contains("html"), "an unknown record is a page for people");
}

#[test]
fn refusals_are_the_vendors() {
    let mut client = Client::new();
    let one = |properties: Json| json!({ "properties": properties });
    for (properties, part) in [
        (json!({ "nosuch": "1" }), "PROPERTY_DOESNT_EXIST"),
        (json!({ "hs_object_id": "1" }), "READ_ONLY_VALUE"),
        (json!({ "annualrevenue": "lots" }), "INVALID_LONG"),
        (json!({ "industry": "Machinery" }), "INVALID_OPTION"),
        (json!({ "concord_roles": "partner;astronaut" }), "INVALID_OPTION"),
        (json!({ "name": null }), "null"),
    ] {
        let (status, body) = client.send("POST", "/crm/v3/objects/companies", one(properties));
        assert_eq!((status, &body["category"]), (400, &json!("VALIDATION_ERROR")));
        assert!(body["message"].as_str().unwrap().contains(part), "{body}");
    }
    let (status, body) = client.send("POST", "/crm/v3/objects/nosuch/search", json!({}));
    assert_eq!((status, body["message"].as_str()), (400, Some("Unable to infer object type from: nosuch")));
    assert_eq!(client.raw("POST", "/crm/v3/objects/companies", b"{".to_vec()).0, 400);
    client.company(json!({ "name": "A", "domain": "a.example.com", "concord_id": "r1" }));
    client.company(json!({ "name": "B", "domain": "a.example.com" }));
    let (status, body) = client.send("POST", "/crm/v3/objects/companies", one(json!({ "concord_id": "r1" })));
    assert_eq!(status, 400);
    assert!(body["message"].as_str().unwrap().contains("already has that value"), "{body}");
}

#[test]
fn batches_have_their_sizes() {
    let mut client = Client::new();
    let batch = |rows: usize, history: Json| {
        let inputs: Vec<Json> = (0..rows).map(|n| json!({ "id": n.to_string() })).collect();
        json!({ "inputs": inputs, "properties": ["name"], "propertiesWithHistory": history })
    };
    let path = "/crm/v3/objects/companies/batch/read";
    assert_eq!(client.send("POST", path, batch(100, json!([]))).0, 207);
    assert_eq!(client.send("POST", path, batch(101, json!([]))).0, 400);
    assert_eq!(client.send("POST", path, batch(51, json!(["name"]))).0, 400);
    let twins = json!({ "inputs": [{ "id": "1", "properties": {} }, { "id": "1", "properties": {} }] });
    assert_eq!(client.send("POST", "/crm/v3/objects/companies/batch/update", twins).0, 400);
}

#[test]
fn a_search_has_its_bounds() {
    let mut client = Client::new();
    for n in 0..3 {
        client.company(json!({ "name": format!("C{n}") }));
    }
    let mut search = |body: Json| client.send("POST", "/crm/v3/objects/companies/search", body);
    assert_eq!(search(json!({ "limit": 201 })).0, 400);
    assert_eq!(search(json!({ "limit": 200, "after": "9900" })).0, 400);
    let unknown =
        json!({ "filterGroups": [{ "filters": [{ "propertyName": "nosuch", "operator": "EQ", "value": "1" }] }] });
    assert_eq!(search(unknown).0, 400);
    let (_, page) = search(json!({ "limit": 2, "sorts": ["-hs_object_id"], "properties": ["name"] }));
    assert_eq!((page["total"].as_u64(), page["paging"]["next"]["after"].as_str()), (Some(3), Some("2")));
    assert_eq!(page["results"][0]["properties"]["name"], "C2");
    let (_, last) = search(json!({ "limit": 2, "after": "2" }));
    assert!(last.get("paging").is_none(), "no `paging` at all on the last page");
}

#[test]
fn a_list_goes_on_after_the_last_id() {
    let mut client = Client::new();
    let ids: Vec<String> = (0..3).map(|n| client.company(json!({ "name": format!("C{n}") }))).collect();
    let (_, page) = client.send("GET", "/crm/v3/objects/companies?limit=2", Json::Null);
    assert_eq!(page["paging"]["next"]["after"].as_str(), Some(ids[1].as_str()));
    let target = format!("/crm/v3/objects/companies?limit=2&after={}", ids[1]);
    let (_, page) = client.send("GET", &target, Json::Null);
    assert_eq!(page["results"].as_array().unwrap().len(), 1);
    assert!(page.get("paging").is_none());
}

#[test]
fn a_merge_keeps_one_id_and_moves_what_hangs_on_the_other() {
    let mut client = Client::new();
    let (winner, loser) =
        (client.company(json!({ "name": "W" })), client.company(json!({ "name": "L", "phone": "1" })));
    let fields = json!({ "properties": { "dealname": "D" }, "associations": [{ "to": "companies", "id": loser, "label": "Primary" }] });
    let deal = client.portal.act(client.now, Act::Create { object: "deals".into(), fields }).unwrap();
    let body = json!({ "primaryObjectId": winner, "objectIdToMerge": loser });
    let (status, merged) = client.send("POST", "/crm/v3/objects/companies/merge", body);
    assert_eq!(status, 200);
    assert_eq!((&merged["properties"]["name"], &merged["properties"]["phone"]), (&json!("W"), &json!("1")));
    assert_eq!(merged["properties"]["hs_merged_object_ids"], json!(loser));
    let records = client.portal.records();
    assert!(!records["companies"].contains_key(&loser));
    assert_eq!(records["deals"][&deal]["associations"]["companies"][0]["toObjectId"], json!(winner));
}

#[test]
fn tokens_are_checked_and_refreshed() {
    let mut client = Client::new();
    let secrets = client.portal.credentials();
    client.token = "wrong".into();
    let (status, body) = client.send("GET", "/account-info/v3/details", Json::Null);
    assert_eq!((status, &body["category"]), (401, &json!("INVALID_AUTHENTICATION")));
    let form = |refresh: &str| {
        let (id, secret) = (&secrets["client_id"], &secrets["client_secret"]);
        format!("grant_type=refresh_token&client_id={id}&client_secret={secret}&refresh_token={refresh}").into_bytes()
    };
    assert_eq!(client.raw("POST", "/oauth/v1/token", form("wrong")).0, 400);
    let (status, token) = client.raw("POST", "/oauth/v1/token", form(&secrets["refresh_token"]));
    assert_eq!((status, &token["refresh_token"]), (200, &json!(secrets["refresh_token"])));
    client.token = token["access_token"].as_str().unwrap().to_owned();
    assert_eq!(client.send("GET", "/account-info/v3/details", Json::Null).0, 200);
    client.now = Instant::from_ms(client.now.ms() + 1_800_000);
    assert_eq!(client.send("GET", "/account-info/v3/details", Json::Null).0, 401, "half an hour later");
}

#[test]
fn a_full_window_throttles_and_slides() {
    let mut client = Client::new();
    client.portal.limit(Some(3));
    let call = |client: &mut Client| client.send("GET", "/account-info/v3/details", Json::Null);
    assert!((0..3).all(|_| call(&mut client).0 == 200));
    let (status, body) = call(&mut client);
    assert_eq!((status, &body["policyName"]), (429, &json!("TEN_SECONDLY_ROLLING")));
    client.now = Instant::from_ms(client.now.ms() + 10_000);
    assert_eq!(call(&mut client).0, 200);
    assert_eq!(client.portal.served()["GET /account-info/v3/details"], 5);
}
