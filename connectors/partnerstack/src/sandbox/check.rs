//! What the vendor refuses: unknown members, wrong types, customers without partner or e-mail address.

use super::store::Store;
use serde_json::Value as Json;

pub(super) const OBJECTS: [&str; 6] = ["partnerships", "customers", "deals", "leads", "groups", "transactions"];
/// Objects of which one record can be read.
pub(super) const READABLE: [&str; 4] = ["partnerships", "customers", "deals", "leads"];

/// What a body may have, and of which type.
fn writable(object: &str) -> &'static [(&'static str, &'static str)] {
    match object {
        "customers" => &[
            ("customer_key", "text"),
            ("email", "text"),
            ("partner_key", "text"),
            ("name", "text"),
            ("meta", "object"),
            ("provider_key", "text"),
        ],
        "deals" => &[
            ("account_name", "text"),
            ("amount", "integer"),
            ("close_date", "text"),
            ("contact_first_name", "text"),
            ("contact_last_name", "text"),
            ("external_key", "text"),
            ("fields", "array"),
            ("group_key", "text"),
            ("lost_reason", "text"),
            ("mold_key", "text"),
            ("partner_key", "text"),
            ("source", "text"),
            ("stage", "text"),
            ("team", "object"),
            ("team_member", "object"),
        ],
        "leads" => &[
            ("amount", "integer"),
            ("approved", "flag"),
            ("external_key", "text"),
            ("fields", "array"),
            ("group_key", "text"),
            ("mold_key", "text"),
            ("partner_key", "text"),
            ("status", "text"),
        ],
        _ => &[],
    }
}

/// Checks a body of a create or a change.
pub(super) fn body(store: &Store, object: &str, body: &Json, creates: bool) -> Result<(), String> {
    let members = body.as_object().ok_or("The body is no object")?;
    let known = writable(object);
    for (name, value) in members {
        let Some((_, ty)) = known.iter().find(|(known, _)| known == name) else {
            return Err(format!("Unknown field: {name}"));
        };
        let fits = match *ty {
            "text" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "flag" => value.is_boolean(),
            "array" => value.is_array(),
            _ => value.is_object(),
        };
        // A customer's members may not be null, those of deals and leads may.
        let empty = value.is_null() && (object != "customers" || !creates);
        if !fits && !empty {
            return Err(format!("{name} has to be of type {ty}"));
        }
    }
    if let Some(partner) = members.get("partner_key").and_then(Json::as_str)
        && store.find("partnerships", partner).is_none()
    {
        return Err("Unknown partner_key".into());
    }
    let lacks = |name: &str| members.get(name).is_none_or(|value| value.as_str().is_none_or(str::is_empty));
    let long = |name: &str, most: usize| {
        members.get(name).and_then(Json::as_str).is_some_and(|text| text.chars().count() > most)
    };
    if object == "customers" {
        if creates && (lacks("email") || lacks("partner_key")) {
            return Err("email and partner_key are required".into());
        }
        if long("email", 255) || long("name", 100) {
            return Err("email or name is too long".into());
        }
    }
    Ok(())
}
