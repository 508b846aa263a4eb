//! What the buttons do: a sale is quoted, confirmed and processed into an invoice; an invoice is posted and paid.

use super::{
    amount, http,
    store::{Outcome, Store, model, user},
};
use serde_json::{Value as Json, json};

/// The buttons of each model.
pub(super) const BUTTONS: &[(&str, &str)] = &[
    ("sale.sale", "quote"),
    ("sale.sale", "confirm"),
    ("sale.sale", "process"),
    ("sale.sale", "draft"),
    ("sale.sale", "cancel"),
    ("account.invoice", "validate_invoice"),
    ("account.invoice", "post"),
    ("account.invoice", "draft"),
    ("account.invoice", "cancel"),
];

const DAY: i64 = 86_400_000_000;

/// Presses a button; `false` when the model has none of that name.
pub(super) fn act(store: &mut Store, of: &str, id: i64, action: &str) -> Outcome<bool> {
    let state = store.value(of, id, "state").and_then(Json::as_str).unwrap_or_default().to_owned();
    let allowed: &[&str] = match (of, action) {
        ("sale.sale", "quote") => &["draft"],
        ("sale.sale", "confirm") => &["quotation"],
        ("sale.sale", "process") => &["confirmed", "processing"],
        ("sale.sale", "draft") => &["quotation", "cancelled"],
        ("sale.sale", "cancel") => &["draft", "quotation"],
        ("account.invoice", "validate_invoice") => &["draft"],
        ("account.invoice", "post") => &["draft", "validated"],
        ("account.invoice", "draft") => &["validated", "cancelled"],
        ("account.invoice", "cancel") => &["draft", "validated"],
        _ => return Ok(false),
    };
    if !allowed.contains(&state.as_str()) {
        let (title, name) = (store.title(of, id), model(of)?.title);
        return user(format!("You can not call \"{action}\" on \"{title}\" of \"{name}\"."));
    }
    match (of, action) {
        ("sale.sale", "quote") => quote(store, id)?,
        ("sale.sale", "confirm") => {
            let today = store.today();
            set(store, "sale.sale", id, "state", "confirmed".into());
            if store.value("sale.sale", id, "sale_date").is_none() {
                set(store, "sale.sale", id, "sale_date", today);
            }
        }
        ("sale.sale", "process") if state == "confirmed" => process(store, id)?,
        ("account.invoice", "post") => post(store, id)?,
        ("account.invoice", "validate_invoice") => set(store, "account.invoice", id, "state", "validated".into()),
        ("sale.sale", "cancel") => set(store, "sale.sale", id, "state", "cancelled".into()),
        ("account.invoice", "cancel") => set(store, "account.invoice", id, "state", "cancelled".into()),
        ("sale.sale", "draft") => set(store, "sale.sale", id, "state", "draft".into()),
        ("account.invoice", "draft") => set(store, "account.invoice", id, "state", "draft".into()),
        _ => {}
    }
    Ok(true)
}

fn set(store: &mut Store, of: &'static str, id: i64, field: &str, value: Json) {
    if let Some(record) = store.touch(of, id) {
        record.insert(field.to_owned(), value);
    }
}

fn quote(store: &mut Store, id: i64) -> Outcome<()> {
    if store.value("sale.sale", id, "invoice_address").is_none() {
        let title = store.title("sale.sale", id);
        return user(format!("To get a quote for sale \"{title}\" you must enter an invoice address."));
    }
    if store.value("sale.sale", id, "number").is_none() {
        let number = store.number("sale");
        set(store, "sale.sale", id, "number", number.into());
    }
    set(store, "sale.sale", id, "state", "quotation".into());
    Ok(())
}

/// The invoice has the sale's lines, notes included, but neither its reference nor its description.
fn process(store: &mut Store, id: i64) -> Outcome<()> {
    let copied = |of: &str, from: i64, fields: &[&str], store: &Store| -> Json {
        let copy = |field: &&str| Some(((*field).to_owned(), store.value(of, from, field)?.clone()));
        Json::Object(fields.iter().filter_map(copy).collect())
    };
    let mut invoice =
        copied("sale.sale", id, &["company", "currency", "party", "invoice_address", "payment_term"], store);
    invoice["type"] = "out".into();
    invoice["account"] = 1.into();
    invoice["journal"] = 1.into();
    let mut lines = Vec::new();
    for line in store.children("sale.line", "sale", id) {
        let fields = ["type", "product", "unit", "quantity", "unit_price", "description", "note"];
        let mut copy = copied("sale.line", line, &fields, store);
        if let Some(taxes) = store.value("sale.line", line, "taxes") {
            copy["taxes"] = json!([["add", taxes]]);
        }
        lines.push(copy);
    }
    invoice["lines"] = json!([["create", lines]]);
    let made = store.create("account.invoice", &invoice)?;
    set(store, "account.invoice", made, "sales", json!([id]));
    set(store, "sale.sale", id, "invoices", json!([made]));
    set(store, "sale.sale", id, "state", "processing".into());
    Ok(())
}

fn post(store: &mut Store, id: i64) -> Outcome<()> {
    if store.value("account.invoice", id, "invoice_date").is_none() {
        let today = store.today();
        set(store, "account.invoice", id, "invoice_date", today);
    }
    let number = store.number("invoice");
    set(store, "account.invoice", id, "number", number.into());
    let date = store.value("account.invoice", id, "invoice_date").and_then(http::micros).unwrap_or_default();
    let term = store.value("account.invoice", id, "payment_term").and_then(Json::as_i64);
    let days = term.and_then(|term| store.value("account.invoice.payment_term", term, "days")?.as_i64()).unwrap_or(0);
    let due = http::civil(date + days * DAY);
    let due = json!({ "__class__": "date", "year": due.year(), "month": due.month(), "day": due.day() });
    let debit = amount::decimal(amount::total(store, "account.invoice", id));
    store.create("account.move.line", &json!({ "invoice": id, "maturity_date": due, "debit": debit }))?;
    set(store, "account.invoice", id, "state", "posted".into());
    // The sale follows: its invoice state changes.
    touch_sales(store, id);
    Ok(())
}

/// A payment of an invoice; the whole open amount where none is said.
pub(super) fn pay(store: &mut Store, id: i64, paid: Option<&Json>) -> Outcome<()> {
    let open = amount::to_pay(store, id);
    let paid = paid.and_then(amount::parse).unwrap_or(open);
    if paid > open || open == 0 {
        let title = store.title("account.invoice", id);
        return user(format!("You cannot pay more than the amount to pay of invoice \"{title}\"."));
    }
    let before = store.value("account.invoice", id, "paid_amount").and_then(amount::parse).unwrap_or(0);
    set(store, "account.invoice", id, "paid_amount", amount::decimal(before + paid));
    if paid == open {
        let today = store.today();
        set(store, "account.invoice", id, "state", "paid".into());
        set(store, "account.invoice", id, "reconciled", today);
        touch_sales(store, id);
    }
    Ok(())
}

fn touch_sales(store: &mut Store, invoice: i64) {
    let sales = store.value("account.invoice", invoice, "sales").and_then(Json::as_array).cloned();
    for sale in sales.into_iter().flatten().filter_map(|sale| sale.as_i64()) {
        store.touch("sale.sale", sale);
    }
}
