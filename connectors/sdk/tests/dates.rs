//! Dates at the edges of zones: skipped midnights, both sides of the date line, the first and the last year.

use crate::mapping::context;
use concord_connector::{
    Context, Instant, Value,
    codec::{Codec, DateForm, InstantForm},
};
use jiff::{civil::Date, tz::TimeZone};
use proptest::{prelude::*, sample::select};
use serde_json::{Value as Json, json};

fn in_zone(name: &str) -> Context {
    let mut cx = context();
    cx.time_zone = TimeZone::get(name).unwrap();
    cx
}

fn day(text: &str) -> Date {
    text.parse().unwrap()
}

fn read(cx: &Context, form: DateForm, written: Json) -> Result<Option<Value>, String> {
    Codec::Date(form).decode(cx, &json!({ "on": written }), "/on").map(Option::flatten)
}

fn write(cx: &Context, form: DateForm, date: Date) -> Json {
    let mut out = json!({});
    Codec::Date(form).encode(cx, Some(&Value::Date(date)), "/on", &mut out).unwrap();
    out["on"].clone()
}

#[test]
fn the_date_of_an_instant_is_the_one_in_the_zone() {
    for (zone, instant, date) in [
        ("Pacific/Tongatapu", "2025-12-31T11:00:00Z", "2026-01-01"),
        ("Pacific/Tongatapu", "2025-12-31T10:59:59Z", "2025-12-31"),
        ("Pacific/Apia", "2026-07-01T11:00:00.000+0000", "2026-07-02"),
        ("Pacific/Pago_Pago", "2026-01-01T10:59:59Z", "2025-12-31"),
        ("Pacific/Pago_Pago", "2026-01-01T11:00:00Z", "2026-01-01"),
        ("Europe/Berlin", "2026-03-28T23:30:00Z", "2026-03-29"),
        ("Europe/Berlin", "2026-03-29T22:30:00Z", "2026-03-30"),
        ("America/New_York", "2026-11-01T04:30:00Z", "2026-11-01"),
    ] {
        let got = read(&in_zone(zone), DateForm::InstantInZone, json!(instant)).unwrap();
        assert_eq!(got, Some(Value::Date(day(date))), "{instant} in {zone}");
    }
}

#[test]
fn a_day_whose_midnight_is_skipped_begins_later() {
    // Clocks in Beirut went from 00:00 to 01:00 on 2026-03-29.
    let cx = in_zone("Asia/Beirut");
    let written = write(&cx, DateForm::InstantInZone, day("2026-03-29"));
    assert_eq!(written, json!("2026-03-28T22:00:00.000Z"));
    assert_eq!(read(&cx, DateForm::InstantInZone, written).unwrap(), Some(Value::Date(day("2026-03-29"))));
}

#[test]
fn a_day_that_a_country_skipped_is_still_a_date() {
    // Samoa crossed the date line: 2011-12-30 did not happen there.
    let cx = in_zone("Pacific/Apia");
    assert_eq!(write(&cx, DateForm::Iso, day("2011-12-30")), json!("2011-12-30"));
}

#[test]
fn utc_midnight_is_the_same_in_every_zone() {
    for zone in ["Pacific/Tongatapu", "Pacific/Pago_Pago", "Europe/Berlin"] {
        let cx = in_zone(zone);
        let written = write(&cx, DateForm::MidnightUtcMs, day("2026-01-31"));
        assert_eq!(written, json!("1769817600000"), "{zone}");
        for form in [written, json!(1_769_817_600_000_i64), json!("2026-01-31"), json!("2026-01-31T00:00:00Z")] {
            let got = read(&cx, DateForm::MidnightUtcMs, form.clone()).unwrap();
            assert_eq!(got, Some(Value::Date(day("2026-01-31"))), "{form} in {zone}");
        }
    }
}

#[test]
fn the_first_and_the_last_year_are_dates() {
    let cx = context();
    for text in ["0001-01-01", "9999-12-31"] {
        for form in [DateForm::Iso, DateForm::MidnightUtcMs] {
            assert_eq!(read(&cx, form, write(&cx, form, day(text))).unwrap(), Some(Value::Date(day(text))), "{text}");
        }
    }
}

#[test]
fn the_last_day_of_the_year_9999_is_a_point_in_time() {
    for text in ["9999-12-31T23:59:59.999Z", "9999-12-31T00:00:00.000Z", "0001-01-01T00:00:00.000Z"] {
        let instant = Instant::parse(text).unwrap();
        assert_eq!(instant.rfc3339(), text);
        assert_eq!(instant.date_in(&TimeZone::UTC).to_string(), text[..10]);
    }
    assert_eq!(Instant::parse("9999-12-31T23:59:59.999Z"), Some(Instant::MAX));
    assert_eq!(Instant::from_ms(i64::MAX).rfc3339()[..10], *"9999-12-31", "what is beyond is shown as the end");
}

#[test]
fn what_is_no_date_is_a_sentence() {
    let cx = context();
    for text in ["2026-02-30", "31.01.2026", "2026-1-1", "soon", "2025-10-028T16:00:00Z", "é2026-01-01"] {
        for form in [DateForm::Iso, DateForm::InstantInZone, DateForm::MidnightUtcMs] {
            let sentence = read(&cx, form, json!(text)).expect_err(text);
            assert!(sentence.contains("is no"), "{text}: {sentence}");
        }
    }
    assert!(read(&cx, DateForm::InstantInZone, json!("99999999999999999")).is_err(), "far beyond the year 9999");
}

const ZONES: [&str; 7] = [
    "UTC",
    "Pacific/Tongatapu",
    "Pacific/Apia",
    "Pacific/Pago_Pago",
    "Europe/Berlin",
    "America/Santiago",
    "Asia/Beirut",
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(3_000) })]

    #[test]
    fn every_date_survives_every_form_and_zone(
        days in 0..60_000_i64,
        zone in select(ZONES.to_vec()),
        form in select(vec![DateForm::Iso, DateForm::InstantInZone, DateForm::MidnightUtcMs]),
    ) {
        let cx = in_zone(zone);
        let date = Instant::from_ms(days * 86_400_000).date_in(&TimeZone::UTC);
        // A date that the zone skipped has no instant of its own.
        prop_assume!(form != DateForm::InstantInZone || zone != "Pacific/Apia" || date != day("2011-12-30"));
        let written = write(&cx, form, date);
        prop_assert_eq!(read(&cx, form, written).unwrap(), Some(Value::Date(date)));
    }

    #[test]
    fn every_instant_survives_every_form(
        ms in -62_135_596_800_000..=Instant::MAX.ms(),
        form in select(vec![InstantForm::Rfc3339, InstantForm::EpochMs]),
    ) {
        let (cx, codec, value) = (context(), Codec::Instant(form), Value::Instant(Instant::from_ms(ms)));
        let mut out = json!({});
        codec.encode(&cx, Some(&value), "/at", &mut out).unwrap();
        prop_assert_eq!(codec.decode(&cx, &out, "/at").unwrap(), Some(Some(value)));
    }

    #[test]
    fn texts_of_instants_sort_as_the_instants(a in 0..=Instant::MAX.ms(), b in 0..=Instant::MAX.ms()) {
        let text = |ms| Instant::from_ms(ms).rfc3339();
        prop_assert_eq!(text(a).cmp(&text(b)), a.cmp(&b));
    }
}
