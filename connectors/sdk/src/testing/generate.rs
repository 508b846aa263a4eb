//! Values for tests: arbitrary ones from a field's type and codec, and plausible ones by field name.

use crate::{
    Context, Instant, Money, Reference, Value,
    codec::{Codec, DateForm, InstantForm, Pairs},
    schema::{FieldSpec, Type},
    value::{Address, AddressPart, Currency},
};
use jiff::civil::date;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::{Index, select},
};
use serde_json::Value as Json;

/// Values that a codec can hold without loss, whatever the type allows beyond.
pub fn value(ty: Type, codec: &Codec, cx: &Context) -> BoxedStrategy<Value> {
    match codec {
        Codec::Default => value(ty, &Codec::of(ty), cx),
        Codec::Text => text(40).prop_map(|text| Value::Text(text.into())).boxed(),
        Codec::TextMax(max) => text(*max).prop_map(|text| Value::Text(text.into())).boxed(),
        Codec::Lower => text(40).prop_map(|text| Value::Text(text.to_lowercase().into())).boxed(),
        Codec::Domain => "[a-z][a-z0-9]{0,10}(\\.[a-z]{2,8}){1,2}"
            .prop_filter("a prefix that codecs drop", |host| !host.starts_with("www."))
            .prop_map(|text| Value::Text(text.into()))
            .boxed(),
        Codec::Date(form) => {
            let years = if *form == DateForm::Iso { 1..=9999_i16 } else { 1900..=2200 };
            (years, 1..=12_i8, 1..=31_i8).prop_map(|(y, m, d)| Value::Date(closest(y, m, d))).boxed()
        }
        Codec::Instant(InstantForm::EpochS) => (-62_135_596_800_i64..=Instant::MAX.seconds())
            .prop_map(|s| Value::Instant(Instant::from_ms(s * 1000)))
            .boxed(),
        Codec::Instant(_) => {
            (-62_135_596_800_000..=Instant::MAX.ms()).prop_map(|ms| Value::Instant(Instant::from_ms(ms))).boxed()
        }
        Codec::Money { currency: pointer, .. } => {
            let known: Vec<_> = ["USD", "EUR", "JPY", "KWD"].iter().filter_map(|code| Currency::parse(code)).collect();
            let currencies = match (pointer, cx.currency) {
                (None, Some(ours)) => vec![ours],
                _ => known,
            };
            (select(currencies), -i64::MAX..=i64::MAX)
                .prop_map(|(currency, minor)| Value::Money(Money { minor, currency }))
                .boxed()
        }
        Codec::Enum(pairs) | Codec::EnumOpen(pairs) => any::<Index>().prop_map(picked(pairs)).boxed(),
        Codec::Flag(yes, no) => select(vec![yes.clone(), no.clone()]).prop_map(|word| Value::Enum(word.into())).boxed(),
        Codec::Array(pairs) => {
            vec(any::<Index>().prop_map(picked(pairs)), 1..4).prop_filter_map("an empty list", Value::list).boxed()
        }
        Codec::ReferenceNumber(entity) => {
            let entity = *entity;
            any::<u64>().prop_map(move |id| Value::from(Reference::external(entity, id.to_string()))).boxed()
        }
        Codec::Ids(entity) => {
            let entity = *entity;
            let one = id().prop_map(move |id| Value::from(Reference::external(entity, id)));
            vec(one, 1..4).prop_filter_map("an empty list", Value::list).boxed()
        }
        Codec::Reference(entity) => {
            let entity = *entity;
            id().prop_map(move |id| Value::from(Reference::external(entity, id))).boxed()
        }
        Codec::References(entity) => {
            let entity = *entity;
            let one = (id(), option::of("[a-z]{1,6}(_[a-z]{1,6})?")).prop_map(move |(id, role)| {
                let reference = Reference::external(entity, id);
                Value::from(match role {
                    Some(role) => reference.in_role(role),
                    None => reference,
                })
            });
            vec(one, 1..4).prop_filter_map("an empty list", Value::list).boxed()
        }
        Codec::Joined { map, .. } => {
            let ours: Pairs = match ty {
                Type::List(Type::Enum(all)) if map.is_empty() => {
                    all.iter().map(|value| ((*value).to_owned(), (*value).to_owned())).collect()
                }
                _ => map.clone(),
            };
            vec(any::<Index>().prop_map(picked(&ours)), 1..4).prop_filter_map("an empty list", Value::list).boxed()
        }
        Codec::Lines | Codec::Texts => vec(text(40).prop_map(|text| Value::Text(text.into())), 1..4)
            .prop_filter_map("an empty list", Value::list)
            .boxed(),
        Codec::Address(parts) => {
            let parts: Vec<AddressPart> = parts.keys().copied().collect();
            vec(option::weighted(0.8, text(30)), parts.len())
                .prop_filter_map("an empty address", move |texts| {
                    let said = parts.iter().copied().zip(texts).filter_map(|(part, text)| Some((part, text?)));
                    Address::from_parts(said).map(Value::Address)
                })
                .boxed()
        }
    }
}

