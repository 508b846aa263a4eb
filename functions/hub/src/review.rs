//! Review items: what a person has to decide or to know.

use crate::{
    facet::{Link, hash},
    record::Record,
    resolve::Viewed,
};
use concord_connector::{ConnectionName, Entity, Field, Instant, RecordId, SubscriptionName, key::Key, time::Date};
use serde::{Deserialize, Serialize};

/// What it is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// A key that would join what must not be joined; it joins nobody.
    AmbiguousKey {
        /// Of which entity.
        entity: Entity,
        /// The key.
        key: Key,
        /// Everyone who claims it.
        claimants: Vec<Link>,
    },
    /// A field with rule `manual` whose claims differ.
    Undecided {
        /// The record.
        record: RecordId,
        /// The field.
        field: Field,
        /// Who says what.
        claims: Vec<(Link, String)>,
    },
    /// A field that was written back again and again.
    ParkedField {
        /// The record.
        record: RecordId,
        /// Where.
        link: Link,
        /// Which.
        field: Field,
    },
    /// A record that was deleted in one system.
    Deleted {
        /// The record.
        record: RecordId,
        /// Where.
        link: Link,
    },
    /// Several records there could be this one; none was created.
    SeveralFound {
        /// The record.
        record: RecordId,
        /// Where.
        connection: ConnectionName,
        /// Their ids there.
        found: Vec<String>,
    },
    /// A record there that could be this one belongs to another golden record already.
    TakenElsewhere {
        /// The record.
        record: RecordId,
        /// The external record.
        link: Link,
        /// Whose it is.
        owner: RecordId,
    },
    /// A delivery was refused again and again.
    Refused {
        /// The record.
        record: RecordId,
        /// Where.
        connection: ConnectionName,
    },
    /// A delivery waited too long for another record.
    Waited {
        /// The record.
        record: RecordId,
        /// Where.
        connection: ConnectionName,
    },
    /// A subscriber is no longer told of changes.
    Stopped {
        /// Whom.
        subscription: SubscriptionName,
    },
    /// A wave of changes that is out of proportion; it is stopped.
    Wave {
        /// Which.
        wave: crate::brake::WaveName,
        /// Since when.
        since: Instant,
        /// What it would do.
        plan: crate::brake::Plan,
    },
    /// An agreement or an offer whose end is near.
    Ends {
        /// The record.
        record: RecordId,
        /// Its last day.
        on: Date,
    },
    /// An offer that was drafted and waits for a person.
    Drafted {
        /// The offer.
        record: RecordId,
        /// The agreement that it renews.
        agreement: RecordId,
    },
    /// An identity change that would touch too many items at once.
    TooLarge {
        /// The record.
        record: RecordId,
    },
}

/// A review item.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Review {
    /// Its id, derived from what it is about: the same question is asked once.
    pub id: String,
    /// What it is about.
    pub subject: Subject,
    /// A sentence for the person.
    pub sentence: String,
    /// What can be decided; the first is the default.
    pub choices: Vec<String>,
    /// When it was raised.
    pub raised_at: Instant,
    /// What was decided; an item that is decided is kept so that it is not raised again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
}

/// A person's answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// Which of the choices.
    pub choice: String,
    /// The value that came with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// When.
    pub at: Instant,
    /// Who, as they are known where they decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

impl Subject {
    /// Names the question: asked again with other details, it is the same one.
    pub fn question(&self) -> String {
        let named = match self {
            Self::AmbiguousKey { entity, key, .. } => hash(&("key", entity, key)),
            Self::Undecided { record, field, .. } => hash(&("undecided", record, field)),
            Self::ParkedField { link, field, .. } => hash(&("parked", link, field)),
            Self::Deleted { link, .. } => hash(&("deleted", link)),
            Self::SeveralFound { record, connection, .. } => hash(&("several", record, connection)),
            Self::TakenElsewhere { record, link, .. } => hash(&("taken", record, link)),
            Self::Refused { record, connection } => hash(&("refused", record, connection)),
            Self::Waited { record, connection } => hash(&("waited", record, connection)),
            Self::Stopped { subscription } => hash(&("stopped", subscription)),
            Self::TooLarge { record } => hash(&("large", record)),
            Self::Ends { record, .. } => hash(&("ends", record)),
            Self::Drafted { record, .. } => hash(&("drafted", record)),
            Self::Wave { wave, since, .. } => hash(&("wave", wave, since)),
        };
        named.hex()
    }

