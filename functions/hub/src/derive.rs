//! Deals that become offers and co-sell deals: what a rule of the configuration makes of an opportunity.
//!
//! What is derived is a facet of the connection `concord` in a record of its own, under an id that the rule and the deal
//! give: it is made once, whatever is said twice. It follows the deal; what somebody edits elsewhere is later, and wins until
//! the deal changes again. Every value says whether it is the deal's or a default of the rule.

use crate::{
    commit::{ATTEMPTS, Changed, Hindrance, Transaction},
    facet::{Facet, Link},
    hub::Hub,
    people::{self, Said, Word},
    record::Record,
    settings::CONCORD,
};
use concord_connector::{Entity, Fault, Field, Kind, RecordId, Result, Snapshot, SourceVersion, Value, value::Target};
use std::{collections::BTreeMap, time::Duration};

/// What of a deal becomes what of an offer.
const OFFER: &[(&str, &str)] =
    &[("name", "name"), ("amount", "amount"), ("organization", "organization"), ("buyer_accounts", "buyers")];
/// What of a deal becomes what of a co-sell deal.
const COSELL: &[(&str, &str)] = &[
    ("name", "name"),
    ("amount", "amount"),
    ("organization", "organization"),
    ("stage", "stage"),
    ("close_date", "close_date"),
    ("type", "type"),
    ("next_step", "next_step"),
    ("description", "problem"),
    ("lost_reason", "lost_reason"),
];
/// What of the deal's customer becomes what of a co-sell deal.
const CUSTOMER: &[(&str, &str)] = &[
    ("name", "customer_name"),
    ("website", "website"),
    ("billing_address", "address"),
    ("industry", "industry"),
    ("duns", "duns"),
];

/// A rule: which deals become what.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Derivation {
    /// Its name: `offers.aws`.
    pub name: String,
    /// What deals become: a private offer or a co-sell deal.
    pub cosell: bool,
    /// Values of closed-set fields of the deal, one of which it has to have.
    pub when: BTreeMap<String, Vec<String>>,
    /// What the deal does not say.
    pub defaults: Said,
    /// The last day of acceptance, so many days after the offer was derived.
    pub accept_within_days: Option<u32>,
}

impl Derivation {
    /// What it makes.
    pub fn entity(&self) -> Entity {
        if self.cosell { Entity::CosellDeal } else { Entity::PrivateOffer }
    }

    /// Whether a deal is to become one.
    pub fn wants(&self, deal: &Record) -> bool {
        deal.entity == Entity::Opportunity
            && !deal.is_placeholder()
            && deal.removal.is_none()
            && self.when.iter().all(|(field, values)| {
                let value = deal.value(field).and_then(|value| value.as_str().map(str::to_owned));
                value.is_some_and(|value| values.contains(&value))
            })
    }
}

/// Makes what a rule makes of a deal, or brings it up to date.
///
/// # Errors
/// `Rejected` when a default cannot be; the store's faults.
pub(crate) async fn derive(hub: &Hub, rule: &str, deal: &RecordId) -> Result<()> {
    for _ in 0..ATTEMPTS {
        let settings = hub.settings();
        let (Some(rule), Some((deal, _))) = (settings.derivations.get(rule), hub.record(deal).await?) else {
            return Ok(());
        };
        match attempt(hub, rule, &deal).await {
            Err(Hindrance::Raced) => {}
            Err(Hindrance::Fault(fault)) => return Err(fault),
            Ok(()) => return Ok(()),
        }
    }
    Err(Fault::new(Kind::Unavailable, "derive", "the record is being changed by too many at once"))
}

