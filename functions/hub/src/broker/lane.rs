//! One queue.

use super::{Depth, Message};
use concord_connector::Instant;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The messages of one queue. Each is in exactly one place: `ready`, `hidden`, or behind the head of its group.
#[derive(Debug, Default)]
pub(super) struct Lane {
    messages: BTreeMap<u64, Message>,
    ready: BTreeSet<u64>,
    /// Delayed, in flight or in back-off, by the time at which they become visible.
    hidden: BTreeSet<(Instant, u64)>,
    /// Ids in order of sending; only the first of a group is ready or hidden.
    groups: BTreeMap<String, VecDeque<u64>>,
}

impl Lane {
    pub(super) fn accept(&mut self, message: Message) {
        let (id, visible, sent) = (message.id, message.visible, message.sent);
        let is_head = match &message.group {
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
            self.ready.insert(id);
        }
    }

    pub(super) fn take(&mut self, max: usize, now: Instant, until: Instant) -> Vec<Message> {
        while let Some(&(visible, id)) = self.hidden.first() {
            if visible > now {
                break;
            }
            self.hidden.pop_first();
            self.ready.insert(id);
        }
        let mut taken = Vec::with_capacity(max.min(self.ready.len()));
        while taken.len() < max
            && let Some(id) = self.ready.pop_first()
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
        self.ready.remove(&id);
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
            self.ready.insert(id);
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
