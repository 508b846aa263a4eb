//! The API's paths.

use super::{
    OBJECTS, Portal,
    link::{self, Link},
    object::Object,
    refusal::{Answer, Refusal},
    store::Source,
};
use concord_connector::{
    sandbox::{WireRequest, WireResponse},
    time::Instant,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// The kind of a request: ids are replaced by `{}`.
pub(super) fn shape(request: &WireRequest) -> String {
    let segments = request.path().split('/');
    let plain = |segment: &str| !segment.is_empty() && segment.bytes().all(|b| b.is_ascii_digit());
    let path: Vec<&str> = segments.map(|segment| if plain(segment) { "{}" } else { segment }).collect();
    format!("{} {}", request.method, path.join("/"))
}

fn object(name: &str) -> Answer<&'static Object> {
    Object::find(name).ok_or_else(|| {
        let mut refusal = Refusal::invalid(format!("Unable to infer object type from: {name}"));
        refusal.category = "";
        refusal
    })
}

impl Portal {
    pub(super) fn route(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let segments: Vec<&str> = request.path().trim_matches('/').split('/').collect();
        let parsed = request.json();
        if parsed.is_none() && !request.body.is_empty() && segments[0] != "oauth" {
            return Refusal::invalid("Invalid input JSON on line 1, column 1").response();
        }
        let body = parsed.unwrap_or_default();
        let answer = match (request.method.as_str(), segments.as_slice()) {
            ("POST", ["oauth", "v1", "token"]) => return self.access.token(now, request),
            ("GET", ["account-info", "v3", "details"]) => Ok(WireResponse::json(200, &self.details())),
            ("GET", ["crm-object-schemas", "v3", "schemas"]) => Ok(WireResponse::json(200, &self.schemas())),
            ("GET", ["crm", "v3", "properties", name]) => {
                object(name).map(|object| WireResponse::json(200, &json!({ "results": object.definitions() })))
            }
            (method, ["crm", "v3", "objects", name, rest @ ..]) => {
                object(name).and_then(|object| self.objects(now, request, method, object, rest, &body))
            }
            (method, ["crm", "v4", "associations", from, to, rest @ ..]) => object(from)
                .and_then(|from| Ok((from, object(to)?)))
                .and_then(|(from, to)| self.associations(now, method, from, to, rest, &body)),
            ("PUT", ["crm", "v4", "objects", from, id, "associations", "default", to, other]) => {
                self.default_association(now, from, id, to, other)
            }
            _ => return WireResponse::html(404, "Page not found"),
        };
        match answer {
            Ok(response) => response,
            // HubSpot answers an unknown record with a page for people.
            Err(refusal) if refusal.status == 404 => WireResponse::html(404, "Page not found"),
            Err(refusal) => refusal.response(),
        }
    }

    fn details(&self) -> Json {
        json!({
            "portalId": self.portal_id,
            "accountType": "DEVELOPER_TEST",
            "timeZone": self.time_zone,
            "companyCurrency": self.currency,
            "additionalCurrencies": [],
            "utcOffset": "+00:00",
            "uiDomain": "app.hubspot.example.com",
            "dataHostingLocation": "eu1",
        })
    }

    fn schemas(&self) -> Json {
        let custom = OBJECTS.iter().filter(|object| object.type_id.starts_with("2-"));
        let shown = custom.map(|object| {
            let name = object.name.trim_start_matches("p_");
            json!({
                "id": object.type_id.trim_start_matches("2-"),
                "objectTypeId": object.type_id,
                "name": name,
                "fullyQualifiedName": format!("p{}_{name}", self.portal_id),
                "labels": { "singular": name, "plural": name },
                "requiredProperties": [],
                "properties": [],
                "associations": [],
            })
        });
        json!({ "results": shown.collect::<Vec<_>>() })
    }