    /// Whether the same question is about more than when it was decided. A key that somebody else claims as well is;
    /// one that somebody ceased to claim is not.
    pub(crate) fn asks_more(&self, decided: &Self) -> bool {
        match (self, decided) {
            (Self::AmbiguousKey { claimants: now, .. }, Self::AmbiguousKey { claimants: then, .. }) => {
                now.iter().any(|link| !then.contains(link))
            }
            (now, then) => now != then,
        }
    }

    /// The question whether a key is ambiguous.
    pub(crate) fn about_key(entity: Entity, key: &Key) -> String {
        hash(&("key", entity, key)).hex()
    }

    /// The question what follows from an end that is near.
    pub(crate) fn about_end(record: &RecordId) -> String {
        hash(&("ends", record)).hex()
    }

    /// The question what a delete means.
    pub(crate) fn about_delete(link: &Link) -> String {
        hash(&("deleted", link)).hex()
    }
}

impl Review {
    /// A review item; `raised_at` is set when it is stored.
    pub fn new(subject: Subject, sentence: String, choices: &[&str]) -> Self {
        let id = subject.question();
        let choices = choices.iter().map(|choice| (*choice).to_owned()).collect();
        Self { id, subject, sentence, choices, raised_at: Instant::EPOCH, decided: None }
    }

    pub(crate) fn undecided(record: &Record, field: &Field, viewed: &[Viewed<'_>]) -> Self {
        let claims: Vec<(Link, String)> = viewed
            .iter()
            .filter_map(|one| {
                let said = one.view.said(field)?;
                Some((
                    one.facet.link.clone(),
                    said.value.as_ref().map_or_else(|| "(empty)".into(), ToString::to_string),
                ))
            })
            .collect();
        let shown: Vec<String> = claims.iter().map(|(link, value)| format!("{link} says `{value}`")).collect();
        let sentence = format!("`{field}` of {} is decided by a person: {}.", record.id, shown.join(", "));
        Self::new(Subject::Undecided { record: record.id.clone(), field: field.clone(), claims }, sentence, &["set"])
    }

    pub(crate) fn ambiguous(entity: Entity, ambiguity: &crate::identity::Ambiguity) -> Self {
        let claimants: Vec<String> = ambiguity.claimants.iter().map(ToString::to_string).collect();
        let sentence = format!(
            "The key {} would make one {entity} of {}, but {}. It joins none of them.",
            ambiguity.key,
            claimants.join(", "),
            ambiguity.why
        );
        let subject =
            Subject::AmbiguousKey { entity, key: ambiguity.key.clone(), claimants: ambiguity.claimants.clone() };
        Self::new(subject, sentence, &["keep_apart", "merge"])
    }

    pub(crate) fn too_large(record: &RecordId) -> Self {
        let sentence =
            format!("Joining {record} with others would touch too many items at once; merge them step by step.");
        Self::new(Subject::TooLarge { record: record.clone() }, sentence, &["dismiss"])
    }

    pub(crate) fn parked_field(record: &RecordId, link: &Link, field: &Field) -> Self {
        let sentence = format!(
            "`{field}` of {record} was written back to {link} twice within a day and changed there each time; it is no longer written there. Something at that system undoes it."
        );
        Self::new(
            Subject::ParkedField { record: record.clone(), link: link.clone(), field: field.clone() },
            sentence,
            &["resume", "leave"],
        )
    }

    pub(crate) fn deleted(record: &Record, link: &Link, what: &str) -> Self {
        let sentence = format!("{link} was deleted there; {what}.");
        Self::new(
            Subject::Deleted { record: record.id.clone(), link: link.clone() },
            sentence,
            &["keep", "delete_everywhere", "create_again"],
        )
    }
}
