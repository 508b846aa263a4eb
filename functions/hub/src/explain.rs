//! Why a record is as it is: who said each value, when, and which rule let it win; what each system holds instead, and
//! why; what made the external records one; what is still to do.

mod field;
mod text;
mod work;

use crate::{
    facet::{Link, Note},
    hub::Hub,
    identity::{self, Claimant},
    policy::Rule,
    record::Record,
    resolve::Golden,
    settings::Settings,
    views::When,
};
use concord_connector::{
    Entity, Field, RecordId, Result,
    key::{Key, KeyKind},
};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

/// The explanation of a record.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Explanation {
    /// The record.
    pub id: RecordId,
    /// Its kind.
    pub entity: Entity,
    /// Its version.
    pub version: u64,
    /// The configuration that it was resolved with.
    pub configuration: u64,
    /// When the version was committed.
    pub committed_at: When,
    /// Field by field.
    pub fields: Vec<FieldStory>,
    /// The external records, and what made them one.
    pub members: Vec<Member>,
    /// What is still to do, in sentences.
    pub work: Vec<String>,
}

/// How a field came to its value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FieldStory {
    /// The field.
    pub field: Field,
    /// Its value as people read it; `None` is empty.
    pub value: Option<String>,
    /// Who said it; `None` where a person has to decide.
    pub said_by: Option<Link>,
    /// When it was edited; `None` when it was there at first sight.
    pub at: Option<When>,
    /// The rule that let it win.
    pub rule: Rule,
    /// A sentence that says all of this.
    pub because: String,
    /// True when the loser's edit lies in the range in which the winner's was made.
    pub time_uncertain: bool,
    /// Who said it in Concord and why, or who took it back, where somebody noted it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub note: Option<Note>,
    /// What others said.
    pub lost: Vec<Said>,
    /// Systems that hold something else.
    pub elsewhere: Vec<Held>,
}

/// Something that was said and did not win.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Said {
    /// By whom.
    pub by: Link,
    /// What; `None` is empty.
    pub value: Option<String>,
    /// When; `None` when it was there at first sight.
    pub at: Option<When>,
    /// False where the policy does not let them say the field.
    pub counts: bool,
}

/// What a system holds instead of the value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Held {
    /// Where.
    pub at: Link,
    /// What; `None` is empty or never seen.
    pub value: Option<String>,
    /// Why.
    pub why: String,
}

/// An external record and what ties it to the others.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Member {
    /// Which one.
    pub link: Link,
    /// The record that it would belong to alone.
    pub home: RecordId,
    /// Whether it is there.
    pub live: bool,
    /// When it was last read or written.
    pub confirmed_at: Option<When>,
    /// Keys that it shares with others of the record.
    pub joined_by: Vec<String>,
    /// Records that a person keeps it apart from.
    pub apart: Vec<RecordId>,
    /// Who decided about its identity, when and why.
    pub decided: Vec<Note>,
}

/// Explains a record; `None` when there is none.
///
/// # Errors
/// The store's faults.
pub async fn explain(hub: &Hub, id: &RecordId) -> Result<Option<Explanation>> {
    let settings = hub.settings();
    let found = hub.record(id).await?;
    Ok(found.map(|(record, _)| of(&record, &settings)))
}

/// Explains a record as settings stand. Pure.
pub fn of(record: &Record, settings: &Settings) -> Explanation {
    Explanation {
        id: record.id.clone(),
        entity: record.entity,
        version: record.version,
        configuration: record.configuration,
        committed_at: When(record.committed_at),
        fields: field::stories(record, settings),
        members: members(record),
        work: work::sentences(record, settings),
    }
}

/// The sentence that says whose word a golden field is, and why.
pub(crate) fn because(record: &Record, settings: &Settings, field: &Field, golden: Option<&Golden>) -> String {
    settings
        .policy
        .of(record.entity, field)
        .map_or_else(String::new, |policy| field::because(record, field, golden, policy))
}

fn members(record: &Record) -> Vec<Member> {
    let claimants: Vec<Claimant> = record.facets.iter().map(|facet| Claimant::of(record, facet)).collect();
    let mut bearers: BTreeMap<&Key, BTreeSet<&Link>> = BTreeMap::new();
    for claimant in &claimants {
        for key in &claimant.keys {
            bearers.entry(key).or_default().insert(&claimant.link);
        }
    }
    let member = |facet: &crate::facet::Facet, claimant: &Claimant| {
        let shared = claimant.keys.iter().filter(|key| bearers[*key].len() > 1);
        Member {
            link: facet.link.clone(),
            home: facet.home.clone(),
            live: facet.is_live(),
            confirmed_at: (!facet.is_unseen()).then(|| When(facet.confirmed_at())),
            joined_by: shared.map(joining).collect(),
            apart: facet.pins.apart.iter().cloned().collect(),
            decided: facet.pins.notes.values().fold(Vec::new(), |mut notes, note| {
                if !notes.contains(note) {
                    notes.push(note.clone());
                }
                notes
            }),
        }
    };
    record.facets.iter().zip(&claimants).map(|(facet, claimant)| member(facet, claimant)).collect()
}

fn joining(key: &Key) -> String {
    match key.kind {
        KeyKind::Pin if key.value.starts_with("created-") => "we created it for this record".into(),
        KeyKind::Pin => "a person joined them".into(),
        _ => key.to_string(),
    }
}

/// The keys of a record's external records, for showing.
pub fn keys(record: &Record) -> BTreeSet<String> {
    record.facets.iter().flat_map(|facet| identity::keys(record.entity, facet)).map(|key| key.to_string()).collect()
}
