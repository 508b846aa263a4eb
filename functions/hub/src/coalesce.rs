//! What was read lately: a signal that came before a read began says nothing that the read did not show.
//!
//! A storm of signals about one record therefore costs one read, however the signals are dealt to batches. Kept in memory:
//! what is forgotten costs a read, never a change.

use crate::facet::{Hash, hash};
use concord_connector::{ConnectionName, Entity, ExternalId, Instant, Snapshot};
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// So many reads are remembered in each of two generations.
const REMEMBERED: usize = 4096;

/// A read.
#[derive(Clone)]
pub(crate) struct Look {
    /// When it began, by the hub's clock.
    pub(crate) read_at: Instant,
    /// What it showed and was passed on.
    pub(crate) shown: Arc<Snapshot>,
}

/// The last reads, by external record.
#[derive(Default)]
pub(crate) struct Looks(Mutex<Generations>);

/// When the younger generation is full it becomes the older one, and the older one is forgotten.
#[derive(Default)]
struct Generations {
    young: BTreeMap<Hash, Look>,
    old: BTreeMap<Hash, Look>,
}

impl Looks {
    fn lock(&self) -> MutexGuard<'_, Generations> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last read of an external record that began after a moment.
    pub(crate) fn since(
        &self,
        connection: &ConnectionName,
        entity: Entity,
        id: &ExternalId,
        received_at: Instant,
    ) -> Option<Look> {
        let key = hash(&(connection, entity, id));
        let looks = self.lock();
        let look = looks.young.get(&key).or_else(|| looks.old.get(&key))?;
        (look.read_at > received_at).then(|| look.clone())
    }

    /// Remembers a read whose observation is safely on its way.
    pub(crate) fn note(&self, connection: &ConnectionName, look: Look) {
        let key = hash(&(connection, look.shown.entity, &look.shown.id));
        let mut looks = self.lock();
        if looks.young.len() >= REMEMBERED {
            looks.old = std::mem::take(&mut looks.young);
        }
        looks.young.insert(key, look);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use concord_connector::SourceVersion;

    fn look(id: usize, at: i64) -> Look {
        let shown = Snapshot::new(Entity::Organization, id.to_string(), SourceVersion(1));
        Look { read_at: Instant::from_ms(at), shown: Arc::new(shown) }
    }

    #[test]
    fn a_signal_from_before_a_read_is_covered_and_one_from_after_it_is_not() {
        let (looks, name) = (Looks::default(), ConnectionName::from("a"));
        looks.note(&name, look(1, 100));
        let covered = |id: &str, at| {
            looks.since(&name, Entity::Organization, &ExternalId::from(id), Instant::from_ms(at)).is_some()
        };
        assert!(covered("1", 99));
        assert!(!covered("1", 100), "the read may have begun before the change was made");
        assert!(!covered("2", 99));
        assert!(looks.since(&"b".into(), Entity::Organization, &"1".into(), Instant::from_ms(1)).is_none());
    }

    #[test]
    fn memory_is_bounded() {
        let (looks, name) = (Looks::default(), ConnectionName::from("a"));
        for id in 0..5 * REMEMBERED {
            looks.note(&name, look(id, 100));
        }
        let kept = looks.lock();
        let held = kept.young.len() + kept.old.len();
        assert!(held <= 2 * REMEMBERED, "{held}");
    }
}