/// Any JSON, nested a little.
pub fn json() -> BoxedStrategy<Json> {
    let leaf = prop_oneof![
        Just(Json::Null),
        any::<bool>().prop_map(Json::Bool),
        any::<i64>().prop_map(Json::from),
        any::<f64>().prop_map(Json::from),
        ".{0,20}".prop_map(Json::String),
        select(vec!["", "0001-01-01", "9999-12-31T23:59:59Z", "-1", "1e400", "\u{0}", "2026-02-30", "€"])
            .prop_map(|text| Json::String(text.to_owned())),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Json::Array),
            vec(("[a-z]{1,6}", inner), 0..4).prop_map(|pairs| Json::Object(pairs.into_iter().collect())),
        ]
    })
    .boxed()
}

/// A plausible value of a field, the same for the same number; references are none of its business.
pub fn plausible(spec: &FieldSpec, codec: &Codec, cx: &Context, n: u64) -> Option<Value> {
    let written = match spec.ty {
        Type::Text => Value::Text(text_of(spec.name, n).into()),
        Type::Money => {
            let currency = cx.currency.or_else(|| Currency::parse("EUR"))?;
            let unit = 10_i64.pow(currency.exponent());
            Value::Money(Money { minor: (1_000 + i64::try_from(n % 10_000).ok()?) * unit, currency })
        }
        Type::Date => Value::Date(date(2026, 1 + i8::try_from(n % 12).ok()?, 1 + i8::try_from(n % 28).ok()?)),
        Type::Instant => Value::Instant(Instant::from_ms(1_767_225_600_000 + i64::try_from(n).ok()? * 1000)),
        Type::Enum(_) if matches!(codec, Codec::Flag(..)) => {
            let Codec::Flag(yes, no) = codec else { return None };
            Value::Enum(if n.is_multiple_of(2) { yes } else { no }.as_str().into())
        }
        Type::Enum(all) => Value::Enum(one_of(codec.pairs(), all, n)?.into()),
        Type::List(Type::Enum(all)) => Value::list(vec![Value::Enum(one_of(codec.pairs(), all, n)?.into())])?,
        Type::Address => Value::Address(Address::from_parts([
            (AddressPart::Street, format!("{} Example Street", 1 + n)),
            (AddressPart::City, "Berlin".to_owned()),
            (AddressPart::PostalCode, format!("{:05}", 10_000 + n % 80_000)),
            (AddressPart::Country, "Germany".to_owned()),
        ])?),
        Type::Reference(_) | Type::List(_) => return None,
    };
    Some(written)
}

fn text_of(name: &str, n: u64) -> String {
    match name {
        "email" => format!("contact{n}@company{n}.example.com"),
        "domain" => format!("company{n}.example.com"),
        "website" => format!("https://company{n}.example.com"),
        "phone" => format!("+49 30 55501{:04}", n % 10_000),
        "lei" => format!("{n:0>18}00"),
        "duns" => format!("{:09}", n % 1_000_000_000),
        "tax_id" => german_vat(n),
        "program" => "Partner Program".to_owned(),
        "tier" => ["Silver", "Gold", "Platinum"][(n % 3) as usize].to_owned(),
        _ => format!("{} {n}", name.replace('_', " ")),
    }
}

/// A German VAT number with its check digit (ISO 7064, mod 11, 10): some systems refuse others.
fn german_vat(n: u64) -> String {
    let digits = format!("{}", 10_000_000 + n % 90_000_000);
    let product = digits.bytes().fold(10, |product, digit| match (u32::from(digit - b'0') + product) % 10 {
        0 => 20 % 11,
        sum => 2 * sum % 11,
    });
    format!("DE{digits}{}", (11 - product) % 10)
}

fn one_of(pairs: Option<&Pairs>, all: &[&str], n: u64) -> Option<String> {
    let mapped: Vec<&str> = pairs.into_iter().flatten().map(|(_, ours)| ours.as_str()).collect();
    let from = if mapped.is_empty() { all } else { &mapped };
    let at = usize::try_from(n).ok()?.checked_rem(from.len())?;
    from.get(at).map(|value| (*value).to_owned())
}

/// Picks among the values that come back as themselves: where one vendor value stands for several of ours, the first.
fn picked(pairs: &Pairs) -> impl Fn(Index) -> Value + use<> {
    let reads = |theirs: &str| pairs.iter().find(|(vendor, _)| vendor == theirs).map(|(_, ours)| ours);
    let writes = |ours: &str| pairs.iter().find(|(_, canonical)| canonical == ours).map(|(theirs, _)| theirs);
    let ours: Vec<String> = pairs
        .iter()
        .map(|(_, ours)| ours)
        .filter(|ours| writes(ours).and_then(|theirs| reads(theirs)) == Some(ours))
        .cloned()
        .collect();
    move |index| Value::Enum(if ours.is_empty() { "none" } else { index.get(&ours).as_str() }.into())
}

/// Text without control characters and without white space at its ends.
fn text(max: usize) -> impl Strategy<Value = String> + use<> {
    proptest::string::string_regex(&format!("\\PC{{1,{}}}", max.clamp(1, 60)))
        .unwrap_or_else(|_| unreachable!("the pattern is fixed but for a number"))
        .prop_map(|text| text.trim().to_owned())
        .prop_filter("nothing but white space", |text| !text.is_empty())
}

fn id() -> impl Strategy<Value = String> {
    "[A-Za-z0-9]{1,18}"
}

/// The date, or the last day of its month.
fn closest(year: i16, month: i8, day: i8) -> jiff::civil::Date {
    let first = date(year, month, 1);
    first.with().day(day).build().unwrap_or_else(|_| first.last_of_month())
}
