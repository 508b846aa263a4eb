//! Sales and invoices: a head with lines.

use super::{Shape, elements, party::text};
use crate::wire::plain;
use serde_json::{Value as Json, json};

pub(crate) const SALE: Shape = Shape {
    fields: &[
        "number",
        "reference",
        "description",
        "state",
        "party",
        "currency.code",
        "total_amount",
        "untaxed_amount",
        "sale_date",
        "last_modified_at",
        "_timestamp",
        "lines.note",
        "lines.last_modified_at",
    ],
    parts: &["lines"],
    flatten: sale,
    markers,
};

pub(crate) const INVOICE: Shape = Shape {
    fields: &[
        "number",
        "reference",
        "description",
        "state",
        "party",
        "currency.code",
        "total_amount",
        "untaxed_amount",
        "amount_to_pay",
        "invoice_date",
        "lines_to_pay.maturity_date",
        "sales",
        "last_modified_at",
        "_timestamp",
        "lines.note",
        "lines.last_modified_at",
    ],
    parts: &["lines"],
    flatten: invoice,
    markers,
};

fn head(raw: &Json, own: &[&str]) -> Json {
    let mut row = serde_json::Map::new();
    let shared = ["id", "number", "reference", "description", "state", "party", "total_amount", "untaxed_amount"];
    for name in shared.iter().chain(own) {
        if let Some(value) = raw.get(*name) {
            row.insert((*name).to_owned(), plain(value));
        }
    }
    row.insert("currency".to_owned(), json!(raw.pointer("/currency./code")));
    Json::Object(row)
}

fn sale(raw: &Json) -> Json {
    head(raw, &["sale_date"])
}

fn invoice(raw: &Json) -> Json {
    let mut row = head(raw, &["invoice_date"]);
    // Tryton says that nothing is to be paid until an invoice is posted; nothing is known then.
    let posted = matches!(text(raw, "state"), Some("posted" | "paid"));
    row["amount_to_pay"] = raw.get("amount_to_pay").filter(|_| posted).map_or(Json::Null, plain);
    // A payment term can split the amount: it has to be paid in full by the last of the days.
    let days = elements(raw, "lines_to_pay").filter_map(|line| line.get("maturity_date").map(plain));
    let last = days.filter_map(|day| day.as_str().map(str::to_owned)).max();
    row["maturity_date"] = json!(last);
    row["sale"] = raw.pointer("/sales/0").cloned().unwrap_or(Json::Null);
    row
}

/// Notes of lines are not printed, unlike the comment of the head, and can be searched.
fn markers(raw: &Json) -> Vec<&str> {
    elements(raw, "lines").filter_map(|line| text(line, "note")).collect()
}
