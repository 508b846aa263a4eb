//! Batches: all rows, or those that went well beside the errors of the others (207).

use super::{
    Portal,
    link::{self, Link},
    object::Object,
    refusal::{Answer, Refusal},
    store::Source,
};
use concord_connector::{sandbox::WireResponse, time::Instant};
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

/// The largest batch of objects; half of it when the answer has to carry history.
const ROWS: usize = 100;
const WITH_HISTORY: usize = 50;
/// The largest batch of associations to read, and to write.
const PAIRS: usize = 1000;

/// Rows and errors of a batch.
#[derive(Default)]
struct Rows {
    results: Vec<Json>,
    errors: Vec<Json>,
}

impl Rows {
    fn response(self, good: u16, now: Instant) -> WireResponse {
        let mut body = json!({
            "status": "COMPLETE",
            "results": self.results,
            "startedAt": now.rfc3339(),
            "completedAt": now.rfc3339(),
        });
        if self.errors.is_empty() {
            return WireResponse::json(good, &body);
        }
        body["numErrors"] = json!(self.errors.len());
        body["errors"] = Json::Array(self.errors);
        WireResponse::json(207, &body)
    }
}

fn inputs(body: &Json, most: usize) -> Answer<&Vec<Json>> {
    let inputs = body["inputs"].as_array().ok_or_else(|| Refusal::invalid("Invalid input JSON: no `inputs`"))?;
    if inputs.len() > most {
        return Err(Refusal::invalid(format!("The maximum number of inputs allowed is {most}, got {}", inputs.len())));
    }
    Ok(inputs)
}

/// What is answered to a new association: with its labels, or with the type of the plain one.
fn joined(from: &Object, to: &Object, id: u64, other: u64, labelled: bool) -> Json {
    let (id, other) = (id.to_string(), other.to_string());
    if labelled {
        return json!({
            "fromObjectTypeId": from.type_id,
            "fromObjectId": id,
            "toObjectTypeId": to.type_id,
            "toObjectId": other,
            "labels": [],
        });
    }
    let plain = link::types(from.name, to.name).into_iter().find(|seen| seen.label.is_empty());
    let spec = plain.map(|seen| json!({ "associationCategory": seen.category(), "associationTypeId": seen.id }));
    json!({ "from": { "id": id }, "to": { "id": other }, "associationSpec": spec })
}

fn texts(body: &Json, member: &str) -> Vec<String> {
    body[member].as_array().into_iter().flatten().filter_map(Json::as_str).map(str::to_owned).collect()
}

fn id_at(input: &Json, pointer: &str) -> String {
    match input.pointer(pointer) {
        Some(Json::String(text)) => text.clone(),
        Some(Json::Number(number)) => number.to_string(),
        _ => String::new(),
    }
}

impl Portal {
    pub(super) fn batch(
        &mut self,
        now: Instant,
        object: &'static Object,
        what: &str,
        archived: bool,
        body: &Json,
    ) -> Answer<WireResponse> {
        match what {
            "read" => self.batch_read(now, object, archived, body),
            "archive" => {
                for input in inputs(body, ROWS)? {
                    // Unknown ids and ids that are gone already are no error.
                    let _gone = self.archive(now, Source::Integration, object, &id_at(input, "/id"));
                }
                Ok(WireResponse::empty(204))
            }
            "create" | "update" | "upsert" => self.batch_write(now, object, what, body),
            _ => Ok(WireResponse::html(404, "Page not found")),
        }
    }

    fn batch_read(&self, now: Instant, object: &'static Object, archived: bool, body: &Json) -> Answer<WireResponse> {
        let history = texts(body, "propertiesWithHistory");
        let names: BTreeSet<String> = texts(body, "properties").into_iter().collect();
        let mut rows = Rows::default();
        for input in inputs(body, if history.is_empty() { ROWS } else { WITH_HISTORY })? {
            let id = self.input_id(object, body, input)?;
            let found = if archived { self.archived(object, &id) } else { self.record(object, &id) };
            match found {
                Ok(record) => rows.results.push(record.show(&names, &history)),
                Err(refusal) => rows.errors.push(refusal.row(None)),
            }
        }
        Ok(rows.response(200, now))
    }

    /// An input's record id, which may be named by a unique property.
    fn input_id(&self, object: &'static Object, holder: &Json, input: &Json) -> Answer<String> {
        let given = id_at(input, "/id");
        match holder["idProperty"].as_str() {
            Some(property) if property != "hs_object_id" => {
                Ok(self.by_unique(object, property, &given)?.map_or(given, |id| id.to_string()))
            }
            _ => Ok(given),
        }
    }

