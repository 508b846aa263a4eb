//! Answers, call by call.

use super::{Derived, page, push::What, route::Call};
use crate::{
    Instant,
    codec::put,
    manifest::{Api, Endpoint, api::scalar},
    mapping::Mapping,
    sandbox::{WireRequest, WireResponse},
    testing::derived::store::Row,
};
use serde_json::{Value as Json, json};

impl Derived {
    pub(super) fn answer(&mut self, now: Instant, request: &WireRequest) -> WireResponse {
        let Some(call) = self.call(request) else { return error(404, "no call of the manifest is like this one") };
        let Some(mapping) = self.manifest.entity.get(&call.entity).cloned() else { return error(404, "no such kind") };
        let Some(api) = mapping.api.clone() else { return error(404, "no such kind") };
        let object = mapping.object.as_str();
        let id = call.values.get("id").cloned();
        match call.verb.as_str() {
            "list" => page::list(self, &mapping, &api, &call.endpoint, request, &call.values),
            "read" => match id.and_then(|id| self.store.row(object, &id)) {
                Some(row) => shown(200, &mapping, &api, &call.endpoint, row),
                None => error(
                    call.endpoint.missing.as_ref().and_then(|m| m.first()).copied().unwrap_or(404),
                    "no such record",
                ),
            },
            "read_many" => {
                let separator = call.endpoint.separator.as_deref().unwrap_or(",");
                let ids = call.values.get("ids").cloned().unwrap_or_default();
                let wanted: Vec<&str> = ids.split(separator).collect();
                let rows = self.store.rows(object).filter(|row| wanted.contains(&row.id.as_str()) && !row.dead);
                rows_at(&call.endpoint, rows.map(|row| row.json.clone()).collect())
            }
            "find" => {
                let marker = call.values.get("marker").cloned().unwrap_or_default();
                let at = mapping.marker.as_deref().unwrap_or("/");
                let ours = |row: &&Row| row.json.pointer(at).and_then(scalar).as_deref() == Some(marker.as_str());
                rows_at(&call.endpoint, self.store.rows(object).filter(ours).map(|row| row.json.clone()).collect())
            }
            "create" => self.create(now, request, &mapping, &api, &call, None),
            "update" => self.update(now, request, &mapping, &api, &call, &id.unwrap_or_default()),
            "upsert" => match id {
                Some(id) if self.store.row(object, &id).is_some() => {
                    self.update(now, request, &mapping, &api, &call, &id)
                }
                id => self.create(now, request, &mapping, &api, &call, id),
            },
            "delete" | "archive" => {
                let id = id.unwrap_or_default();
                let Some(row) = self.store.row(object, &id).cloned() else { return error(404, "no such record") };
                if call.verb == "archive" {
                    return shown(200, &mapping, &api, &call.endpoint, &row);
                }
                self.tell(now, object, &id, What::Gone);
                self.store.remove(now, object, &id);
                WireResponse::empty(204)
            }
            key => self.by_key(&mapping, &call, key),
        }
    }

    fn by_key(&self, mapping: &Mapping, call: &Call, field: &str) -> WireResponse {
        let wanted = call.values.get("key").cloned().unwrap_or_default();
        let has = |row: &&Row| {
            let fields = mapping.decode(&self.cx, call.entity, &row.json).unwrap_or_default();
            let held = fields.get(field).cloned().flatten();
            held.is_some_and(|held| held.as_str().is_some_and(|held| held.eq_ignore_ascii_case(&wanted)))
        };
        let rows = self.store.rows(&mapping.object).filter(has).map(|row| row.json.clone()).collect();
        rows_at(&call.endpoint, rows)
    }

