//! The account: currency, time zone, and the ids that new sales and invoices name.

use crate::{Scripted, read::rows, rpc, script::Script};
use concord_connector::{Fault, Kind, Outcome, Response, exchange::Account, value::Currency};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// More countries and currencies than there are.
const ALL: usize = 1000;

pub(crate) fn describe(script: &mut Script<'_>) -> Scripted {
    let cx = script.cx;
    let company = rpc::company(cx)?;
    let search = |model: &str, domain: Json, fields: Json| {
        let order = json!([["id", "ASC"]]);
        rpc::request(cx, model, "search_read", vec![domain, 0.into(), ALL.into(), order, fields])
    };
    let mut account = Account::default();

    let fields = json!(["timezone", "currency.code"]);
    let response = script.call(search("company.company", json!([["id", "=", company]]), fields)?)?;
    let Some(row) = rows(rpc::result(response)?).first() else {
        let sentence =
            format!("the user of this connection does not see the company {company}; set the option `company`");
        return Err(Fault::new(Kind::Forbidden, "tryton.describe", sentence).into());
    };
    account.time_zone = row.get("timezone").and_then(Json::as_str).map(str::to_owned);
    account.currency = row.pointer("/currency./code").and_then(Json::as_str).and_then(Currency::parse);

    let response = script.call(search("currency.currency", json!([]), json!(["code"]))?)?;
    account.facts.insert("currencies".into(), ids(rows(rpc::result(response)?), &["code"]));

    // A Tryton without the data of countries has none; an address then stays without.
    let response = script.call(search("country.country", json!([]), json!(["code", "name"]))?)?;
    account.facts.insert("countries".into(), ids(rows(rpc::result(response)?), &["code", "name"]));

    let defaults = json!(["default_account_receivable", "default_category_account_revenue"]);
    let response = script.call(rpc::request(cx, "account.configuration", "read", vec![json!([1]), defaults])?)?;
    fact(&mut account.facts, response, "default_account_receivable", "account_receivable");
    fact(&mut account.facts, response, "default_category_account_revenue", "account_revenue");

    let response = script.call(search("account.journal", json!([["type", "=", "revenue"]]), json!(["id"]))?)?;
    fact(&mut account.facts, response, "id", "journal");

    if let Some(product) = rpc::id_option(cx, "product")? {
        let response =
            script.call(search("product.product", json!([["id", "=", product]]), json!(["default_uom"]))?)?;
        fact(&mut account.facts, response, "default_uom", "unit");
    }
    Ok(Outcome::Account(account))
}

/// Keeps the id that the first row has under a name. A Tryton without accounting has none, and makes no invoices.
fn fact(facts: &mut BTreeMap<String, String>, response: &Response, field: &str, name: &str) {
    let id = rpc::result(response).ok().and_then(|result| rows(result).first()?.get(field)?.as_i64());
    facts.extend(id.map(|id| (name.to_owned(), id.to_string())));
}

/// Ids by name in lower case, as JSON.
fn ids(rows: &[Json], names: &[&str]) -> String {
    let mut found = Map::new();
    for row in rows {
        for name in names.iter().filter_map(|name| row.get(*name)?.as_str()) {
            found.insert(name.to_lowercase(), row.get("id").cloned().unwrap_or(Json::Null));
        }
    }
    Json::Object(found).to_string()
}
