//! What Concord works out of offers, agreements and entitlements and keeps in them: whose they are, what is left after the
//! marketplace's fee, and whether their end is near.
//!
//! It is a facet of the connection `concord` in the record itself. The scheduler looks at a record again on the day on which
//! something changes by itself; that day is an item of its own, found by its time, so that nothing is scanned.

use super::{
    KEPT, Makes, Marketplace, Percent,
    end::{self, End},
    follow, order, renewal, say_because, shows, values,
    values::Values,
    word,
};
use crate::{
    commit::{Changed, Hindrance, Transaction},
    facet::{Facet, Link},
    hub::Hub,
    keys,
    ports::{Condition, Index, IndexEntry, Item, Query, QueueName, TableChange},
    record::{self, Record},
    referrers,
    review::{Review, Subject},
    settings::{CONCORD, Settings},
};
use concord_connector::{Entity, Field, Instant, RecordId, Result, Value, schema::Category};
use std::collections::BTreeMap;

/// Where looks are in the index of work. No connection's name has that sign.
const LOOKS: &str = "looks#";
/// Looks that one tick orders.
const PAGE: usize = 200;

/// Brings what is kept of a record up to date, and what depends on it.
pub(super) async fn keep(hub: &Hub, settings: &Settings, id: &RecordId) -> std::result::Result<(), Hindrance> {
    let Some((record, rev)) = hub.record(id).await? else { return Ok(()) };
    if record.is_placeholder() || record.removal.is_some() {
        return Ok(());
    }
    if record.entity == Entity::Order {
        return leave_amounts(hub, record, rev).await;
    }
    let offer = follow(hub, &record, "private_offer").await?;
    let agreement = follow(hub, &record, "agreement").await?;
    let cloud = cloud(settings, &record, offer.as_ref());
    let market = cloud.as_ref().and_then(|cloud| settings.marketplaces.get(cloud));
    let renewing = (record.entity == Entity::Agreement)
        .then(|| renewal::rule(settings, offer.as_ref(), cloud.as_deref()))
        .flatten();
    let now = hub.now();
    let warn = market.map(|market| warning(market, record.entity));
    let end = end::of(&record, now, warn, renewing.and_then(|rule| rule.renew_before_days));
    if let Some(market) = market {
        let (values, why) = kept(&record, offer.as_ref(), agreement.as_ref(), market, end);
        if say(hub, &record, rev, values, &why, end, cloud.as_deref()).await? {
            // What it is now is looked at with what this brought.
            return Err(Hindrance::Raced);
        }
    }
    if let (Some(rule), Some(End { renews: true, on, .. })) = (renewing, end) {
        renewal::draft(hub, rule, &record, offer.as_ref(), on).await?;
    }
    if record.entity == Entity::PrivateOffer {
        renewal::confirmed(hub, &record).await?;
    }
    look_again(hub, &record, rev, end.and_then(|end| end.next)).await?;
    pass_on(hub, settings, &record).await.map_err(Hindrance::from)
}

fn warning(market: &Marketplace, of: Entity) -> u32 {
    match of {
        Entity::PrivateOffer => market.warn_offer_before_days.unwrap_or(super::WARN_OFFER_BEFORE_DAYS),
        _ => market.warn_before_days.unwrap_or(super::WARN_BEFORE_DAYS),
    }
}

/// Whose marketplace it is: as the offer says, or by the marketplace that has it. A marketplace's system is named after it.
fn cloud(settings: &Settings, record: &Record, offer: Option<&Record>) -> Option<String> {
    let said = word(record, "cloud").or_else(|| offer.and_then(|offer| word(offer, "cloud")));
    let of = |facet: &Facet| {
        let connector = &settings.connections.get(&facet.link.connection)?.connector;
        let is_one = connector.manifest().category == Category::Marketplace;
        let name = connector.system().as_str();
        is_one.then(|| name.split_once('-').map_or(name, |(cloud, _)| cloud).to_owned())
    };
    said.or_else(|| record.facets.iter().find_map(of))
}

type Why = BTreeMap<Field, String>;

