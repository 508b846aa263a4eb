//! Settle: after facets changed, what is golden now and who has to be told. Pure.

mod wants;

pub use wants::{differences, doubtful, image, stamps};

use crate::{
    facet::{ByField, Hash, Link, Want},
    record::{OpenCreate, Record, Removal},
    resolve::{self, Viewed},
    review::{Review, Subject},
    settings::{CONCORD, Connection, Mode, OnDelete, Scope, Settings},
};
use concord_connector::{ConnectionName, Instant, RecordId, snapshot::Presence};
use std::{collections::BTreeMap, sync::Arc};

/// Why a record is settled.
#[derive(Clone, Copy, Debug)]
pub struct Cause<'a> {
    /// The external record whose observation it is, when it is one.
    pub observed: Option<&'a Link>,
    /// Now, by the hub's clock.
    pub now: Instant,
    /// Whether the record's membership changed, which makes a new version in any case.
    pub regrouped: bool,
    /// Whether the configuration alone is why.
    pub configured: bool,
}

/// What settling found.
#[derive(Debug, Default)]
pub struct Settled {
    /// Golden fields, wants, creates or removal differ from before.
    pub changed: bool,
    /// Things that a person has to look at.
    pub reviews: Vec<Review>,
    /// Questions that no longer stand: what was given up goes on with something new to say.
    pub closed: Vec<String>,
}

/// Resolves, then plans: wants, creates, removal. Sets version, configuration and time when anything differs.
pub fn settle(
    record: &mut Record,
    settings: &Settings,
    redirects: &BTreeMap<RecordId, RecordId>,
    cause: Cause<'_>,
) -> Settled {
    let mut settled = Settled::default();
    let forgets = left_out!(LoseWant) && record.configuration < settings.revision;
    if forgets {
        record.facets.iter_mut().for_each(|facet| facet.wants.clear());
    }
    let before = (std::mem::take(&mut record.golden), record.creates.len(), record.removal.clone());
    let facets = std::mem::take(&mut record.facets);
    let viewed = resolve::views(&facets, redirects);
    let (golden, undecided) = resolve::resolve(record.entity, &viewed, &settings.policy);
    // One that is as it was stays the one that copies share.
    record.golden = if *before.0 == golden { Arc::clone(&before.0) } else { Arc::new(golden) };
    for one in undecided {
        settled.reviews.push(Review::undecided(record, &one.field, &viewed));
    }
    removal(record, settings, &viewed, &mut settled.reviews);
    let next = record.version + 1;
    let plans = if forgets { Vec::new() } else { wants::plan(record, settings, &viewed, cause) };
    drop(viewed);
    record.facets = facets;
    creates(record, settings, cause);
    if record.golden != before.0 {
        begin_anew(record, &mut settled.closed);
    }
    wants::withdraw(record, settings);
    let wanted = wants::adopt(record, plans, next, cause, &mut settled);
    let open = record.creates.len() > before.1;
    record.prune_approvals();
    settled.changed = cause.regrouped
        || wanted
        || open
        || record.golden != before.0
        || record.removal != before.2
        || record.creates.len() != before.1;
    record.configuration = settings.revision;
    if settled.changed || record.version == 0 {
        settled.changed = true;
        record.version = next;
        record.committed_at = cause.now;
    }
    settled
}

/// A create that was refused is tried again with something new to say. What a person has to decide stays with the person.
fn begin_anew(record: &mut Record, closed: &mut Vec<String>) {
    let Record { id, creates, outbox, .. } = record;
    outbox.retain(|name, outbox| {
        let again = outbox.parked && outbox.fault.is_some() && creates.contains_key(name);
        if again {
            closed.push(Subject::Refused { record: id.clone(), connection: name.clone() }.question());
        }
        !again
    });
}

/// Opens creates where the record is in scope and missing, and closes those that are no longer called for.
fn creates(record: &mut Record, settings: &Settings, cause: Cause<'_>) {
    if record.is_placeholder() || record.removal.is_some() {
        record.creates.clear();
        return;
    }
    for (name, connection) in &settings.connections {
        let known = record.facets.iter().any(|facet| facet.link.connection == *name);
        if known || !creates_at(record, connection, settings) {
            if known {
                record.creates.remove(name);
            }
            continue;
        }
        record.creates.entry(name.clone()).or_insert(OpenCreate { since: cause.now, configured: cause.configured });
    }
    let connections = &settings.connections;
    let approved: Vec<ConnectionName> =
        record.creates.keys().filter(|name| record.approves_create(name)).cloned().collect();
    record.creates.retain(|name, _| {
        connections.get(name).is_some_and(|connection| connection.mode == Mode::Sync || approved.contains(name))
    });
}

/// Whether a record that is missing at a connection is created there.
pub fn creates_at(record: &Record, connection: &Connection, settings: &Settings) -> bool {
    connection.mode == Mode::Sync
        && would_create_at(record, connection)
        && !waits_for_match(record, connection, settings)
}

/// Whether a create at a connection that is kept in step waits until a person has matched what the record comes from.
pub fn waits_for_match(record: &Record, connection: &Connection, settings: &Settings) -> bool {
    connection.mode == Mode::Sync && is_held(record, settings)
}

