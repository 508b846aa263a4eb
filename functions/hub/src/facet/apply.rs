//! Putting an observation or a receipt into its place among the versions.

use super::{ByField, Facet, Hash, LastWrite, Order, Sort, VERSIONS, Version, View, hash, in_order, version::Brought};
use concord_connector::{Field, Instant, Snapshot, Value, snapshot::Presence};
use std::{collections::BTreeMap, sync::Arc, time::Duration};

/// What came of an observation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Applied {
    /// Nothing new: the same content under the same source version.
    Nothing,
    /// A version that changed nothing: worth keeping for the order, not worth telling anybody.
    Bare,
    /// Something is different there, or is better known.
    Changed,
    /// Older than everything kept.
    TooOld,
}

impl Facet {
    /// Puts what a read showed into its place.
    pub fn observe(&mut self, snapshot: &Snapshot, read_at: Instant) -> Applied {
        self.observe_knowing(snapshot, read_at, &BTreeMap::new())
    }

    /// The same, where it is known of some of its values that nobody said them: our own writes, with their stamps, whose wants
    /// may be acknowledged by now, and what a system let go of by itself.
    pub fn observe_knowing(
        &mut self,
        snapshot: &Snapshot,
        read_at: Instant,
        ours: &BTreeMap<Field, Instant>,
    ) -> Applied {
        let content = hash(&(&snapshot.fields, &snapshot.presence));
        let order = Order { version: self.place_of(snapshot.version, read_at), sort: Sort::Seen, read_at, content };
        if self.base.folded.as_ref().is_some_and(|folded| order <= *folded) {
            return Applied::TooOld;
        }
        if let Some(applied) = self.widen(snapshot, &order) {
            return applied;
        }
        let was_last = self.last().is_none_or(|last| *last < order);
        let version = Version {
            order,
            last_read: read_at,
            modified: snapshot.modified,
            diff: of_each(&snapshot.fields),
            absent: Default::default(),
            times: of_each(&snapshot.field_times),
            ours: ours.keys().cloned().collect(),
            stamps: of_each(ours),
            wrote: ByField::new(),
            presence: Some(snapshot.presence.clone()),
        };
        let at = self.insert(version, snapshot.behind_ms.map(Duration::from_millis));
        if was_last {
            self.revision.clone_from(&snapshot.revision);
            if snapshot.presence == Presence::Live {
                self.keys.clone_from(&snapshot.keys);
            }
        }
        let changed =
            self.versions.get(at).is_none_or(|version| !version.diff.is_empty() || version.presence.is_some());
        self.shorten();
        if changed || !was_last { Applied::Changed } else { Applied::Bare }
    }

    /// Puts our own acknowledged write into its place. `wrote` has, per field, the golden value that was sent and its
    /// stamp; `after` is the record as the vendor showed it after the write, which took that time.
    pub fn receive(
        &mut self,
        wrote: &BTreeMap<Field, (Option<Value>, Instant)>,
        after: &Snapshot,
        (started_at, ended_at): (Instant, Instant),
    ) {
        // What was read before the write began is older than it, whatever the vendor's clock, when it was set back, says.
        let before =
            self.versions.iter().filter(|known| known.order.sort == Sort::Receipt || known.last_read <= started_at);
        let newest =
            before.map(|known| known.order.version).max().map_or(after.version, |known| known.max(after.version));
        let order = Order { version: newest, sort: Sort::Receipt, read_at: started_at, content: hash(&after.fields) };
        let diff = wrote
            .iter()
            .map(|(field, (golden, _))| {
                (field.clone(), after.fields.get(field).cloned().unwrap_or_else(|| golden.clone()))
            })
            .collect();
        // Fields that an answer shows and nobody wrote are baselines when they were never seen (a record just created).
        let mut diff: ByField<Option<Value>> = diff;
        if self.view().cells.is_empty() {
            for (field, value) in &after.fields {
                diff.entry(field.clone()).or_insert_with(|| value.clone());
            }
        }
        let version = Version {
            order,
            last_read: ended_at,
            modified: after.modified,
            diff,
            absent: Default::default(),
            times: ByField::new(),
            ours: Default::default(),
            stamps: ByField::new(),
            wrote: wrote
                .iter()
                .map(|(field, (golden, stamp))| (field.clone(), (Hash::of(golden.as_ref()), *stamp)))
                .collect(),
            presence: (self.is_unseen() || !self.is_live()).then_some(Presence::Live),
        };
        if self.base.folded.as_ref().is_none_or(|folded| version.order > *folded) {
            self.insert(version, None);
            self.shorten();
        }
        if self.written.as_ref().is_none_or(|written| written.ended_at <= ended_at) {
            self.written = Some(LastWrite {
                ended_at,
                version: after.version,
                stands_at: Some(newest).filter(|at| *at != after.version),
            });
        }
        if self.source_version() <= newest {
            self.revision.clone_from(&after.revision);
        }
    }

