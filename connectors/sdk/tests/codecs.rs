//! Single codecs: what they read leniently and what they write exactly.

use crate::mapping::context;
use concord_connector::{
    Entity, Reference, Value,
    codec::{Codec, host, put},
    schema::Type,
};
use proptest::prelude::*;
use serde_json::{Value as Json, json};

fn read(codec: &Codec, raw: Json) -> Result<Option<Value>, String> {
    codec.decode(&context(), &json!({ "x": raw }), "/x").map(Option::flatten)
}

fn write(codec: &Codec, value: &Value) -> Result<Json, String> {
    let mut out = json!({});
    codec.encode(&context(), Some(value), "/x", &mut out)?;
    Ok(out["x"].clone())
}

fn text(text: &str) -> Option<Value> {
    Some(Value::Text(text.into()))
}

#[test]
fn text_is_trimmed_and_read_from_scalars() {
    assert_eq!(read(&Codec::Text, json!("  Acme  ")).unwrap(), text("Acme"));
    assert_eq!(read(&Codec::Text, json!(7)).unwrap(), text("7"));
    assert_eq!(read(&Codec::Text, json!(true)).unwrap(), text("true"));
    assert_eq!(read(&Codec::Text, json!(" \t ")).unwrap(), None);
    assert!(read(&Codec::Text, json!({ "a": 1 })).is_err());
    assert!(read(&Codec::Text, json!(["a"])).is_err());
}

#[test]
fn a_limit_counts_characters_and_never_splits_one() {
    let codec = Codec::TextMax(3);
    assert_eq!(read(&codec, json!("äöüß")).unwrap(), text("äöü"));
    assert_eq!(write(&codec, &Value::Text("日本語版".into())).unwrap(), json!("日本語"));
    // What was cut behind a blank is trimmed as every text is, so that a second stay changes nothing more.
    assert_eq!(read(&codec, json!("ab cd")).unwrap(), text("ab"));
}

#[test]
fn a_domain_is_the_host_of_what_people_type() {
    for typed in [
        "https://www.Example.com/about?x=1",
        "Example.com",
        "www.example.com",
        "example.com.",
        "http://example.com:8080",
    ] {
        assert_eq!(read(&Codec::Domain, json!(typed)).unwrap(), text("example.com"), "{typed}");
    }
    for none in ["localhost", "not a domain", "http://", "://"] {
        assert_eq!(read(&Codec::Domain, json!(none)).unwrap(), None, "{none}");
    }
    assert_eq!(host("müller.example").as_deref(), Some("xn--mller-kva.example"));
}

#[test]
fn references_are_ids_of_the_same_account() {
    let one = Codec::Reference(Entity::Organization);
    assert_eq!(read(&one, json!(42)).unwrap(), Some(Value::from(Reference::external(Entity::Organization, "42"))));
    let many = Codec::References(Entity::Organization);
    let raw = json!([{ "id": 9, "role": "Sub-Contractor" }, "7", 7, { "id": "9", "role": "Sub-Contractor" }]);
    let seven = Value::from(Reference::external(Entity::Organization, "7"));
    let nine = Value::from(Reference::external(Entity::Organization, "9").in_role("sub_contractor"));
    assert_eq!(read(&many, raw).unwrap(), Value::list(vec![nine, seven]));
    assert_eq!(read(&many, json!([])).unwrap(), None);
    assert_eq!(read(&many, json!([{ "role": "x" }])).unwrap_err(), "an element has no id");
}

#[test]
fn a_record_of_ours_never_leaves_as_an_id() {
    let golden = Value::from(Reference::record(Entity::Organization, "r1".into()));
    assert!(write(&Codec::Reference(Entity::Organization), &golden).is_err());
    let list = Value::list(vec![golden]).unwrap();
    assert!(write(&Codec::References(Entity::Organization), &list).is_err());
}

#[test]
fn a_value_without_counterpart_is_a_sentence() {
    let stage = Codec::Enum(vec![("open".into(), "prospect".into())]);
    let sentence = write(&stage, &Value::Enum("won".into())).unwrap_err();
    assert_eq!(sentence, "the system has no value for `won`");
    assert!(write(&Codec::Text, &Value::Enum("won".into())).is_err(), "a value of another type does not fit");
}

#[test]
fn a_set_without_a_map_takes_values_of_the_schema_only() {
    let roles = Entity::Organization.field("roles").unwrap().ty;
    let codec = Codec::of(roles);
    let read = |text: &str| codec.decode(&context(), &json!({ "x": text }), "/x");
    let expected = Value::list(vec![Value::Enum("partner".into()), Value::Enum("customer".into())]);
    assert_eq!(read("partner; customer;;partner").unwrap(), Some(expected));
    assert!(read("partner;friend").unwrap_err().contains("`friend` is not in the value map"));
}

#[test]
fn the_codec_that_a_type_suggests_fits_it() {
    for entity in Entity::ALL {
        for field in entity.fields() {
            assert!(Codec::of(field.ty).fits(field.ty), "{entity}.{}", field.name);
        }
    }
    assert!(!Codec::Text.fits(Type::Money));
    assert!(!Codec::Reference(Entity::Person).fits(Type::Reference(Entity::Organization)));
}

#[test]
fn a_long_value_is_not_repeated_in_the_sentence() {
    let long = "x".repeat(1_000_000);
    for codec in [
        Codec::Enum(vec![]),
        Codec::Date(concord_connector::codec::DateForm::Iso),
        Codec::Instant(concord_connector::codec::InstantForm::Rfc3339),
        Codec::Money { currency: None, number: false, minor: false },
    ] {
        let sentence = read(&codec, json!(long)).unwrap_err();
        assert!(sentence.len() < 200, "{codec:?}: {} bytes", sentence.len());
    }
}

#[test]
fn a_pointer_leads_through_objects_and_escapes() {
    let mut out = json!({});
    put(&mut out, "/a~1b/c~0d", json!(1)).unwrap();
    assert_eq!(out, json!({ "a/b": { "c~d": 1 } }));
    assert!(put(&mut out, "/a~1b/c~0d/e", json!(1)).is_err());
    assert!(put(&mut out, "a", json!(1)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_host_is_its_own_host(text in ".{0,40}") {
        if let Some(once) = host(&text) {
            let twice = host(&once);
            prop_assert_eq!(twice, Some(once), "from {:?}", text);
        }
    }
}

#[test]
fn a_line_is_a_text_as_it_was_written() {
    let list = |texts: &[&str]| Value::list(texts.iter().map(|text| Value::Text((*text).into())).collect());
    let both = list(&["BasicService | Entitled", "api_calls 0.002 USD"]);
    for codec in [Codec::Lines, Codec::Texts] {
        assert_eq!(read(&codec, json!("api_calls 0.002 USD\n BasicService | Entitled \n\n")).unwrap(), both);
        assert_eq!(read(&codec, json!(["api_calls 0.002 USD", "BasicService | Entitled", " "])).unwrap(), both);
        assert!(read(&codec, json!([1])).is_err());
    }
    let both = both.unwrap();
    assert_eq!(write(&Codec::Lines, &both).unwrap(), json!("BasicService | Entitled\napi_calls 0.002 USD"));
    assert_eq!(write(&Codec::Texts, &both).unwrap(), json!(["BasicService | Entitled", "api_calls 0.002 USD"]));
}
