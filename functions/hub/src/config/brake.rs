//! `[connections.NAME.brake]`: when a wave of changes is out of proportion.

use super::{nearest, reader::Reader};
use crate::brake::{Brake, Kind, Limit};
use std::time::Duration;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const KNOWN: &[&str] = &["window_s", "deletes", "clears", "configured", "creates", "updates"];
const LIMITS: &[&str] = &["at_least", "share", "most"];
/// A kind that was off has these where its line leaves something out.
const PLAIN: Limit = Limit { at_least: 100, share: 25, most: 10_000 };
const LIKE: &str = "`{ at_least = 10, share = 10, most = 1000 }` or \"off\"";

/// Reads the brake: a table, or \"off\" for none at all.
pub(super) fn read(reader: &mut Reader, table: &DeTable<'_>) -> Option<Brake> {
    let value = table.get("brake")?;
    if is_off(value) {
        return Some(Brake::off());
    }
    let (table, _) = reader.table_of(value, "brake")?;
    reader.known(table, "a brake", KNOWN);
    let mut brake = Brake::default();
    if let Some(window) = reader.number(table, "window_s") {
        if window.value == 0 {
            reader.wrong(window.at, "`window_s` has to be at least 1 second.");
        }
        brake.window = Duration::from_secs(window.value.max(1));
    }
    for kind in Kind::ALL {
        let Some(value) = table.get(kind.name()) else { continue };
        if is_off(value) {
            brake.limits.remove(&kind);
            continue;
        }
        let before = brake.limit(kind).copied().unwrap_or(PLAIN);
        if let Some(limit) = limit(reader, value, kind, before) {
            brake.limits.insert(kind, limit);
        }
    }
    Some(brake)
}

fn is_off(value: &Spanned<DeValue<'_>>) -> bool {
    matches!(value.get_ref(), DeValue::String(text) if text == "off")
}

fn limit(reader: &mut Reader, value: &Spanned<DeValue<'_>>, kind: Kind, before: Limit) -> Option<Limit> {
    let DeValue::Table(table) = value.get_ref() else {
        reader.wrong(value.span().start, format!("`{}` has to be {LIKE}.", kind.name()));
        return None;
    };
    for key in table.keys().filter(|key| !LIMITS.contains(&key.get_ref().as_ref())) {
        let sentence = nearest::unknown(key.get_ref(), format!("limit of `{}`", kind.name()), LIMITS);
        reader.wrong(key.span().start, sentence);
    }
    let mut number = |name: &str, otherwise: u64| reader.number(table, name).map_or(otherwise, |number| number.value);
    let (at_least, share) = (number("at_least", before.at_least), number("share", before.share));
    let most = number("most", before.most);
    if share > 100 {
        reader.wrong(value.span().start, "`share` is per cent, between 0 and 100.");
        return None;
    }
    Some(Limit { at_least, share, most })
}
