//! Tryton's own JSON: decimals, dates and points in time are objects with a `__class__`.

use concord_connector::{Instant, time::Date};
use jiff::{civil::DateTime, tz::TimeZone};
use serde_json::{Value as Json, json};

/// A plain value for codecs: a decimal's or a date's text; other values as they are.
pub(crate) fn plain(value: &Json) -> Json {
    match value.get("__class__").and_then(Json::as_str) {
        Some("Decimal") => value.get("decimal").cloned().unwrap_or(Json::Null),
        Some("date") => day(value).map_or_else(|| value.clone(), |date| Json::String(date.to_string())),
        _ => value.clone(),
    }
}

/// Microseconds since the epoch, of a datetime. Tryton's are in UTC.
pub(crate) fn micros(value: &Json) -> Option<i64> {
    let part = |name: &str| value.get(name).and_then(Json::as_i64);
    let time = |name: &str| part(name).unwrap_or(0);
    let stamp = DateTime::new(
        i16::try_from(part("year")?).ok()?,
        i8::try_from(part("month")?).ok()?,
        i8::try_from(part("day")?).ok()?,
        i8::try_from(time("hour")).ok()?,
        i8::try_from(time("minute")).ok()?,
        i8::try_from(time("second")).ok()?,
        i32::try_from(time("microsecond")).ok()?.checked_mul(1000)?,
    );
    Some(stamp.ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp().as_microsecond())
}

fn day(value: &Json) -> Option<Date> {
    let part = |name: &str| value.get(name).and_then(Json::as_i64);
    Date::new(i16::try_from(part("year")?).ok()?, i8::try_from(part("month")?).ok()?, i8::try_from(part("day")?).ok()?)
        .ok()
}

/// A datetime of an instant.
pub(crate) fn datetime(instant: Instant) -> Json {
    let stamp = jiff::Timestamp::from_millisecond(instant.ms()).unwrap_or_default().to_zoned(TimeZone::UTC);
    json!({
        "__class__": "datetime",
        "year": stamp.year(), "month": stamp.month(), "day": stamp.day(),
        "hour": stamp.hour(), "minute": stamp.minute(), "second": stamp.second(),
        "microsecond": i32::from(stamp.millisecond()) * 1000,
    })
}

/// A date of an ISO text; null where there is none.
pub(crate) fn date(text: Option<&Json>) -> Json {
    match text.and_then(Json::as_str).and_then(|text| text.parse::<Date>().ok()) {
        Some(date) => json!({ "__class__": "date", "year": date.year(), "month": date.month(), "day": date.day() }),
        None => Json::Null,
    }
}

/// A decimal of a text.
pub(crate) fn decimal(text: &str) -> Json {
    json!({ "__class__": "Decimal", "decimal": text })
}
