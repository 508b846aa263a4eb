//! Where associations stand in a row: `/associations/{object}/{slot}`.
//!
//! | slot | holds |
//! |---|---|
//! | `primary` | the one record that HubSpot calls primary |
//! | `any` | the associated record that has none of the labels that mean something else; the smallest id of several |
//! | `partners` | every record with a partner label, as `{"id", "role"}` |
//! | `label:TEXT` | the record with that label; the smallest id of several |

use crate::association;
use concord_connector::{
    Context, Field, Value,
    mapping::{Mapping, Rule},
    value::Reference,
};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// One association type: who defined it, its number and its label.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Type {
    pub(crate) category: String,
    pub(crate) id: u64,
    pub(crate) label: Option<String>,
}

/// The association types between one record and others, by the other's id.
pub(crate) type Links = BTreeMap<String, Vec<Type>>;

/// Which associations a field is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Slot {
    Primary,
    Any,
    Partners,
    Label(String),
}

impl Slot {
    /// The object and the slot of a pointer.
    pub(crate) fn parse(pointer: &str) -> Option<(&str, Self)> {
        let (object, slot) = pointer.strip_prefix("/associations/")?.split_once('/')?;
        Some((
            object,
            match slot {
                "primary" => Self::Primary,
                "any" => Self::Any,
                "partners" => Self::Partners,
                other => Self::Label(other.strip_prefix("label:")?.to_owned()),
            },
        ))
    }
    /// Whether HubSpot's type belongs to the slot; `any` takes what no other slot takes.
    pub(crate) fn takes(&self, kind: &Type, roles: &[(String, String)]) -> bool {
        let label = kind.label.as_deref();
        match self {
            Self::Primary => kind.category == "HUBSPOT_DEFINED" && label.is_some_and(|l| l.starts_with("Primary")),
            Self::Any => false,
            Self::Partners => roles.iter().any(|(known, _)| Some(known.as_str()) == label),
            Self::Label(wanted) => Some(wanted.as_str()) == label,
        }
    }
}

/// The rules about associations with their objects and slots.
pub(crate) fn rules<'a>(
    cx: &'a Context,
    mapping: &'a Mapping,
) -> impl Iterator<Item = (&'a Rule, &'a str, Slot)> + use<'a> {
    mapping.active(cx).filter_map(|rule| Slot::parse(&rule.vendor).map(|(object, slot)| (rule, object, slot)))
}

/// Partner labels and the roles that they stand for, in the order of the setting. Once the account is described, only
/// those labels count that it has.
pub(crate) fn roles(cx: &Context) -> Vec<(String, String)> {
    let text = cx.option("partner_labels").unwrap_or_default();
    let described = cx.options.keys().any(|name| name.starts_with("label.deals.companies."));
    let there = |label: &str| !described || association::kind(cx, "deals", "companies", label).is_some();
    text.split(';')
        .filter_map(|pair| pair.split_once('='))
        .map(|(label, role)| (label.trim().to_owned(), role.trim().to_owned()))
        .filter(|(label, _)| there(label))
        .collect()
}

/// The label for a role: its own, or the first.
pub(crate) fn label_of<'a>(roles: &'a [(String, String)], role: Option<&str>) -> Option<&'a str> {
    let own = roles.iter().find(|(_, known)| Some(known.as_str()) == role);
    own.or_else(|| roles.first()).map(|(label, _)| label.as_str())
}

/// What the slots of one object say, in the shape that the codecs read.
pub(crate) fn compose(cx: &Context, mapping: &Mapping, object: &str, links: &Links) -> Json {
    let roles = roles(cx);
    let slots: Vec<Slot> = rules(cx, mapping).filter(|(_, to, _)| *to == object).map(|(_, _, slot)| slot).collect();
    let first = |belongs: &dyn Fn(&[Type]) -> bool| {
        let mut ids: Vec<&String> = links.iter().filter(|(_, kinds)| belongs(kinds)).map(|(id, _)| id).collect();
        ids.sort_by_key(|id| (id.len(), id.as_str()));
        ids.first().map_or(Json::Null, |id| json!(id))
    };
    let mut out = serde_json::Map::new();
    for slot in &slots {
        let (name, value) = match slot {
            Slot::Primary => ("primary".to_owned(), first(&|kinds| kinds.iter().any(|kind| slot.takes(kind, &roles)))),
            Slot::Any => {
                let taken = |kinds: &[Type]| {
                    kinds.iter().any(|kind| {
                        Slot::Partners.takes(kind, &roles) || slots.iter().any(|other| other.takes(kind, &roles))
                    })
                };
                ("any".to_owned(), first(&|kinds| !taken(kinds)))
            }
            Slot::Label(label) => {
                (format!("label:{label}"), first(&|kinds| kinds.iter().any(|kind| slot.takes(kind, &roles))))
            }
            Slot::Partners => {
                let named = links.iter().flat_map(|(id, kinds)| {
                    let roles = &roles;
                    kinds.iter().filter_map(move |kind| {
                        let (_, role) = roles.iter().find(|(label, _)| Some(label) == kind.label.as_ref())?;
                        Some(json!({ "id": id, "role": role }))
                    })
                });
                ("partners".to_owned(), Json::Array(named.collect()))
            }
        };
        out.insert(name, value);
    }
    Json::Object(out)
}

/// A value after a stay in a slot: roles that have no label come back as the first label's role.
pub(crate) fn image(cx: &Context, pointer: &str, value: Option<Value>) -> Option<Value> {
    let Some((_, Slot::Partners)) = Slot::parse(pointer) else { return value };
    let roles = roles(cx);
    let known = |role: Option<&str>| {
        let own = roles.iter().find(|(_, known)| Some(known.as_str()) == role);
        own.or_else(|| roles.first()).map(|(_, role)| role.as_str().into())
    };
    match value {
        Some(Value::List(elements)) => Value::list(
            elements
                .iter()
                .cloned()
                .map(|element| match element {
                    Value::Ref(reference) => {
                        let role = known(reference.role.as_deref());
                        Value::from(Reference { role, ..Reference::clone(&reference) })
                    }
                    other => other,
                })
                .collect(),
        ),
        other => other,
    }
}

/// The fields of a mapping that are associations.
pub(crate) fn fields(cx: &Context, mapping: &Mapping) -> Vec<Field> {
    rules(cx, mapping).map(|(rule, ..)| rule.field.clone()).collect()
}
