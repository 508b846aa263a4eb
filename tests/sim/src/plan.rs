//! What happens in a history, as data: drawn from the seed first, carried out afterwards, so that a failing history can be
//! made shorter by leaving things out.

mod draw;

pub use draw::draw;

use crate::gate::{Break, When};
use concord_connector::{Entity, Field};
use concord_hub::{
    policy::{Others, Rule},
    settings::{Mode, OnDelete},
};

/// A history to be.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The seed.
    pub seed: u64,
    /// The connections.
    pub accounts: Vec<Account>,
    /// What is mapped.
    pub entities: Vec<Entity>,
    /// The things that people know, by number: a company, a person, a deal.
    pub things: Vec<Entity>,
    /// Seconds between polls.
    pub poll_s: u64,
    /// Whether everything is swept now and then; without, polls and webhooks have to do.
    pub sweeps: bool,
    /// Whether queues and table are one store, as in embedded mode: observations are taken in at once, and what is sent goes
    /// with what is put.
    pub one_store: bool,
    /// Policies from the beginning.
    pub policies: Vec<Said>,
    /// What happens, in order of time.
    pub events: Vec<Event>,
}

/// Which stores histories have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stores {
    /// As their seed says.
    #[default]
    Drawn,
    /// Queues and table apart, as on AWS.
    Apart,
    /// Queues and table in one, as in embedded mode.
    One,
}

impl Stores {
    /// The history of a seed, with these stores.
    pub fn plan(self, seed: u64) -> Plan {
        let drawn = draw(seed);
        match self {
            Self::Drawn => drawn,
            Self::Apart => Plan { one_store: false, ..drawn },
            Self::One => Plan { one_store: true, ..drawn },
        }
    }
}

/// A connection.
#[derive(Clone, Debug)]
pub struct Account {
    /// Its name.
    pub name: String,
    /// Its system.
    pub system: String,
    /// Which of the manifest's ways to authorize; the first that works when `None`.
    pub oauth: bool,
    /// Whether it is written to.
    pub mode: Mode,
    /// Whether what is missing there is created.
    pub creates: bool,
    /// What a delete there means.
    pub on_delete: OnDelete,
    /// How far its clock is ahead, in milliseconds.
    pub skew_ms: i64,
}

/// A policy of one field, connections by number.
#[derive(Clone, Debug)]
pub struct Said {
    /// Of which entity.
    pub entity: Entity,
    /// Which field.
    pub field: Field,
    /// Who wins.
    pub rule: Rule,
    /// In order of trust.
    pub order: Vec<usize>,
    /// Whether the others may not say it.
    pub only: bool,
    /// What happens to the edits of those.
    pub others: Others,
}

/// Something that happens.
#[derive(Clone, Debug)]
pub struct Event {
    /// Milliseconds after the beginning.
    pub at: i64,
    /// What.
    pub what: What,
}

