//! How a person's values are typed in a system: in its own shape.

use concord_connector::{Context, Entity, Fields, Value, mapping::Creating};
use serde_json::{Value as Json, json};

/// What makes a new record with these fields; `None` where people cannot make one.
pub fn create(system: &str, cx: &Context, entity: Entity, fields: &Fields) -> Option<Json> {
    if system == "tryton" {
        return (entity == Entity::Organization).then(|| party(fields, None));
    }
    if system == "partnerstack" && entity != Entity::DealRegistration {
        return (entity == Entity::Organization).then(|| partnership(fields, true)).flatten();
    }
    let mapping = cx.mapping(entity).ok()?;
    let mut typed = mapping.encode(cx, entity, fields, Creating::Yes).ok()?;
    if system == "hubspot" {
        without_nulls(&mut typed);
        if entity == Entity::Opportunity {
            typed["properties"]["pipeline"] = json!("default");
        }
        if entity == Entity::Lead {
            typed["properties"]["hs_pipeline"] = json!("lead-pipeline-id");
        }
        let links: Vec<Json> =
            fields.iter().filter_map(|(field, value)| link(field.as_str(), value.as_ref())).collect();
        if entity == Entity::Lead && links.is_empty() {
            return None;
        }
        let out = json!({ "properties": typed["properties"], "associations": links });
        return Some(out);
    }
    Some(in_parts(typed))
}

/// Somebody signs a company up, under an address of its own domain: the person comes along with it.
fn partnership(fields: &Fields, fresh: bool) -> Option<Json> {
    let text = |field: &str| fields.get(field).and_then(Option::as_ref).and_then(Value::as_str);
    let mut typed = json!({});
    if let Some(name) = text("name") {
        typed["team"] = json!({ "name": name });
    }
    if fresh {
        let domain = text("domain")?;
        typed["email"] = json!(format!("signup@{domain}"));
        typed["first_name"] = json!("Sam");
        typed["last_name"] = json!(format!("Signup of {domain}"));
    }
    Some(typed)
}

/// Salesforce shows an address as one value and takes it in parts.
fn in_parts(mut typed: Json) -> Json {
    let address = typed.as_object_mut().and_then(|fields| fields.remove("BillingAddress"));
    if let Some(Json::Object(parts)) = address {
        for (name, value) in parts {
            typed[name] = value;
        }
    }
    typed
}

/// What changes these fields of a record that is there as `shown`.
pub fn update(system: &str, cx: &Context, entity: Entity, fields: &Fields, shown: &Json) -> Option<Json> {
    if system == "tryton" {
        return match entity {
            Entity::Organization => Some(party(fields, Some(shown))),
            Entity::Order => {
                let reference = fields.get("reference")?;
                Some(json!({ "reference": reference.as_ref().and_then(Value::as_str) }))
            }
            _ => None,
        };
    }
    if system == "partnerstack" && entity != Entity::DealRegistration {
        return (entity == Entity::Organization).then(|| partnership(fields, false)).flatten();
    }
    let mapping = cx.mapping(entity).ok()?;
    let mut typed = mapping.encode(cx, entity, fields, Creating::No).ok()?;
    if system == "hubspot" {
        without_nulls(&mut typed);
        return Some(json!({ "properties": typed["properties"] }));
    }
    Some(in_parts(typed))
}

/// HubSpot takes an empty text where it refuses null.
fn without_nulls(typed: &mut Json) {
    for value in typed["properties"].as_object_mut().into_iter().flatten().map(|(_, value)| value) {
        if value.is_null() {
            *value = json!("");
        }
    }
}

fn link(field: &str, value: Option<&Value>) -> Option<Json> {
    let label = match field {
        "organization" | "person" => "Primary",
        "partner" => "Partner",
        _ => return None,
    };
    let to = if field == "person" { "contacts" } else { "companies" };
    let reference = value?.references().first().copied()?.clone();
    let concord_connector::Target::External(id) = reference.to else { return None };
    Some(json!({ "to": to, "id": id.as_str(), "label": label }))
}

/// A party is one record with lists of parts, which are edited in place.
fn party(fields: &Fields, shown: Option<&Json>) -> Json {
    let mut out = json!({});
    let mut mechanisms: Vec<Json> = Vec::new();
    let part = |list: &str, kind: Option<&str>| -> Option<Json> {
        let parts = shown?.get(format!("{list}.")).or_else(|| shown?.get(list))?.as_array()?;
        let found = parts.iter().find(|part| kind.is_none_or(|kind| part["type"] == kind))?;
        found.get("id").cloned()
    };
    for (field, value) in fields {
        let text = value.as_ref().and_then(Value::as_str).map(str::to_owned);
        match field.as_str() {
            "name" => out["name"] = json!(text),
            kind @ ("phone" | "email" | "website") => {
                let id = part("contact_mechanisms", Some(kind));
                mechanisms.extend(match (id, text) {
                    (None, Some(text)) => Some(json!(["create", [{ "type": kind, "value": text }]])),
                    (Some(id), Some(text)) => Some(json!(["write", [id], { "value": text }])),
                    (Some(id), None) => Some(json!(["delete", [id]])),
                    (None, None) => None,
                });
            }
            "billing_address" => {
                let line = |part| match value {
                    Some(Value::Address(address)) => address.get(part).map(str::to_owned),
                    _ => None,
                };
                use concord_connector::value::AddressPart::{City, PostalCode, Street};
                let lines =
                    json!({ "street_unstructured": line(Street), "city": line(City), "postal_code": line(PostalCode) });
                out["addresses"] = match part("addresses", None) {
                    Some(id) => json!([["write", [id], lines]]),
                    None => json!([["create", [lines]]]),
                };
            }
            _ => {}
        }
    }
    if !mechanisms.is_empty() {
        out["contact_mechanisms"] = json!(mechanisms);
    }
    out
}
