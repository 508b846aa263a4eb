//! Amounts of sales and invoices, worked out from their lines without floats.

use super::store::{Outcome, Refusal, Store};
use serde_json::{Value as Json, json};

/// Ten to the number of decimals that amounts are kept with while they are worked out.
const SCALE: i128 = 100_000_000;
/// The same for cents; every currency of the sandbox has two decimals.
const CENT: i128 = SCALE / 100;

/// A computed field of a sale or an invoice.
pub(super) fn computed(store: &Store, model: &str, id: i64, field: &str) -> Outcome<Json> {
    Ok(match field {
        "untaxed_amount" => decimal(untaxed(store, model, id)),
        "tax_amount" => decimal(tax(store, model, id)),
        "total_amount" => decimal(total(store, model, id)),
        "amount_to_pay" => decimal(to_pay(store, id)),
        "invoice_state" => invoice_state(store, id).into(),
        other => return Err(Refusal::Inside(format!("'{other}'"))),
    })
}

/// The total of a document, in units of the scale.
pub(super) fn total(store: &Store, model: &str, id: i64) -> i128 {
    untaxed(store, model, id) + tax(store, model, id)
}

/// What is left to be paid: nothing before an invoice is posted.
pub(super) fn to_pay(store: &Store, id: i64) -> i128 {
    match store.value("account.invoice", id, "state").and_then(Json::as_str) {
        Some("posted") => {
            let paid = store.value("account.invoice", id, "paid_amount").and_then(parse).unwrap_or(0);
            total(store, "account.invoice", id) - paid
        }
        _ => 0,
    }
}

fn lines(store: &Store, model: &str, id: i64) -> Vec<(i128, Vec<i64>)> {
    let (of, inverse) = if model == "sale.sale" { ("sale.line", "sale") } else { ("account.invoice.line", "invoice") };
    let line = |line: i64| {
        let number = |field: &str| store.value(of, line, field).and_then(parse).unwrap_or(0);
        let taxes = store.value(of, line, "taxes").and_then(Json::as_array);
        let taxes = taxes.into_iter().flatten().filter_map(Json::as_i64).collect();
        (cents(number("quantity") * number("unit_price") / SCALE), taxes)
    };
    store.children(of, inverse, id).into_iter().map(line).collect()
}

fn untaxed(store: &Store, model: &str, id: i64) -> i128 {
    lines(store, model, id).iter().map(|(amount, _)| amount).sum()
}

fn tax(store: &Store, model: &str, id: i64) -> i128 {
    let rate = |tax: &i64| store.value("account.tax", *tax, "rate").and_then(parse).unwrap_or(0);
    let of_line = |(amount, taxes): &(i128, Vec<i64>)| taxes.iter().map(|tax| amount * rate(tax) / SCALE).sum::<i128>();
    cents(lines(store, model, id).iter().map(of_line).sum())
}

fn cents(amount: i128) -> i128 {
    let half = if amount < 0 { -CENT / 2 } else { CENT / 2 };
    (amount + half) / CENT * CENT
}

fn invoice_state(store: &Store, sale: i64) -> &'static str {
    let invoices = store.value("sale.sale", sale, "invoices").and_then(Json::as_array);
    let state = |invoice: &Json| store.value("account.invoice", invoice.as_i64()?, "state")?.as_str();
    let states: Vec<&str> = invoices.into_iter().flatten().filter_map(state).collect();
    match states.as_slice() {
        [] => "none",
        all if all.iter().all(|state| *state == "paid") => "paid",
        some if some.contains(&"posted") => "awaiting payment",
        _ => "pending",
    }
}

/// A number or a decimal, in units of the scale; digits beyond it are cut.
pub(super) fn parse(value: &Json) -> Option<i128> {
    let text = match value {
        Json::Number(number) => number.to_string(),
        other => other.get("decimal")?.as_str()?.to_owned(),
    };
    let (sign, digits) = text.strip_prefix('-').map_or((1, text.as_str()), |rest| (-1, rest));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let fraction: String = fraction.chars().chain("00000000".chars()).take(8).collect();
    let whole: i128 = whole.parse().ok()?;
    Some(sign * (whole.checked_mul(SCALE)? + fraction.parse::<i128>().ok()?))
}

/// An amount with two decimals.
pub(super) fn decimal(amount: i128) -> Json {
    let minor = amount / CENT;
    let sign = if minor < 0 { "-" } else { "" };
    let minor = minor.abs();
    json!({ "__class__": "Decimal", "decimal": format!("{sign}{}.{:02}", minor / 100, minor % 100) })
}
