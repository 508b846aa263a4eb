//! What is sent when: which change of which record, and the body that says it.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// Changes to send, handed out one by one.
pub(super) struct Work {
    /// The number of the first change; they grow over the whole run.
    pub(super) first: u64,
    /// How many.
    pub(super) count: u64,
    /// Over how many records they are spread, in turn.
    pub(super) records: u64,
    /// So many a second, or as fast as they are answered.
    pub(super) rate: Option<u32>,
    /// No more is handed out after this.
    pub(super) until: Option<Instant>,
    /// Every record is said again and again as it is: signals without news.
    pub(super) repeats: bool,
    pub(super) began: Instant,
    pub(super) handed: AtomicU64,
}

impl Work {
    pub(super) fn new(first: u64, count: u64, records: usize) -> Self {
        Self {
            first,
            count,
            records: records as u64,
            rate: None,
            until: None,
            repeats: false,
            began: Instant::now(),
            handed: AtomicU64::new(0),
        }
    }

    /// Whether each change has its own time to be sent.
    pub(super) fn is_paced(&self) -> bool {
        self.rate.is_some()
    }

    /// The next record, the number of its change, and when it is due.
    pub(super) fn next(&self) -> Option<(usize, u64, Instant)> {
        let nth = self.handed.fetch_add(1, Ordering::Relaxed);
        let due = match self.rate {
            Some(rate) => self.began + Duration::from_secs_f64(nth as f64 / f64::from(rate.max(1))),
            None => self.began,
        };
        let over = self.until.is_some_and(|until| due.max(Instant::now()) >= until);
        if nth >= self.count || over {
            return None;
        }
        let record = nth % self.records;
        let change = if self.repeats { self.first + record } else { self.first + nth };
        Some((usize::try_from(record).ok()?, change, due))
    }

    /// How many were handed out.
    pub(super) fn sent(&self) -> u64 {
        self.handed.load(Ordering::Relaxed).min(self.count)
    }

    /// What names the webhook: another one for every webhook, the same when it is sent again.
    pub(super) fn id(&self, record: usize, change: u64) -> String {
        if self.repeats {
            format!("msg_{record}_{change}_{}", self.handed.load(Ordering::Relaxed))
        } else {
            format!("msg_{record}_{change}")
        }
    }

    /// A company of twenty fields: the record itself.
    pub(super) fn body(&self, record: usize, change: u64) -> String {
        body(record, change)
    }
}

/// A company of twenty fields. Its telephone number and its description tell which change it is.
pub(super) fn body(record: usize, change: u64) -> String {
    let at = "2026-01-01T00:00:00Z";
    format!(
        r#"{{"type":"company.updated","data":{{"id":"c{record}","version":{change},"updated_at":"{at}","name":"Company {record}","legal_name":"Company {record} Holding GmbH","domain":"c{record}.example","website":"https://www.c{record}.example","phone":"+1 {change}","email":"info@c{record}.example.com","tax_id":"DE{:09}","duns":"{:09}","kinds":"partner;customer","industry":"software","description":"Resells everything, change {change}.","address":{{"street":"Main Street {record}","city":"Berlin","region":"BE","zip":"10115","country":"Germany"}},"revenue":"{}.50","currency":"EUR"}}}}"#,
        record + 100_000_000,
        record + 200_000_000,
        1_000_000 + change % 1000,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fixed_rate_gives_every_change_its_own_time() {
        let mut work = Work::new(10, 3, 2);
        work.rate = Some(1000);
        let sent: Vec<_> = std::iter::from_fn(|| work.next()).collect();
        assert_eq!(
            sent.iter().map(|(record, change, _)| (*record, *change)).collect::<Vec<_>>(),
            [(0, 10), (1, 11), (0, 12)]
        );
        assert_eq!(sent[2].2 - sent[0].2, Duration::from_millis(2));
    }

    #[test]
    fn the_body_is_json() {
        let body: serde_json::Value = serde_json::from_str(&body(7, 12)).unwrap();
        assert_eq!(body["data"]["phone"], "+1 12");
        let fields = body["data"].as_object().unwrap().len() + body["data"]["address"].as_object().unwrap().len();
        assert!(fields >= 20, "{fields}");
    }
}
