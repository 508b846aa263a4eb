//! Making the report: two rounds through the records of an entity.

use super::{Decision, Line, Report, Side, Verdict, alike};
use crate::{
    facet::{Facet, Hash, Link, hash},
    hub::Hub,
    identity::Claimant,
    keys,
    ports::{Index, Query},
    record::Record,
    resolve,
    settings::{Connection, Settings},
    settle, store, views,
};
use concord_connector::{
    ConnectionName, Entity, RecordId, Result,
    key::{Key, KeyKind},
};
use std::collections::{BTreeMap, BTreeSet};

/// Records that are read at once.
const PAGE: usize = 500;
/// Suggestions for one record.
const SUGGESTIONS: usize = 3;

/// What is asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// One entity only.
    pub entity: Option<Entity>,
    /// Only what was not decided.
    pub open: bool,
    /// Go on after this place.
    pub after: Option<String>,
    /// At most about that many lines.
    pub limit: usize,
}

/// A piece of the report.
///
/// # Errors
/// `Rejected` without such a connection; the store's faults.
pub async fn report(hub: &Hub, name: &ConnectionName, asked: &Asked) -> Result<Report> {
    let settings = views::as_if_synced(&hub.settings(), name);
    let connection = settings.connection(name)?;
    let mapped = connection.context.mappings.keys().copied();
    let entities: Vec<Entity> = mapped.filter(|entity| asked.entity.is_none_or(|only| only == *entity)).collect();
    let (begin, mut after) = match asked.after.as_deref().and_then(|after| after.split_once('/')) {
        Some((entity, place)) => (Entity::parse(entity), Some(place.to_owned()).filter(|place| !place.is_empty())),
        None => (entities.first().copied(), None),
    };
    let mut report =
        Report { connection: name.clone(), counts: BTreeMap::new(), decided: 0, lines: Vec::new(), next: None };
    let limit = asked.limit.max(1);
    for entity in entities.into_iter().filter(|entity| begin.is_some_and(|begin| *entity >= begin)) {
        let alike = elsewhere(hub, connection, entity).await?;
        let look = Look { hub, settings: &settings, connection, entity, alike };
        loop {
            if report.lines.len() >= limit {
                report.next = Some(format!("{entity}/{}", after.unwrap_or_default()));
                return Ok(report);
            }
            let query = Query { after, ..Query::partition(Some(Index::List), entity.name(), PAGE.min(limit)) };
            let page = hub.table.query(query).await?;
            let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
            let mut records = hub.records(&ids).await?;
            let mut lines = Vec::new();
            for id in ids {
                if let Some((record, _)) = records.remove(&id).filter(|(record, _)| record.id == id) {
                    lines.extend(look.lines(&record).await?);
                }
            }
            look.remembered(&mut lines).await?;
            for line in lines {
                *report.counts.entry(line.verdict.name()).or_default() += 1;
                report.decided += usize::from(line.decided.is_some());
                if !(asked.open && line.decided.is_some()) {
                    report.lines.push(line);
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(report)
}

/// Who is not at the connection, by what others may share with them. Hashes and ids only: it has to fit into memory.
async fn elsewhere(hub: &Hub, connection: &Connection, entity: Entity) -> Result<BTreeMap<Hash, Vec<RecordId>>> {
    let mut alike: BTreeMap<Hash, Vec<RecordId>> = BTreeMap::new();
    let mut after = None;
    loop {
        let page = hub.table.query(Query { after, ..Query::partition(Some(Index::List), entity.name(), PAGE) }).await?;
        let ids: Vec<RecordId> = page.keys.iter().filter_map(|(_, key)| keys::record_id(key)).collect();
        for (id, (record, _)) in hub.records(&ids).await? {
            if id == record.id && record.live_at(&connection.name).next().is_none() {
                for mark in alike::marks(&record).into_keys() {
                    alike.entry(mark).or_default().push(id.clone());
                }
            }
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(alike),
        }
    }
}

struct Look<'a> {
    hub: &'a Hub,
    settings: &'a Settings,
    connection: &'a Connection,
    entity: Entity,
    alike: BTreeMap<Hash, Vec<RecordId>>,
}

impl Look<'_> {
    async fn lines(&self, record: &Record) -> Result<Vec<Line>> {
        let there = record.live_at(&self.connection.name).filter(|facet| !facet.is_unseen());
        let there: Vec<&Facet> = there.collect();
        let Some(first) = there.first() else { return Ok(self.only_here(record).into_iter().collect()) };
        let others = record.facets.iter().any(|facet| {
            facet.is_live()
                && facet.link.connection != self.connection.name
                && !settle::is_concord(&facet.link.connection)
        });
        if others {
            return Ok(vec![self.matched(record, &there)]);
        }
        let mut lines = self.ambiguous(record, first).await?;
        if lines.is_empty() {
            lines = self.near(record, first).await?;
        }
        if lines.is_empty() {
            let reasons = vec!["nothing that is known elsewhere looks like it".to_owned()];
            lines.push(self.line(Verdict::OnlyThere, &first.link, None, Some(record), None, reasons));
        }
        Ok(lines)
    }

    fn matched(&self, record: &Record, there: &[&Facet]) -> Line {
        let mut reasons = BTreeSet::new();
        for facet in there {
            let own = Key::external(facet.link.connection.as_str(), facet.link.id.as_str());
            let mut keys = Claimant::of(record, facet).keys;
            keys.insert(own);
            for other in record.facets.iter().filter(|other| other.link.connection != facet.link.connection) {
                let theirs = Claimant::of(record, other).keys;
                reasons.extend(theirs.intersection(&keys).map(said));
                reasons.extend((other.home == facet.home).then(|| "it was made by Concord, or linked".to_owned()));
            }
        }
        let viewed = resolve::views(&record.facets, &BTreeMap::new());
        let mine = viewed.iter().filter(|one| one.facet.link.connection == self.connection.name && one.facet.is_live());
        let differences: BTreeSet<String> = mine
            .filter(|_| settle::in_scope(record, self.connection))
            .flat_map(|one| {
                settle::differences(self.entity, &record.golden, one, self.connection, self.settings).into_keys()
            })
            .map(|field| field.as_str().to_owned())
            .collect();
        let Some(first) = there.first() else {
            return self.line(Verdict::Matched, &record.facets[0].link, None, None, None, Vec::new());
        };
        let reasons = reasons.into_iter().collect();
        let mut line = self.line(Verdict::Matched, &first.link, None, Some(record), Some(record), reasons);
        line.differences = differences.into_iter().collect();
        line
    }

    /// A key of it is claimed by others, and could not join them.
    async fn ambiguous(&self, record: &Record, facet: &Facet) -> Result<Vec<Line>> {
        let keys: Vec<Key> =
            Claimant::of(record, facet).keys.into_iter().filter(|key| key.kind != KeyKind::Pin).collect();
        let items = self.hub.key_items(self.entity, &keys).await?;
        let mut lines = Vec::new();
        for (key, (item, _)) in keys.iter().zip(items) {
            let others: Vec<Link> = item.claimants.into_iter().filter(|link| record.facet(link).is_none()).collect();
            for owner in self.owners(&others).await? {
                if !apart(record, &owner) {
                    let reason = format!("both claim the {}, which would join what must not be one", named(key));
                    lines.push(self.line(
                        Verdict::Ambiguous,
                        &facet.link,
                        Some(&owner),
                        Some(record),
                        Some(&owner),
                        vec![reason],
                    ));
                }
            }
        }
        lines.truncate(SUGGESTIONS);
        Ok(lines)
    }

    async fn owners(&self, links: &[Link]) -> Result<Vec<Record>> {
        let items = self.hub.links(self.entity, links).await?;
        let ids: BTreeSet<RecordId> = items.into_iter().flatten().map(|item| item.record).collect();
        let ids: Vec<RecordId> = ids.into_iter().collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        Ok(self.hub.records(&ids).await?.into_values().map(|(record, _)| record).collect())
    }

    async fn near(&self, record: &Record, facet: &Facet) -> Result<Vec<Line>> {
        let mut found: BTreeMap<&RecordId, Vec<String>> = BTreeMap::new();
        for (mark, reason) in alike::marks(record) {
            for id in self.alike.get(&mark).into_iter().flatten().filter(|id| **id != record.id) {
                found.entry(id).or_default().push(reason.clone());
            }
        }
        // Who shares most comes first, then the older.
        let mut found: Vec<(&RecordId, Vec<String>)> = found.into_iter().collect();
        found.sort_by(|a, b| b.1.len().cmp(&a.1.len()).then(a.0.cmp(b.0)));
        let ids: Vec<RecordId> = found.iter().take(SUGGESTIONS * 4).map(|(id, _)| (*id).clone()).collect();
        let records = if ids.is_empty() { BTreeMap::new() } else { self.hub.records(&ids).await? };
        let mut lines = Vec::new();
        for (id, reasons) in found {
            let Some((other, _)) = records.get(id).filter(|(other, _)| !apart(record, other)) else { continue };
            lines.push(self.line(Verdict::Near, &facet.link, Some(other), Some(record), Some(other), reasons));
            if lines.len() == SUGGESTIONS {
                break;
            }
        }
        Ok(lines)
    }

    fn only_here(&self, record: &Record) -> Option<Line> {
        // Who was there and is gone has a question of its own.
        if record.facets.iter().any(|facet| facet.link.connection == self.connection.name) {
            return None;
        }
        let creates = settle::would_create_at(record, self.connection);
        let reason = if creates {
            "it is made there once the connection is switched on"
        } else {
            "it is not in the scope of what is made there"
        };
        let home = &record.facets.first()?.link;
        let mut line = self.line(Verdict::OnlyHere, home, None, None, Some(record), vec![reason.to_owned()]);
        if !creates {
            line.choices = Vec::new();
        }
        Some(line)
    }

    fn line(
        &self,
        verdict: Verdict,
        link: &Link,
        other: Option<&Record>,
        there: Option<&Record>,
        here: Option<&Record>,
        reasons: Vec<String>,
    ) -> Line {
        let with = other.and_then(|other| other.facets.iter().map(|facet| &facet.link).min());
        let id = hash(&("match", &self.connection.name, self.entity, verdict, link, with)).hex();
        Line {
            id,
            entity: self.entity,
            verdict,
            there: there.map(side),
            here: here.map(side),
            reasons,
            differences: Vec::new(),
            choices: verdict.choices().to_vec(),
            decided: None,
        }
    }

    /// Adds what was decided before.
    async fn remembered(&self, lines: &mut [Line]) -> Result<()> {
        for chunk in lines.chunks_mut(90) {
            let names: Vec<_> = chunk.iter().map(|line| keys::matching(&self.connection.name, &line.id)).collect();
            for (line, item) in chunk.iter_mut().zip(self.hub.table.get(&names).await?) {
                line.decided = item.as_ref().map(store::parse::<Decision>).transpose()?;
            }
        }
        Ok(())
    }
}

fn side(record: &Record) -> Side {
    let external = record.facets.iter().filter(|facet| facet.is_live() && !settle::is_concord(&facet.link.connection));
    Side {
        record: record.id.clone(),
        name: alike::name(record),
        external: external.map(|facet| facet.link.to_string()).collect(),
    }
}

/// Whether a person has said that they are not the same.
fn apart(a: &Record, b: &Record) -> bool {
    let homes =
        |record: &Record| -> BTreeSet<RecordId> { record.facets.iter().map(|facet| facet.home.clone()).collect() };
    let kept = |record: &Record, others: &BTreeSet<RecordId>| {
        record.facets.iter().any(|facet| facet.pins.apart.iter().any(|home| others.contains(home)))
    };
    kept(a, &homes(b)) || kept(b, &homes(a))
}

fn named(key: &Key) -> String {
    key.to_string().replacen(':', " ", 1)
}

fn said(key: &Key) -> String {
    match key.kind {
        KeyKind::Pin if key.value.starts_with("created-") => "it was made by Concord".to_owned(),
        KeyKind::Pin => "a person said so".to_owned(),
        _ => format!("both have the {}", named(key)),
    }
}
