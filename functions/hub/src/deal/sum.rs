//! Sums over a deal: usage by dimension, money by currency. Pure, and without floats.

use crate::record::Record;
use concord_connector::{Entity, Instant, Money, RecordId, Reference, Value, offer::decimal, value::Currency};
use serde::Serialize;
use std::collections::BTreeMap;

/// Decimals that are kept of a quantity.
const DECIMALS: usize = 12;
/// A whole, in these.
const WHOLE: i128 = 1_000_000_000_000;

/// What was used of a dimension.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Usage {
    /// Under which entitlement.
    pub entitlement: Option<RecordId>,
    /// What.
    pub dimension: String,
    /// How much in all.
    pub quantity: String,
    /// How much of it the marketplace has accepted.
    pub accepted: String,
    /// How many records that is.
    pub records: usize,
    /// The first hour.
    pub from: Option<String>,
    /// The last hour.
    pub to: Option<String>,
}

/// What was invoiced and paid in a currency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paid {
    /// The currency.
    pub currency: String,
    /// What invoices come to, those that were cancelled aside.
    pub invoiced: String,
    /// What was paid of it.
    pub paid: String,
    /// What of the agreements is left after the marketplace's fee.
    pub net: Option<String>,
}

#[derive(Default)]
struct Sum {
    quantity: i128,
    accepted: i128,
    records: usize,
    hours: Option<(Instant, Instant)>,
}

/// Usage as it is added up.
#[derive(Default)]
pub(super) struct Sums(BTreeMap<(Option<RecordId>, String), Sum>);

impl Sums {
    pub(super) fn add(&mut self, record: &Record) {
        let text = |field: &str| record.value(field).and_then(Value::as_str);
        let (Some(dimension), Some(quantity)) = (text("dimension"), text("quantity").and_then(units)) else { return };
        let entitlement =
            record.value("entitlement").and_then(Value::as_reference).and_then(Reference::record_id).cloned();
        let sum = self.0.entry((entitlement, dimension.to_owned())).or_default();
        sum.records += 1;
        sum.quantity = sum.quantity.saturating_add(quantity);
        if text("status") == Some("accepted") {
            sum.accepted = sum.accepted.saturating_add(quantity);
        }
        if let Some(Value::Instant(hour)) = record.value("hour") {
            let (first, last) = sum.hours.unwrap_or((*hour, *hour));
            sum.hours = Some((first.min(*hour), last.max(*hour)));
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn all(self) -> Vec<Usage> {
        let shown = |((entitlement, dimension), sum): ((Option<RecordId>, String), Sum)| Usage {
            entitlement,
            dimension,
            quantity: shown(sum.quantity),
            accepted: shown(sum.accepted),
            records: sum.records,
            from: sum.hours.map(|(first, _)| first.rfc3339()),
            to: sum.hours.map(|(_, last)| last.rfc3339()),
        };
        self.0.into_iter().map(shown).collect()
    }
}

/// A quantity in its smallest parts; `None` when it is no number, or too fine or too large a one.
fn units(text: &str) -> Option<i128> {
    let number = decimal(text)?;
    let (whole, fraction) = number.split_once('.').unwrap_or((&number, ""));
    if fraction.len() > DECIMALS {
        return None;
    }
    let fraction: i128 = format!("{fraction:0<DECIMALS$}").parse().ok()?;
    whole.parse::<i128>().ok()?.checked_mul(WHOLE)?.checked_add(fraction)
}

fn shown(units: i128) -> String {
    let text = format!("{}.{:0DECIMALS$}", units / WHOLE, units % WHOLE);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// What invoices of a deal come to, and what was paid of them.
pub(super) fn paid(parts: &[&Record]) -> Vec<Paid> {
    let money = |record: &Record, field: &str| match record.value(field) {
        Some(Value::Money(money)) => Some(*money),
        _ => None,
    };
    let mut sums: BTreeMap<Currency, (i64, i64)> = BTreeMap::new();
    let mut nets: BTreeMap<Currency, i64> = BTreeMap::new();
    for record in parts {
        let status = record.value("status").and_then(Value::as_str).unwrap_or_default();
        match record.entity {
            Entity::Invoice if status != "cancelled" => {
                let Some(total) = money(record, "total") else { continue };
                // Nothing is open of what was paid, and nothing paid of what was not even posted.
                let open = match (status, money(record, "open_amount")) {
                    ("paid", _) => 0,
                    (_, Some(open)) if open.currency == total.currency => open.minor,
                    _ => total.minor,
                };
                let sum = sums.entry(total.currency).or_default();
                sum.0 = sum.0.saturating_add(total.minor);
                sum.1 = sum.1.saturating_add(total.minor.saturating_sub(open));
            }
            Entity::Agreement if status != "superseded" => {
                if let Some(net) = money(record, "net_amount") {
                    let sum = nets.entry(net.currency).or_default();
                    *sum = sum.saturating_add(net.minor);
                }
            }
            _ => {}
        }
    }
    let currencies: std::collections::BTreeSet<Currency> = sums.keys().chain(nets.keys()).copied().collect();
    let text = |minor: i64, currency: Currency| Money { minor, currency }.to_string();
    let one = |currency: Currency| {
        let (invoiced, paid) = sums.get(&currency).copied().unwrap_or_default();
        Paid {
            currency: currency.to_string(),
            invoiced: text(invoiced, currency),
            paid: text(paid, currency),
            net: nets.get(&currency).map(|net| text(*net, currency)),
        }
    };
    currencies.into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_summed_exactly() {
        let sum: i128 = ["0.1", "0.2", "10", "0.000000000001"].iter().filter_map(|text| units(text)).sum();
        assert_eq!(shown(sum), "10.300000000001");
        assert_eq!((units("1e3"), units("-1"), units("0.0000000000001")), (None, None, None));
        assert_eq!(shown(0), "0");
    }
}
