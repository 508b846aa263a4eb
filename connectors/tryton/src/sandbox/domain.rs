//! Domains: conditions as Tryton writes them, `[["name", "=", "Acme"], ["OR", ..]]`.

use super::{
    http,
    schema::{Kind, Model},
    store::{Outcome, Refusal, Store, model},
};
use serde_json::Value as Json;
use std::cmp::Ordering;

/// Whether a record fulfils a domain.
pub(super) fn holds(store: &Store, of: &Model, id: i64, domain: &Json) -> Outcome<bool> {
    let Some(parts) = domain.as_array() else { return Ok(domain.is_null()) };
    match parts.first() {
        None => Ok(true),
        Some(Json::String(word)) if word == "OR" => any(store, of, id, &parts[1..]),
        Some(Json::String(word)) if word == "AND" => all(store, of, id, &parts[1..]),
        Some(Json::String(_)) => clause(store, of, id, parts),
        Some(_) => all(store, of, id, parts),
    }
}

/// Whether a domain asks for inactive records by name.
pub(super) fn names_active(domain: &Json) -> bool {
    match domain.as_array() {
        Some(parts) => parts.first().is_some_and(|first| first == "active") || parts.iter().any(names_active),
        None => false,
    }
}

fn all(store: &Store, of: &Model, id: i64, parts: &[Json]) -> Outcome<bool> {
    for part in parts {
        if !holds(store, of, id, part)? {
            return Ok(false);
        }
    }
    Ok(true)
}

fn any(store: &Store, of: &Model, id: i64, parts: &[Json]) -> Outcome<bool> {
    for part in parts {
        if holds(store, of, id, part)? {
            return Ok(true);
        }
    }
    Ok(false)
}

fn clause(store: &Store, of: &Model, id: i64, parts: &[Json]) -> Outcome<bool> {
    let (Some(path), Some(operator), Some(operand)) =
        (parts[0].as_str(), parts.get(1).and_then(Json::as_str), parts.get(2))
    else {
        return Err(Refusal::Inside("a clause has three parts".into()));
    };
    let (field, rest) = path.split_once('.').map_or((path, None), |(field, rest)| (field, Some(rest)));
    let value = store.field(of, id, field)?;
    let target = match of.kind(field) {
        Some(Kind::One(target) | Kind::Many(target, _) | Kind::Several(target)) => Some(target),
        _ => None,
    };
    let ids: Vec<i64> = match &value {
        Json::Array(ids) => ids.iter().filter_map(Json::as_i64).collect(),
        other => other.as_i64().into_iter().collect(),
    };
    if let (Some(target), "where") = (target, operator) {
        let target = model(target)?;
        return ids.iter().try_fold(false, |found, id| Ok(found || holds(store, target, *id, operand)?));
    }
    if let Some(rest) = rest {
        let target = model(target.ok_or_else(|| Refusal::Inside(format!("'{field}'")))?)?;
        let inner = [Json::from(rest), operator.into(), operand.clone()];
        return ids.iter().try_fold(false, |found, id| Ok(found || clause(store, target, *id, &inner)?));
    }
    if matches!(of.kind(field), Some(Kind::Many(..) | Kind::Several(_))) {
        return ids.iter().try_fold(false, |found, id| Ok(found || compares(&(*id).into(), operator, operand)?));
    }
    compares(&value, operator, operand)
}

fn compares(value: &Json, operator: &str, operand: &Json) -> Outcome<bool> {
    let order = || compare(value, operand);
    let among = || operand.as_array().into_iter().flatten().any(|one| equal(value, one));
    Ok(match operator {
        "=" => equal(value, operand),
        "!=" => !equal(value, operand),
        "in" => among(),
        "not in" => !among(),
        ">" => order() == Some(Ordering::Greater),
        "<" => order() == Some(Ordering::Less),
        ">=" => matches!(order(), Some(Ordering::Greater | Ordering::Equal)),
        "<=" => matches!(order(), Some(Ordering::Less | Ordering::Equal)),
        "like" | "ilike" => {
            let text = |json: &Json| json.as_str().unwrap_or_default().to_lowercase();
            value.is_string() && like(&text(value), &text(operand))
        }
        other => return Err(Refusal::Inside(format!("operator {other}"))),
    })
}

fn equal(value: &Json, operand: &Json) -> bool {
    match (value, operand) {
        (Json::Number(number), Json::Bool(truth)) => number.as_i64() == Some(i64::from(*truth)),
        _ => value == operand || compare(value, operand) == Some(Ordering::Equal),
    }
}

/// The order of two values of one kind; nothing is before everything.
pub(super) fn compare(a: &Json, b: &Json) -> Option<Ordering> {
    match (a, b) {
        (Json::Null, Json::Null) => Some(Ordering::Equal),
        (Json::String(a), Json::String(b)) => Some(a.cmp(b)),
        (Json::Number(a), Json::Number(b)) => Some(a.as_i64()?.cmp(&b.as_i64()?)),
        (Json::Object(_), Json::Object(_)) => Some(http::micros(a)?.cmp(&http::micros(b)?)),
        _ => None,
    }
}

/// SQL patterns with `%` only at the ends, which is how they are used.
fn like(text: &str, pattern: &str) -> bool {
    let body = pattern.trim_matches('%');
    match (pattern.starts_with('%'), pattern.ends_with('%')) {
        (true, true) => text.contains(body),
        (true, false) => text.ends_with(body),
        (false, true) => text.starts_with(body),
        (false, false) => text == body,
    }
}
