//! Review items: listing them, showing one, deciding it once.

mod decide;

pub use decide::release;
pub use decide::{decide, decide_by};

use crate::{
    hub::Hub,
    keys,
    people::Word,
    ports::{Condition, Index, Item, Query, TableChange},
    review::{Decided, Review, Subject},
    store,
};
use concord_connector::{Field, RecordId, Result};
use serde::Serialize;

/// The most that one page holds.
const MOST: usize = 500;

/// A page of open review items, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Page {
    /// The items.
    pub reviews: Vec<Review>,
    /// Where the next page goes on; `None` at the end.
    pub next: Option<String>,
}

/// Open review items.
///
/// # Errors
/// The store's faults.
pub async fn list(hub: &Hub, after: Option<&str>, limit: usize) -> Result<Page> {
    let limit = limit.clamp(1, MOST);
    let query = Query { after: after.map(str::to_owned), ..Query::partition(Some(Index::Reviews), keys::ALL, limit) };
    let page = hub.table.query(query).await?;
    let names: Vec<_> = page.keys.into_iter().map(|(_, key)| key).collect();
    let items = if names.is_empty() { Vec::new() } else { hub.table.get(&names).await? };
    let mut reviews = Vec::with_capacity(items.len());
    for item in items.iter().flatten() {
        let review: Review = store::parse(item)?;
        // The index may lag behind a decision.
        if review.decided.is_none() {
            reviews.push(review);
        }
    }
    Ok(Page { reviews, next: page.next })
}

/// One item, decided or not.
///
/// # Errors
/// The store's faults.
pub async fn show(hub: &Hub, id: &str) -> Result<Option<Review>> {
    hub.item(keys::review(id)).await?.as_ref().map(store::parse).transpose()
}

/// Keeps an open question as decided, out of every list, so that it is not asked again. One that is not there, that is
/// about something else by now, or that was decided, stays as it is.
pub(crate) async fn answered(hub: &Hub, asked: &Review, choice: &str, word: &Word) -> Result<()> {
    let Some(item) = hub.item(keys::review(&asked.id)).await? else { return Ok(()) };
    let review: Review = store::parse(&item)?;
    if review.decided.is_some() || review.subject != asked.subject {
        return Ok(());
    }
    let decided =
        Decided { choice: choice.to_owned(), value: None, at: hub.now(), by: word.by.clone(), why: word.why.clone() };
    close(hub, &Review { decided: Some(decided), ..review }, item.rev).await
}

/// A field that a person has just set is no open question any more.
pub(crate) async fn settled(hub: &Hub, record: &RecordId, field: &Field, word: &Word) -> Result<()> {
    match show(hub, &about(record, field)).await? {
        Some(review) => answered(hub, &review, "set", word).await,
        None => Ok(()),
    }
}

/// A field whose value a person has taken back may be asked about again.
pub(crate) async fn reopen(hub: &Hub, record: &RecordId, field: &Field) -> Result<()> {
    let question = about(record, field);
    match show(hub, &question).await? {
        Some(review) if review.decided.is_some() => {
            hub.write_plain(vec![TableChange::Delete(keys::review(&question), Condition::None)]).await
        }
        _ => Ok(()),
    }
}

fn about(record: &RecordId, field: &Field) -> String {
    Subject::Undecided { record: record.clone(), field: field.clone(), claims: Vec::new() }.question()
}

async fn close(hub: &Hub, decided: &Review, rev: u64) -> Result<()> {
    let item = Item { rev: rev + 1, ..Item::new(keys::review(&decided.id), store::body(decided)?) };
    hub.write_plain(vec![TableChange::Put(item, Condition::Rev(rev))]).await
}
