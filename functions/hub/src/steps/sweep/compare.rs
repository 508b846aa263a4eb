//! Whether what a list shows is what is known here.

use super::Place;
use crate::{
    facet::{Facet, Link},
    message::Observation,
};
use concord_connector::{RecordId, Result, Snapshot};
use std::collections::BTreeSet;

/// What a list says against what is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It was never read here.
    Missing,
    /// Something is different there, or newer.
    Differs,
    /// The very same.
    Same,
    /// It refers to others, which a list alone does not compare: it is looked at as every observation is.
    Unclear,
}

/// Compares a page with two reads of the table.
pub(super) async fn compare(place: &Place<'_>, page: &[Observation]) -> Result<Vec<Known>> {
    let links: Vec<Link> =
        page.iter().map(|one| Link { connection: one.connection.clone(), id: one.snapshot.id.clone() }).collect();
    let items = place.hub.links(place.entity, &links).await?;
    let ids: BTreeSet<RecordId> = items.iter().flatten().map(|item| item.record.clone()).collect();
    let ids: Vec<RecordId> = ids.into_iter().collect();
    let records = if ids.is_empty() { Default::default() } else { place.hub.records(&ids).await? };
    let judged = page.iter().zip(&links).zip(items).map(|((one, link), item)| {
        let facet = item.and_then(|item| records.get(&item.record)).and_then(|(record, _)| record.facet(link));
        judge(facet, &one.snapshot)
    });
    Ok(judged.collect())
}

fn judge(facet: Option<&Facet>, snapshot: &Snapshot) -> Known {
    let Some(facet) = facet.filter(|facet| !facet.is_unseen()) else { return Known::Missing };
    let refers = snapshot.fields.values().flatten().any(|value| !value.references().is_empty());
    let view = facet.view();
    let equal = |field, value: &Option<_>| view.held(field) == Some(value);
    let plain =
        snapshot.fields.iter().filter(|(_, value)| value.as_ref().is_none_or(|value| value.references().is_empty()));
    // A receipt may stand under a version that the vendor counts in whole seconds; content decides then.
    let same = facet.is_live()
        && facet.source_version() == snapshot.version
        && facet.keys == snapshot.keys
        && plain.into_iter().all(|(field, value)| refers || equal(field, value));
    match (same, refers) {
        (true, false) => Known::Same,
        (true, true) => Known::Unclear,
        // Older than what is known: an index that lags.
        (false, _) if facet.is_live() && snapshot.version < facet.source_version() => Known::Unclear,
        (false, _) => Known::Differs,
    }
}
