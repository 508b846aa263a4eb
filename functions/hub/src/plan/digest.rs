//! What a plan stands for, and whether the world is still the one that it was made in.

use super::PlannedWrite;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// The digest of a plan's content: 32 hexadecimal digits.
pub fn digest(configuration: u64, writes: &[PlannedWrite]) -> String {
    #[derive(Serialize)]
    struct Content<'a> {
        configuration: u64,
        writes: &'a [PlannedWrite],
    }
    let json = serde_json::to_vec(&Content { configuration, writes }).unwrap_or_default();
    hex::encode(&Sha256::digest(json)[..16])
}

/// Something that is no longer as it was planned.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Moved(pub String);

/// Compares a planned write with the one that would be planned now; `None` when nothing is to be written any more.
pub fn compare(planned: &PlannedWrite, now: Option<&PlannedWrite>) -> Option<Moved> {
    let place = match &planned.external {
        Some(id) => format!("{}/{id}", planned.connection),
        None => planned.connection.to_string(),
    };
    let moved = |what: String| Some(Moved(format!("{} {} at {place}: {what}", planned.entity, planned.record)));
    let Some(now) = now else {
        return moved(format!("nothing is left to {} there", planned.action.name()));
    };
    for field in &planned.fields {
        let Some(other) = now.fields.iter().find(|other| other.field == field.field) else {
            return moved(format!("`{}` is not to be written any more", field.field));
        };
        if other.held != field.held {
            return moved(format!("`{}` there was {} and is {}", field.field, shown(&field.now), shown(&other.now)));
        }
        if other.golden != field.golden || other.image != field.image {
            return moved(format!(
                "`{}` was to become {} and now {}",
                field.field,
                shown(&field.then),
                shown(&other.then)
            ));
        }
    }
    if let Some(more) = now.fields.iter().find(|other| !planned.fields.iter().any(|field| field.field == other.field)) {
        return moved(format!("`{}` is to be written as well", more.field));
    }
    if planned.version != now.version {
        return moved(format!("the record was of version {} and is of version {}", planned.version, now.version));
    }
    if let (None, Some(reason)) = (&planned.held_back, &now.held_back) {
        return moved(reason.clone());
    }
    None
}

fn shown(value: &Option<String>) -> String {
    value.as_ref().map_or_else(|| "empty".to_owned(), |value| format!("`{value}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        facet::Hash,
        plan::{Action, PlannedField},
    };
    use concord_connector::{Entity, Value};

    fn planned(then: &str, now: &str, version: u64) -> PlannedWrite {
        let hash = |text: &str| Hash::of(Value::text(text).as_ref());
        PlannedWrite {
            record: "r1".into(),
            entity: Entity::Organization,
            version,
            connection: "crm".into(),
            action: Action::Update,
            external: Some("7".into()),
            fields: vec![PlannedField {
                field: "name".into(),
                now: Some(now.into()),
                then: Some(then.into()),
                because: String::new(),
                held: hash(now),
                golden: hash(then),
                image: hash(then),
            }],
            because: String::new(),
            waits_for: Default::default(),
            held_back: None,
        }
    }

    #[test]
    fn whatever_moved_is_named() {
        let plan = planned("Acme", "ACME", 3);
        assert_eq!(compare(&plan, Some(&plan)), None);
        let said = |now: Option<&PlannedWrite>| compare(&plan, now).map(|moved| moved.0).unwrap_or_default();
        assert!(said(None).ends_with("nothing is left to update there"));
        assert!(said(Some(&planned("Acme", "Axme", 3))).contains("was `ACME` and is `Axme`"));
        assert!(said(Some(&planned("Acme Ltd", "ACME", 3))).contains("was to become `Acme` and now `Acme Ltd`"));
        assert!(said(Some(&planned("Acme", "ACME", 4))).contains("version 3 and is of version 4"));
        let parked = PlannedWrite { held_back: Some("a person has to decide".into()), ..plan.clone() };
        assert!(said(Some(&parked)).contains("a person"));
    }

    #[test]
    fn a_plan_that_says_something_else_has_another_digest() {
        let one = [planned("Acme", "ACME", 3)];
        assert_eq!(digest(1, &one), digest(1, &one));
        assert_ne!(digest(1, &one), digest(2, &one));
        assert_ne!(digest(1, &one), digest(1, &[planned("Acme", "ACME", 4)]));
    }
}
