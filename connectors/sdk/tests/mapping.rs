//! Laws of mapping, over a manifest that has every codec.

use concord_connector::{
    Context, Entity, Field, Fields, Kind, Manifest, Value,
    codec::put,
    mapping::{Creating, Rule},
    testing::generate,
    value::Currency,
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

pub(crate) fn every() -> Manifest {
    static EVERY: LazyLock<Manifest> = LazyLock::new(|| Manifest::parse(include_str!("every.toml")).unwrap());
    EVERY.clone()
}

pub(crate) fn context() -> Context {
    let mut cx = Context::new("every-test", &every());
    cx.currency = Currency::parse("EUR");
    cx.vendor_fields.insert("companies".into(), BTreeSet::from(["duns".into()]));
    cx
}

fn rules() -> Vec<(Entity, Rule)> {
    let entities = every().entity;
    entities.iter().flat_map(|(entity, mapping)| mapping.fields.iter().map(|rule| (*entity, rule.clone()))).collect()
}

/// A field of the manifest with a value that its codec can hold.
fn field_and_value() -> impl Strategy<Value = (Entity, Rule, Value)> {
    select(rules()).prop_flat_map(|(entity, rule)| {
        let spec = entity.field(rule.field.as_str()).unwrap();
        let values = generate::value(spec.ty, &rule.effective(entity).unwrap(), &context());
        (Just(entity), Just(rule), values)
    })
}

/// Every pointer of a leaf.
fn leaves(json: &Json, at: &str, out: &mut BTreeSet<String>) {
    match json {
        Json::Object(object) if !object.is_empty() => {
            object.iter().for_each(|(name, value)| leaves(value, &format!("{at}/{name}"), out));
        }
        Json::Object(_) if at.is_empty() => {}
        _ => drop(out.insert(at.to_owned())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn what_is_written_is_read_back_equal((entity, rule, value) in field_and_value()) {
        let cx = context();
        let mapping = cx.mapping(entity).unwrap();
        let image = mapping.image(&cx, entity, &rule.field, Some(&value)).unwrap();
        let expected = rule.flow.reads().then_some(value);
        prop_assert_eq!(if rule.flow.reads() { image } else { None }, expected);
    }

    #[test]
    fn only_declared_pointers_are_written((entity, rule, value) in field_and_value(), creating in any::<bool>()) {
        let cx = context();
        let mapping = cx.mapping(entity).unwrap();
        let fields = Fields::from([(rule.field.clone(), Some(value))]);
        let out = mapping.encode(&cx, entity, &fields, if creating { Creating::Yes } else { Creating::No }).unwrap();
        let mut written = BTreeSet::new();
        leaves(&out, "", &mut written);
        let writes = if creating { rule.flow.creates() } else { rule.flow.updates() };
        let declared: BTreeSet<String> = match writes {
            true => rule.effective(entity).unwrap().pointers(&rule.vendor).into_iter().collect(),
            false => BTreeSet::new(),
        };
        prop_assert_eq!(written, declared);
    }

    #[test]
    fn decode_never_panics(row in generate::json(), leaf in generate::json(), (entity, rule, _) in field_and_value()) {
        let cx = context();
        let mapping = cx.mapping(entity).unwrap();
        drop(mapping.decode(&cx, entity, &row));
        let mut aimed = json!({});
        put(&mut aimed, &rule.vendor, leaf).unwrap();
        drop(mapping.decode(&cx, entity, &aimed));
    }
}

#[test]
fn absent_stays_absent() {
    let cx = context();
    for (entity, mapping) in &cx.mappings {
        assert_eq!(mapping.decode(&cx, *entity, &json!({})).unwrap(), Fields::new());
        assert_eq!(mapping.encode(&cx, *entity, &Fields::new(), Creating::Yes).unwrap(), json!({}));
    }
}

#[test]
fn null_clears_and_is_read_as_empty() {
    let cx = context();
    for (entity, rule) in rules().into_iter().filter(|(_, rule)| rule.flow.creates()) {
        let mapping = cx.mapping(entity).unwrap();
        let fields = Fields::from([(rule.field.clone(), None)]);
        let out = mapping.encode(&cx, entity, &fields, Creating::Yes).unwrap();
        let pointers = rule.effective(entity).unwrap().pointers(&rule.vendor);
        assert_eq!(out.pointer(&pointers[0]), Some(&Json::Null), "{entity}.{}", rule.field);
        if rule.flow.reads() {
            assert_eq!(mapping.decode(&cx, entity, &out).unwrap().get(&rule.field), Some(&None), "{}", rule.field);
        }
    }
    let blank = cx.mapping(Entity::Organization).unwrap().decode(&cx, Entity::Organization, &json!({ "name": "  " }));
    assert_eq!(blank.unwrap(), Fields::from([(Field::new("name"), None)]));
}

#[test]
fn an_unknown_value_of_an_enum_names_its_pointer() {
    let cx = context();
    let deals = cx.mapping(Entity::Opportunity).unwrap();
    let fault = deals.decode(&cx, Entity::Opportunity, &json!({ "stage": "Neu erfunden" })).unwrap_err();
    assert_eq!(fault.kind, Kind::Malformed);
    let sentence = fault.to_string();
    assert!(sentence.contains("pointer /stage") && sentence.contains("Neu erfunden"), "{sentence}");
    let open = deals.decode(&cx, Entity::Opportunity, &json!({ "type": "Neu erfunden" })).unwrap();
    assert_eq!(open[&Field::new("type")], Some(Value::Enum("neu_erfunden".into())));
}

#[test]
fn an_open_enum_declares_that_unknown_values_pass() {
    let cx = context();
    let orders = cx.mapping(Entity::Order).unwrap();
    assert!(orders.decode(&cx, Entity::Order, &json!({ "state": "invented" })).is_err(), "a closed one does not");
}

#[test]
fn several_vendor_values_may_mean_one_of_ours() {
    let cx = context();
    let deals = cx.mapping(Entity::Opportunity).unwrap();
    let stage = Field::new("stage");
    for theirs in ["open", "talking"] {
        let read = deals.decode(&cx, Entity::Opportunity, &json!({ "stage": theirs })).unwrap();
        assert_eq!(read[&stage], Some(Value::Enum("prospect".into())));
        // What the target says already means the same, so that nothing has to be written over it.
        let image = deals.image(&cx, Entity::Opportunity, &stage, read[&stage].as_ref()).unwrap();
        assert_eq!(image, read[&stage]);
    }
    let fields = Fields::from([(stage, Some(Value::Enum("prospect".into())))]);
    let out = deals.encode(&cx, Entity::Opportunity, &fields, Creating::No).unwrap();
    assert_eq!(out, json!({ "stage": "open" }), "the first pair is written back");
}

#[test]
fn an_optional_line_counts_only_where_the_account_has_the_field() {
    let mut cx = context();
    let row = json!({ "duns": "123456789" });
    let read = |cx: &Context| cx.mapping(Entity::Organization).unwrap().decode(cx, Entity::Organization, &row).unwrap();
    assert_eq!(read(&cx).len(), 1);
    cx.vendor_fields = BTreeMap::new();
    assert_eq!(read(&cx), Fields::new());
}

#[test]
fn an_address_is_read_and_written_part_by_part() {
    let cx = context();
    let mapping = cx.mapping(Entity::Organization).unwrap();
    let row = json!({ "address": { "line": "1 Example Street", "town": null, "zip": " 10115 " } });
    let read = mapping.decode(&cx, Entity::Organization, &row).unwrap();
    let written = mapping.encode(&cx, Entity::Organization, &read, Creating::No).unwrap();
    let expected = json!({ "line": "1 Example Street", "town": null, "zip": "10115", "country": null });
    assert_eq!(written["address"], expected, "parts that are gone are cleared");
}
