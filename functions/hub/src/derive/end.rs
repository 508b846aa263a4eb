//! When an agreement or an offer ends, and what follows from how near that is. Pure.

use crate::record::Record;
use concord_connector::{Entity, Instant, Value, time::Date};
use std::time::Duration;

const DAY: u64 = 86_400;

/// The end of a record that is in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct End {
    /// The last day.
    pub(super) on: Date,
    /// Whether it is near and not over.
    pub(super) is_near: bool,
    /// Whether a renewal is due.
    pub(super) renews: bool,
    /// When it has to be looked at again; `None`: never, unless it changes.
    pub(super) next: Option<Instant>,
}

/// The end of a record; `None` when it has none, or is not in force.
pub(super) fn of(record: &Record, now: Instant, warn_days: Option<u32>, renew_days: Option<u32>) -> Option<End> {
    let word = |field: &str| record.value(field).and_then(Value::as_str);
    let (field, live) = match record.entity {
        Entity::PrivateOffer => ("accept_by", matches!(word("status"), Some("open"))),
        Entity::Agreement => (
            "ends_on",
            // One that goes on by itself has no end to be warned of.
            matches!(word("status"), Some("active" | "change_pending" | "suspended" | "cancel_pending"))
                && word("renews") != Some("yes"),
        ),
        _ => return None,
    };
    let Some(Value::Date(on)) = record.value(field) else { return None };
    if !live {
        return None;
    }
    let begins = Instant::parse(&format!("{on}T00:00:00Z"))?;
    let over = begins.plus(Duration::from_secs(DAY));
    let before = |days: u32| begins.minus(Duration::from_secs(u64::from(days) * DAY));
    let (warn, renew) = (warn_days.map(before), renew_days.map(before));
    let is_due = |at: Option<Instant>| at.is_some_and(|at| at <= now) && now < over;
    let next = [warn, renew, Some(over)].into_iter().flatten().filter(|at| *at > now).min();
    Some(End { on: *on, is_near: is_due(warn), renews: is_due(renew), next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{facet::Link, policy::Rule, resolve::Golden};
    use std::sync::Arc;

    fn agreement(status: &str, renews: &str) -> Record {
        let mut record = Record::new("a".into(), Entity::Agreement);
        let from = Link { connection: "seller".into(), id: "agmt-1".into() };
        let golden = |value: Value| Golden {
            value: Some(value),
            from: from.clone(),
            at: None,
            rule: Rule::Owner,
            conflict: false,
            uncertain: false,
        };
        let fields = [
            ("status".into(), golden(Value::Enum(status.into()))),
            ("renews".into(), golden(Value::Enum(renews.into()))),
            ("ends_on".into(), golden(Value::Date("2027-03-31".parse().unwrap()))),
        ];
        record.golden = Arc::new(fields.into_iter().collect());
        record
    }

    fn at(text: &str) -> Instant {
        Instant::parse(text).unwrap()
    }

    #[test]
    fn the_next_look_is_at_the_next_day_that_changes_anything() {
        let told = |now: &str| of(&agreement("active", "no"), at(now), Some(30), Some(60)).unwrap();
        let long = told("2026-12-01T00:00:00Z");
        assert_eq!((long.is_near, long.renews, long.next), (false, false, Some(at("2027-01-30T00:00:00Z"))));
        let renew = told("2027-01-30T00:00:00Z");
        assert_eq!((renew.is_near, renew.renews, renew.next), (false, true, Some(at("2027-03-01T00:00:00Z"))));
        let near = told("2027-03-01T00:00:00Z");
        assert_eq!((near.is_near, near.renews, near.next), (true, true, Some(at("2027-04-01T00:00:00Z"))));
        let last = told("2027-03-31T23:59:59Z");
        assert!(last.is_near, "the last day belongs to it");
        let over = told("2027-04-01T00:00:00Z");
        assert_eq!((over.is_near, over.renews, over.next), (false, false, None));
    }

    #[test]
    fn what_is_not_in_force_or_goes_on_by_itself_has_no_end() {
        for (status, renews) in [("ended", "no"), ("superseded", "no"), ("active", "yes")] {
            assert_eq!(of(&agreement(status, renews), at("2027-03-20T00:00:00Z"), Some(30), None), None, "{status}");
        }
    }
}