/// Whether a record is known only from connections of which nothing new is made elsewhere yet: a person matches them first.
fn is_held(record: &Record, settings: &Settings) -> bool {
    let mut external =
        record.facets.iter().filter(|facet| facet.is_live() && !is_concord(&facet.link.connection)).peekable();
    external.peek().is_some()
        && external
            .all(|facet| settings.connections.get(&facet.link.connection).is_some_and(|connection| connection.hold_new))
}

/// The same as if the connection were in mode `sync`.
pub fn would_create_at(record: &Record, connection: &Connection) -> bool {
    let Some(mapping) = connection.context.mappings.get(&record.entity) else { return false };
    let writes = mapping
        .active(&connection.context)
        .any(|rule| rule.flow.creates() && record.value(rule.field.as_str()).is_some());
    writes
        && !record.is_placeholder()
        && !record.facets.iter().any(|facet| facet.link.connection == connection.name)
        && connection.scope(record.entity).creates(|field| record.value(field))
}

/// Whether a linked record is still updated at a connection.
pub fn in_scope(record: &Record, connection: &Connection) -> bool {
    match connection.scope(record.entity) {
        Scope::Linked | Scope::All => true,
        scope => scope.updates(|field| record.value(field)),
    }
}

/// What a vendor's delete means for the others.
fn removal(record: &mut Record, settings: &Settings, viewed: &[Viewed<'_>], reviews: &mut Vec<Review>) {
    let mut decided = None;
    for one in viewed {
        let (Presence::Deleted, Some(at)) = (&one.view.presence, one.view.gone_at) else { continue };
        if is_concord(&one.facet.link.connection) {
            // A person said so.
            decided = Some((&one.facet.link, at, false));
            break;
        }
        let Some(connection) = settings.connections.get(&one.facet.link.connection) else { continue };
        // Whoever said it first counts: the vendor's event for our own delete is an echo.
        let said = one.facet.versions().iter().rev().find(|version| version.presence.is_some());
        if said.is_some_and(|version| version.order.sort == crate::facet::Sort::Receipt) {
            continue;
        }
        let archive = match connection.on_delete(record.entity) {
            OnDelete::Unlink => {
                reviews.push(Review::deleted(
                    record,
                    &one.facet.link,
                    "its other systems keep it, and it is not created there again",
                ));
                continue;
            }
            OnDelete::Archive => true,
            OnDelete::Propagate => false,
        };
        let edited_later = viewed.iter().any(|other| {
            other.facet.link != one.facet.link
                && other
                    .view
                    .cells
                    .values()
                    .any(|cell| cell.said.as_ref().is_some_and(|said| said.at.is_some_and(|edit| edit > at)))
        });
        // As far as anybody knows: of what was first seen after the delete was, nobody does.
        let heard = said.map_or(at, |said| said.order.read_at);
        let again = viewed.iter().find(|other| {
            other.facet.link != one.facet.link && other.facet.is_live() && other.facet.was_made_since(at, heard)
        });
        if let Some(again) = again {
            let what = format!("{} was made, or was first seen, after that, and stays", again.facet.link);
            reviews.push(Review::deleted(record, &one.facet.link, &what));
            continue;
        }
        if edited_later || !one.facet.wants.is_empty() {
            reviews.push(Review::deleted(
                record,
                &one.facet.link,
                "an edit elsewhere is later than the delete, or had not reached it",
            ));
            continue;
        }
        decided = Some((&one.facet.link, at, archive));
    }
    record.removal = decided.map(|(by, at, archive)| {
        let names = viewed.iter().map(|one| &one.facet.link.connection);
        let is_read =
            |name: &&ConnectionName| settings.connections.get(*name).is_none_or(|one| one.mode == Mode::Observe);
        Removal {
            by: by.clone(),
            at,
            archive,
            only_read: names.filter(is_read).filter(|name| !is_concord(name)).cloned().collect(),
        }
    });
}

/// The images that an external record made from a record will show, by field: for recognising it when it shows up before
/// its receipt.
pub fn images(record: &Record, connection: &Connection) -> ByField<Hash> {
    let Some(mapping) = connection.context.mappings.get(&record.entity) else { return ByField::new() };
    let rules = mapping.active(&connection.context).filter(|rule| rule.flow.creates());
    rules
        .filter_map(|rule| {
            let golden = record.golden.get(&rule.field)?;
            let image = wants::image(connection, record.entity, &rule.field, golden.value.as_ref())?;
            Some((rule.field.clone(), Hash::of(image.as_ref())))
        })
        .collect()
}

/// A want of everything that an external record made from a record will show.
pub fn wanted(record: &Record, connection: &Connection, now: Instant) -> Want {
    let fields = images(record, connection);
    let stamps = wants::stamps(&record.golden, fields.keys());
    Want {
        version: record.version,
        at: now,
        configured: false,
        sent: false,
        fields,
        stamps,
        withdrawn: Default::default(),
        outlived: Default::default(),
    }
}

/// Whether a name is Concord's own.
pub(crate) fn is_concord(connection: &ConnectionName) -> bool {
    connection.as_str() == CONCORD
}
