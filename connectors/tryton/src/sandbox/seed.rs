//! What is there at the beginning.

use super::store::Store;
use concord_connector::Instant;
use serde_json::{Value as Json, json};

/// A new database: one company, and what selling needs.
pub(super) fn store() -> Store {
    let mut store = Store::default();
    // An hour before any story begins: transactions never go back, and the clock of a story may be ten minutes behind.
    store.begin(Instant::from_ms(1_767_225_600_000 - 3_600_000));
    for (model, values) in records() {
        // The table below is fixed and a test reads it back.
        if store.create(model, &values).is_err() {
            unreachable!("{model} of the seed");
        }
    }
    store
}

fn records() -> Vec<(&'static str, Json)> {
    let rate = json!({ "__class__": "Decimal", "decimal": "0.10" });
    let mut records = vec![
        ("party.party", json!({ "name": "Sandbox Company", "addresses": [["create", [{}]]] })),
        ("currency.currency", json!({ "name": "US dollar", "code": "USD", "digits": 2 })),
        ("currency.currency", json!({ "name": "Euro", "code": "EUR", "digits": 2 })),
        ("company.company", json!({ "party": 1, "currency": 1, "timezone": "America/New_York" })),
        ("product.uom", json!({ "name": "Unit", "symbol": "u" })),
        ("product.template", json!({ "name": "Partner services", "type": "service" })),
        ("product.product", json!({ "name": "Partner services", "code": "PARTNER", "default_uom": 1, "template": 1 })),
        ("account.tax", json!({ "name": "Sales tax 10%", "rate": rate })),
        ("account.account", json!({ "name": "Receivable", "code": "1.2.1" })),
        ("account.account", json!({ "name": "Revenue", "code": "4.1.1" })),
        ("account.configuration", json!({ "default_account_receivable": 1, "default_category_account_revenue": 2 })),
        ("account.journal", json!({ "code": "REV", "type": "revenue" })),
        ("account.invoice.payment_term", json!({ "name": "Net 30", "days": 30 })),
    ];
    for (code, name) in COUNTRIES {
        records.push(("country.country", json!({ "code": code, "name": name })));
    }
    records
}

const COUNTRIES: &[(&str, &str)] = &[
    ("AT", "Austria"),
    ("CH", "Switzerland"),
    ("DE", "Germany"),
    ("ES", "Spain"),
    ("FR", "France"),
    ("GB", "United Kingdom"),
    ("IT", "Italy"),
    ("NL", "Netherlands"),
    ("US", "United States"),
];
