//! The ledger: what was accepted, what arrived, and when.

use std::{
    collections::{HashMap, VecDeque},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// What is known of one record of the source.
#[derive(Debug, Default)]
struct Line {
    /// Changes on their way: number, and when they were due to be sent.
    open: VecDeque<(u64, Instant)>,
    /// The newest change that was answered 2xx.
    accepted: u64,
    /// The newest change that the target holds.
    arrived: u64,
    /// The external records that were made for it, by id.
    made: Vec<String>,
}

/// Everything that was sent and seen. Shared by the senders and the target.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    lines: Vec<Mutex<Line>>,
    ids: Mutex<HashMap<String, usize>>,
    /// From due to answered, and from due to arrived, in microseconds.
    answered: Mutex<Vec<u32>>,
    delivered: Mutex<Vec<u32>>,
}

/// What the ledger says in the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Balance {
    /// Records whose newest accepted change the target does not hold.
    pub(super) missing: usize,
    /// Records that were made more than once.
    pub(super) twice: usize,
    /// Records that the target holds.
    pub(super) records: usize,
}

impl Balance {
    pub(super) fn holds(&self) -> bool {
        self.missing == 0 && self.twice == 0
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Ledger {
    pub(super) fn new(records: usize) -> Self {
        Self { lines: (0..records).map(|_| Mutex::default()).collect(), ..Self::default() }
    }

    /// A change is about to be sent.
    pub(super) fn sending(&self, record: usize, change: u64, due: Instant) {
        lock(&self.lines[record]).open.push_back((change, due));
    }

    /// A change was answered 2xx.
    pub(super) fn accepted(&self, record: usize, change: u64, due: Instant) {
        let mut line = lock(&self.lines[record]);
        line.accepted = line.accepted.max(change);
        drop(line);
        lock(&self.answered).push(micros(due));
    }

    /// The target made a record for one of the source's.
    pub(super) fn made(&self, id: &str, record: usize) {
        let Some(line) = self.lines.get(record) else { return };
        let mut line = lock(line);
        if !line.made.iter().any(|known| known == id) {
            line.made.push(id.to_owned());
            lock(&self.ids).insert(id.to_owned(), record);
        }
    }

    /// The target holds a change of a record: every change up to it has arrived. Returns how many were open.
    pub(super) fn arrived(&self, id: &str, change: u64) -> usize {
        let Some(record) = lock(&self.ids).get(id).copied() else { return 0 };
        let mut line = lock(&self.lines[record]);
        line.arrived = line.arrived.max(change);
        let mut waits = Vec::new();
        while let Some(&(open, due)) = line.open.front()
            && open <= change
        {
            line.open.pop_front();
            waits.push(micros(due));
        }
        drop(line);
        lock(&self.delivered).extend(&waits);
        waits.len()
    }

    /// Whether a change has arrived, or a newer one of its record.
    pub(super) fn is_settled(&self) -> bool {
        self.lines.iter().all(|line| {
            let line = lock(line);
            line.arrived >= line.accepted
        })
    }

    pub(super) fn balance(&self) -> Balance {
        let mut balance = Balance { missing: 0, twice: 0, records: 0 };
        for line in &self.lines {
            let line = lock(line);
            balance.missing += usize::from(line.arrived < line.accepted);
            balance.twice += usize::from(line.made.len() > 1);
            balance.records += usize::from(!line.made.is_empty());
        }
        balance
    }

    /// How many changes were accepted and delivered since the last call, with their times in microseconds, sorted.
    pub(super) fn take(&self) -> (Vec<u32>, Vec<u32>) {
        let sorted = |mutex: &Mutex<Vec<u32>>| {
            let mut times = std::mem::take(&mut *lock(mutex));
            times.sort_unstable();
            times
        };
        (sorted(&self.answered), sorted(&self.delivered))
    }
}

fn micros(since: Instant) -> u32 {
    u32::try_from(since.elapsed().as_micros()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_change_settles_older_ones_and_a_missing_one_is_seen() {
        let (ledger, now) = (Ledger::new(2), Instant::now());
        for change in [1, 2] {
            ledger.sending(0, change, now);
            ledger.accepted(0, change, now);
        }
        ledger.made("x", 0);
        assert_eq!(ledger.arrived("x", 1), 1);
        assert!(!ledger.is_settled());
        assert_eq!(ledger.balance().missing, 1);
        assert_eq!(ledger.arrived("x", 2), 1);
        assert!(ledger.is_settled() && ledger.balance().holds());
        ledger.made("y", 0);
        assert_eq!(ledger.balance().twice, 1);
        assert!(!ledger.balance().holds());
    }
}
