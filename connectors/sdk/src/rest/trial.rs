//! A record tried: what Concord understands of it, and what would be written back.

use super::{Place, row::instant};
use crate::{
    Context, Entity, Result, codec,
    manifest::api::scalar,
    mapping::{Creating, Flow, Rule},
    time::Instant,
};
use serde::Serialize;
use serde_json::{Map, Value as Json, json};

/// A record, both ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Trial {
    /// What it is taken for.
    pub entity: Entity,
    /// Its id.
    pub id: Option<String>,
    /// What orders it, where it says so itself.
    pub version: Option<u64>,
    /// The change token, where the record has it.
    pub revision: Option<String>,
    /// When it was changed.
    pub modified: Option<String>,
    /// Whether it says that it was deleted.
    pub deleted: bool,
    /// Field by field.
    pub lines: Vec<Line>,
    /// Members of the record that no line reads.
    pub unmapped: Vec<String>,
    /// What Concord keeps.
    pub canonical: Json,
    /// What would be written for it, were it new there.
    pub image: Json,
}

/// One field, both ways.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Line {
    /// The canonical field.
    pub field: String,
    /// Where it is there.
    pub vendor: String,
    /// What stands there.
    pub theirs: Option<Json>,
    /// What Concord understands.
    pub ours: Option<String>,
    /// What would be written back.
    pub back: Option<Json>,
    /// What is lost or changed on the way, if anything is.
    pub loss: Option<String>,
}

/// Tries a record.
///
/// # Errors
/// `Malformed` when the entity is not mapped or has no `api`.
pub fn trial(cx: &Context, entity: Entity, row: &Json) -> Result<Trial> {
    let place = Place::of(cx, entity)?;
    let lines: Vec<Line> = place.mapping.active(cx).map(|rule| line(cx, entity, rule, row)).collect();
    let version = place.version(row).ok().flatten();
    let at = |pointer: &Option<String>| pointer.as_deref().and_then(|at| row.pointer(at));
    let mut canonical = Map::new();
    let mut fields = crate::Fields::new();
    for rule in place.mapping.active(cx).filter(|rule| rule.flow.reads()) {
        let value = rule.effective(entity).ok().and_then(|codec| codec.decode(cx, row, &rule.vendor).ok()).flatten();
        if let Some(value) = value {
            canonical.insert(rule.field.to_string(), serde_json::to_value(&value).unwrap_or_default());
            fields.insert(rule.field.clone(), value);
        }
    }
    Ok(Trial {
        entity,
        id: place.id(row).map(|id| id.as_str().to_owned()),
        version: version.map(|version| version.0),
        revision: at(&place.api.revision).and_then(scalar),
        modified: at(&place.api.modified).and_then(instant).map(Instant::rfc3339),
        deleted: place.api.deleted.as_ref().is_some_and(|deleted| deleted.holds(row)),
        unmapped: unmapped(&place, row),
        canonical: Json::Object(canonical),
        image: place.mapping.encode(cx, entity, &fields, Creating::Yes).unwrap_or_else(|_| json!({})),
        lines,
    })
}

fn line(cx: &Context, entity: Entity, rule: &Rule, row: &Json) -> Line {
    let mut line = Line {
        field: rule.field.to_string(),
        vendor: rule.vendor.clone(),
        theirs: row.pointer(&rule.vendor).cloned(),
        ours: None,
        back: None,
        loss: None,
    };
    let Ok(codec) = rule.effective(entity) else { return line };
    if rule.flow == Flow::Out {
        return line;
    }
    let value = match codec.decode(cx, row, &rule.vendor) {
        Err(sentence) => {
            line.loss = Some(format!("cannot be understood: {sentence}"));
            return line;
        }
        Ok(None) => return line,
        Ok(Some(value)) => value,
    };
    line.ours = Some(value.as_ref().map_or_else(|| "(empty)".to_owned(), ToString::to_string));
    let mut out = json!({});
    match codec.encode(cx, value.as_ref(), &rule.vendor, &mut out) {
        Err(sentence) => line.loss = Some(format!("cannot be written back: {sentence}")),
        Ok(()) => {
            line.back = out.pointer(&rule.vendor).cloned();
            let same = codec.pointers(&rule.vendor).iter().all(|at| row.pointer(at) == out.pointer(at));
            let image = codec.decode(cx, &out, &rule.vendor).ok().flatten().flatten();
            if image != value {
                line.loss = Some("does not come back as the same value".into());
            } else if !same && rule.flow != Flow::In {
                line.loss = Some("is written in another way, and means the same".into());
            }
        }
    }
    line
}

/// Leaves of the record at which nothing looks.
fn unmapped(place: &Place<'_>, row: &Json) -> Vec<String> {
    let mut known: Vec<String> = vec![place.mapping.id.clone()];
    known.extend(place.mapping.marker.clone());
    known.extend([&place.api.version, &place.api.revision, &place.api.modified].into_iter().flatten().cloned());
    known.extend(place.api.deleted.iter().map(|deleted| deleted.at.clone()));
    for rule in &place.mapping.fields {
        let codec = rule.effective(place.entity).unwrap_or(codec::Codec::Default);
        known.extend(codec.pointers(&rule.vendor));
    }
    let mut leaves = Vec::new();
    walk(row, String::new(), &known, &mut leaves);
    leaves
}

fn walk(json: &Json, at: String, known: &[String], leaves: &mut Vec<String>) {
    if known.contains(&at) {
        return;
    }
    match json {
        Json::Object(members) => {
            for (name, member) in members {
                let name = name.replace('~', "~0").replace('/', "~1");
                walk(member, format!("{at}/{name}"), known, leaves);
            }
        }
        _ => leaves.push(at),
    }
}