/// What happens.
#[derive(Clone, Debug)]
#[allow(missing_docs)]
pub enum What {
    /// A person makes a record of a thing.
    Create { at: usize, thing: usize, number: u64 },
    /// A person edits a field of a thing; `choice` picks which one.
    Edit { at: usize, thing: usize, choice: u64, number: u64 },
    /// A person empties a field.
    Clear { at: usize, thing: usize, choice: u64 },
    /// A person deletes the record of a thing.
    Delete { at: usize, thing: usize },
    /// A person makes a second record of a thing and merges the two there.
    Twin { at: usize, thing: usize, number: u64 },
    /// A person merges the records of a thing at a vendor, when there are two.
    Merge { at: usize, thing: usize },
    /// A person sets a field in Concord.
    Set { thing: usize, choice: u64, number: u64 },
    /// A person joins two things in Concord.
    Join { thing: usize, other: usize },
    /// A person parts what was joined.
    Part { thing: usize },
    /// The admin changes a policy.
    Policy(Said),
    /// The admin takes a field out of a mapping, or puts it in again.
    Map { at: usize, entity: Entity, choice: u64, mapped: bool },
    /// A vendor is down for so many seconds.
    Outage { at: usize, seconds: i64 },
    /// A vendor throttles so many calls.
    Throttle { at: usize, times: u64, after: Option<u64> },
    /// The answer to a vendor's next call is lost; `late`: its next create arrives when the caller has given up.
    LoseAnswer { at: usize, late: bool },
    /// A person edits a thing, and the next reads of its record by its id do not show it.
    Blink { at: usize, thing: usize, times: u32, choice: u64, number: u64 },
    /// A person edits something of which no webhook tells, and the process dies with the poll that finds it in hand.
    Unheard { at: usize, thing: usize, choice: u64, number: u64 },
    /// A vendor answers slowly for so many seconds.
    Slow { at: usize, seconds: i64 },
    /// Webhooks of a vendor are lost for so many seconds.
    LoseWebhooks { at: usize, seconds: i64 },
    /// Webhooks of a vendor wait for so many seconds.
    StallWebhooks { at: usize, seconds: i64 },
    /// Webhooks of a vendor are sent twice and in any order for so many seconds.
    ShuffleWebhooks { at: usize, seconds: i64 },
    /// Every access token of a vendor ends.
    ExpireTokens { at: usize },
    /// The webhook secret is changed; the old one is good for so many seconds more.
    Rotate { at: usize, seconds: i64 },
    /// A vendor's clock jumps ahead.
    Skew { at: usize, skew_ms: i64 },
    /// A port breaks.
    Port { call: u64, what: Break, when: When },
    /// Messages of a kind of queue that are worked on are delivered again.
    Redeliver { queue: usize, messages: u64 },
    /// Messages of a kind of queue are held up.
    Hold { queue: usize, messages: u64, seconds: i64 },
    /// Nobody works on a kind of queue, or on the feed.
    Stall { worker: usize, seconds: i64 },
    /// A record that cannot be read, or a message that is none.
    Poison { at: usize, thing: usize, kind: u64 },
    /// The process is replaced by the next version, and messages of the version before are still there.
    Upgrade { thing: usize },
}

impl What {
    /// A short name, for counting.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Create { .. } => "create",
            Self::Edit { .. } => "edit",
            Self::Clear { .. } => "clear",
            Self::Delete { .. } => "delete",
            Self::Twin { .. } => "twin",
            Self::Merge { .. } => "vendor merge",
            Self::Set { .. } => "set",
            Self::Join { .. } => "join",
            Self::Part { .. } => "part",
            Self::Policy(_) => "policy",
            Self::Map { .. } => "mapping",
            Self::Outage { .. } => "outage",
            Self::Throttle { .. } => "throttle",
            Self::LoseAnswer { late: false, .. } => "lost answer",
            Self::LoseAnswer { late: true, .. } => "late request",
            Self::Blink { .. } => "record not shown",
            Self::Unheard { .. } => "unheard edit",
            Self::Slow { .. } => "slow vendor",
            Self::LoseWebhooks { .. } => "lost webhooks",
            Self::StallWebhooks { .. } => "late webhooks",
            Self::ShuffleWebhooks { .. } => "shuffled webhooks",
            Self::ExpireTokens { .. } => "expired tokens",
            Self::Rotate { .. } => "secret rotation",
            Self::Skew { .. } => "clock jump",
            Self::Port { what: Break::Die, .. } => "crash",
            Self::Port { what: Break::Fail(_), .. } => "port failure",
            Self::Port { what: Break::Half, .. } => "partial batch",
            Self::Redeliver { .. } => "redelivery",
            Self::Hold { .. } => "held messages",
            Self::Stall { .. } => "stalled worker",
            Self::Poison { .. } => "poison",
            Self::Upgrade { .. } => "upgrade",
        }
    }
    /// Whether it is there as soon as it happens; the others wait for a call that they can trouble, and are counted then.
    pub fn is_at_once(&self) -> bool {
        !matches!(
            self,
            Self::Port { .. }
                | Self::Redeliver { .. }
                | Self::Hold { .. }
                | Self::Poison { .. }
                | Self::Throttle { .. }
                | Self::LoseAnswer { .. }
                | Self::Blink { .. }
                | Self::Unheard { .. }
        )
    }
    /// Whether people do it, and not fate.
    pub fn is_act(&self) -> bool {
        matches!(
            self,
            Self::Create { .. }
                | Self::Edit { .. }
                | Self::Clear { .. }
                | Self::Delete { .. }
                | Self::Twin { .. }
                | Self::Merge { .. }
                | Self::Set { .. }
                | Self::Join { .. }
                | Self::Part { .. }
                | Self::Policy(_)
                | Self::Map { .. }
        )
    }
}