    /// Forgets wants that a receipt covers: those decided up to the record's version that was delivered.
    pub fn acknowledge(&mut self, version: u64) {
        self.wants.retain(|want| want.version > version);
    }

    /// Forgets wants of fields that a receipt covers while others still wait for what they refer to.
    pub fn acknowledge_fields<'a>(&mut self, version: u64, wrote: impl Iterator<Item = &'a Field> + Clone) {
        for want in self.wants.iter_mut().filter(|want| want.version <= version) {
            for field in wrote.clone() {
                want.fields.remove(field);
            }
        }
        self.wants.retain(|want| !want.fields.is_empty());
    }

    /// Marks the external record as taken out by ourselves.
    pub fn removed(&mut self, at: Instant) {
        let version = concord_connector::SourceVersion(self.source_version().0.saturating_add(1));
        let order = Order { version, sort: Sort::Receipt, read_at: at, content: Hash::default() };
        let version = Version {
            order,
            last_read: at,
            modified: Some(at),
            diff: ByField::new(),
            absent: Default::default(),
            times: ByField::new(),
            ours: Default::default(),
            stamps: ByField::new(),
            wrote: ByField::new(),
            presence: Some(Presence::Deleted),
        };
        self.insert(version, None);
        self.wants.clear();
        self.shorten();
    }

    /// A read of content that is known under the same source version only widens the time in which it was seen. Exact
    /// edit times that it brings are taken over.
    fn widen(&mut self, snapshot: &Snapshot, order: &Order) -> Option<Applied> {
        let same = |known: &Version| {
            known.order.sort == Sort::Seen
                && known.order.version == order.version
                && known.order.content == order.content
        };
        // Other content in between (parts of a composite may change without a new version, and a coarse version does not
        // tell what was there before our write from what is put back after it) ends the span.
        let uninterrupted = |known: &Version| {
            let (low, high) = (order.read_at.min(known.order.read_at), order.read_at.max(known.last_read));
            !self.versions.iter().any(|other| {
                let differs = match other.order.sort {
                    Sort::Seen => other.order.content != order.content,
                    Sort::Receipt => other
                        .diff
                        .iter()
                        .any(|(field, value)| snapshot.fields.get(field).is_some_and(|now| now != value)),
                };
                differs && other.order.version == order.version && (low..=high).contains(&other.order.read_at)
            })
        };
        let Some(at) = self.versions.iter().position(|known| same(known) && uninterrupted(known)) else {
            return self.confirms_newest(snapshot, order).then_some(Applied::Nothing);
        };
        self.folded.forget();
        let times: Vec<_> =
            snapshot.field_times.iter().filter(|(field, time)| self.may_date(at, field, **time)).collect();
        let known = Arc::make_mut(&mut self.versions[at]);
        let edited_by = known.edited_by();
        let mut better = false;
        for (field, time) in times {
            if known.diff.contains_key(field) && known.times.get(field).is_none_or(|before| time < before) {
                known.times.insert(field.clone(), *time);
                better = true;
            }
        }
        known.order.read_at = known.order.read_at.min(order.read_at);
        known.last_read = known.last_read.max(order.read_at);
        better |= known.edited_by() != edited_by && !known.diff.is_empty();
        Some(if better { Applied::Changed } else { Applied::Nothing })
    }

    /// Whether the version at a place can have been edited at a time: a read before it, of what was there later than that,
    /// showed another value. Such a time is that of an earlier edit to the same value, told late or once more.
    fn may_date(&self, at: usize, field: &Field, time: Instant) -> bool {
        let before = self.versions[..at].iter().rev().find(|known| known.order.sort == Sort::Seen);
        before
            .is_none_or(|known| known.absent.contains(field) || known.modified.is_none_or(|modified| modified <= time))
    }

    /// Whether the newest version is of the same source version and the read shows nothing else than it, if perhaps fewer
    /// fields: our own write come back, or a poll that sees less than a read by id.
    fn confirms_newest(&mut self, snapshot: &Snapshot, order: &Order) -> bool {
        let Some(last) = self.versions.last() else { return false };
        if last.order.version != order.version
            || last.order > *order
            || !self.is_live()
            || snapshot.presence != Presence::Live
        {
            return false;
        }
        let view = self.view();
        let same = snapshot.fields.iter().all(|(field, value)| view.held(field) == Some(value));
        if same && let Some(last) = self.versions.last_mut() {
            let last = Arc::make_mut(last);
            last.last_read = last.last_read.max(order.read_at);
            self.folded.forget();
        }
        same
    }

    /// Inserts a version, read while the vendor's clock was so far behind, and makes it, and those after it, hold differences
    /// only. Returns its place.
    fn insert(&mut self, mut new: Version, behind: Option<Duration>) -> usize {
        let tail = self.split(&new.order);
        let at = match left_out!(ArrivalOrder) {
            true => self.versions.len(),
            false => self.versions.partition_point(|known| known.order < new.order),
        };
        let last = at == self.versions.len();
        let mut before = match self.folded.take().filter(|_| last) {
            Some(folded) => folded,
            None => Arc::new(self.view_before(at)),
        };
        let follows =
            (!last).then(|| (new.diff.clone(), new.presence.clone().unwrap_or_else(|| before.presence.clone())));
        if new.order.sort == Sort::Seen {
            new.absent = before.cells.keys().filter(|field| !new.diff.contains_key(*field)).cloned().collect();
            // Made anew: what is left is kept for long, and is mostly one field of twenty.
            let shown = std::mem::take(&mut new.diff).into_iter();
            new.diff = in_order(shown.filter(|(field, value)| before.held(field) != Some(value)));
            new.times.retain(|field, time| new.diff.contains_key(field) && self.may_date(at, field, *time));
            new.ours.retain(|field| new.diff.contains_key(field));
            new.stamps.retain(|field, _| new.diff.contains_key(field));
            self.recognise(&mut new, at, behind);
            if new.presence.as_ref().is_none_or(|shown| *shown == before.presence) && (at > 0 || !self.base.is_empty())
            {
                new.presence = None;
            }
        }
        match follows {
            // Nothing follows, as nearly always: the fold goes on from where it was.
            None => {
                Arc::make_mut(&mut before).fold(&new);
                self.folded.put(before);
            }
            Some((shown, presence)) => {
                for brought in self.rebase_following(at, &before, &shown) {
                    new.shown_first(brought);
                }
                if let Some(next) = self.versions.get_mut(at)
                    && next.order.sort == Sort::Seen
                {
                    let next = Arc::make_mut(next);
                    let then = next.presence.take().unwrap_or_else(|| before.presence.clone());
                    next.presence = (then != presence).then_some(then);
                }
            }
        }
        self.versions.insert(at, Arc::new(new));
        if let Some(tail) = tail {
            self.insert(tail, None);
        }
        at
    }

    pub(super) fn view_before(&self, at: usize) -> View {
        let mut before = View::clone(&self.base);
        for version in &self.versions[..at] {
            before.fold(version);
        }
        // Made anew in one go it takes the room that it needs; grown field by field up to twice that, and many are kept.
        before.cells = in_order(std::mem::take(&mut before.cells).into_iter());
        before
    }

    /// Where other content was read between two reads of a known one (under the same source version), the known span
    /// ends before it and begins again after it: the later part is returned.
    fn split(&mut self, order: &Order) -> Option<Version> {
        // A read that overlaps a write may show the state before it: that is nobody's edit.
        if order.sort == Sort::Receipt {
            return None;
        }
        let at = self.versions.iter().position(|known| {
            known.order.sort == Sort::Seen
                && known.order.version == order.version
                && known.order.content != order.content
                && known.order.read_at < order.read_at
                && order.read_at <= known.last_read
        })?;
        let after = self.view_before(at + 1);
        self.folded.forget();
        let known = Arc::make_mut(&mut self.versions[at]);
        let mut tail = Version::clone(known);
        tail.order.read_at = known.last_read;
        known.last_read = known.order.read_at;
        tail.diff = in_order(after.cells.iter().map(|(field, cell)| (field.clone(), cell.held.clone())));
        tail.diff.retain(|field, _| !known.absent.contains(field));
        tail.presence = Some(after.presence);
        Some(tail)
    }

    /// The versions after an inserted one now follow another state: what each showed stays, its differences change. A
    /// version that is silent about a field passes the change on to the next. Returns what such a version no longer brings,
    /// because the inserted one brought it first: whether it was ours, and its exact time.
    fn rebase_following(&mut self, at: usize, state: &View, shown: &ByField<Option<Value>>) -> Vec<Brought> {
        let mut brought = Vec::new();
        for (field, value) in shown {
            let before = state.held(field);
            for next in at..self.versions.len() {
                let version = &self.versions[next];
                let receipt = version.order.sort == Sort::Receipt;
                match version.shows(field, before) {
                    None if receipt => {}
                    None => {
                        Arc::make_mut(&mut self.versions[next]).absent.insert(field.clone());
                    }
                    Some(_) if receipt => break,
                    Some(then) if then == *value => {
                        let version = Arc::make_mut(&mut self.versions[next]);
                        let time = version.times.remove(field);
                        let ours = version.ours.remove(field);
                        let stamp = version.stamps.remove(field);
                        if version.diff.remove(field).is_some() {
                            brought.push(Brought { field: field.clone(), ours, time, stamp });
                        }
                        break;
                    }
                    Some(then) => {
                        let image = Hash::of(then.as_ref());
                        let ours = self.wants_value(field, &image);
                        let stamp = self.wanted_stamp(field, &image);
                        let version = Arc::make_mut(&mut self.versions[next]);
                        // Whose a change is was decided when it was seen; by now an edit may be wanted there itself.
                        if version.diff.insert(field.clone(), then).is_none() && ours {
                            version.ours.insert(field.clone());
                            version.stamps.extend(stamp.map(|stamp| (field.clone(), stamp)));
                        }
                        break;
                    }
                }
            }
        }
        brought
    }

    fn shorten(&mut self) {
        while self.versions.len() > VERSIONS {
            let oldest = self.versions.remove(0);
            let base = Arc::make_mut(&mut self.base);
            base.fold(&oldest);
            base.folded = Some(oldest.order.clone());
        }
    }
}

fn of_each<T: Clone>(fields: &BTreeMap<Field, T>) -> ByField<T> {
    in_order(fields.iter().map(|(field, of_it)| (field.clone(), of_it.clone())))
}
