//! Runs a query over the rows.

use super::{
    Reply, api, error,
    schema::{self, Kind, Object},
    soql::{Condition, Item, Literal, Operator, Query},
    store::{Row, Store},
};
use concord_connector::Instant;
use serde_json::{Map, Value as Json, json};
use std::{cmp::Ordering, collections::BTreeSet};

/// The rows of a query's result, as the API writes them.
pub(super) fn run(store: &Store, query: &Query, all: bool) -> Result<Vec<Json>, Reply> {
    let Some(object) = schema::find(&query.from) else {
        let message = format!("sObject type '{}' is not supported.", query.from);
        return Err(error::one(400, "INVALID_TYPE", &message));
    };
    rows(store, query, object, all, &|_| true)
}

fn rows(
    store: &Store,
    query: &Query,
    object: &'static Object,
    all: bool,
    belongs: &dyn Fn(&Row) -> bool,
) -> Result<Vec<Json>, Reply> {
    check(object, query)?;
    let mut found: Vec<(&String, &Row)> = Vec::new();
    let candidates: Vec<(&String, &Row)> =
        match query.condition.as_ref().and_then(|condition| named(store, object, condition)) {
            Some(ids) => ids.iter().filter_map(|id| store.entry(object.name, id)).collect(),
            None => store.rows(object.name).collect(),
        };
    for (id, row) in candidates {
        if (all || !row.deleted) && belongs(row) && holds(store, object, id, row, query.condition.as_ref())? {
            found.push((id, row));
        }
    }
    found.sort_by(|(a_id, a), (b_id, b)| {
        for (name, falling) in &query.order {
            let order = order(
                &value(store, object, a_id, a, std::slice::from_ref(name)),
                &value(store, object, b_id, b, std::slice::from_ref(name)),
            );
            let order = if *falling { order.reverse() } else { order };
            if order != Ordering::Equal {
                return order;
            }
        }
        a_id.cmp(b_id)
    });
    found.truncate(query.limit.unwrap_or(usize::MAX));
    found.into_iter().map(|(id, row)| shown(store, query, object, id, row, all)).collect()
}

/// The only rows that a condition can hold for, where it names them by id or marker.
fn named(store: &Store, object: &Object, condition: &Condition) -> Option<BTreeSet<String>> {
    match condition {
        Condition::And(all) => all.iter().find_map(|part| named(store, object, part)),
        Condition::Or(all) => {
            let each: Option<Vec<BTreeSet<String>>> = all.iter().map(|part| named(store, object, part)).collect();
            Some(each?.into_iter().flatten().collect())
        }
        Condition::Compare { path, operator: Operator::Equal | Operator::In, values } => {
            let texts: Option<Vec<&str>> = values
                .iter()
                .map(|value| match value {
                    Literal::Text(text) => Some(text.as_str()),
                    _ => None,
                })
                .collect();
            let well_formed =
                |id: &&str| matches!(id.len(), 15 | 18) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
            match path.as_slice() {
                [name] if name == "Id" => {
                    let texts = texts.filter(|ids| ids.iter().all(well_formed))?;
                    Some(texts.into_iter().map(schema::full).collect())
                }
                [name] if name == schema::MARKER => {
                    Some(texts?.into_iter().flat_map(|text| store.marked(object.name, text)).collect())
                }
                _ => None,
            }
        }
        _ => None,
    }
}

fn shown(store: &Store, query: &Query, object: &'static Object, id: &str, row: &Row, all: bool) -> Result<Json, Reply> {
    let mut out = Map::new();
    out.insert("attributes".into(), api::attributes(object.name, id));
    for item in &query.items {
        match item {
            Item::Path(path) => match path.as_slice() {
                [name] => {
                    let name = object.field(name).map_or(name.as_str(), |field| field.name);
                    out.insert(name.to_owned(), value(store, object, id, row, path));
                }
                [parent, rest @ ..] => {
                    let there = object.parent(parent).and_then(|(field, to)| Some((to, row.text(field.name)?)));
                    let Some((to, parent_id)) = there else {
                        out.insert(parent.clone(), Json::Null);
                        continue;
                    };
                    let entry = out
                        .entry(parent.clone())
                        .or_insert_with(|| json!({ "attributes": api::attributes(to.name, parent_id) }));
                    if let (Some(parent_row), [name]) = (store.row(to.name, parent_id), rest) {
                        entry[name.as_str()] = value(store, to, parent_id, parent_row, rest);
                    }
                }
                [] => {}
            },
            Item::Children(child) => {
                let Some((to, pointer)) = object.children(&child.from) else {
                    let message =
                        format!("Didn't understand relationship '{}' in FROM part of query call.", child.from);
                    return Err(error::one(400, "INVALID_TYPE", &message));
                };
                let rows = rows(store, child, to, all, &|row| row.text(pointer) == Some(id))?;
                // No children are null, not an empty list.
                let list = match rows.is_empty() {
                    true => Json::Null,
                    false => json!({ "totalSize": rows.len(), "done": true, "records": rows }),
                };
                out.insert(child.from.clone(), list);
            }
        }
    }
    Ok(Json::Object(out))
}

