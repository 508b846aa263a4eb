//! How dates and instants are written.

use crate::time::{Date, Instant};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// How a civil date is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DateForm {
    /// `2026-01-31`.
    Iso,
    /// An instant; the date is the one in the connection's time zone, midnight there is written.
    InstantInZone,
    /// An instant; the date is the one in UTC, midnight UTC is written as epoch milliseconds.
    MidnightUtcMs,
}

impl DateForm {
    pub(super) fn decode(self, text: &str, zone: &TimeZone) -> Result<Date, String> {
        match self {
            Self::Iso => {
                // A time of day may follow; another digit may not.
                let day = text.split(['T', ' ']).next().unwrap_or(text);
                day.parse().map_err(|_| format!("`{}` is no date", clip(text)))
            }
            Self::InstantInZone => Ok(instant(text)?.date_in(zone)),
            Self::MidnightUtcMs => match text.parse::<Date>() {
                Ok(date) => Ok(date),
                Err(_) => Ok(instant(text)?.date_in(&TimeZone::UTC)),
            },
        }
    }

    pub(super) fn encode(self, date: Date, zone: &TimeZone) -> Result<Json, String> {
        let start = |instant: Option<Instant>| instant.ok_or_else(|| format!("{date} is out of range"));
        Ok(match self {
            Self::Iso => Json::String(date.to_string()),
            Self::InstantInZone => Json::String(start(Instant::start_of(date, zone))?.rfc3339()),
            Self::MidnightUtcMs => Json::String(start(Instant::start_of_utc(date))?.ms().to_string()),
        })
    }
}

/// How a point in time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstantForm {
    /// `2026-01-31T12:00:00.000Z`.
    Rfc3339,
    /// Milliseconds since the epoch, as a text.
    EpochMs,
    /// Milliseconds since the epoch, as a number.
    EpochMsNumber,
    /// Seconds since the epoch, as a number.
    EpochS,
}

impl InstantForm {
    pub(super) fn decode(self, text: &str) -> Result<Instant, String> {
        match (self, text.parse::<i64>()) {
            (Self::EpochS, Ok(seconds)) => {
                instant(&seconds.checked_mul(1000).ok_or("the time is out of range")?.to_string())
            }
            _ => instant(text),
        }
    }
    pub(super) fn encode(self, value: Instant) -> Json {
        match self {
            Self::Rfc3339 => Json::String(value.rfc3339()),
            Self::EpochMs => Json::String(value.ms().to_string()),
            Self::EpochMsNumber => Json::from(value.ms()),
            Self::EpochS => Json::from(value.seconds()),
        }
    }
}

fn instant(text: &str) -> Result<Instant, String> {
    let ms = || {
        let ms: i64 = text.parse().ok()?;
        (-62_135_596_800_000..=Instant::MAX.ms()).contains(&ms).then(|| Instant::from_ms(ms))
    };
    Instant::parse(text).or_else(ms).ok_or_else(|| format!("`{}` is no point in time", clip(text)))
}

fn clip(text: &str) -> String {
    text.chars().take(40).collect()
}