    fn create(
        &mut self,
        now: Instant,
        request: &WireRequest,
        mapping: &Mapping,
        api: &Api,
        call: &Call,
        id: Option<String>,
    ) -> WireResponse {
        let Some(fields) = sent(request, &call.endpoint) else { return error(400, "there is no record in the body") };
        let object = mapping.object.as_str();
        let marker = mapping.marker.as_deref().and_then(|at| fields.pointer(at)).and_then(scalar);
        let taken = |row: &&Row| {
            let theirs = mapping.marker.as_deref().and_then(|at| row.json.pointer(at)).and_then(scalar);
            marker.is_some() && theirs == marker
        };
        if let (Some(exists), Some(row)) = (&call.endpoint.exists, self.store.rows(object).find(taken)) {
            let mut body = json!({ "error": "there is one already" });
            if let Some(at) = &exists.id
                && put(&mut body, at, json!(row.id)).is_err()
            {
                return error(500, "the id has no place in the answer");
            }
            return WireResponse::json(exists.status, &body);
        }
        let key = call.values.get("idempotency");
        if let Some(row) = key.and_then(|key| self.store.made.get(key)).and_then(|id| self.store.row(object, id)) {
            return shown(201, mapping, api, &call.endpoint, row);
        }
        let id = match self.store.make(now, object, id.as_deref(), &fields) {
            Ok(id) => id,
            Err(sentence) => return error(400, &sentence),
        };
        if let Some(key) = key {
            self.store.made.insert(key.clone(), id.clone());
        }
        self.tell(now, object, &id, What::Made);
        match self.store.row(object, &id) {
            Some(row) => shown(201, mapping, api, &call.endpoint, row),
            None => error(500, "lost"),
        }
    }

    fn update(
        &mut self,
        now: Instant,
        request: &WireRequest,
        mapping: &Mapping,
        api: &Api,
        call: &Call,
        id: &str,
    ) -> WireResponse {
        let object = mapping.object.as_str();
        let Some(fields) = sent(request, &call.endpoint) else { return error(400, "there is no record in the body") };
        let Some(row) = self.store.row(object, id) else { return error(404, "no such record") };
        if call.values.get("revision").is_some_and(|token| *token != row.token(mapping)) {
            let stale = call.endpoint.stale.as_ref().and_then(|stale| stale.first()).copied();
            return error(stale.unwrap_or(412), "the record changed meanwhile");
        }
        self.store.change(now, object, id, &fields, call.endpoint.replaces);
        self.tell(now, object, id, What::Changed);
        match self.store.row(object, id) {
            Some(row) => shown(200, mapping, api, &call.endpoint, row),
            None => error(404, "no such record"),
        }
    }
}

/// The record in a request's body.
fn sent(request: &WireRequest, endpoint: &Endpoint) -> Option<Json> {
    request.json()?.pointer(&endpoint.wrap).filter(|record| record.is_object()).cloned()
}

fn shown(status: u16, mapping: &Mapping, api: &Api, endpoint: &Endpoint, row: &Row) -> WireResponse {
    let mut body = json!({});
    if endpoint.record.is_empty() {
        body = row.json.clone();
    } else if put(&mut body, &endpoint.record, row.json.clone()).is_err() {
        return error(500, "the record has no place in the answer");
    }
    let answer = WireResponse::json(status, &body);
    if api.etag { answer.header("etag", row.token(mapping)) } else { answer }
}

pub(super) fn rows_at(endpoint: &Endpoint, rows: Vec<Json>) -> WireResponse {
    match body_at(endpoint, rows) {
        Some(body) => WireResponse::json(200, &body),
        None => error(500, "the rows have no place in the answer"),
    }
}

/// A body with rows at their place.
pub(super) fn body_at(endpoint: &Endpoint, rows: Vec<Json>) -> Option<Json> {
    let rows = Json::Array(rows);
    if endpoint.rows.is_empty() {
        return Some(rows);
    }
    let mut body = json!({});
    put(&mut body, &endpoint.rows, rows).ok()?;
    Some(body)
}

pub(super) fn error(status: u16, sentence: &str) -> WireResponse {
    WireResponse::json(status, &json!({ "error": sentence, "message": sentence }))
}
