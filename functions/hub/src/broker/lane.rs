//! One queue.

use super::{Depth, Message};
use concord_connector::Instant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The messages of one queue. Each is in exactly one place: `ready`, `hidden`, or behind the head of its group.
///
/// Ready messages are handed out in turns of their tenants - the connections that share a queue - so that a backlog of one
/// delays nobody else. Within a tenant the oldest comes first.
#[derive(Debug, Default)]
pub(super) struct Lane {
    /// Whether messages of one group are received one after another.
    fifo: bool,
    messages: BTreeMap<u64, Message>,
    ready: BTreeMap<String, BTreeSet<u64>>,
    /// The tenant whose turn was last.
    served: String,
    /// Delayed, in flight or in back-off, by the time at which they become visible.
    hidden: BTreeSet<(Instant, u64)>,
    /// Ids in order of sending; only the first of a group is ready or hidden.
    groups: BTreeMap<String, VecDeque<u64>>,
}

/// Whose a message is: what follows the last `@` of its group.
fn tenant(group: Option<&String>) -> &str {
    group.map_or("", |group| group.rsplit('@').next().unwrap_or_default())
}

impl Lane {
    pub(super) fn new(fifo: bool) -> Self {
        Self { fifo, ..Self::default() }
    }

    pub(super) fn accept(&mut self, message: Message) {
        let (id, visible, sent) = (message.id, message.visible, message.sent);
        let is_head = match message.group.as_ref().filter(|_| self.fifo) {
            None => true,
            Some(group) => match self.groups.get_mut(group) {
                Some(ids) => {
                    ids.push_back(id);
                    false
                }
                None => {
                    self.groups.insert(group.clone(), VecDeque::from([id]));
                    true
                }
            },
        };
        self.messages.insert(id, message);
        if is_head && visible > sent {
            self.hidden.insert((visible, id));
        } else if is_head {
            self.show(id);
        }
    }

    /// A message may be received from now on.
    fn show(&mut self, id: u64) {
        let Some(message) = self.messages.get(&id) else { return };
        let tenant = tenant(message.group.as_ref());
        match self.ready.get_mut(tenant) {
            Some(ids) => drop(ids.insert(id)),
            None => drop(self.ready.insert(tenant.to_owned(), BTreeSet::from([id]))),
        }
    }

    /// The next message in turn.
    fn next(&mut self) -> Option<u64> {
        use std::ops::Bound::{Excluded, Unbounded};
        let after = (Excluded(self.served.as_str()), Unbounded);
        let turn = self.ready.range::<str, _>(after).next().or_else(|| self.ready.first_key_value());
        let turn = turn?.0.clone();
        let ids = self.ready.get_mut(&turn)?;
        let id = ids.pop_first();
        if ids.is_empty() {
            self.ready.remove(&turn);
        }
        self.served = turn;
        id
    }

    pub(super) fn take(&mut self, max: usize, now: Instant, until: Instant) -> Vec<Message> {
        while let Some(&(visible, id)) = self.hidden.first() {
            if visible > now {
                break;
            }
            self.hidden.pop_first();
            self.show(id);
        }
        let mut taken = Vec::new();
        while taken.len() < max
            && let Some(id) = self.next()
        {
            let Some(message) = self.messages.get_mut(&id) else { continue };
            message.receives = message.receives.saturating_add(1);
            message.visible = until;
            self.hidden.insert((until, id));
            taken.push(message.clone());
        }
        taken
    }

    pub(super) fn delete(&mut self, id: u64) -> Option<Message> {
        let message = self.messages.remove(&id)?;
        let tenant = tenant(message.group.as_ref());
        if let Some(ids) = self.ready.get_mut(tenant)
            && ids.remove(&id)
            && ids.is_empty()
        {
            self.ready.remove(tenant);
        }
        self.hidden.remove(&(message.visible, id));
        if let Some(group) = &message.group
            && let Some(ids) = self.groups.get_mut(group)
        {
            let was_head = ids.front() == Some(&id);
            if was_head {
                ids.pop_front();
            } else {
                ids.retain(|other| *other != id);
            }
            match ids.front() {
                None => drop(self.groups.remove(group)),
                Some(&next) if was_head => self.promote(next),
                Some(_) => {}
            }
        }
        Some(message)
    }

    /// The new head of a group waits only if it is itself in back-off (after a restart it may be).
    fn promote(&mut self, id: u64) {
        let Some(message) = self.messages.get(&id) else { return };
        if message.visible > message.sent {
            self.hidden.insert((message.visible, id));
        } else {
            self.show(id);
        }
    }

    pub(super) fn release(&mut self, id: u64, visible: Instant) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        // A message that is ready or behind its group's head is not in flight: whoever took it lost it to its time-out.
        if self.hidden.remove(&(message.visible, id)) {
            message.visible = visible;
            self.hidden.insert((visible, id));
        }
    }

    pub(super) fn get(&self, id: u64) -> Option<&Message> {
        self.messages.get(&id)
    }

    pub(super) fn get_mut(&mut self, id: u64) -> Option<&mut Message> {
        self.messages.get_mut(&id)
    }

    pub(super) fn due(&self) -> Option<Instant> {
        if self.ready.is_empty() { self.hidden.first().map(|(visible, _)| *visible) } else { Some(Instant::EPOCH) }
    }

    pub(super) fn depth(&self) -> Depth {
        Depth {
            waiting: self.messages.len() - self.hidden.len(),
            hidden: self.hidden.len(),
            oldest: self.messages.first_key_value().map(|(_, message)| message.sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(id: u64, group: &str) -> Message {
        Message { id, group: Some(group.to_owned()), ..Message::default() }
    }

    fn take(lane: &mut Lane, max: usize) -> Vec<u64> {
        let now = Instant::from_ms(1);
        lane.take(max, now, Instant::from_ms(60_000)).into_iter().map(|message| message.id).collect()
    }

    #[test]
    fn a_backlog_of_one_tenant_delays_no_other() {
        let mut lane = Lane::new(false);
        (0..100_000).for_each(|id| lane.accept(message(id, "noisy")));
        (0..20).for_each(|quiet| lane.accept(message(100_000 + quiet, &format!("quiet-{quiet:02}"))));
        let first = take(&mut lane, 40);
        let quiet = first.iter().filter(|id| **id >= 100_000).count();
        assert_eq!(quiet, 20, "all of the quiet ones are in the first batch: {first:?}");
        assert_eq!(first.iter().filter(|id| **id < 100_000).count(), 20, "and the noisy one goes on");
        assert_eq!(take(&mut lane, 3), [20, 21, 22], "alone it has every turn, oldest first");
    }

    #[test]
    fn turns_keep_the_order_of_fifo_groups() {
        let mut lane = Lane::new(true);
        for (id, group) in [(1, "a@x"), (2, "a@x"), (3, "b@x"), (4, "a@y")] {
            lane.accept(message(id, group));
        }
        assert_eq!(take(&mut lane, 10), [1, 4, 3], "one of a group; `x` and `y` take turns");
        lane.delete(1);
        assert_eq!(take(&mut lane, 10), [2]);
    }
}
