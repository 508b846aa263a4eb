//! Sales and invoices: made with one line that holds the amount, then moved along their workflow.

use super::{Write, party::fact_id};
use crate::{
    read::rows,
    row::{self, active},
    rpc,
    script::{Pause, Script},
    wire,
};
use concord_connector::{Context, Entity, Fault, Kind, Result};
use serde_json::{Map, Value as Json, json};
use std::collections::BTreeMap;

/// The addresses that documents of these parties name: without on-change logic on our way in, nobody else fills them.
pub(super) fn addresses(script: &mut Script<'_>, creates: &[&Write]) -> std::result::Result<BTreeMap<i64, i64>, Pause> {
    let parties: Vec<i64> = creates.iter().filter_map(|write| party_of(write)).collect();
    if parties.is_empty() {
        return Ok(BTreeMap::new());
    }
    let fields = json!(["addresses.active", "addresses.invoice"]);
    let response = script.call(rpc::request(
        script.cx,
        "party.party",
        "search_read",
        vec![json!([["id", "in", parties]]), 0.into(), Json::Null, Json::Null, fields],
    )?)?;
    let address = |raw: &Json| Some((raw.get("id")?.as_i64()?, row::party::address(raw)?.get("id")?.as_i64()?));
    Ok(rows(rpc::result(response)?).iter().filter(|raw| active(raw)).filter_map(address).collect())
}

fn party_of(write: &Write) -> Option<i64> {
    write.fields.get("organization")?.as_ref()?.as_reference()?.external_id()?.as_str().parse().ok()
}

/// The values of a new sale or invoice.
pub(super) fn creation(
    cx: &Context,
    entity: Entity,
    flat: &Json,
    marker: &str,
    addresses: &BTreeMap<i64, i64>,
) -> Result<Map<String, Json>> {
    let party = flat.get("party").and_then(Json::as_str).and_then(|id| id.parse::<i64>().ok());
    let party = party.ok_or_else(|| missing("the customer is not in Tryton yet"))?;
    let company = rpc::company(cx)?;
    let currency = currency(cx, flat)?;
    let mut values = Map::new();
    let mut put = |name: &str, value: Json| values.insert(name.to_owned(), value);
    put("company", company.into());
    put("party", party.into());
    put("currency", currency.clone());
    for name in ["reference", "description"] {
        if let Some(text) = flat.get(name) {
            put(name, text.clone());
        }
    }
    if let Some(term) = rpc::id_option(cx, "payment_term")? {
        put("payment_term", term.into());
    }
    let address = addresses.get(&party).map(|id| Json::from(*id));
    let mut line = line(cx, flat, marker)?;
    match entity {
        Entity::Invoice => {
            put("type", "out".into());
            put("invoice_date", wire::date(flat.get("invoice_date")));
            put("account", fact(cx, "account_receivable")?);
            put("journal", fact(cx, "journal")?);
            // An invoice cannot do without; Tryton says so itself when the party has none.
            put("invoice_address", json!(address));
            line.insert("account".into(), fact(cx, "account_revenue")?);
            line.insert("currency".into(), currency);
            line.insert("company".into(), company.into());
        }
        _ => {
            put("sale_date", wire::date(flat.get("sale_date")));
            put("invoice_address", json!(address));
            put("shipment_address", json!(address));
        }
    }
    put("lines", json!([["create", [line]]]));
    Ok(values)
}

/// One line that comes to the amount. An amount before taxes is taxed, unless the total says that there are none; a
/// total by itself is not, or it would come out higher.
fn line(cx: &Context, flat: &Json, marker: &str) -> Result<Map<String, Json>> {
    let amount = |name: &str| flat.get(name).and_then(Json::as_str);
    let (untaxed, total) = (amount("untaxed_amount"), amount("total_amount"));
    let title = flat.get("description").or_else(|| flat.get("reference")).and_then(Json::as_str);
    let mut line = Map::new();
    line.insert("type".into(), "line".into());
    line.insert("quantity".into(), 1.into());
    line.insert("unit_price".into(), wire::decimal(untaxed.or(total).unwrap_or("0")));
    line.insert("description".into(), title.unwrap_or("Partner order").into());
    line.insert("note".into(), marker.into());
    if let Some(product) = rpc::id_option(cx, "product")? {
        line.insert("product".into(), product.into());
        line.insert("unit".into(), fact(cx, "unit")?);
    }
    if let (Some(tax), true) = (rpc::id_option(cx, "tax")?, untaxed.is_some() && untaxed != total) {
        line.insert("taxes".into(), json!([["add", [tax]]]));
    }
    Ok(line)
}

/// The changes of a document that is there; its workflow state is moved, not written.
pub(super) fn changes(flat: &Json) -> Map<String, Json> {
    let texts = ["reference", "description"];
    texts.iter().filter_map(|name| Some(((*name).to_owned(), flat.get(*name)?.clone()))).collect()
}

/// The steps of the workflow from the state of a record to the one that is wanted. Written only where an admin's overlay
/// lets `status` travel out.
pub(super) fn transitions(entity: Entity, raw: &Json, flat: &Json) -> Vec<&'static str> {
    let chain: &[(&str, &str)] = match entity {
        Entity::Order => &[("quotation", "quote"), ("confirmed", "confirm"), ("processing", "process")],
        Entity::Invoice => &[("validated", "validate_invoice"), ("posted", "post")],
        _ => return Vec::new(),
    };
    let (Some(now), Some(wanted)) = (raw.get("state").and_then(Json::as_str), flat.get("state").and_then(Json::as_str))
    else {
        return Vec::new();
    };
    if wanted == "cancelled" && now != wanted {
        return vec!["cancel"];
    }
    let at = |state: &str| chain.iter().position(|(name, _)| *name == state);
    let from = at(now).map_or(0, |at| at + 1);
    match at(wanted) {
        Some(to) if to >= from && (from > 0 || now == "draft") => {
            chain[from..=to].iter().map(|(_, step)| *step).collect()
        }
        _ => Vec::new(),
    }
}

/// The currency of the amounts, as Tryton's id; the company's own where there is no amount.
fn currency(cx: &Context, flat: &Json) -> Result<Json> {
    let code = flat.get("currency").and_then(Json::as_str).or(cx.currency.as_ref().map(|currency| currency.code()));
    let code = code.ok_or_else(|| missing("the amount has no currency"))?;
    fact_id(cx, "currencies", code).ok_or_else(|| missing("Tryton does not keep the currency of the amount"))
}

fn fact(cx: &Context, name: &'static str) -> Result<Json> {
    rpc::id_option(cx, name)?.map(Json::from).ok_or_else(|| {
        missing("Tryton's accounting is not set up: it names no default account, revenue journal or unit")
            .with("fact", name)
    })
}

fn missing(sentence: &str) -> Fault {
    Fault::new(Kind::Rejected, "tryton.encode", sentence)
}
