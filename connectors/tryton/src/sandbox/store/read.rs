//! Reading records, with fields of other records behind dots.

use super::{Outcome, Refusal, Store, model, user};
use crate::sandbox::{
    amount, domain, http,
    schema::{Kind, Model},
};
use serde_json::{Map, Value as Json, json};
use std::{cmp::Ordering, collections::BTreeMap};

impl Store {
    /// Ids of the records that fulfil a domain, in order.
    pub(in crate::sandbox) fn search(
        &self,
        name: &str,
        condition: &Json,
        order: &Json,
        inactive: bool,
    ) -> Outcome<Vec<i64>> {
        let model = model(name)?;
        let inactive = inactive || domain::names_active(condition);
        let mut ids = Vec::new();
        for (id, record) in self.table(model) {
            let live = inactive || record.get("active").is_none_or(|active| active != 0 && active != false);
            if live && domain::holds(self, model, id, condition)? {
                ids.push(id);
            }
        }
        for clause in order.as_array().into_iter().flatten().rev() {
            let field = clause.get(0).and_then(Json::as_str).unwrap_or("id").to_owned();
            let descending = clause.get(1).and_then(Json::as_str).is_some_and(|way| way.starts_with("DESC"));
            let key = |id: &i64| self.field(model, *id, &field).unwrap_or(Json::Null);
            ids.sort_by(|a, b| {
                let order = domain::compare(&key(a), &key(b)).unwrap_or(Ordering::Equal);
                if descending { order.reverse() } else { order }
            });
        }
        Ok(ids)
    }

    /// Records with the fields that were asked for; `addresses.city` comes as `"addresses.": [{"city": ..}]`.
    pub(in crate::sandbox) fn read(&self, name: &str, ids: &[i64], fields: &[String]) -> Outcome<Vec<Json>> {
        let model = model(name)?;
        ids.iter()
            .map(|id| match self.get(name, *id) {
                Some(_) => self.row(model, *id, fields),
                None => {
                    let title = model.title;
                    user(format!("You are trying to read records \"{id}\" of \"{title}\" that don't exist."))
                }
            })
            .collect()
    }

    fn row(&self, model: &Model, id: i64, fields: &[String]) -> Outcome<Json> {
        let mut row = Map::new();
        row.insert("id".into(), id.into());
        let mut behind: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for field in fields {
            match field.split_once('.') {
                Some((relation, rest)) => behind.entry(relation).or_default().push(rest.to_owned()),
                None => {
                    row.insert(field.clone(), self.field(model, id, field)?);
                }
            }
        }
        for (relation, rest) in behind {
            row.insert(format!("{relation}."), self.related(model, id, relation, &rest)?);
        }
        Ok(Json::Object(row))
    }

    fn related(&self, model: &Model, id: i64, relation: &str, fields: &[String]) -> Outcome<Json> {
        let value = self.field(model, id, relation)?;
        let of = match model.kind(relation) {
            Some(Kind::One(of) | Kind::Many(of, _) | Kind::Several(of)) => of,
            _ if relation == "tax_identifier" => "party.identifier",
            _ => return Err(Refusal::Inside(format!("'{relation}'"))),
        };
        let of = super::model(of)?;
        match value {
            Json::Array(ids) => {
                let rows: Outcome<Vec<Json>> =
                    ids.iter().filter_map(Json::as_i64).map(|id| self.row(of, id, fields)).collect();
                Ok(Json::Array(rows?))
            }
            other => other.as_i64().map_or(Ok(Json::Null), |id| self.row(of, id, fields)),
        }
    }

    /// One field of a record.
    pub(in crate::sandbox) fn field(&self, model: &Model, id: i64, field: &str) -> Outcome<Json> {
        let kind = model.kind(field).ok_or_else(|| Refusal::Inside(format!("'{field}'")))?;
        let stored = |name: &str| self.value(model.name, id, name).cloned().unwrap_or(Json::Null);
        Ok(match (kind, field) {
            (Kind::Many(of, inverse), _) => json!(self.children(of, inverse, id)),
            (Kind::Several(_), _) => self.value(model.name, id, field).cloned().unwrap_or_else(|| json!([])),
            (Kind::Computed, "last_modified_at") => self.modified(model.name, id),
            (Kind::Computed, "_timestamp") => json!(self.timestamp(model.name, id)),
            (Kind::Computed, "__name__") => model.name.into(),
            (Kind::Computed, "rec_name") => self.title(model.name, id).into(),
            (Kind::Computed, "street") => self.street(id),
            (Kind::Computed, "code_compact") => compact(&stored("type"), &stored("code")),
            (Kind::Computed, "tax_identifier") => self.tax_identifier(id),
            (Kind::Computed, _) => amount::computed(self, model.name, id, field)?,
            _ if field == "id" => id.into(),
            _ => stored(field),
        })
    }

    fn modified(&self, model: &str, id: i64) -> Json {
        let value = |field| self.value(model, id, field).cloned();
        value("write_date").or_else(|| value("create_date")).unwrap_or(Json::Null)
    }

    /// The epoch of the last change as SQLite writes it: fifteen digits, without zeros at the end.
    pub(in crate::sandbox) fn timestamp(&self, model: &str, id: i64) -> Option<String> {
        let micros = http::micros(&self.modified(model, id))?;
        let hundreds = (micros + 5) / 10;
        let text = format!("{}.{:05}", hundreds / 100_000, hundreds % 100_000);
        Some(text.trim_end_matches('0').trim_end_matches('.').to_owned())
    }

    /// What people see for a record.
    pub(in crate::sandbox) fn title(&self, model: &str, id: i64) -> String {
        let text = |field: &str| self.value(model, id, field).and_then(Json::as_str);
        match model {
            "party.party" => text("name").map_or_else(|| format!("[{}]", text("code").unwrap_or("")), str::to_owned),
            "sale.sale" | "account.invoice" => {
                let number = text("number").map_or_else(|| format!("({id})"), str::to_owned);
                text("reference").map_or(number.clone(), |reference| format!("{number} [{reference}]"))
            }
            _ => text("name").or(text("code")).map_or_else(|| id.to_string(), str::to_owned),
        }
    }

    /// A street in parts hides the one that is a text.
    fn street(&self, address: i64) -> Json {
        let text = |field: &&str| self.value("party.address", address, field).and_then(Json::as_str);
        let parts: Vec<&str> = ["street_name", "building_number"].iter().filter_map(text).collect();
        if parts.is_empty() { json!(text(&"street_unstructured")) } else { parts.join(" ").into() }
    }

    fn tax_identifier(&self, party: i64) -> Json {
        let typed = |id: &i64| {
            let kind = self.value("party.identifier", *id, "type").and_then(Json::as_str);
            kind.is_some_and(|kind| kind.contains('_'))
        };
        self.children("party.identifier", "party", party).into_iter().find(typed).map_or(Json::Null, Json::from)
    }
}

fn compact(kind: &Json, code: &Json) -> Json {
    match (kind, code) {
        (Json::String(_), Json::String(code)) => {
            code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().into()
        }
        (_, other) => other.clone(),
    }
}
