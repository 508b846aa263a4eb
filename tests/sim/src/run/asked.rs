//! What people ask of Concord itself.

use super::{Done, Run, SECOND, Task};
use crate::{ledger::Edit, systems};
use concord_connector::{Fault, Field, RecordId, Value};
use concord_hub::people;
use std::sync::Arc;

/// What a person asks of Concord.
#[derive(Clone, Debug)]
pub(crate) enum Asked {
    Set {
        thing: usize,
        record: RecordId,
        field: Field,
        value: Option<Value>,
        text: String,
        saw: Option<Value>,
        noted: bool,
    },
    Join {
        a: RecordId,
        b: RecordId,
    },
    Part {
        record: RecordId,
    },
}

impl Run<'_> {
    pub(super) fn set(&mut self, thing: usize, choice: u64, number: u64) -> bool {
        let Some(entity) = self.plan.things.get(thing).copied() else { return false };
        let Some(record) = self.any_record(thing).filter(|record| !record.is_placeholder()) else { return false };
        let names: Vec<(String, String)> =
            self.plan.accounts.iter().map(|account| (account.name.clone(), account.system.clone())).collect();
        let Some((name, system)) = names.get(usize::try_from(choice % 97).unwrap_or(0) % names.len().max(1)).cloned()
        else {
            return false;
        };
        let cx = self.world.vendors.with(&name, |vendor| vendor.cx.clone());
        let rules = self.editable(&system, &cx, entity);
        let Some(rule) = rules.get(usize::try_from(choice % 1_000_003).unwrap_or(0) % rules.len().max(1)).cloned()
        else {
            return false;
        };
        let plain = entity.field(rule.field.as_str()).is_some_and(|spec| systems::is_plain(spec.ty));
        let Some(value) = self.value(&cx, entity, &rule, thing, number).filter(|_| plain) else { return false };
        let Some(text) = typed(&value) else { return false };
        let saw = record.value(rule.field.as_str()).cloned();
        if saw.as_ref() == Some(&value) {
            return false;
        }
        let asked = Asked::Set {
            thing,
            record: record.id,
            field: rule.field.clone(),
            value: Some(value),
            text,
            saw,
            noted: false,
        };
        self.ask(asked);
        true
    }

    pub(super) fn join(&mut self, thing: usize, other: usize) -> bool {
        if thing == other || self.plan.things.get(thing) != self.plan.things.get(other) {
            return false;
        }
        let (Some(a), Some(b)) = (self.any_record(thing), self.any_record(other)) else { return false };
        for one in [thing, other] {
            self.ledger.things[one].muddled = Some("it was joined with another thing");
        }
        let least = thing.min(other);
        self.ledger.joined.insert(thing.max(other), least);
        self.ask(Asked::Join { a: a.id, b: b.id });
        true
    }

    pub(super) fn part(&mut self, thing: usize) -> bool {
        let Some(record) = self.any_record(thing) else { return false };
        if record.facets.len() < 2 {
            return false;
        }
        self.ledger.things[thing].muddled = Some("it was parted");
        self.ask(Asked::Part { record: record.id });
        true
    }

    fn ask(&mut self, asked: Asked) {
        self.tell(|| format!("concord    a person asks {asked:?}"));
        let hub = Arc::clone(&self.hub);
        let request = asked.clone();
        let deadline = self.now() + 30 * SECOND;
        let task = Task::new("person", deadline, async move {
            let outcome = match &request {
                Asked::Set { record, field, text, .. } => {
                    people::set(&hub, record, field.as_str(), Some(text)).await.map(|record| record.id.to_string())
                }
                Asked::Join { a, b } => people::merge(&hub, a, b).await.map(|decision| decision.sentence),
                Asked::Part { record } => people::unmerge(&hub, record, None).await.map(|decision| decision.sentence),
            };
            Done::Person(request, outcome)
        });
        self.start(task.of_person(asked));
    }

    /// Whoever got no answer asks again; what was asked may have been done all the same.
    pub(super) fn ask_again(&mut self, mut asked: Asked) {
        self.note_set(&mut asked);
        self.healed = self.healed.max(self.now() + 60 * SECOND);
        self.ask(asked);
    }

    pub(super) fn answered(&mut self, mut asked: Asked, outcome: Result<String, Fault>) {
        self.tell(|| format!("concord    answers {outcome:?}"));
        match outcome {
            Ok(_) => self.note_set(&mut asked),
            Err(fault) if fault.retry != concord_connector::Retry::Never => self.ask_again(asked),
            Err(_) => {}
        }
    }

    fn note_set(&mut self, asked: &mut Asked) {
        let now = self.now();
        if let Asked::Set { thing, record, field, value, saw, noted, .. } = asked
            && !std::mem::replace(noted, true)
        {
            let place = ("concord".to_owned(), record.to_string());
            let edit = Edit { place, at: now, saw: saw.clone(), value: value.clone(), first: false, known: true };
            self.ledger.things[*thing].edits.entry(field.clone()).or_default().push(edit);
        }
    }
}

/// What a person types in Concord.
fn typed(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) | Value::Enum(text) => Some(text.to_string()),
        Value::Money(_) | Value::Date(_) => Some(value.to_string()),
        _ => None,
    }
}
