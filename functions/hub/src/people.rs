//! What people decide in Concord: a value, that two records are one, that one record is two, whose an external record is.
//!
//! Every decision goes through the one commit that everything else goes through, and is kept where the facts are: a
//! value in the facet of the connection `concord`, a decision about identity as a pin on facets. Resolving again - after
//! another policy, an unlink, a restart - therefore honours it.

mod join;
mod link;
mod make;
mod say;
mod value;
mod word;

pub use join::{apart, apart_by, merge, merge_by, unmerge, unmerge_by};
pub use link::{link, link_by, unlink, unlink_by};
pub(crate) use make::values;
pub use make::{Said, make, set_all};
pub(crate) use say::own_facet;
pub use say::{set, set_by, withdraw};
pub use value::parse as parse_value;
pub use word::Word;

use crate::{
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    facet::{Facet, Link},
    hub::Hub,
    record::Record,
    settle,
};
use concord_connector::{Fault, Kind, RecordId, Result};
use serde::Serialize;
use std::collections::BTreeSet;

/// What came of a decision about identity.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Decision {
    /// The records that it concerns, as they are named now.
    pub records: BTreeSet<RecordId>,
    /// True when it is kept and takes effect later, because a record is just being created somewhere.
    pub waits: bool,
    /// A sentence for the person.
    pub sentence: String,
}

/// A refusal, in a sentence that says what to do instead.
pub(crate) fn refusal(sentence: impl Into<String>) -> Fault {
    Fault::new(Kind::Rejected, "people", sentence)
}

/// The record of an id, redirects followed.
pub(crate) async fn record(hub: &Hub, id: &RecordId) -> Result<(Record, u64)> {
    let found = hub.record(id).await?;
    found.ok_or_else(|| Fault::new(Kind::NotFound, "people", format!("There is no record `{id}`.")))
}

/// Changes a record's facets and commits, again from the start when somebody else was first. The change may add to the
/// transaction; `None` says that there is nothing to do. Returns the records as they are now.
pub(crate) async fn change<C>(hub: &Hub, id: &RecordId, mut change: C) -> Result<Vec<Record>>
where
    C: FnMut(&mut Record, &mut Transaction) -> Result<Option<Identity>>,
{
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let (mut record, rev) = self::record(hub, id).await?;
        let mut transaction = Transaction::default();
        let Some(identity) = change(&mut record, &mut transaction)? else { return Ok(vec![record]) };
        let changed = Changed { record, rev, observed: None, identity: identity == Identity::LookAgain };
        match hub.commit(&settings, changed, transaction).await {
            Ok(committed) => return Ok(committed.records.into_values().collect()),
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
        }
    }
    Err(Fault::new(Kind::Unavailable, "people", "The record is being changed by too many at once; try again."))
}

/// Whether a change may make other records of the facets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// It may.
    LookAgain,
    /// It cannot.
    Same,
}

/// Moves a facet's neighbours so that its record keeps its own id as a home after the facet has left.
pub(crate) fn keep_home(record: &mut Record, leaving: &Link) {
    let stays = |facet: &Facet| facet.link != *leaving;
    if record.facets.iter().filter(|facet| stays(facet)).any(|facet| facet.home == record.id) {
        return;
    }
    let Some(next) = record.facets.iter().filter(|facet| stays(facet)).map(|facet| facet.home.clone()).min() else {
        return;
    };
    for facet in record.facets.iter_mut().filter(|facet| facet.home == next && facet.link != *leaving) {
        facet.home = record.id.clone();
    }
}

/// The facets of external systems.
pub(crate) fn external(record: &Record) -> impl Iterator<Item = &Facet> {
    record.facets.iter().filter(|facet| !settle::is_concord(&facet.link.connection))
}
