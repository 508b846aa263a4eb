//! Instants (milliseconds since the Unix epoch) and civil dates. Nothing here reads a clock.

use jiff::{Timestamp, civil::DateTime, fmt::rfc2822::DateTimeParser, tz::TimeZone};
use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

pub use jiff::civil::Date;

const DAY_MS: i64 = 86_400_000;
const EPOCH_DAY: Date = Date::constant(1970, 1, 1);

/// A point in time: milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Instant(i64);

impl Instant {
    /// The Unix epoch, older than anything that a vendor reports.
    pub const EPOCH: Self = Self(0);
    /// The last instant that a four-digit year can name; a bound for "no upper end".
    pub const MAX: Self = Self(253_402_300_799_999);

    /// From milliseconds since the epoch.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }
    /// Milliseconds since the epoch.
    pub const fn ms(self) -> i64 {
        self.0
    }
    /// Seconds since the epoch, rounded down.
    pub const fn seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }
    /// Reads RFC 3339, and the same with a `+0000` offset as Salesforce writes it. `None` when it is neither, or out of
    /// the years 0001 to 9999.
    pub fn parse(text: &str) -> Option<Self> {
        if let Some(plain) = Self::parse_plain(text.as_bytes()) {
            return Some(plain);
        }
        let precise = || text.parse::<Timestamp>().ok().map(|t| Self(t.as_millisecond()));
        // The last day of the year 9999 is beyond the library's instants and within its civil times.
        let last_day = || {
            let civil: DateTime = text.strip_suffix('Z')?.parse().ok()?;
            let midnight = Self::start_of_utc(civil.date())?;
            let since = civil.time().duration_since(jiff::civil::Time::midnight());
            Some(Self(midnight.0 + i64::try_from(since.as_millis()).ok()?))
        };
        precise().or_else(last_day)
    }
    /// The form that nearly every vendor writes: `2026-01-02T03:04:05Z`, with any number of decimals up to nine. `None`
    /// leaves everything else to the library.
    fn parse_plain(text: &[u8]) -> Option<Self> {
        let (head, tail) = text.split_at_checked(19)?;
        let decimals = match tail {
            b"Z" => &tail[..0],
            [b'.', decimals @ .., b'Z'] if (1..=9).contains(&decimals.len()) => decimals,
            _ => return None,
        };
        let shape = b"dddd-dd-ddTdd:dd:dd";
        let fits = |(byte, form): (&u8, &u8)| if *form == b'd' { byte.is_ascii_digit() } else { byte == form };
        if !head.iter().zip(shape).all(fits) || !decimals.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let number = |from: usize, to: usize| head[from..to].iter().fold(0_i64, |n, d| n * 10 + i64::from(d - b'0'));
        let (hour, minute, second) = (number(11, 13), number(14, 16), number(17, 19));
        // Leap seconds and the year 0 are the library's.
        if hour > 23 || minute > 59 || second > 59 || number(0, 4) == 0 {
            return None;
        }
        let small = |n: i64| i8::try_from(n).ok();
        let date = Date::new(i16::try_from(number(0, 4)).ok()?, small(number(5, 7))?, small(number(8, 10))?).ok()?;
        let ms = (0..3).fold(0, |ms, at| ms * 10 + decimals.get(at).map_or(0, |d| i64::from(d - b'0')));
        let midnight = Self::start_of_utc(date)?;
        Some(Self(midnight.0 + ((hour * 60 + minute) * 60 + second) * 1000 + ms))
    }
    /// `2026-01-02T03:04:05.678Z`; always milliseconds, so that texts sort as the instants do.
    pub fn rfc3339(self) -> String {
        let (ms, day) = (self.0.rem_euclid(DAY_MS), self.utc_date());
        let (seconds, ms) = (ms / 1000, ms % 1000);
        format!("{day}T{:02}:{:02}:{:02}.{ms:03}Z", seconds / 3600, seconds / 60 % 60, seconds % 60)
    }
    /// Reads the `date` header of an HTTP answer. `None` when it is none.
    pub fn parse_http(text: &str) -> Option<Self> {
        let at = DateTimeParser::new().parse_timestamp(text.trim()).ok()?;
        Some(Self(at.as_millisecond()))
    }
    /// As HTTP servers write it, in whole seconds: `Fri, 02 Jan 2026 03:04:05 GMT`.
    pub fn http(self) -> String {
        let at = Timestamp::from_millisecond(self.0).unwrap_or_default().to_zoned(TimeZone::UTC);
        at.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
    }
    /// The civil date at this instant in a zone.
    pub fn date_in(self, zone: &TimeZone) -> Date {
        Timestamp::from_millisecond(self.0).map_or_else(|_| self.utc_date(), |t| t.to_zoned(zone.clone()).date())
    }
    /// The civil date in UTC; the first or the last that there is when the instant is beyond them.
    fn utc_date(self) -> Date {
        let days = jiff::SignedDuration::from_hours(self.0.div_euclid(DAY_MS).saturating_mul(24));
        EPOCH_DAY.saturating_add(days)
    }
    /// Midnight UTC at the start of a civil date.
    pub fn start_of_utc(date: Date) -> Option<Self> {
        let days = EPOCH_DAY.duration_until(date).as_hours() / 24;
        Some(Self(days.checked_mul(DAY_MS)?))
    }
    /// Midnight at the start of a civil date in a zone (the first instant of that date when midnight is skipped).
    pub fn start_of(date: Date, zone: &TimeZone) -> Option<Self> {
        date.to_zoned(zone.clone()).ok().map(|z| Self(z.timestamp().as_millisecond()))
    }
    /// Later by a duration; stays at the last representable instant.
    #[must_use]
    pub fn plus(self, by: Duration) -> Self {
        Self(self.0.saturating_add(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
    /// Earlier by a duration.
    #[must_use]
    pub fn minus(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }
    /// The time from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }
}

impl fmt::Display for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.rfc3339())
    }
}
impl fmt::Debug for Instant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Instant({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_read_the_offsets_that_vendors_write() {
        let expected = Instant::from_ms(1_727_148_367_000);
        for text in ["2024-09-24T03:26:07Z", "2024-09-24T03:26:07.000+0000", "2024-09-24T05:26:07+02:00"] {
            assert_eq!(Instant::parse(text), Some(expected), "{text}");
        }
        assert_eq!(expected.rfc3339(), "2024-09-24T03:26:07.000Z");
        assert_eq!(Instant::parse("2025-10-028T16:00:00Z"), None);
    }

    #[test]
    fn the_plain_form_is_read_as_the_library_reads_it() {
        let texts = [
            "2024-09-24T03:26:07Z",
            "2024-02-29T23:59:59.999999999Z",
            "1969-12-31T23:59:59.5Z",
            "0001-01-01T00:00:00Z",
            "2023-02-29T00:00:00Z",
            "2024-09-24T24:00:00Z",
            "2024-09-24T03:26:60Z",
            "0000-01-01T00:00:00Z",
            "2024-13-01T00:00:00Z",
            "9999-12-30T00:00:00.1Z",
            "2024-09-24T03:26:07.Z",
        ];
        for text in texts {
            let library = text.parse::<Timestamp>().ok().map(|t| Instant(t.as_millisecond()));
            if let Some(plain) = Instant::parse_plain(text.as_bytes()) {
                assert_eq!(Some(plain), library, "{text}");
            }
            assert_eq!(Instant::parse(text), library, "{text}");
        }
        assert!(Instant::parse_plain(b"2024-09-24T03:26:07.123Z").is_some());
    }

    #[test]
    fn a_date_depends_on_the_zone() {
        let late = Instant::parse("2026-01-01T11:30:00Z").unwrap();
        let tongatapu = TimeZone::get("Pacific/Tongatapu").unwrap();
        assert_eq!(late.date_in(&tongatapu).to_string(), "2026-01-02");
        assert_eq!(late.date_in(&TimeZone::UTC).to_string(), "2026-01-01");
        let berlin = TimeZone::get("Europe/Berlin").unwrap();
        let summer = Instant::start_of(Date::constant(2026, 3, 30), &berlin).unwrap();
        assert_eq!(summer.rfc3339(), "2026-03-29T22:00:00.000Z", "daylight saving began the day before");
    }
}
