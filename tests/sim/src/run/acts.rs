//! What people do: at the vendors, and in Concord.

use super::Run;
use crate::{
    ledger::{Made, Place},
    plan::What,
    systems,
};
use concord_connector::{Entity, Fields, RecordId, Value, sandbox::Act, schema::Type};
use concord_hub::{
    facet::Link,
    keys,
    ports::Table,
    record::{Record, Stored},
    store::LinkItem,
};
use futures::FutureExt;
use std::{collections::BTreeMap, time::Duration};

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
    pub(super) fn any_record(&mut self, thing: usize) -> Option<Record> {
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
        // What is linked and was never read shows all of it at its first read, this edit among it.
        let link = Link { connection: name.as_str().into(), id: id.as_str().into() };
        let record = self.record_of(&name, entity, &id).and_then(|record| self.golden(&record));
        let is_read = record.is_some_and(|record| record.facet(&link).is_some_and(|facet| !facet.is_unseen()));
        let made = if is_read { Made::Known } else { Made::Unknown };
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

pub(crate) fn shown(value: Option<&Value>) -> String {
    value.map_or_else(|| "(empty)".to_owned(), |value| format!("`{value}`"))
}

fn told(fields: &Fields) -> String {
    let set = fields.iter().filter(|(_, value)| value.is_some());
    set.map(|(field, value)| format!("{field}: {}", shown(value.as_ref()))).collect::<Vec<_>>().join(", ")
}
