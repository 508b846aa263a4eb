//! Laws of mapping, per entity of a connector.

use super::{Group, Subject, Verdict, generate, holds, property};
use crate::{
    Connector, Context, Entity, Fields, Kind, Value,
    codec::{Codec, put},
    mapping::{Creating, Mapping, Rule},
};
use proptest::{prelude::*, sample::select};
use serde_json::{Map, Value as Json, json};
use std::sync::Arc;

type Of = fn(&Trial) -> Verdict;

pub(super) fn laws(subject: &Subject, group: &mut Group<'_>) {
    for (entity, mapping) in &subject.context.mappings {
        let trial = Trial {
            connector: subject.connector.clone(),
            cx: with_every_field(&subject.context, mapping),
            entity: *entity,
            mapping: mapping.clone(),
        };
        let of = |name: &str| format!("{entity}_{name}");
        let laws: [(&str, Of); 8] = [
            ("is_read_back_as_it_was_written", Trial::round_trip),
            ("settles_after_one_stay", Trial::settles),
            ("writes_only_declared_pointers", Trial::declared_pointers),
            ("absent_stays_absent", Trial::absent),
            ("null_clears", Trial::null),
            ("unknown_enum_value_names_its_pointer", Trial::unknown_values),
            ("value_maps_go_back", Trial::value_maps),
            ("any_json_is_read_or_refused", Trial::any_json),
        ];
        let two_way = mapping.fields.iter().any(|rule| rule.flow.reads() && rule.flow.creates());
        let maps = |rule: &Rule| rule.effective(*entity).is_ok_and(|codec| codec.pairs().is_some());
        let mapped = mapping.fields.iter().any(|rule| rule.flow.reads() && maps(rule));
        for (name, law) in laws {
            let reason = match name {
                "is_read_back_as_it_was_written" | "settles_after_one_stay" if !two_way => {
                    Some("no field travels both ways")
                }
                "unknown_enum_value_names_its_pointer" | "value_maps_go_back" if !mapped => {
                    Some("no field has a value map")
                }
                _ => None,
            };
            let trial = trial.clone();
            group.law_unless(reason, of(name), move || law(&trial));
        }
    }
}

/// A context in which every optional line applies and amounts have a currency.
fn with_every_field(cx: &Context, mapping: &Mapping) -> Context {
    let mut cx = cx.clone();
    let last = |pointer: &str| pointer.rsplit('/').next().unwrap_or_default().to_owned();
    let names = mapping.fields.iter().map(|rule| last(&rule.vendor));
    cx.vendor_fields.entry(mapping.object.clone()).or_default().extend(names);
    cx.currency = cx.currency.or_else(|| crate::value::Currency::parse("EUR"));
    cx
}

#[derive(Clone)]
struct Trial {
    connector: Arc<dyn Connector>,
    cx: Context,
    entity: Entity,
    mapping: Mapping,
}

impl Trial {
    fn codec(&self, rule: &Rule) -> Result<Codec, String> {
        rule.effective(self.entity).map_err(|e| e.to_string())
    }

    /// A line with a value that its codec can hold.
    fn values(&self, keep: impl Fn(&Rule) -> bool) -> Option<BoxedStrategy<(Rule, Value)>> {
        let rules: Vec<Rule> = self.mapping.fields.iter().filter(|rule| keep(rule)).cloned().collect();
        if rules.is_empty() {
            return None;
        }
        let (entity, cx) = (self.entity, self.cx.clone());
        let strategy = select(rules).prop_flat_map(move |rule| {
            let ty = entity.field(rule.field.as_str()).map_or(crate::schema::Type::Text, |spec| spec.ty);
            let codec = rule.effective(entity).unwrap_or_default();
            (Just(rule), generate::value(ty, &codec, &cx))
        });
        Some(strategy.boxed())
    }

    fn encode(&self, fields: &Fields, creating: Creating) -> Result<Json, String> {
        self.mapping.encode(&self.cx, self.entity, fields, creating).map_err(|e| e.to_string())
    }

    fn round_trip(&self) -> Verdict {
        let Some(values) = self.values(|rule| rule.flow.reads() && rule.flow.creates()) else { return Ok(()) };
        property(&values, |(rule, value)| {
            let out = self.encode(&Fields::from([(rule.field.clone(), Some(value.clone()))]), Creating::Yes)?;
            let read = self.mapping.decode(&self.cx, self.entity, &out).map_err(|e| e.to_string())?;
            let same = read.get(&rule.field) == Some(&Some(value));
            holds(same, || format!("{} came back as {:?} by {out}", rule.field, read.get(&rule.field)))
        })
    }

    fn settles(&self) -> Verdict {
        let Some(values) = self.values(|rule| rule.flow.creates() && rule.flow.reads()) else { return Ok(()) };
        let image =
            |rule: &Rule, value: Option<&Value>| self.connector.image(&self.cx, self.entity, &rule.field, value);
        property(&values, |(rule, value)| {
            let Ok(once) = image(&rule, Some(&value)) else { return Ok(()) };
            let twice = image(&rule, once.as_ref()).map_err(|e| e.to_string())?;
            holds(once == twice, || format!("{}: {value}, then {once:?}, then {twice:?}", rule.field))
        })
    }

