//! What the vendor refuses, and how it stores what it takes.

use super::{
    Reply, error,
    schema::{self, Access, Field, Kind, Object},
    store::Store,
};
use serde_json::{Map, Number, Value as Json};

/// What the values are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Purpose {
    Create,
    Update,
}

/// The values as they are stored, under the fields' own names.
pub(super) fn fields(
    store: &Store,
    object: &Object,
    given: Map<String, Json>,
    purpose: Purpose,
) -> Result<Map<String, Json>, Reply> {
    let mut stored = Map::new();
    for (name, value) in given {
        if name == "attributes" {
            continue;
        }
        let Some(field) = object.field(&name) else {
            let message = format!("No such column '{name}' on sobject of type {}", object.name);
            return Err(error::one(400, "INVALID_FIELD", &message));
        };
        let writes = match purpose {
            Purpose::Create => field.access != Access::Read,
            Purpose::Update => field.access == Access::Write,
        };
        if !writes {
            let message = format!(
                "Unable to create/update fields: {}. Please check the security settings of this field.",
                field.name
            );
            return Err(error::fields("INVALID_FIELD_FOR_INSERT_UPDATE", &message, &[field.name]));
        }
        let value = stored_as(store, field, value)?;
        if value.is_null() && field.required {
            return Err(missing(field.name));
        }
        stored.insert(field.name.to_owned(), value);
    }
    let absent = object.fields().find(|field| field.required && !stored.contains_key(field.name));
    if let (Purpose::Create, Some(field)) = (purpose, absent) {
        return Err(missing(field.name));
    }
    Ok(stored)
}

fn missing(name: &str) -> Reply {
    error::fields("REQUIRED_FIELD_MISSING", &format!("Required fields are missing: [{name}]"), &[name])
}

fn stored_as(store: &Store, field: &Field, value: Json) -> Result<Json, Reply> {
    let misfit = || {
        let message = format!("Cannot deserialize the value of {}", field.name);
        error::one(400, "JSON_PARSER_ERROR", &message)
    };
    match (field.kind, value) {
        (Kind::Flag, Json::Null) => Ok(Json::Bool(false)),
        (_, Json::Null) => Ok(Json::Null),
        (Kind::Flag, Json::Bool(flag)) => Ok(Json::Bool(flag)),
        (Kind::Currency, Json::Number(number)) => two_decimals(&number.to_string()).ok_or_else(misfit),
        (kind, Json::String(text)) => {
            // White space around a value is cut, and an empty one is no value.
            let text = text.trim();
            if text.is_empty() { Ok(Json::Null) } else { text_as(store, field, kind, text).map(Json::String) }
        }
        _ => Err(misfit()),
    }
}

fn text_as(store: &Store, field: &Field, kind: Kind, text: &str) -> Result<String, Reply> {
    let most = match kind {
        Kind::Text(most) | Kind::Pick(most) => most,
        Kind::Email => 80,
        _ => usize::MAX,
    };
    if text.chars().count() > most {
        let message = format!("{}: data value too large (max length={most})", field.name);
        return Err(error::fields("STRING_TOO_LONG", &message, &[field.name]));
    }
    let refused = |code: &str, what: &str| Err(error::fields(code, &format!("{}: {what}", field.name), &[field.name]));
    match kind {
        Kind::Text(_) | Kind::Pick(_) => Ok(text.to_owned()),
        Kind::Email if text.split('@').count() == 2 && !text.contains(char::is_whitespace) => Ok(text.to_owned()),
        Kind::Email => refused("INVALID_EMAIL_ADDRESS", "invalid email address"),
        Kind::Date if is_date(text) => Ok(text.get(..10).unwrap_or(text).to_owned()),
        Kind::Date => Err(error::one(400, "JSON_PARSER_ERROR", "Cannot deserialize instance of date")),
        Kind::Reference(object) => reference(store, field, object, text),
        Kind::Restricted(values) => match values.iter().find(|value| value.eq_ignore_ascii_case(text)) {
            Some(value) => Ok((*value).to_owned()),
            None => refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field"),
        },
        Kind::Several(values) => {
            let chosen: Vec<&str> = text.split(';').map(str::trim).filter(|part| !part.is_empty()).collect();
            if chosen.iter().any(|part| !values.contains(part)) {
                return refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", "bad value for restricted picklist field");
            }
            let kept: Vec<&str> = values.iter().copied().filter(|value| chosen.contains(value)).collect();
            Ok(kept.join(";"))
        }
        _ => Err(error::one(400, "JSON_PARSER_ERROR", "Cannot deserialize the value")),
    }
}

fn reference(store: &Store, field: &Field, object: &str, text: &str) -> Result<String, Reply> {
    if !matches!(text.len(), 15 | 18) || !text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        let message = format!("{}: id value of incorrect type: {text}", field.name);
        return Err(error::fields("MALFORMED_ID", &message, &[field.name]));
    }
    let id = schema::full(text);
    match store.row(object, &id) {
        None => Err(error::fields("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id", &[field.name])),
        Some(row) if row.deleted => Err(error::fields("ENTITY_IS_DELETED", "entity is deleted", &[field.name])),
        Some(_) => Ok(id),
    }
}

fn is_date(text: &str) -> bool {
    text.get(..10).is_some_and(|day| day.parse::<concord_connector::time::Date>().is_ok())
        && (text.len() == 10 || text.as_bytes().get(10) == Some(&b'T'))
}

/// Two decimals, rounded half up; at least one is shown: `23.0`.
fn two_decimals(text: &str) -> Option<Json> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || whole.len() > 16 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let padded = format!("{fraction}000");
    let mut cents: i128 = format!("{whole}{}", &padded[..2]).parse().ok()?;
    if padded.as_bytes()[2] >= b'5' {
        cents += 1;
    }
    let (units, rest) = (cents / 100, cents % 100);
    let decimals = format!("{rest:02}");
    let decimals = decimals.strip_suffix('0').unwrap_or(&decimals);
    let sign = if negative && cents != 0 { "-" } else { "" };
    serde_json::from_str::<Number>(&format!("{sign}{units}.{decimals}")).ok().map(Json::Number)
}
