//! `limits`: what the account's plan allows, where it is not what the connector assumes.

use super::{
    nearest,
    reader::{Reader, Spot},
};
use concord_connector::{Manifest, manifest::Limit};
use toml::de::DeTable;

/// The limit that every request counts against; a connection may set it where the system has none.
const ALL: &str = "all";
/// Units of time, in milliseconds. The longer names come first: `ms` ends with `s` too.
const UNITS: [(&str, u64); 5] = [("ms", 1), ("min", 60_000), ("s", 1000), ("h", 3_600_000), ("d", 86_400_000)];
/// A window is kept in memory, a time for every request in it.
const MOST: u32 = 1_000_000;

/// A limit as the connection sets it; `None` lifts it.
pub(super) type Set = (Spot<String>, Option<(u32, u64)>);

/// Reads `limits = { all = "100/10s", search = "none" }`.
pub(super) fn read(reader: &mut Reader, table: &DeTable<'_>) -> Vec<Set> {
    let Some((table, _)) = reader.table(table, "limits") else { return Vec::new() };
    let mut read = Vec::new();
    for (name, value) in table {
        let Some(text) = reader.text_of(value, name.get_ref()) else { continue };
        match rate(&text.value) {
            Some(rate) => read.push((Spot { value: name.get_ref().to_string(), at: name.span().start }, rate)),
            None => reader.wrong(
                text.at,
                format!(
                    "`{}` is no limit; write requests and a time of `ms`, `s`, `min`, `h` or `d`, like \"100/10s\", or \"none\".",
                    text.value
                ),
            ),
        }
    }
    read
}

fn rate(text: &str) -> Option<Option<(u32, u64)>> {
    if text == "none" {
        return Some(None);
    }
    let (requests, time) = text.split_once('/')?;
    let requests: u32 = requests.trim().parse().ok().filter(|requests| (1..=MOST).contains(requests))?;
    let time = time.trim();
    let (number, unit) = UNITS.iter().find_map(|(unit, ms)| Some((time.strip_suffix(unit)?.trim(), *ms)))?;
    // `1/s` is one in a second.
    let number: u64 = if number.is_empty() { 1 } else { number.parse().ok()? };
    let ms = number.checked_mul(unit).filter(|ms| (1..=UNITS[4].1 * 31).contains(ms))?;
    Some(Some((requests, ms)))
}

/// Names that the system has no limit of are mistakes: they would count nothing.
pub(super) fn check(reader: &mut Reader, set: &[Set], manifest: &Manifest) {
    let mut known: Vec<&str> = manifest.limits.iter().map(|limit| limit.name.as_str()).collect();
    if !known.contains(&ALL) {
        known.push(ALL);
    }
    for (name, _) in set.iter().filter(|(name, _)| !known.contains(&name.value.as_str())) {
        reader.wrong(name.at, nearest::unknown(&name.value, format!("limit of {}", manifest.title), &known));
    }
}

/// The connector's limits with the connection's own in their place.
pub(super) fn in_force(set: &[Set], manifest: &Manifest) -> Vec<Limit> {
    let own = |name: &str| set.iter().any(|(spot, _)| spot.value == name);
    let mut limits: Vec<Limit> = manifest.limits.iter().filter(|limit| !own(&limit.name)).cloned().collect();
    limits.extend(set.iter().filter_map(|(name, rate)| {
        let (requests, per_ms) = (*rate)?;
        Some(Limit { name: name.value.clone(), requests, per_ms })
    }));
    limits
}

#[cfg(test)]
mod tests {
    use super::rate;

    #[test]
    fn a_rate_is_requests_in_a_time() {
        for (text, requests, ms) in [
            ("100/10s", 100, 10_000),
            ("5 / 250 ms", 5, 250),
            ("1/s", 1, 1000),
            ("60/min", 60, 60_000),
            ("9/2d", 9, 172_800_000),
        ] {
            assert_eq!(rate(text), Some(Some((requests, ms))), "{text}");
        }
        assert_eq!(rate("none"), Some(None));
    }

    #[test]
    fn what_is_no_rate_is_refused() {
        for text in
            ["", "100", "0/s", "-1/s", "1/0s", "1/s2", "1/x", "1/99999999999999999999s", "9999999/s", "None", "1/32d"]
        {
            assert_eq!(rate(text), None, "{text}");
        }
    }
}