    fn declared_pointers(&self) -> Verdict {
        let Some(values) = self.values(|_| true) else { return Ok(()) };
        property(&(values, any::<bool>()), |((rule, value), creates)| {
            let (creating, writes) = match creates {
                true => (Creating::Yes, rule.flow.creates()),
                false => (Creating::No, rule.flow.updates()),
            };
            let out = self.encode(&Fields::from([(rule.field.clone(), Some(value))]), creating)?;
            let mut declared = self.codec(&rule)?.pointers(&rule.vendor);
            declared.retain(|_| writes);
            let stray: Vec<_> = leaves(&out).into_iter().filter(|leaf| !declared.contains(leaf)).collect();
            holds(stray.is_empty(), || format!("{} wrote {stray:?}", rule.field))
        })
    }

    fn absent(&self) -> Verdict {
        let empty = Json::Object(Map::new());
        let read = self.mapping.decode(&self.cx, self.entity, &empty).map_err(|e| e.to_string())?;
        holds(read.is_empty(), || format!("an empty record says {read:?}"))?;
        let written = self.encode(&Fields::new(), Creating::Yes)?;
        holds(written == empty, || format!("no field writes {written}"))
    }

    fn null(&self) -> Verdict {
        for rule in self.mapping.fields.iter().filter(|rule| rule.flow.creates()) {
            let out = self.encode(&Fields::from([(rule.field.clone(), None)]), Creating::Yes)?;
            let pointers = self.codec(rule)?.pointers(&rule.vendor);
            let cleared = pointers.first().and_then(|pointer| out.pointer(pointer)) == Some(&Json::Null);
            holds(cleared, || format!("{} is not cleared by {out}", rule.field))?;
            if rule.flow.reads() {
                let read = self.mapping.decode(&self.cx, self.entity, &out).map_err(|e| e.to_string())?;
                holds(read.get(&rule.field) == Some(&None), || format!("{}: null is read as {read:?}", rule.field))?;
            }
        }
        Ok(())
    }

    fn unknown_values(&self) -> Verdict {
        for rule in self.mapping.fields.iter().filter(|rule| rule.flow.reads()) {
            let open = match self.codec(rule)? {
                Codec::Enum(_) | Codec::Flag(..) | Codec::Array(_) => false,
                Codec::EnumOpen(_) => true,
                Codec::Joined { map, .. } => map.is_empty(),
                _ => continue,
            };
            let mut row = json!({});
            put(&mut row, &rule.vendor, json!("Never Heard Of"))?;
            match self.mapping.decode(&self.cx, self.entity, &row) {
                Ok(_) => holds(open, || format!("{} takes a value outside its map", rule.field))?,
                Err(fault) => {
                    let named = fault.kind == Kind::Malformed && fault.to_string().contains(&rule.vendor);
                    holds(!open && named, || format!("{}: {fault}", rule.field))?;
                }
            }
        }
        Ok(())
    }

    /// Whatever the vendor's value was, ours goes there and comes back: nothing that the target says is lost.
    fn value_maps(&self) -> Verdict {
        for rule in &self.mapping.fields {
            let codec = self.codec(rule)?;
            let Some(pairs) = codec.pairs().filter(|_| rule.flow.reads()) else { continue };
            for (theirs, ours) in pairs {
                let mut row = json!({});
                let there = if matches!(codec, Codec::Array(_)) { json!([theirs]) } else { json!(theirs) };
                put(&mut row, &rule.vendor, there)?;
                let read = self.mapping.decode(&self.cx, self.entity, &row).map_err(|e| e.to_string())?;
                let value = read.get(&rule.field).cloned().flatten();
                let image = self.mapping.image(&self.cx, self.entity, &rule.field, value.as_ref());
                let image = image.map_err(|e| e.to_string())?;
                holds(value.is_some() && image == value, || format!("{}: `{theirs}`, {ours}, {image:?}", rule.field))?;
            }
        }
        Ok(())
    }

    fn any_json(&self) -> Verdict {
        property(&(generate::json(), generate::json(), any::<prop::sample::Index>()), |(row, leaf, at)| {
            // The result does not matter: it must be one.
            drop(self.mapping.decode(&self.cx, self.entity, &row));
            let rule = at.get(&self.mapping.fields);
            let mut aimed = json!({});
            put(&mut aimed, &rule.vendor, leaf)?;
            match self.mapping.decode(&self.cx, self.entity, &aimed) {
                Ok(_) => Ok(()),
                Err(fault) => holds(fault.kind == Kind::Malformed, || fault.to_string()),
            }
        })
    }
}

/// The pointer of every leaf.
fn leaves(json: &Json) -> Vec<String> {
    fn walk(json: &Json, at: &str, out: &mut Vec<String>) {
        match json {
            Json::Object(object) => object.iter().for_each(|(name, value)| walk(value, &format!("{at}/{name}"), out)),
            _ => out.push(at.to_owned()),
        }
    }
    let mut out = Vec::new();
    walk(json, "", &mut out);
    out
}
