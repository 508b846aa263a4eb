//! What to write for a record at a connection, if anything.

use super::allowed::Allowed;
use crate::{
    facet::Facet,
    hub::Hub,
    record::Record,
    resolve::{self, Viewed},
    settings::{Connection, Settings},
    settle,
};
use concord_connector::{
    Entity, ExternalId, Fault, Field, Instant, Kind, RecordId, Reference, Result, Target, Value,
    exchange::{Change, Write},
    mapping::Mapping,
    snapshot::Fields,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    convert::Infallible,
};

/// One write, and what its receipt needs.
pub(super) struct Job {
    pub(super) entity: Entity,
    pub(super) record: RecordId,
    /// The record's version that the write makes true.
    pub(super) version: u64,
    pub(super) write: Write,
    /// Whether wants of other fields stay open because what they refer to is coming.
    pub(super) waits: bool,
    /// Whether something is left out because it refers to what is not there.
    pub(super) incomplete: bool,
    /// Golden values and stamps of the fields that are written.
    pub(super) golden: BTreeMap<Field, (Option<Value>, Instant)>,
    /// The record as it was read, with the revision of its item.
    pub(super) read: (Record, u64),
}

/// What an update comes to.
enum Planned {
    /// Something to write.
    Write(Box<Job>),
    /// Nothing differs any more that could be written.
    Nothing {
        /// Whether something is left out because it refers to what is not there and is not coming.
        incomplete: bool,
    },
    /// All that differs refers to records that are not there yet; their receipts wake it.
    Waits,
}

impl Job {
    pub(super) fn creates(&self) -> bool {
        matches!(self.write.change, Change::Create { .. })
    }
}

/// Reads the newest record and compares.
pub(super) async fn plan(hub: &Hub, settings: &Settings, connection: &Connection, id: &RecordId) -> Result<Vec<Job>> {
    let Some((record, rev)) = hub.record(id).await? else { return Ok(Vec::new()) };
    let outbox = record.outbox.get(&connection.name);
    if outbox.is_some_and(|outbox| outbox.parked || outbox.next_at.is_some_and(|next| next > hub.now())) {
        return Ok(Vec::new());
    }
    if record.configuration < settings.revision {
        // It is about to be resolved again; its new wants order their own delivery.
        return Ok(Vec::new());
    }
    let allowed = Allowed::of(&record, connection);
    if allowed.nothing() {
        return Ok(Vec::new());
    }
    if record.removal.is_some() {
        return Ok(removals(connection, &record, rev, &allowed));
    }
    let redirects = references(hub, &record).await?;
    let viewed = resolve::views(&record.facets, &BTreeMap::new());
    let mut jobs = Vec::new();
    for one in viewed.iter().filter(|one| one.facet.link.connection == connection.name && one.facet.is_live()) {
        // What was not read yet cannot be compared; its wants say what to recognise when it is.
        if one.facet.wants.is_empty() || one.facet.is_unseen() {
            continue;
        }
        match update(hub, settings, connection, (&record, rev), one, &redirects, &allowed).await? {
            Planned::Write(job) => jobs.push(*job),
            Planned::Nothing { incomplete } => {
                super::receipt::nothing(hub, connection, &record, &one.facet.link, incomplete).await?;
            }
            Planned::Waits => {}
        }
    }
    let known = record.facets.iter().any(|facet| facet.link.connection == connection.name);
    let ordered = !known && record.creates.contains_key(&connection.name) && allowed.creates();
    if ordered
        && settle::would_create_at(&record, connection)
        && !settle::waits_for_match(&record, connection, settings)
    {
        match creation(hub, connection, &record, rev, &redirects).await? {
            // What a person agreed to is not what it would be now: made is that, or nothing.
            Some(job) if !allowed.creates_as(connection, &job) => {
                super::create::withdraw(hub, connection, &record, rev).await?;
            }
            job => jobs.extend(job),
        }
    } else if ordered {
        super::create::withdraw(hub, connection, &record, rev).await?;
    }
    Ok(jobs)
}

fn removals(connection: &Connection, record: &Record, rev: u64, allowed: &Allowed<'_>) -> Vec<Job> {
    let archive = record.removal.as_ref().is_some_and(|removal| removal.archive);
    let can = &connection.connector.manifest().capabilities;
    let facets: Vec<&Facet> = record.live_at(&connection.name).collect();
    facets
        .into_iter()
        .filter(|facet| allowed.removes(&facet.link.id))
        .map(|facet| {
            let id = facet.link.id.clone();
            let change =
                if archive && can.archives || !can.deletes { Change::Archive { id } } else { Change::Delete { id } };
            Job {
                entity: record.entity,
                record: record.id.clone(),
                version: record.version,
                write: Write { token: None, record: record.id.clone(), change, fields: Fields::new() },
                waits: false,
                incomplete: false,
                golden: BTreeMap::new(),
                read: (record.clone(), rev),
            }
        })
        .collect()
}

