//! Pages that a sweep keeps while it is under way: the ids that were listed, those that were not, and tombstones.

use super::Place;
use crate::{
    facet::hash,
    keys,
    ports::{Condition, Item, ItemKey, TableChange},
    store,
};
use concord_connector::{ExternalId, Result};
use serde::{Serialize, de::DeserializeOwned};

/// Items that one transaction deletes, and that one request reads.
const MANY: u64 = 90;

/// What is kept.
#[derive(Clone, Copy)]
pub(super) enum What {
    Seen,
    Absent,
    Gone,
}

fn key(place: &Place<'_>, what: What, page: u64) -> ItemKey {
    let what = match what {
        What::Seen => "seen",
        What::Absent => "absent",
        What::Gone => "gone",
    };
    keys::scratch(&place.connection.name, place.entity, what, page)
}

/// The hash by which an id is remembered: two of a million ids share one with a probability of one in 40 million, and then
/// one absent id is not noticed.
pub(super) fn mark(id: &ExternalId) -> u64 {
    hash(id).bits()
}

/// Keeps the ids of a page that was listed.
pub(super) async fn put_seen(place: &Place<'_>, page: u64, ids: impl Iterator<Item = u64>) -> Result<()> {
    let body: Vec<u8> = ids.flat_map(u64::to_be_bytes).collect();
    let change = TableChange::Put(Item::new(key(place, What::Seen, page), body), Condition::None);
    place.hub.write_plain(vec![change]).await
}

/// All ids that were listed, sorted.
pub(super) async fn hashes(place: &Place<'_>, pages: u64) -> Result<Vec<u64>> {
    let mut all = Vec::new();
    for from in (0..pages).step_by(MANY as usize) {
        let names: Vec<ItemKey> = (from..(from + MANY).min(pages)).map(|page| key(place, What::Seen, page)).collect();
        for item in place.hub.table.get(&names).await?.into_iter().flatten() {
            let (chunks, _) = item.body.as_chunks::<8>();
            all.extend(chunks.iter().map(|bytes| u64::from_be_bytes(*bytes)));
        }
    }
    all.sort_unstable();
    Ok(all)
}

/// Keeps a page.
pub(super) async fn put<T: Serialize>(place: &Place<'_>, what: What, page: u64, value: &T) -> Result<()> {
    let item = Item::new(key(place, what, page), store::body(value)?);
    place.hub.write_plain(vec![TableChange::Put(item, Condition::None)]).await
}

/// A page that was kept.
pub(super) async fn get<T: DeserializeOwned + Default>(place: &Place<'_>, what: What, page: u64) -> Result<T> {
    match place.hub.item(key(place, what, page)).await? {
        Some(item) => store::parse(&item),
        None => Ok(T::default()),
    }
}

/// Forgets pages.
pub(super) async fn forget(place: &Place<'_>, what: What, pages: u64) -> Result<()> {
    for from in (0..pages).step_by(MANY as usize) {
        let changes = (from..(from + MANY).min(pages))
            .map(|page| TableChange::Delete(key(place, what, page), Condition::None))
            .collect();
        place.hub.write_plain(changes).await?;
    }
    Ok(())
}