/// The values that are kept, and why each is what it is.
fn kept(
    record: &Record,
    offer: Option<&Record>,
    agreement: Option<&Record>,
    market: &Marketplace,
    end: Option<End>,
) -> (Values, Why) {
    let mut values = Values::new();
    let mut why = Why::new();
    let mut put = |field: &str, value: Option<Value>, because: String| {
        if value.is_some() {
            values.insert(field.into(), value);
            why.insert(field.into(), because);
        }
    };
    if record.entity != Entity::PrivateOffer {
        let sources = [(offer, "the offer says so"), (agreement, "the agreement says so")];
        for field in ["name", "organization", "opportunity"] {
            // What it says by itself stays; an entitlement is of no deal.
            let has = record.golden.get(field).is_some_and(|golden| golden.value.is_some() && !is_ours(&golden.from));
            if has || record.entity.field(field).is_none() {
                continue;
            }
            let found = sources.iter().find_map(|(source, because)| Some(((*source)?.value(field)?, *because)));
            if let Some((value, because)) = found {
                put(field, Some(value.clone()), because.to_owned());
            }
        }
    }
    if let Some((percent, from)) = share(record, offer, market) {
        if from != Share::Said {
            put("fee", Value::text(&percent.to_string()), from.because().to_owned());
        }
        if let Some(Value::Money(amount)) = record.value("amount") {
            let because = format!("{amount} less {percent} %, rounded half up");
            put("net_amount", Some(Value::Money(percent.rest(*amount))), because);
        }
    }
    if let Some(end) = end {
        let (text, because) = match end.is_near {
            true => ("yes", format!("it ends on {}", end.on)),
            false => ("no", format!("it ends on {}, which is not near", end.on)),
        };
        put("ending", Some(Value::Enum(text.into())), because);
    }
    (values, why)
}

/// Where a fee comes from.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Share {
    /// A person or a system said it of this record.
    Said,
    /// It is the offer's.
    Offers,
    /// It is the policy's.
    Policy,
    /// It is the policy's for renewals.
    Renewals,
}

impl Share {
    fn because(self) -> &'static str {
        match self {
            Self::Said => "it was said",
            Self::Offers => "the offer's",
            Self::Policy => "the policy for this marketplace",
            Self::Renewals => "the policy for renewals at this marketplace",
        }
    }
}

fn share(record: &Record, offer: Option<&Record>, market: &Marketplace) -> Option<(Percent, Share)> {
    record.entity.field("fee")?;
    let read = |record: &Record| Percent::parse(record.value("fee")?.as_str()?);
    let said = record.golden.get("fee").is_some_and(|golden| !is_ours(&golden.from));
    if let Some(percent) = read(record).filter(|_| said) {
        return Some((percent, Share::Said));
    }
    if let Some(percent) = offer.and_then(read) {
        return Some((percent, Share::Offers));
    }
    match market.renewal_fee.filter(|_| word(record, "kind").as_deref() == Some("renewal")) {
        Some(percent) => Some((percent, Share::Renewals)),
        None => market.fee.map(|percent| (percent, Share::Policy)),
    }
}

/// The facet that holds what is kept: of a record, under this name.
fn own(record: &RecordId) -> Link {
    Link { connection: CONCORD.into(), id: format!("{KEPT}/{record}").as_str().into() }
}

fn is_ours(link: &Link) -> bool {
    link.connection.as_str() == CONCORD && link.id.as_str().strip_prefix(KEPT).is_some_and(|rest| rest.starts_with('/'))
}

/// Lets the record say what is kept; whether anything was to be said.
async fn say(
    hub: &Hub,
    record: &Record,
    rev: u64,
    values: Values,
    why: &Why,
    end: Option<End>,
    cloud: Option<&str>,
) -> std::result::Result<bool, Hindrance> {
    let mut record = record.clone();
    let mut transaction = Transaction::default();
    let mut any = false;
    if values.is_empty() && !record.facets.iter().any(|facet| is_ours(&facet.link)) {
        return Ok(false);
    }
    if !record.facets.iter().any(|facet| is_ours(&facet.link)) {
        let link = own(&record.id);
        transaction.put_link(record.entity, &link, &record.id, &record.id)?;
        record.facets.push(Facet::unseen(link, record.id.clone()));
        record.facets.sort_by(|a, b| a.link.cmp(&b.link));
    }
    let rule = format!("{KEPT}.{}", cloud.unwrap_or_default());
    let was_near = word(&record, "ending").as_deref() == Some("yes");
    let entity = record.entity;
    // After a merge there may be several; all of them say the same, so that none is left with an old word.
    for facet in record.facets.iter_mut().filter(|facet| is_ours(&facet.link)) {
        // What follows from nothing any more is not said any more.
        let gone: Vec<Field> =
            facet.view().cells.keys().filter(|field| !values.contains_key(*field)).cloned().collect();
        for field in gone {
            facet.forget(&field);
            facet.notes.remove(&field);
            any = true;
        }
        if !shows(facet, &values) {
            any = true;
            say_because(hub, entity, facet, values.clone(), why, &rule);
        }
    }
    if !any {
        return Ok(false);
    }
    match end {
        Some(end) if end.is_near => {
            let review = warn(&record, end);
            hub.raise(&mut transaction, vec![review], hub.now()).await?;
        }
        _ if was_near => transaction.close(&Subject::about_end(&record.id)),
        _ => {}
    }
    let changed = Changed { record, rev, observed: None, identity: false };
    hub.commit(&hub.settings(), changed, transaction).await?;
    Ok(true)
}