async fn update(
    hub: &Hub,
    settings: &Settings,
    connection: &Connection,
    (record, rev): (&Record, u64),
    one: &Viewed<'_>,
    referred: &BTreeMap<RecordId, Record>,
    allowed: &Allowed<'_>,
) -> Result<Planned> {
    let redirects: BTreeMap<RecordId, RecordId> = referred.iter().map(|(id, to)| (id.clone(), to.id.clone())).collect();
    let current = resolve::views(std::slice::from_ref(one.facet), &redirects);
    let Some(current) = current.first() else { return Ok(Planned::Nothing { incomplete: false }) };
    let wanted: BTreeSet<Field> = one.facet.wanted().into_iter().cloned().collect();
    let mut fields = Fields::new();
    let mut golden = BTreeMap::new();
    let mut held = Fields::new();
    let mut missing = BTreeSet::new();
    let mut differences = if settle::in_scope(record, connection) {
        settle::differences(record.entity, &record.golden, current, connection, settings)
    } else {
        // It left the scope after the want was decided.
        BTreeMap::new()
    };
    if left_out!(WriteWhole) {
        let mapping = connection.context.mapping(record.entity)?;
        differences.extend(mapping.active(&connection.context).map(|rule| (rule.field.clone(), None)));
    }
    let landed = super::landed::fields(record, connection, current, &wanted);
    let mut held_at = one.facet.confirmed_at();
    if settle::in_scope(record, connection) {
        // Not all that was sent has a receipt: what was wanted before may be there by now.
        for (field, image) in settle::doubtful(record, current, connection, settings) {
            differences.entry(field).or_insert(image);
        }
    }
    for field in landed.keys() {
        differences.entry(field.clone()).or_insert_with(|| current.view.held(field).cloned().flatten());
    }
    for (field, image) in differences {
        let writable = wanted.contains(&field)
            && !one.facet.parked.contains(&field)
            && allowed.updates(&one.facet.link.id, &field, image.as_ref())
            || left_out!(WriteWhole);
        let Some(cell) = record.golden.get(&field).filter(|_| writable) else { continue };
        let before = match landed.get(&field) {
            Some(landed) => {
                held_at = held_at.min(landed.confirmed_at);
                landed.before.clone()
            }
            None => current.view.held(&field).cloned().flatten(),
        };
        let value = match outward(connection, referred, cell.value.as_ref()) {
            Ok(value) => value,
            Err(absent) => {
                missing.extend(absent);
                continue;
            }
        };
        // What cannot be named is left out: a wrong name would look like an edit, again and again.
        if let Some(before) = named_there(connection, referred, before.as_ref()) {
            held.insert(field.clone(), before);
        }
        golden.insert(field.clone(), (cell.value.clone(), cell.stamp()));
        fields.insert(field, value);
    }
    let incomplete = !missing.is_empty();
    if incomplete {
        wait(hub, connection, record, &missing, referred).await?;
    }
    // What is not coming is not worth an open want; should it come all the same, it wakes this record.
    let coming = missing.iter().filter_map(|id| referred.get(id)).any(|to| comes(to, connection));
    if fields.is_empty() {
        return Ok(if coming { Planned::Waits } else { Planned::Nothing { incomplete } });
    }
    let change = Change::Update {
        id: one.facet.link.id.clone(),
        revision: one.facet.revision.clone().filter(|_| !left_out!(IgnorePrecondition)),
        held: if left_out!(IgnorePrecondition) { Fields::new() } else { held },
        held_at,
    };
    Ok(Planned::Write(Box::new(Job {
        entity: record.entity,
        record: record.id.clone(),
        version: record.version,
        waits: coming,
        incomplete,
        write: Write { token: None, record: record.id.clone(), change, fields },
        golden,
        read: (record.clone(), rev),
    })))
}

async fn creation(
    hub: &Hub,
    connection: &Connection,
    record: &Record,
    rev: u64,
    referred: &BTreeMap<RecordId, Record>,
) -> Result<Option<Job>> {
    let mapping: &Mapping = connection.context.mapping(record.entity)?;
    let mut fields = Fields::new();
    let mut golden = BTreeMap::new();
    let mut missing = BTreeSet::new();
    let mut required = false;
    let mut empty: Vec<&str> = Vec::new();
    for rule in mapping.active(&connection.context).filter(|rule| rule.flow.creates()) {
        let Some(cell) = record.golden.get(&rule.field).filter(|cell| cell.value.is_some()) else {
            empty.extend(rule.required.then_some(rule.field.as_str()));
            continue;
        };
        if settle::image(connection, record.entity, &rule.field, cell.value.as_ref()).is_none() {
            continue;
        }
        match outward(connection, referred, cell.value.as_ref()) {
            Ok(value) => {
                golden.insert(rule.field.clone(), (cell.value.clone(), cell.stamp()));
                fields.insert(rule.field.clone(), value);
            }
            Err(absent) => {
                missing.extend(absent);
                required |= rule.required;
            }
        }
    }
    if !missing.is_empty() {
        wait(hub, connection, record, &missing, referred).await?;
    }
    // Ordering it again and again would tell nobody; something new to say begins anew.
    if !empty.is_empty() {
        let title = &connection.connector.manifest().title;
        let sentence =
            format!("{title} makes no {} without {}, which nobody has filled in", record.entity, empty.join(", "));
        return Err(Fault::new(Kind::Rejected, "deliver", sentence));
    }
    if required {
        return Ok(None);
    }
    // The intent has the key; it is filled in when the create begins.
    let change = Change::Create { idempotency: String::new() };
    Ok(Some(Job {
        entity: record.entity,
        record: record.id.clone(),
        version: record.version,
        waits: false,
        incomplete: !missing.is_empty(),
        write: Write { token: None, record: record.id.clone(), change, fields },
        golden,
        read: (record.clone(), rev),
    }))
}

