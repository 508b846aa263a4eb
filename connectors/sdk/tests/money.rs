//! Amounts: every exponent, every digit, and no amount without a currency.

use crate::mapping::context;
use concord_connector::{Context, Money, Value, codec::Codec, value::Currency};
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};

fn currency(code: &str) -> Currency {
    Currency::parse(code).unwrap()
}

fn codec(number: bool) -> Codec {
    Codec::Money { currency: Some("/currency".into()), number, minor: false }
}

fn read(cx: &Context, codec: &Codec, text: &str) -> Result<Option<Value>, String> {
    let row: Json = serde_json::from_str(text).unwrap();
    codec.decode(cx, &row, "/amount").map(Option::flatten)
}

fn amount(minor: i64, code: &str) -> Option<Value> {
    Some(Value::Money(Money { minor, currency: currency(code) }))
}

#[test]
fn minor_units_follow_the_currency() {
    let cx = context();
    for (text, minor, code) in [
        (r#"{"amount": 1500, "currency": "JPY"}"#, 1_500, "JPY"),
        (r#"{"amount": "1500.000", "currency": "jpy"}"#, 1_500, "JPY"),
        (r#"{"amount": 1.234, "currency": "KWD"}"#, 1_234, "KWD"),
        (r#"{"amount": "-0.01", "currency": "USD"}"#, -1, "USD"),
        (r#"{"amount": 12.5}"#, 1_250, "EUR"),
        (r#"{"amount": 12.5, "currency": "  "}"#, 1_250, "EUR"),
        (r#"{"amount": 0, "currency": "USD"}"#, 0, "USD"),
    ] {
        assert_eq!(read(&cx, &codec(true), text).unwrap(), amount(minor, code), "{text}");
    }
}

#[test]
fn digits_that_no_float_holds_survive() {
    let cx = context();
    let text = r#"{"amount": 90071992547409.93, "currency": "USD"}"#;
    assert_eq!(read(&cx, &codec(true), text).unwrap(), amount(9_007_199_254_740_993, "USD"));
    let mut out = json!({});
    codec(true).encode(&cx, amount(9_007_199_254_740_993, "USD").as_ref(), "/amount", &mut out).unwrap();
    assert_eq!(out.to_string(), r#"{"amount":90071992547409.93,"currency":"USD"}"#);
}

#[test]
fn a_fraction_of_a_minor_unit_is_refused_and_not_rounded() {
    let cx = context();
    for text in [
        r#"{"amount": 10.5, "currency": "JPY"}"#,
        r#"{"amount": 1.2345, "currency": "KWD"}"#,
        r#"{"amount": 0.001, "currency": "USD"}"#,
    ] {
        assert!(read(&cx, &codec(true), text).unwrap_err().contains("more decimals than"), "{text}");
    }
}

#[test]
fn an_amount_without_a_currency_is_refused() {
    let mut cx = context();
    cx.currency = None;
    let sentence = read(&cx, &codec(true), r#"{"amount": 10}"#).unwrap_err();
    assert!(sentence.contains("set `currency` for this connection"), "{sentence}");
    let sentence = read(&cx, &codec(true), r#"{"amount": 10, "currency": "ZZZ"}"#).unwrap_err();
    assert!(sentence.contains("`ZZZ` is no ISO 4217 currency"), "{sentence}");
}

#[test]
fn a_foreign_amount_does_not_enter_an_account_of_one_currency() {
    let cx = context();
    let one = Codec::Money { currency: None, number: false, minor: false };
    let mut out = json!({});
    let sentence = one.encode(&cx, amount(100, "JPY").as_ref(), "/amount", &mut out).unwrap_err();
    assert_eq!(sentence, "the amount is in JPY, and this connection keeps EUR only");
    one.encode(&cx, amount(100, "EUR").as_ref(), "/amount", &mut out).unwrap();
    assert_eq!(out, json!({ "amount": "1.00" }));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(2_000) })]

    #[test]
    fn a_decimal_text_is_the_amount(
        minor in -i64::MAX..=i64::MAX,
        code in select(vec!["JPY", "USD", "KWD", "CLF"]),
    ) {
        let money = Money { minor, currency: currency(code) };
        prop_assert_eq!(Money::parse(&money.decimal(), money.currency), Ok(money));
        let number: Json = serde_json::from_str(&money.decimal()).unwrap();
        prop_assert_eq!(number.to_string(), money.decimal());
    }

    #[test]
    fn any_text_is_an_amount_or_a_sentence(text in ".{0,40}", code in select(vec!["JPY", "USD", "KWD"])) {
        drop(Money::parse(&text, currency(code)));
    }

    #[test]
    fn texts_like_numbers_do_not_panic(text in "[-+]?[0-9]{0,25}[.]?[0-9]{0,5}([eE][-+]?[0-9]{1,3})?") {
        drop(Money::parse(&text, currency("USD")));
    }
}