    fn batch_write(&mut self, now: Instant, object: &'static Object, what: &str, body: &Json) -> Answer<WireResponse> {
        let inputs = inputs(body, ROWS)?;
        let mut seen = BTreeSet::new();
        if inputs.iter().any(|input| what != "create" && !seen.insert(id_at(input, "/id"))) {
            return Err(Refusal::invalid("Duplicate IDs found in batch input: each may be there once"));
        }
        let mut rows = Rows::default();
        for input in inputs {
            let trace = input["objectWriteTraceId"].as_str();
            let written = match what {
                "create" => self.given(object, input).and_then(|links| {
                    let id = self.create(now, Source::Integration, object, &input["properties"], &links)?;
                    Ok((id, true))
                }),
                "update" => self.input_id(object, input, input).and_then(|id| {
                    Ok((self.update(now, Source::Integration, object, &id, &input["properties"])?, false))
                }),
                _ => self.upsert(now, object, input),
            };
            match written {
                Ok((id, new)) => {
                    let mut shown = self.record(object, &id.to_string())?.show_all();
                    if what == "upsert" {
                        shown["new"] = json!(new);
                    }
                    if let Some(trace) = trace {
                        shown["objectWriteTraceId"] = json!(trace);
                    }
                    rows.results.push(shown);
                }
                // A collision in a batch of creates refuses the batch and names the first one only.
                Err(refusal) if refusal.status == 409 && rows.results.is_empty() => return Err(refusal),
                Err(refusal) => rows.errors.push(refusal.row(trace)),
            }
        }
        Ok(rows.response(if what == "create" { 201 } else { 200 }, now))
    }

    fn upsert(&mut self, now: Instant, object: &'static Object, input: &Json) -> Answer<(u64, bool)> {
        let api = Source::Integration;
        let Some(property) = input["idProperty"].as_str() else {
            return Ok((self.update(now, api, object, &id_at(input, "/id"), &input["properties"])?, false));
        };
        let value = id_at(input, "/id");
        match self.by_unique(object, property, &value)? {
            Some(id) => Ok((self.update(now, api, object, &id.to_string(), &input["properties"])?, false)),
            None => {
                let mut properties = input["properties"].clone();
                properties[property] = json!(value);
                Ok((self.create(now, api, object, &properties, &[])?, true))
            }
        }
    }

    pub(super) fn associations(
        &mut self,
        now: Instant,
        method: &str,
        from: &'static Object,
        to: &'static Object,
        rest: &[&str],
        body: &Json,
    ) -> Answer<WireResponse> {
        let api = Source::Integration;
        if (method, rest) == ("GET", &["labels"]) {
            let types: Vec<Json> = link::types(from.name, to.name).iter().map(link::Seen::show).collect();
            return Ok(WireResponse::json(200, &json!({ "results": types })));
        }
        if method != "POST" || rest.first() != Some(&"batch") {
            return Ok(WireResponse::html(404, "Page not found"));
        }
        let mut rows = Rows::default();
        let inputs = inputs(body, PAIRS)?;
        let rest = &rest[1..];
        for input in inputs {
            let done = match rest {
                ["read"] => self.associations_of(from, to, &id_at(input, "/id")).map(|row| rows.results.push(row)),
                ["archive"] => self.record(from, &id_at(input, "/from/id")).map(|r| r.id).map(|id| {
                    for other in input["to"].as_array().into_iter().flatten() {
                        if let Ok(other) = id_at(other, "/id").parse() {
                            self.dissociate(now, api, (from, id), (to, other), None);
                        }
                    }
                }),
                ["labels", "archive"] => self.ends(from, to, input).and_then(|(id, other)| {
                    let specs = input["types"].as_array().into_iter().flatten();
                    let kinds = specs.map(|spec| link::named(from, to, spec)).collect::<Answer<BTreeSet<u32>>>()?;
                    self.dissociate(now, api, (from, id), (to, other), Some(&kinds));
                    Ok(())
                }),
                ["create"] | ["associate", "default"] => self.ends(from, to, input).and_then(|(id, other)| {
                    let specs = input["types"].as_array();
                    let kinds = match specs {
                        Some(specs) => {
                            specs.iter().map(|s| link::named(from, to, s).map(Some)).collect::<Answer<_>>()?
                        }
                        None => vec![None],
                    };
                    for kind in kinds {
                        self.associate(now, api, (from, id), &Link { object: to, id: other, kind })?;
                    }
                    rows.results.push(joined(from, to, id, other, specs.is_some()));
                    Ok(())
                }),
                _ => return Ok(WireResponse::html(404, "Page not found")),
            };
            if let Err(mut refusal) = done {
                let id = id_at(input, if rest == ["read"] { "/id" } else { "/from/id" });
                refusal.context["fromObjectId"] = json!([id]);
                rows.errors.push(refusal.row(None));
            }
        }
        match rest {
            ["archive"] | ["labels", "archive"] if rows.errors.is_empty() => Ok(WireResponse::empty(204)),
            ["read"] | ["associate", "default"] => Ok(rows.response(200, now)),
            _ => Ok(rows.response(201, now)),
        }
    }

    fn ends(&self, from: &Object, to: &Object, input: &Json) -> Answer<(u64, u64)> {
        let other = self.record(to, &id_at(input, "/to/id"))?.id;
        Ok((self.record(from, &id_at(input, "/from/id"))?.id, other))
    }

    /// A record without associations is an error of its row.
    fn associations_of(&self, from: &Object, to: &Object, id: &str) -> Answer<Json> {
        let linked = self.record(from, id).map(|record| self.linked_to(from, record.id, to))?;
        if linked.is_empty() {
            let sub = "crm.associations.NO_ASSOCIATIONS_FOUND";
            let message = format!("No {} is associated with {} {id}. ({sub})", to.name, from.name);
            return Err(Refusal::new(404, "OBJECT_NOT_FOUND", message));
        }
        Ok(json!({ "from": { "id": id }, "to": linked }))
    }
}