/// Every record that golden values refer to, as it is now, by the id by which it is named.
async fn references(hub: &Hub, record: &Record) -> Result<BTreeMap<RecordId, Record>> {
    let named = referred_by(record);
    if named.is_empty() {
        return Ok(BTreeMap::new());
    }
    let named: Vec<RecordId> = named.into_iter().collect();
    Ok(hub.records(&named).await?.into_iter().map(|(id, (record, _))| (id, record)).collect())
}

/// The ids of records that a record's values refer to, golden ones and those that are held somewhere.
pub(crate) fn referred_by(record: &Record) -> BTreeSet<RecordId> {
    let mut named = BTreeSet::new();
    let held = record.facets.iter().flat_map(|facet| facet.view().cells.values()).filter_map(|cell| cell.held.as_ref());
    let golden = record.golden.values().filter_map(|golden| golden.value.as_ref());
    for value in held.chain(golden) {
        for reference in value.references() {
            if let Target::Record(id) = &reference.to {
                named.insert(id.clone());
            }
        }
    }
    named
}

/// A value with its references as the target's own ids; the records that are missing there otherwise.
pub(crate) fn outward(
    connection: &Connection,
    referred: &BTreeMap<RecordId, Record>,
    value: Option<&Value>,
) -> std::result::Result<Option<Value>, BTreeSet<RecordId>> {
    let Some(value) = value else { return Ok(None) };
    let mut missing = BTreeSet::new();
    let mapped = value.map_references::<Infallible>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        Ok(match there(connection, referred, id) {
            Some(id) => Some(Reference { to: Target::External(id), ..reference.clone() }),
            None => {
                missing.insert(id.clone());
                None
            }
        })
    });
    let mapped = mapped.unwrap_or_else(|never| match never {});
    if missing.is_empty() { Ok(mapped) } else { Err(missing) }
}

/// A value that is held at a connection, with the names that its references have there, also of what has left; `None` when
/// one of them has no name there, or several.
fn named_there(
    connection: &Connection,
    referred: &BTreeMap<RecordId, Record>,
    value: Option<&Value>,
) -> Option<Option<Value>> {
    let Some(value) = value else { return Some(None) };
    let named = value.map_references::<()>(&mut |reference| {
        let Target::Record(id) = &reference.to else { return Ok(Some(reference.clone())) };
        let facets = referred.get(id).into_iter().flat_map(|record| &record.facets);
        let mut links = facets.map(|facet| &facet.link).filter(|link| link.connection == connection.name);
        match (links.next(), links.next()) {
            (Some(link), None) => Ok(Some(Reference { to: Target::External(link.id.clone()), ..reference.clone() })),
            _ => Err(()),
        }
    });
    named.ok()
}

fn there(connection: &Connection, referred: &BTreeMap<RecordId, Record>, id: &RecordId) -> Option<ExternalId> {
    let record = referred.get(id)?;
    record.live_at(&connection.name).next().map(|facet| facet.link.id.clone())
}

/// Whether a record that is missing at a connection will be there: it is being created, or was not read yet.
pub(crate) fn comes(to: &Record, connection: &Connection) -> bool {
    let parked = to.outbox.get(&connection.name).is_some_and(|outbox| outbox.parked);
    to.creates.contains_key(&connection.name) && !parked || to.is_placeholder()
}

/// Notes what a delivery waits for, and orders the deliveries of what is being created.
async fn wait(
    hub: &Hub,
    connection: &Connection,
    record: &Record,
    missing: &BTreeSet<RecordId>,
    referred: &BTreeMap<RecordId, Record>,
) -> Result<()> {
    let now = hub.now();
    let awaited: BTreeSet<RecordId> =
        missing.iter().filter_map(|id| referred.get(id)).map(|to| to.id.clone()).collect();
    let mut orders = Vec::new();
    for to in missing.iter().filter_map(|id| referred.get(id)).filter(|to| to.creates.contains_key(&connection.name)) {
        orders.push(crate::steps::fanout::order(&to.id, &connection.name, to.version, "@needed")?);
    }
    if !orders.is_empty() {
        let queue = crate::ports::QueueName::Deliveries(connection.connector.system().clone());
        hub.queue.send(&queue, orders).await?;
    }
    hub.amend(&record.id, |record, _| {
        let outbox = record.outbox.entry(connection.name.clone()).or_default();
        outbox.waiting_on.clone_from(&awaited);
        outbox.waiting_since.get_or_insert(now);
    })
    .await
}