async fn attempt(hub: &Hub, rule: &Derivation, deal: &Record) -> std::result::Result<(), Hindrance> {
    let entity = rule.entity();
    // A deal that was merged keeps what any of its parts became.
    let named = |id: &str| Link { connection: CONCORD.into(), id: format!("{}/{id}", rule.name).as_str().into() };
    let mut links = vec![named(deal.id.as_str())];
    links.extend(deal.facets.iter().map(|facet| named(facet.home.as_str())));
    links.sort();
    links.dedup();
    let known = hub.links(entity, &links).await?;
    let found = links.iter().zip(known).find_map(|(link, item)| Some((link.clone(), item?.record)));
    let mut transaction = Transaction::default();
    let (link, mut record, rev) = match found {
        Some((link, holder)) => match hub.record(&holder).await? {
            Some((record, rev)) => (link, record, rev),
            None => return Ok(()),
        },
        None if !rule.wants(deal) => return Ok(()),
        None => {
            let id = hub.new_record_id();
            let link = named(deal.id.as_str());
            transaction.new_link(entity, &link, &id, &id)?;
            let mut record = Record::new(id.clone(), entity);
            record.facets.push(Facet::unseen(link.clone(), id));
            (link, record, 0)
        }
    };
    let (values, defaults) = values(hub, rule, deal, &record, &link).await?;
    let now = hub.now();
    let Some(facet) = record.facet_mut(&link) else { return Err(Hindrance::Raced) };
    let view = facet.view();
    let same = !facet.is_unseen() && values.iter().all(|(field, value)| view.held(field).cloned().flatten() == *value);
    if same {
        return Ok(());
    }
    let version = facet.source_version().0.saturating_add(1).max(SourceVersion::from_instant(now).0);
    let mut snapshot = Snapshot::new(entity, link.id.clone(), SourceVersion(version));
    for field in values.keys() {
        let why = if defaults.contains(field.as_str()) { "a default of the rule" } else { "the deal says so" };
        facet.notes.extend(Word::of(format!("[{}]", rule.name), Some(why)).note(now).map(|note| (field.clone(), note)));
    }
    snapshot.fields = values;
    facet.observe(&snapshot, now);
    let changed = Changed { record, rev, observed: None, identity: rev == 0 };
    hub.commit(&hub.settings(), changed, transaction).await.map(drop)
}

type Values = BTreeMap<Field, Option<Value>>;

/// What the derived record is to say, and which of it are defaults.
async fn values(
    hub: &Hub,
    rule: &Derivation,
    deal: &Record,
    record: &Record,
    link: &Link,
) -> Result<(Values, std::collections::BTreeSet<String>)> {
    let entity = rule.entity();
    let mut values: Values = people::values(hub, entity, &rule.defaults).await?;
    let mut defaults: std::collections::BTreeSet<String> =
        values.keys().map(|field| field.as_str().to_owned()).collect();
    let own =
        concord_connector::Reference { entity: Entity::Opportunity, to: Target::Record(deal.id.clone()), role: None };
    values.insert("opportunity".into(), Some(Value::Ref(own)));
    let mut said = |from: &Record, pairs: &[(&str, &str)], values: &mut Values| {
        for (theirs, ours) in pairs {
            if let Some(value) = from.value(theirs) {
                values.insert(Field::from(*ours), Some(value.clone()));
                defaults.remove(*ours);
            }
        }
    };
    if rule.cosell {
        let customer = match deal.value("organization") {
            Some(Value::Ref(reference)) => match &reference.to {
                Target::Record(id) => hub.record(id).await?.map(|(customer, _)| customer),
                Target::External(_) => None,
            },
            _ => None,
        };
        customer.iter().for_each(|customer| said(customer, CUSTOMER, &mut values));
        said(deal, COSELL, &mut values);
    } else {
        said(deal, OFFER, &mut values);
    }
    // Counted from the day on which the offer was derived: it does not move with every change of the deal.
    if let Some(days) = rule.accept_within_days.filter(|_| !rule.cosell) {
        let field = Field::from("accept_by");
        let before = record.facet(link).and_then(|facet| facet.view().held(&field).cloned().flatten());
        let day = hub.now().plus(Duration::from_secs(u64::from(days) * 86_400)).date_in(&jiff::tz::TimeZone::UTC);
        values.insert(field.clone(), Some(before.unwrap_or(Value::Date(day))));
        defaults.insert(field.as_str().to_owned());
    }
    Ok((values, defaults))
}
