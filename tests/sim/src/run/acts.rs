//! What people do: at the vendors, and in Concord.

use super::{Done, Run, SECOND, Task};
use crate::{
    ledger::{Edit, Made, Place},
    plan::What,
    systems,
};
use concord_connector::{
    Context, Entity, Fault, Field, Fields, Money, RecordId, Reference, Value,
    mapping::Rule,
    sandbox::Act,
    schema::Type,
    value::{Address, AddressPart, Currency},
};
use concord_hub::{
    keys, people,
    ports::Table,
    record::{Record, Stored},
    store::LinkItem,
};
use futures::FutureExt;
use std::{collections::BTreeMap, sync::Arc, time::Duration};

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
    /// Does what people do; `false` when it is not theirs or could not be done.
    pub(super) fn act(&mut self, what: &What) -> bool {
        match what {
            What::Create { at, thing, number } => self.create(*at, *thing, *number, false),
            What::Edit { at, thing, choice, number } => self.edit(*at, *thing, *choice, Some(*number)),
            What::Clear { at, thing, choice } => self.edit(*at, *thing, *choice, None),
            What::Delete { at, thing } => self.delete(*at, *thing),
            What::Twin { at, thing, number } => self.twin(*at, *thing, *number),
            What::Merge { at, thing } => self.merge(*at, *thing),
            What::Set { thing, choice, number } => self.set(*thing, *choice, *number),
            What::Join { thing, other } => self.join(*thing, *other),
            What::Part { thing } => self.part(*thing),
            What::Policy(said) => {
                self.change_policy(said);
                true
            }
            What::Map { at, entity, choice, mapped } => self.change_mapping(*at, *entity, *choice, *mapped),
            _ => false,
        }
    }

    /// Ids of the live records of a thing at a connection, as its name there tells.
    pub(crate) fn ids_of(&mut self, name: &str, thing: usize) -> Vec<String> {
        let Some(entity) = self.plan.things.get(thing).copied() else { return Vec::new() };
        self.identify(name, entity);
        let ids = self.world.vendors.with(name, |vendor| vendor.ids(entity));
        let is = |id: &String| self.known.get(&(name.to_owned(), entity.name(), id.clone())) == Some(&thing);
        ids.into_iter().filter(is).collect()
    }

    /// Looks whose records those are that were not seen before: every name begins with the number of its thing.
    pub(crate) fn identify(&mut self, name: &str, entity: Entity) {
        let now = self.now();
        let known = &self.known;
        let title = self.world.vendors.with(name, |vendor| systems::known_by(&vendor.system, entity));
        let found = self.world.vendors.with(name, |vendor| {
            let ids = vendor.ids(entity);
            let fresh: Vec<String> = ids
                .into_iter()
                .filter(|id| !known.contains_key(&(name.to_owned(), entity.name(), id.clone())))
                .collect();
            if fresh.is_empty() { BTreeMap::new() } else { vendor.read(now, entity, &fresh) }
        });
        for (id, snapshot) in found {
            let Ok(snapshot) = snapshot else { continue };
            let title = snapshot.fields.get(title).cloned().flatten();
            let Some(thing) = title.as_ref().and_then(Value::as_str).and_then(number) else { continue };
            self.known.insert((name.to_owned(), entity.name(), id), thing);
        }
    }

    /// The record that a record of a vendor belongs to, by the store.
    pub(crate) fn record_of(&self, name: &str, entity: Entity, id: &str) -> Option<RecordId> {
        let key = keys::link(&name.into(), entity, &id.into());
        let item = self.world.table.get(&[key]).now_or_never()?.ok()?.pop()??;
        let link: LinkItem = serde_json::from_slice(&item.body).ok()?;
        Some(link.record)
    }

    fn golden(&self, id: &RecordId) -> Option<Record> {
        let mut id = id.clone();
        for _ in 0..8 {
            let item = self.world.table.get(&[keys::record(&id)]).now_or_never()?.ok()?.pop()??;
            match concord_hub::record::decode(&item).ok()? {
                Stored::Record(record) => return Some(*record),
                Stored::Redirect(to) => id = to,
            }
        }
        None
    }

    /// Any record of a thing.
    fn any_record(&mut self, thing: usize) -> Option<Record> {
        let entity = self.plan.things.get(thing).copied()?;
        let names: Vec<String> = self.plan.accounts.iter().map(|account| account.name.clone()).collect();
        for name in names {
            for id in self.ids_of(&name, thing) {
                let record = self.record_of(&name, entity, &id).and_then(|id| self.golden(&id));
                if record.is_some() {
                    return record;
                }
            }
        }
        None
    }

    fn shown(&mut self, name: &str, entity: Entity, id: &str) -> Option<Fields> {
        let now = self.now();
        let mut found = self.world.vendors.with(name, |vendor| vendor.read(now, entity, &[id.to_owned()]));
        Some(found.remove(id)?.ok()?.fields)
    }

    fn create(&mut self, at: usize, thing: usize, number: u64, twin: bool) -> bool {
        let (Some(account), Some(entity)) = (self.plan.accounts.get(at), self.plan.things.get(thing).copied()) else {
            return false;
        };
        let (name, system) = (account.name.clone(), account.system.clone());
        if !self.plan.entities.contains(&entity) {
            return false;
        }
        // Two records of one thing in one system are made on purpose only.
        if !twin && !self.ids_of(&name, thing).is_empty() {
            return false;
        }
        // Without a key, the same thing made twice is two things, also where the first one has gone.
        let known = self.ledger.things[thing].made.iter().any(|(_, (at, _))| *at != name || !twin);
        if known && !systems::has_key(entity) {
            return false;
        }
        let cx = self.world.vendors.with(&name, |vendor| vendor.cx.clone());
        let Ok(mapping) = cx.mapping(entity) else { return false };
        let mut fields = Fields::new();
        for rule in mapping.active(&cx).filter(|rule| systems::is_filled_in(&system, rule.flow)) {
            let field = rule.field.as_str();
            let named = key_value(entity, field, thing);
            let needed = rule.required
                || rule.field.as_str() == systems::known_by(&system, entity)
                || systems::is_required(entity, field)
                || field == systems::title(entity);
            if systems::is_key_of(entity, field) && named.is_none()
                || !needed && named.is_none() && self.lot.percent(60)
            {
                continue;
            }
            let value = match entity.field(field).map(|spec| spec.ty) {
                Some(Type::Reference(to)) if to != entity => self.some_record(&name, to),
                _ => named.or_else(|| self.value(&cx, entity, rule, thing, number)),
            };
            if let Some(value) = value {
                fields.insert(rule.field.clone(), Some(value));
            }
        }
        let Some(typed) = systems::create(&system, &cx, entity, &fields) else { return false };
        let object = mapping.object.clone();
        let now = self.now();
        let made = self.world.vendors.with(&name, |vendor| vendor.act(now, Act::Create { object, fields: typed }));
        match made {
            Ok(id) => {
                self.known.insert((name.clone(), entity.name(), id.clone()), thing);
                let shown = self.shown(&name, entity, &id).unwrap_or_default();
                let place: Place = (name.clone(), id.clone());
                self.tell(|| format!("{name}  a person makes {entity} {id} (thing {thing}): {}", told(&shown)));
                let known = &mut self.ledger.things[thing];
                known.note(&place, now, &Fields::new(), &shown, Made::First);
                known.made.push((now, place));
                true
            }
            Err(why) => {
                self.tell(|| format!("{name}  refuses to make thing {thing}: {why}"));
                false
            }
        }
    }

    fn some_record(&mut self, name: &str, to: Entity) -> Option<Value> {
        let ids = self.world.vendors.with(name, |vendor| vendor.ids(to));
        let id = self.lot.pick(&ids)?.clone();
        Some(Value::Ref(Reference::external(to, id)))
    }

    /// A new value of a field; texts are never used twice.
    fn value(&mut self, cx: &Context, entity: Entity, rule: &Rule, thing: usize, number: u64) -> Option<Value> {
        let spec = entity.field(rule.field.as_str())?;
        let name = spec.name;
        let codec = rule.effective(entity).ok()?;
        let made = match spec.ty {
            Type::Text if name == systems::title(entity) => Value::Text(format!("T{thing} number {number}").into()),
            Type::Text if name == "customer_name" => Value::Text(format!("T{thing} customer {number}").into()),
            Type::Text if name == "phone" => Value::Text(format!("+49 30 {number:05}").into()),
            Type::Text if name == "program" => Value::Text("Partner Program".into()),
            Type::Text if name == "tier" => Value::Text((*self.lot.pick(&["Silver", "Gold", "Platinum"])?).into()),
            Type::Text if name == "email" => Value::Text(format!("box{number}@t{thing}.example.com").into()),
            Type::Text => Value::Text(format!("{name} {number}").into()),
            Type::Money => {
                let minor = 1000 * i64::try_from(number).ok()? + self.lot.between(0, 99);
                Value::Money(Money { minor, currency: Currency::parse("EUR")? })
            }
            Type::Date => Value::Date(
                format!("20{:02}-{:02}-{:02}", 26 + number / 300 % 50, 1 + number / 28 % 12, 1 + number % 28)
                    .parse()
                    .ok()?,
            ),
            Type::Enum(all) => Value::Enum(self.one_of(codec.pairs(), all)?.into()),
            Type::List(Type::Enum(all)) => {
                let mut some = Vec::new();
                for _ in 0..=self.lot.place(2) {
                    some.push(Value::Enum(self.one_of(codec.pairs(), all)?.into()));
                }
                Value::list(some)?
            }
            Type::Address => Value::Address(Address::from_parts([
                (AddressPart::Street, format!("{number} Example Street")),
                (AddressPart::City, "Bern".to_owned()),
                (AddressPart::PostalCode, format!("{:04}", 1000 + number)),
            ])?),
            _ => return None,
        };
        // What the system would keep in another form is typed in that form.
        let image = self.plan.accounts.iter().find(|account| account.name == cx.connection.as_str());
        let connector = systems::connector(&image?.system);
        connector.image(cx, entity, &rule.field, Some(&made)).ok().flatten()
    }

    fn one_of(&mut self, pairs: Option<&concord_connector::codec::Pairs>, all: &[&str]) -> Option<String> {
        let mapped: Vec<&str> = pairs.into_iter().flatten().map(|(_, ours)| ours.as_str()).collect();
        let from = if mapped.is_empty() { all.to_vec() } else { mapped };
        self.lot.pick(&from).map(|value| (*value).to_owned())
    }

    /// The fields that people edit at a connection.
    fn editable(&self, system: &str, cx: &Context, entity: Entity) -> Vec<Rule> {
        let Ok(mapping) = cx.mapping(entity) else { return Vec::new() };
        let edits = |rule: &&Rule| {
            let spec = entity.field(rule.field.as_str());
            let list = |ty: Type| matches!(ty, Type::List(Type::Enum(_)));
            systems::is_edited(system, rule.flow)
                && !systems::is_key(rule.field.as_str())
                && spec.is_some_and(|spec| systems::is_plain(spec.ty) || list(spec.ty))
        };
        mapping.active(cx).filter(edits).cloned().collect()
    }

    /// A record of a thing: at that connection, or at the next one that has it.
    fn somewhere(&mut self, at: usize, thing: usize) -> Option<(String, String, String)> {
        let accounts = &self.plan.accounts;
        for step in 0..accounts.len() {
            let account = &accounts[(at + step) % accounts.len()];
            let ids = self.ids_of(&account.name, thing);
            if let Some(id) = self.lot.pick(&ids) {
                return Some((account.name.clone(), account.system.clone(), id.clone()));
            }
        }
        None
    }

    fn edit(&mut self, at: usize, thing: usize, choice: u64, number: Option<u64>) -> bool {
        let (Some(account), Some(entity)) = (self.plan.accounts.get(at), self.plan.things.get(thing).copied()) else {
            return false;
        };
        let _ = account;
        let Some((name, system, id)) = self.somewhere(at, thing) else { return false };
        let cx = self.world.vendors.with(&name, |vendor| vendor.cx.clone());
        let rules = self.editable(&system, &cx, entity);
        let Some(rule) = rules.get(usize::try_from(choice % 1_000_003).unwrap_or(0) % rules.len().max(1)).cloned()
        else {
            return false;
        };
        let value = match number {
            Some(number) => match self.value(&cx, entity, &rule, thing, number) {
                Some(value) => Some(value),
                None => return false,
            },
            None if systems::is_required(entity, rule.field.as_str()) => return false,
            None => None,
        };
        let Some(before) = self.shown(&name, entity, &id) else { return false };
        if before.get(&rule.field).cloned().flatten() == value {
            return false;
        }
        let row = self.world.vendors.with(&name, |vendor| vendor.row(entity, &id));
        let fields = Fields::from([(rule.field.clone(), value)]);
        let Some(typed) = systems::update(&system, &cx, entity, &fields, &row) else { return false };
        let Ok(object) = cx.mapping(entity).map(|mapping| mapping.object.clone()) else { return false };
        let now = self.now();
        let act = Act::Update { object, id: id.clone(), fields: typed };
        if let Err(why) = self.world.vendors.with(&name, |vendor| vendor.act(now, act)) {
            self.tell(|| format!("{name}  refuses an edit of thing {thing}: {why}"));
            return false;
        }
        let after = self.shown(&name, entity, &id).unwrap_or_default();
        self.tell(|| {
            let changed = after.iter().filter(|(field, value)| before.get(*field) != Some(*value));
            let changed: Vec<String> = changed
                .map(|(field, value)| {
                    format!(
                        "{field}: {} -> {}",
                        shown(before.get(field).and_then(Option::as_ref)),
                        shown(value.as_ref())
                    )
                })
                .collect();
            format!("{name}  a person edits {entity} {id} (thing {thing}): {}", changed.join(", "))
        });
        let made = match self.record_of(&name, entity, &id).and_then(|record| self.golden(&record)) {
            Some(record) if !record.is_placeholder() => Made::Known,
            _ => Made::Unknown,
        };
        self.ledger.things[thing].note(&(name, id), now, &before, &after, made);
        true
    }

    fn delete(&mut self, at: usize, thing: usize) -> bool {
        let (Some(account), Some(entity)) = (self.plan.accounts.get(at), self.plan.things.get(thing).copied()) else {
            return false;
        };
        let _ = account;
        let Some((name, system, id)) = self.somewhere(at, thing) else { return false };
        if !systems::tells_of_the_end(&system) {
            return false;
        }
        let object = self.world.vendors.with(&name, |vendor| vendor.cx.mappings.get(&entity).map(|m| m.object.clone()));
        let Some(object) = object else { return false };
        let now = self.now();
        // What is in use there cannot be deleted, only taken out of use; and nobody would tell us.
        let act = match system.as_str() {
            "tryton" => Act::Update { object, id: id.clone(), fields: serde_json::json!({ "active": false }) },
            _ => Act::Delete { object, id: id.clone() },
        };
        let done = self.world.vendors.with(&name, |vendor| vendor.act(now, act));
        self.tell(|| format!("{name}  a person deletes {entity} {id} (thing {thing}): {done:?}"));
        if done.is_ok() {
            self.ledger.things[thing].gone.insert((name, id), now);
        }
        done.is_ok()
    }

    /// A second record of a thing, which its people merge with the first a while later.
    fn twin(&mut self, at: usize, thing: usize, number: u64) -> bool {
        let account = self.plan.accounts.get(at).filter(|account| systems::tells_of_the_end(&account.system));
        let Some(name) = account.map(|account| account.name.clone()) else { return false };
        if self.ids_of(&name, thing).is_empty() || !self.create(at, thing, number, true) {
            return false;
        }
        self.ledger.things[thing].muddled = Some("it was made twice in one system");
        let wait = self.lot.between(1, 7200);
        self.soon(Duration::from_secs(u64::try_from(wait).unwrap_or(1)), What::Merge { at, thing });
        true
    }

    fn merge(&mut self, at: usize, thing: usize) -> bool {
        let (Some(account), Some(entity)) = (self.plan.accounts.get(at), self.plan.things.get(thing).copied()) else {
            return false;
        };
        let name = account.name.clone();
        let ids = self.ids_of(&name, thing);
        let [a, b, ..] = ids.as_slice() else { return false };
        let (winner, loser) = if self.lot.percent(50) { (a.clone(), b.clone()) } else { (b.clone(), a.clone()) };
        let object = self.world.vendors.with(&name, |vendor| vendor.cx.mappings.get(&entity).map(|m| m.object.clone()));
        let Some(object) = object else { return false };
        let now = self.now();
        let before = self.shown(&name, entity, &winner).unwrap_or_default();
        let act = Act::Merge { object, winner: winner.clone(), loser: loser.clone() };
        let done = self.world.vendors.with(&name, |vendor| vendor.act(now, act));
        self.tell(|| format!("{name}  a person merges {entity} {loser} into {winner} (thing {thing}): {done:?}"));
        if done.is_err() {
            return false;
        }
        let after = self.shown(&name, entity, &winner).unwrap_or_default();
        let known = &mut self.ledger.things[thing];
        known.note(&(name.clone(), winner), now, &before, &after, Made::Unknown);
        known.muddled.get_or_insert("its records were merged by a vendor");
        known.gone.insert((name, loser), now);
        true
    }

    fn set(&mut self, thing: usize, choice: u64, number: u64) -> bool {
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

    fn join(&mut self, thing: usize, other: usize) -> bool {
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

    fn part(&mut self, thing: usize) -> bool {
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

    /// A person types what a system takes and nobody can understand.
    pub(super) fn unreadable(&mut self, at: usize, thing: usize) {
        let Some((name, thing, id)) = self.poisonable(at, thing) else { return };
        let (entity, now) = (Entity::DealRegistration, self.now());
        let fields = serde_json::json!({ "properties": { "amount": "17", "currency_code": "doubloons" } });
        let act = Act::Update { object: "p_deal_registrations".into(), id: id.clone(), fields };
        if self.world.vendors.with(&name, |vendor| vendor.act(now, act)).is_ok() {
            self.count("poison records");
            self.tell(|| format!("{name}  a person types an amount of {entity} {id} in doubloons"));
            self.ledger.things[thing].muddled = Some("one of its records cannot be read");
            self.ledger.things[thing].poisoned.insert((name, id));
        }
    }

    /// A record in which something unreadable can be typed, the one that was drawn first of all.
    fn poisonable(&mut self, at: usize, thing: usize) -> Option<(String, usize, String)> {
        let (accounts, things) = (&self.plan.accounts, &self.plan.things);
        for (step, _) in things.iter().enumerate() {
            let thing = (thing + step) % things.len();
            if things[thing] != Entity::DealRegistration {
                continue;
            }
            for step in 0..accounts.len() {
                let account = &accounts[(at + step) % accounts.len()];
                if account.system != "hubspot" {
                    continue;
                }
                if let Some(id) = self.ids_of(&account.name, thing).into_iter().next() {
                    return Some((account.name.clone(), thing, id));
                }
            }
        }
        None
    }
}

/// The number of the thing that a name begins with.
pub(crate) fn number(title: &str) -> Option<usize> {
    let rest = title.strip_prefix('T')?;
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

/// Values by which records of one thing find each other.
fn key_value(entity: Entity, field: &str, thing: usize) -> Option<Value> {
    match (entity, field) {
        (Entity::Organization, "domain") => Some(Value::Text(format!("t{thing}.example").into())),
        (Entity::Organization, "website") => Some(Value::Text(format!("https://t{thing}.example").into())),
        (Entity::Person, "email") => Some(Value::Text(format!("t{thing}@people.example").into())),
        _ => None,
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

pub(crate) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(empty)".to_owned(), |value| format!("`{value}`"))
}

fn told(fields: &Fields) -> String {
    let set = fields.iter().filter(|(_, value)| value.is_some());
    set.map(|(field, value)| format!("{field}: {}", shown(value.as_ref()))).collect::<Vec<_>>().join(", ")
}
