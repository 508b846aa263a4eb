//! What the plan says happens.

use super::{Run, SECOND};
use crate::{
    clock::START,
    gate::Planned,
    plan::What,
    systems,
    world::{copy, field_policy},
};
use concord_connector::{Entity, Field, Value, sandbox::Trouble};
use concord_hub::ports::{Outgoing, Queue, QueueName, Secret, Vault};
use futures::FutureExt;
use std::time::Duration;

/// Messages as version 0.1 wrote them, one a line.
pub const OLD_MESSAGES: &str = include_str!("../../fixtures/messages-0.1.jsonl");

impl Run<'_> {
    /// Everything that is due by now.
    pub(super) fn events(&mut self) {
        let now = self.now();
        self.let_go();
        while let Some(event) = self.plan.events.get(self.next).filter(|event| START + event.at <= now) {
            self.next += 1;
            self.happen(event.what.clone());
        }
        if self.later.iter().any(|(at, _)| *at <= now) {
            let (due, rest): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.later).into_iter().partition(|(at, _)| *at <= now);
            self.later = rest;
            due.into_iter().for_each(|(_, what)| self.happen(what));
        }
        if self.rotations.iter().any(|(at, _)| *at <= now) {
            let (due, rest): (Vec<_>, Vec<_>) =
                std::mem::take(&mut self.rotations).into_iter().partition(|(at, _)| *at <= now);
            self.rotations = rest;
            due.into_iter().for_each(|(_, name)| self.forget_secret(&name));
        }
    }

    fn name_of(&self, at: usize) -> String {
        self.plan.accounts.get(at).map(|account| account.name.clone()).unwrap_or_default()
    }

    /// Until when a trouble lasts; all is well afterwards.
    fn until(&mut self, seconds: i64) -> i64 {
        let until = self.now() + seconds * SECOND;
        self.healed = self.healed.max(until);
        until
    }

    fn happen(&mut self, what: What) {
        let name = what.name();
        self.healed = self.healed.max(self.now());
        if self.act(&what) {
            self.count(name);
            return;
        }
        if what.is_act() {
            *self.counts.entry("acts that could not be").or_default() += 1;
            return;
        }
        *self.planned.entry(name).or_default() += 1;
        if what.is_at_once() {
            self.count(name);
        }
        self.tell(|| format!("fate       {what:?}"));
        match what {
            What::Outage { at, seconds } => {
                let until = self.until(seconds);
                self.vendor(at, |vendor| vendor.down_until = until);
            }
            What::Throttle { at, times, after } => self.vendor(at, |vendor| {
                for _ in 0..times {
                    vendor.sandbox.faults().plan("", Trouble::Throttle(after));
                }
            }),
            What::LoseAnswer { at, late: false } => {
                self.vendor(at, |vendor| vendor.sandbox.faults().plan("", Trouble::LoseAnswer));
            }
            What::LoseAnswer { at, late: true } => self.vendor(at, |vendor| vendor.late = true),
            What::Blink { at, thing, times, choice, number } => {
                if let Some(at) = self.blink(at, thing, times) {
                    self.act(&What::Edit { at, thing, choice, number });
                }
            }
            What::Unheard { at, thing, choice, number } => self.unheard(at, thing, choice, number),
            What::Slow { at, seconds } => {
                let until = self.until(seconds);
                self.vendor(at, |vendor| vendor.slow_until = until);
            }
            What::LoseWebhooks { at, seconds } => {
                let until = self.until(seconds);
                self.vendor(at, |vendor| vendor.lose_until = until);
            }
            What::StallWebhooks { at, seconds } => {
                let until = self.until(seconds);
                self.vendor(at, |vendor| {
                    vendor.stall_until = until;
                    vendor.dirty = true;
                });
            }
            What::ShuffleWebhooks { at, seconds } => {
                let until = self.until(seconds);
                self.vendor(at, |vendor| vendor.shuffle_until = until);
            }
            What::ExpireTokens { at } => self.vendor(at, |vendor| vendor.sandbox.faults().expire_tokens = true),
            What::Rotate { at, seconds } => self.rotate(at, seconds),
            // A clock that is set back dates edits before what was there already: see docs/simulation.md.
            What::Skew { at, skew_ms } => self.vendor(at, |vendor| vendor.skew_ms = vendor.skew_ms.max(skew_ms)),
            What::Port { call, what, when } => self.gate().plan(Planned { call, what, when }),
            What::Redeliver { queue, messages } => self.redeliver[queue.min(2)] += messages,
            What::Hold { queue, messages, seconds } => {
                let until = self.until(seconds);
                self.holds[queue.min(1)] = (messages, until);
            }
            What::Stall { worker, seconds } => {
                let until = self.until(seconds);
                self.stalls[worker.min(3)] = until;
            }
            What::Poison { at, thing, kind } => self.poison(at, thing, kind),
            What::Upgrade { thing } => self.upgrade(thing),
            _ => {}
        }
    }

    fn vendor(&mut self, at: usize, change: impl FnOnce(&mut crate::vendors::Vendor)) {
        // A history that is made shorter loses its last vendors.
        if at < self.plan.accounts.len() {
            let name = self.name_of(at);
            self.world.vendors.with(&name, change);
        }
    }

    /// The admin puts the new secret beside the old one, then changes it at the vendor, and takes the old one out later.
    fn rotate(&mut self, at: usize, seconds: i64) {
        let name = self.name_of(at);
        let fresh = format!("fake-rotated-secret-{}", self.now());
        let kept = self.world.vault.read(&name).now_or_never().and_then(Result::ok);
        if let Some(mut kept) = kept {
            if let Some(old) = kept.parts.insert("webhook".into(), Secret::new(fresh.as_str())) {
                kept.parts.insert("webhook_previous".into(), old);
            }
            self.world.vault.write(&name, kept).now_or_never();
        }
        self.world.vendors.with(&name, |vendor| {
            vendor.secret = fresh;
            vendor.subscribe();
        });
        let until = self.until(seconds.max(60));
        self.rotations.push((until, name));
    }

    fn forget_secret(&mut self, name: &str) {
        let kept = self.world.vault.read(name).now_or_never().and_then(Result::ok);
        if let Some(mut kept) = kept {
            kept.parts.remove("webhook_previous");
            self.world.vault.write(name, kept).now_or_never();
        }
    }

    /// The next reads of a record by its id do not show it, where a system may say so: that is no delete.
    fn blink(&mut self, at: usize, thing: usize, times: u32) -> Option<usize> {
        let many = self.plan.accounts.len();
        for step in 0..many {
            let name = self.name_of((at + step) % many);
            let ids = self.ids_of(&name, thing);
            let hides = self.world.vendors.with(&name, |vendor| vendor.system == "hubspot") && !ids.is_empty();
            if hides {
                self.world.vendors.with(&name, |vendor| vendor.blinks.extend(ids.into_iter().map(|id| (id, times))));
                return Some((at + step) % many);
            }
        }
        None
    }

    /// Somebody edits, no webhook tells of it, and the process dies when it is about to pass on what a poll has found.
    fn unheard(&mut self, at: usize, thing: usize, choice: u64, number: u64) {
        let name = self.name_of(at);
        let until = self.until(3 * i64::try_from(self.plan.poll_s).unwrap_or(3600));
        self.vendor(at, |vendor| vendor.lose_until = until);
        for step in 0..5 {
            self.act(&What::Edit { at, thing, choice: choice.wrapping_add(step), number });
            let edits = self.ledger.things[thing].edits.values().flatten();
            let newest = edits.filter(|edit| edit.place.0 == name).max_by_key(|edit| edit.at);
            let text = newest.and_then(|edit| edit.value.as_ref()).and_then(Value::as_str).map(str::to_owned);
            if let Some(text) = text.filter(|text| text.contains(&number.to_string())) {
                self.gate().ambush(text);
                return;
            }
        }
    }

    fn poison(&mut self, at: usize, thing: usize, kind: u64) {
        let name = self.name_of(at);
        match kind {
            0 => {
                let queue = self.queues[thing % self.queues.len()].clone();
                let body = format!("{{\"nobody_v9\":{{\"connection\":\"{name}\"}}}}");
                self.world
                    .queue
                    .send(&queue, vec![Outgoing { group: Some("poison".into()), ..Outgoing::new(body) }])
                    .now_or_never();
                self.count("poison messages");
            }
            1 => {
                self.count("poison messages");
                let body = r#"{"observation_v1":{"connection":"nobody","snapshot":{"entity":"organization","id":"1","version":1,"fields":{}},"read_at":1}}"#;
                self.world.queue.send(&QueueName::Observations, vec![Outgoing::new(body.into())]).now_or_never();
            }
            _ => self.unreadable(at, thing),
        }
    }

    /// The next version of the program starts, and finds messages that the version before left in the queues.
    fn upgrade(&mut self, thing: usize) {
        self.restart("the next version takes over");
        let entity = self.plan.things.get(thing).copied().unwrap_or(Entity::Organization);
        let places: Vec<(String, String)> = self
            .known
            .iter()
            .filter(|((_, name, _), known)| **known == thing && *name == entity.name())
            .map(|((connection, _, id), _)| (connection.clone(), id.clone()))
            .collect();
        let Some((connection, id)) = places.first().cloned() else { return };
        let Some(record) = self.record_of(&connection, entity, &id) else { return };
        let system = self.world.vendors.with(&connection, |vendor| vendor.system.clone());
        let deliveries = QueueName::Deliveries(system.as_str().into());
        for line in OLD_MESSAGES.lines().filter(|line| !line.trim().is_empty()) {
            let body = line
                .replace("$CONNECTION", &connection)
                .replace("$ENTITY", entity.name())
                .replace("$RECORD", record.as_str())
                .replace("$ID", &id);
            let (queue, group) = match () {
                () if body.starts_with("{\"delivery") => (deliveries.clone(), Some(format!("{record}@{connection}"))),
                () if body.starts_with("{\"signal") || body.starts_with("{\"poll") => {
                    (QueueName::Signals(system.as_str().into()), None)
                }
                () => (QueueName::Observations, None),
            };
            self.count("old messages");
            self.world.queue.send(&queue, vec![Outgoing { group, ..Outgoing::new(body) }]).now_or_never();
        }
    }

    /// Other settings: the same process takes them over, and the job begins.
    pub(super) fn reconfigured(&mut self) {
        self.settings.revision += 1;
        self.hub.configure(copy(&self.settings));
        self.reconfigure_at = Some(self.now());
    }

    pub(super) fn change_policy(&mut self, said: &crate::plan::Said) {
        let policy = field_policy(self.plan, said);
        self.tell(|| format!("admin      {}.{} is now {policy:?}", said.entity, said.field));
        self.settings.policy.set(said.entity, said.field.clone(), policy);
        self.reconfigured();
    }

    /// Takes a field out of a mapping, or puts one in again and reads everything once more.
    pub(super) fn change_mapping(&mut self, at: usize, entity: Entity, choice: u64, mapped: bool) -> bool {
        let name = self.name_of(at);
        let whole = self.world.vendors.with(&name, |vendor| vendor.cx.mappings.get(&entity).cloned());
        let Some(whole) = whole else { return false };
        let Some(connection) = self.settings.connections.get_mut(name.as_str()) else { return false };
        let Some(mapping) = connection.context.mappings.get_mut(&entity) else { return false };
        let there =
            |field: &Field, mapping: &concord_connector::mapping::Mapping| mapping.rule(field.as_str()).is_some();
        let mut fields: Vec<Field> = Vec::new();
        for rule in &whole.fields {
            let plain = entity.field(rule.field.as_str()).is_some_and(|spec| systems::is_plain(spec.ty));
            let free = !rule.required
                && !systems::is_key(rule.field.as_str())
                && rule.field.as_str() != systems::title(entity);
            if plain && free && there(&rule.field, mapping) != mapped {
                fields.push(rule.field.clone());
            }
        }
        if fields.is_empty() {
            return false;
        }
        let field = fields[usize::try_from(choice).unwrap_or(0) % fields.len()].clone();
        let now_mapped = |known: &Field| if *known == field { mapped } else { there(known, mapping) };
        let kept: Vec<_> = whole.fields.iter().filter(|rule| now_mapped(&rule.field)).cloned().collect();
        mapping.fields = kept;
        self.tell(|| {
            format!("admin      {entity}.{field} is {} at {name}", if mapped { "mapped" } else { "not mapped" })
        });
        self.reconfigured();
        if mapped {
            let soon = self.now() + SECOND;
            self.backfill_at.insert(name, soon);
        }
        true
    }

    pub(super) fn soon(&mut self, wait: Duration, what: What) {
        let at = self.now() + i64::try_from(wait.as_millis()).unwrap_or(0);
        self.later.push((at, what));
    }
}

impl Run<'_> {
    /// Everything that was told is told once more, and every system is read from the beginning.
    pub(crate) fn tell_again(&mut self) {
        // Marks of what was seen are gone by then.
        let later = self.now() + 3 * 24 * 3600 * SECOND;
        self.world.clock.set(later);
        self.healed = later;
        let names: Vec<String> = self.plan.accounts.iter().map(|account| account.name.clone()).collect();
        for name in names {
            let soon = self.now();
            self.backfill_at.insert(name, soon);
        }
        self.tick_at = self.now();
        let told = std::mem::take(&mut self.told);
        for (name, push) in told {
            let now = concord_connector::Instant::from_ms(self.now());
            self.world.vendors.with(&name, |vendor| vendor.sandbox.failed(now, push));
        }
        self.told.clear();
    }
}
