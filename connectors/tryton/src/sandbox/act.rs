//! What people do at Tryton's own client.

use super::{
    rest::undotted,
    schema,
    store::{Outcome, Refusal, Store, model, user},
    workflow,
};
use concord_connector::sandbox::Act;
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// The key under which an update names a button instead of values; `pay` takes an `amount` beside it.
const BUTTON: &str = "__action__";

/// Does it, or undoes all of it and says why.
pub(super) fn act(store: &mut Store, act: Act) -> Result<String, String> {
    carry_out(store, act).map_err(|refusal| {
        store.roll_back();
        match refusal {
            Refusal::User(sentence) | Refusal::Inside(sentence) => sentence,
            Refusal::Stale => "Records were modified in the meanwhile".into(),
        }
    })
}

fn carry_out(store: &mut Store, act: Act) -> Outcome<String> {
    match act {
        Act::Create { object, fields } => store.create(&object, &fields).map(|id| id.to_string()),
        Act::Update { object, id, fields } => {
            let number = number(&id)?;
            match fields.get(BUTTON).and_then(Json::as_str) {
                Some("pay") => workflow::pay(store, number, fields.get("amount"))?,
                Some(button) => {
                    if !workflow::act(store, &object, number, button)? {
                        return user(format!("there is no button `{button}`"));
                    }
                }
                None => store.write(&object, &[number], &fields)?,
            }
            Ok(id)
        }
        Act::Delete { object, id } => store.delete(&object, &[number(&id)?]).map(|()| id),
        Act::Merge { object, winner, loser } if object == "party.party" => {
            merge(store, number(&winner)?, number(&loser)?)?;
            Ok(winner)
        }
        Act::Merge { object, .. } => user(format!("records of `{object}` cannot be merged")),
    }
}

/// What is said of the loser is said of the winner from now on; the loser stays, out of use, and names the winner.
fn merge(store: &mut Store, winner: i64, loser: i64) -> Outcome<()> {
    for of in ["sale.sale", "account.invoice"] {
        for id in store.children(of, "party", loser) {
            store.repoint(of, id, "party", winner)?;
        }
    }
    store.write("party.party", &[loser], &json!({ "active": false }))?;
    store.repoint("party.party", loser, "replaced_by", winner)
}

fn number(id: &str) -> Outcome<i64> {
    id.parse().or_else(|_| user(format!("`{id}` is no id")))
}

/// Every live party, sale and invoice with its parts, as REST would show it.
pub(super) fn records(store: &Store) -> BTreeMap<String, BTreeMap<String, Json>> {
    ["party.party", "sale.sale", "account.invoice"]
        .into_iter()
        .map(|name| (name.to_owned(), shown(store, name).unwrap_or_default()))
        .collect()
}

fn shown(store: &Store, name: &str) -> Outcome<BTreeMap<String, Json>> {
    let mut fields: Vec<String> = model(name)?.own().map(str::to_owned).collect();
    for (list, of, _) in model(name)?.parts() {
        let part = schema::model(of).into_iter().flat_map(|part| part.own());
        fields.extend(part.map(|field| format!("{list}.{field}")));
    }
    if name != "party.party" {
        fields.push("currency.code".into());
    }
    let ids = store.search(name, &Json::Null, &Json::Null, false)?;
    let rows = store.read(name, &ids, &fields)?;
    Ok(ids.iter().map(ToString::to_string).zip(rows.into_iter().map(undotted)).collect())
}