/// Refuses what the object does not have.
fn check(object: &'static Object, query: &Query) -> Result<(), Reply> {
    let paths = query.items.iter().filter_map(|item| match item {
        Item::Path(path) => Some(path.clone()),
        Item::Children(_) => None,
    });
    let mut paths: Vec<Vec<String>> = paths.collect();
    paths.extend(query.order.iter().map(|(name, _)| vec![name.clone()]));
    if let Some(condition) = &query.condition {
        conditions(condition, &mut paths);
    }
    for path in paths {
        let known = match path.as_slice() {
            [name] => object.field(name).is_some(),
            [parent, name] => object.parent(parent).is_some_and(|(_, to)| to.field(name).is_some()),
            _ => false,
        };
        if !known {
            let message = format!(
                "No such column '{}' on entity '{}'. If you are attempting to use a custom field, be sure to append the '__c' after the custom field name.",
                path.join("."),
                object.name
            );
            return Err(error::one(400, "INVALID_FIELD", &message));
        }
    }
    Ok(())
}

fn conditions(condition: &Condition, paths: &mut Vec<Vec<String>>) {
    match condition {
        Condition::And(all) | Condition::Or(all) => all.iter().for_each(|part| conditions(part, paths)),
        Condition::Not(inner) => conditions(inner, paths),
        Condition::Compare { path, .. } => paths.push(path.clone()),
    }
}

fn value(store: &Store, object: &Object, id: &str, row: &Row, path: &[String]) -> Json {
    match path {
        [name] => api::value(object, id, row, name),
        [parent, name] => {
            let there = object.parent(parent).and_then(|(field, to)| Some((to, row.text(field.name)?)));
            there.and_then(|(to, id)| Some(api::value(to, id, store.row(to.name, id)?, name))).unwrap_or(Json::Null)
        }
        _ => Json::Null,
    }
}

fn holds(store: &Store, object: &Object, id: &str, row: &Row, condition: Option<&Condition>) -> Result<bool, Reply> {
    let Some(condition) = condition else { return Ok(true) };
    Ok(match condition {
        Condition::And(all) => {
            for part in all {
                if !holds(store, object, id, row, Some(part))? {
                    return Ok(false);
                }
            }
            true
        }
        Condition::Or(all) => {
            for part in all {
                if holds(store, object, id, row, Some(part))? {
                    return Ok(true);
                }
            }
            false
        }
        Condition::Not(inner) => !holds(store, object, id, row, Some(inner))?,
        Condition::Compare { path, operator, values } => {
            let left = value(store, object, id, row, path);
            let field = path.last().and_then(|name| object.field(name)).filter(|_| path.len() == 1);
            let kind = field.map_or(Kind::Text(255), |field| field.kind);
            let mut any = false;
            for literal in values {
                any |= compare(kind, &left, *operator, literal)?;
            }
            if *operator == Operator::NotIn { !any } else { any }
        }
    })
}

fn compare(kind: Kind, left: &Json, operator: Operator, right: &Literal) -> Result<bool, Reply> {
    if let (Kind::Id | Kind::Reference(_), Literal::Text(text)) = (kind, right)
        && !(matches!(text.len(), 15 | 18) && text.bytes().all(|byte| byte.is_ascii_alphanumeric()))
    {
        return Err(error::one(400, "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field"));
    }
    let same = |wanted: Ordering| order_to(kind, left, right) == Some(wanted);
    Ok(match operator {
        Operator::Equal | Operator::In | Operator::NotIn => equal(kind, left, right),
        Operator::Unequal => !equal(kind, left, right),
        Operator::Less => same(Ordering::Less),
        Operator::More => same(Ordering::Greater),
        Operator::AtMost => same(Ordering::Less) || same(Ordering::Equal),
        Operator::AtLeast => same(Ordering::Greater) || same(Ordering::Equal),
        Operator::Like => match (left, right) {
            (Json::String(text), Literal::Text(pattern)) => like(&lower(pattern), &lower(text)),
            _ => false,
        },
    })
}

fn lower(text: &str) -> Vec<char> {
    text.to_lowercase().chars().collect()
}

fn equal(kind: Kind, left: &Json, right: &Literal) -> bool {
    match (left, right) {
        (Json::Null, Literal::Null) => true,
        (Json::Bool(left), Literal::Flag(right)) => left == right,
        _ => order_to(kind, left, right) == Some(Ordering::Equal),
    }
}

/// Texts compare without case, except ids.
fn order_to(kind: Kind, left: &Json, right: &Literal) -> Option<Ordering> {
    match (kind, left, right) {
        (Kind::Id | Kind::Reference(_), Json::String(left), Literal::Text(right)) => {
            Some(left.as_str().cmp(schema::full(right).as_str()))
        }
        (_, Json::String(left), Literal::Text(right)) => Some(left.to_lowercase().cmp(&right.to_lowercase())),
        (_, Json::String(left), Literal::Instant(right)) => Some(Instant::parse(left)?.cmp(right)),
        (_, Json::String(left), Literal::Plain(right)) => Some(left.as_str().cmp(right)),
        _ => None,
    }
}

fn order(left: &Json, right: &Json) -> Ordering {
    match (left, right) {
        (Json::String(left), Json::String(right)) => left.cmp(right),
        (Json::Null, Json::Null) => Ordering::Equal,
        (Json::Null, _) => Ordering::Less,
        (_, Json::Null) => Ordering::Greater,
        (left, right) => left.to_string().cmp(&right.to_string()),
    }
}

fn like(pattern: &[char], text: &[char]) -> bool {
    match pattern {
        [] => text.is_empty(),
        ['%', rest @ ..] => (0..=text.len()).any(|at| like(rest, &text[at..])),
        ['_', rest @ ..] => !text.is_empty() && like(rest, &text[1..]),
        ['\\', c @ ('%' | '_'), rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
        [c, rest @ ..] => text.first() == Some(c) && like(rest, &text[1..]),
    }
}