fn warn(record: &Record, end: End) -> Review {
    let name = record.value("name").map_or_else(|| "without a name".to_owned(), |name| format!("`{name}`"));
    let sentence = match record.entity {
        Entity::PrivateOffer => {
            format!("The offer {} ({name}) can be accepted until {}, and was not.", record.id, end.on)
        }
        _ => format!("The agreement {} ({name}) ends on {}; nothing renews it by itself.", record.id, end.on),
    };
    Review::new(Subject::Ends { record: record.id.clone(), on: end.on }, sentence, &["dismiss"])
}

/// Once the order system says what an order comes to, that holds: Concord's own word would win for ever.
async fn leave_amounts(hub: &Hub, mut record: Record, rev: u64) -> std::result::Result<(), Hindrance> {
    let said_there = values::says_erp(&record);
    let mut any = false;
    for facet in record.facets.iter_mut().filter(|facet| said_there && facet.link.connection.as_str() == CONCORD) {
        let derived = facet.link.id.as_str().starts_with("orders.");
        for field in values::AMOUNTS.map(Field::from) {
            if derived && facet.view().cells.contains_key(&field) {
                facet.forget(&field);
                any = true;
            }
        }
    }
    if !any {
        return Ok(());
    }
    let changed = Changed { record, rev, observed: None, identity: false };
    hub.commit(&hub.settings(), changed, Transaction::default()).await.map(drop)
}

/// Notes when the record is to be looked at again, while it is as it was looked at now.
async fn look_again(hub: &Hub, record: &Record, rev: u64, next: Option<Instant>) -> std::result::Result<(), Hindrance> {
    let key = keys::look(&record.id);
    let known = hub.item(key.clone()).await?;
    let entry = next.map(|at| IndexEntry {
        index: Index::Pending,
        partition: LOOKS.to_owned(),
        sort: format!("{}#{}", record::place(at), record.id),
    });
    let change = match (known, entry) {
        (None, None) => return Ok(()),
        (Some(item), Some(entry)) if item.index == [entry.clone()] => return Ok(()),
        (Some(item), None) => TableChange::Delete(key, Condition::Rev(item.rev)),
        (known, Some(entry)) => {
            let rev = known.map_or(0, |item| item.rev);
            let condition = if rev == 0 { Condition::Absent } else { Condition::Rev(rev) };
            TableChange::Put(Item { rev: rev + 1, index: vec![entry], ..Item::new(key, b"{}".to_vec()) }, condition)
        }
    };
    let mut transaction = Transaction::default();
    transaction.push(change);
    transaction.push(TableChange::Check(keys::record(&record.id), Condition::Rev(rev)));
    hub.transact(transaction).await
}

/// What refers to it follows it.
async fn pass_on(hub: &Hub, settings: &Settings, record: &Record) -> Result<()> {
    let next = match record.entity {
        Entity::PrivateOffer => [Entity::Agreement, Entity::Entitlement].as_slice(),
        Entity::Agreement => &[Entity::Entitlement],
        _ => return Ok(()),
    };
    let mut messages = Vec::new();
    for of in next {
        for (_, id) in referrers::of(hub, record, Some(*of), referrers::MOST).await? {
            messages.push(super::look(&id)?);
            let orders = settings.derivations.values().filter(|rule| rule.makes == Makes::Order);
            for rule in orders.filter(|rule| rule.makes.source() == *of) {
                messages.push(order(&rule.name, &id)?);
            }
        }
    }
    if messages.is_empty() { Ok(()) } else { hub.queue.send(&QueueName::Observations, messages).await }
}

/// Orders a look at every record whose day has come.
pub(crate) async fn due(hub: &Hub) -> Result<()> {
    let to = format!("{}~", record::place(hub.now()));
    let query = Query { to: Some(to), ..Query::partition(Some(Index::Pending), LOOKS, PAGE) };
    let page = hub.table.query(query).await?;
    let ids = page.keys.iter().filter_map(|(_, key)| keys::looked_at(key));
    let messages = ids.map(|id| super::look(&id)).collect::<Result<Vec<_>>>()?;
    if messages.is_empty() { Ok(()) } else { hub.queue.send(&QueueName::Observations, messages).await }
}
