//! What a derived record is to say: pure tables, and the little reading that they need.

use super::{Derivation, Makes, follow};
use crate::{facet::Facet, hub::Hub, people, record::Record, settings::CONCORD};
use concord_connector::{Entity, Field, RecordId, Reference, Result, Value};
use jiff::tz::TimeZone;
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// Values by field.
pub(super) type Values = BTreeMap<Field, Option<Value>>;

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
/// What of an agreement becomes what of an order. The marketplace sells, and taxes: the amount is what it is.
const ORDER: &[(&str, &str)] = &[
    ("name", "description"),
    ("organization", "organization"),
    ("opportunity", "opportunity"),
    ("amount", "untaxed_total"),
    ("amount", "total"),
    ("starts_on", "order_date"),
];
/// What of an order is the order system's to say once that says anything.
pub(super) const AMOUNTS: [&str; 2] = ["total", "untaxed_total"];

/// What a rule makes a record say, and which of it are defaults.
pub(super) async fn of(
    hub: &Hub,
    rule: &Derivation,
    source: &Record,
    before: Option<&Facet>,
) -> Result<(Values, BTreeSet<String>)> {
    let mut values: Values = people::values(hub, rule.entity(), &rule.defaults).await?;
    let mut defaults: BTreeSet<String> = values.keys().map(|field| field.as_str().to_owned()).collect();
    let mut said = |from: &Record, pairs: &[(&str, &str)], values: &mut Values| {
        for (theirs, ours) in pairs {
            if let Some(value) = from.value(theirs) {
                values.insert(Field::from(*ours), Some(value.clone()));
                defaults.remove(*ours);
            }
        }
    };
    match rule.makes {
        Makes::Offer => said(source, OFFER, &mut values),
        Makes::Cosell => {
            let customer = follow(hub, source, "organization").await?;
            customer.iter().for_each(|customer| said(customer, CUSTOMER, &mut values));
            said(source, COSELL, &mut values);
        }
        Makes::Order => {
            // The offer knows whose deal it was; the marketplace knows an account.
            let offer = follow(hub, source, "private_offer").await?;
            offer.iter().for_each(|offer| said(offer, &ORDER[..3], &mut values));
            said(source, ORDER, &mut values);
            if let Some(id) = vendors_id(source) {
                values.entry("reference".into()).or_insert_with(|| Value::text(&id));
            }
        }
    }
    let own = match rule.makes {
        Makes::Offer | Makes::Cosell => ("opportunity", Entity::Opportunity),
        Makes::Order => ("agreement", Entity::Agreement),
    };
    values.insert(own.0.into(), Some(refer(own.1, &source.id)));
    // Counted from the day on which the offer was derived: it does not move with every change of the deal.
    if let Some(days) = rule.accept_within_days.filter(|_| rule.makes == Makes::Offer) {
        let field = Field::from("accept_by");
        let before = before.and_then(|facet| facet.view().held(&field).cloned().flatten());
        values.insert(field.clone(), Some(before.unwrap_or_else(|| Value::Date(in_days(hub, days)))));
        defaults.insert(field.as_str().to_owned());
    }
    Ok((values, defaults))
}

/// The day in so many days.
pub(super) fn in_days(hub: &Hub, days: u32) -> concord_connector::time::Date {
    hub.now().plus(Duration::from_secs(u64::from(days) * 86_400)).date_in(&TimeZone::UTC)
}

/// A reference to a record.
pub(super) fn refer(of: Entity, id: &RecordId) -> Value {
    Value::from(Reference::record(of, id.clone()))
}

/// The id under which a marketplace knows a record.
fn vendors_id(record: &Record) -> Option<String> {
    let vendors = record.facets.iter().filter(|facet| facet.link.connection.as_str() != CONCORD && facet.is_live());
    vendors.map(|facet| facet.link.id.as_str().to_owned()).min()
}

/// Whether the order system has said other amounts than the agreement's: what it shows because we wrote it is none of them.
pub(super) fn says_erp(order: &Record) -> bool {
    let others = order.facets.iter().filter(|facet| facet.link.connection.as_str() != CONCORD && facet.is_live());
    others.into_iter().any(|facet| AMOUNTS.iter().any(|field| facet.view().said(&Field::from(*field)).is_some()))
}