    fn objects(
        &mut self,
        now: Instant,
        request: &WireRequest,
        method: &str,
        object: &'static Object,
        rest: &[&str],
        body: &Json,
    ) -> Answer<WireResponse> {
        let api = Source::Integration;
        let names = |name: &str| -> BTreeSet<String> {
            let listed = request.parameter(name).unwrap_or_default();
            listed.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
        };
        Ok(match (method, rest) {
            ("POST", ["search"]) => WireResponse::json(200, &self.search(now, object, body)?),
            ("POST", ["batch", what]) => {
                let archived = request.parameter("archived").as_deref() == Some("true");
                self.batch(now, object, what, archived, body)?
            }
            ("POST", ["merge"]) => {
                let id = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
                let id = self.merge(now, api, object, &id("primaryObjectId"), &id("objectIdToMerge"))?;
                WireResponse::json(200, &self.record(object, &id.to_string())?.show_all())
            }
            ("POST", []) => {
                let links = self.given(object, body)?;
                let id = self.create(now, api, object, &body["properties"], &links)?;
                WireResponse::json(201, &self.record(object, &id.to_string())?.show_all())
            }
            ("GET", []) => self.list(request, object, &names("properties")),
            ("GET" | "PATCH", [id]) => {
                let id = match request.parameter("idProperty") {
                    Some(property) => {
                        let found = self.by_unique(object, &property, id)?;
                        found.ok_or_else(|| Refusal::not_found(id))?.to_string()
                    }
                    None => (*id).to_owned(),
                };
                if method == "PATCH" {
                    self.update(now, api, object, &id, &body["properties"])?;
                }
                let history: Vec<String> = names("propertiesWithHistory").into_iter().collect();
                let record = self.record(object, &id)?;
                let shown = match names("properties") {
                    names if names.is_empty() => record.show_all(),
                    names => record.show(&names, &history),
                };
                WireResponse::json(200, &shown)
            }
            ("DELETE", [id]) => {
                self.archive(now, api, object, id)?;
                WireResponse::empty(204)
            }
            _ => WireResponse::html(404, "Page not found"),
        })
    }

    /// Pages of at most 100; the cursor is the last id.
    fn list(&self, request: &WireRequest, object: &'static Object, names: &BTreeSet<String>) -> WireResponse {
        let number = |name: &str| request.parameter(name).and_then(|text| text.parse::<u64>().ok());
        let limit = number("limit").unwrap_or(10).min(100) as usize;
        let after = number("after").unwrap_or_default();
        let mut page: Vec<_> = self.of(object).filter(|record| record.id > after).take(limit + 1).collect();
        let more = page.len() > limit;
        page.truncate(limit);
        let results: Vec<Json> = page.iter().map(|record| record.show(names, &[])).collect();
        let mut body = json!({ "results": results });
        if let (true, Some(last)) = (more, page.last()) {
            body["paging"] = json!({ "next": { "after": last.id.to_string() } });
        }
        WireResponse::json(200, &body)
    }

    /// The associations that a create brings along.
    pub(super) fn given(&self, from: &'static Object, body: &Json) -> Answer<Vec<Link>> {
        let mut links = Vec::new();
        for given in body["associations"].as_array().into_iter().flatten() {
            let id = given.pointer("/to/id").and_then(Json::as_str).and_then(|id| id.parse().ok());
            let id: u64 = id.ok_or_else(|| Refusal::invalid("an association without id"))?;
            for spec in given["types"].as_array().into_iter().flatten() {
                let fits = |to: &&&'static Object| link::named(from, to, spec).is_ok();
                let all: Vec<&'static Object> = OBJECTS.iter().collect();
                let Some(to) = all.iter().find(fits) else {
                    return Err(Refusal::invalid(format!("No association type {spec} from {}", from.name)));
                };
                links.push(Link { object: to, id, kind: Some(link::named(from, to, spec)?) });
            }
        }
        Ok(links)
    }

    fn default_association(
        &mut self,
        now: Instant,
        from: &str,
        id: &str,
        to: &str,
        other: &str,
    ) -> Answer<WireResponse> {
        let (from, to) = (object(from)?, object(to)?);
        let (id, other) = (self.record(from, id)?.id, self.record(to, other)?.id);
        self.associate(now, Source::Integration, (from, id), &Link { object: to, id: other, kind: None })?;
        Ok(WireResponse::json(200, &json!({ "status": "COMPLETE", "results": [] })))
    }
}
