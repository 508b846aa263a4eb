//! Making, changing and deleting records.

use super::{Linked, Outcome, Record, Refusal, Store, model, user};
use crate::sandbox::{
    schema::{Kind, Model},
    vat,
};
use serde_json::{Value as Json, json};

impl Store {
    /// Makes a record, with the parts that its lists say.
    pub(in crate::sandbox) fn create(&mut self, name: &str, values: &Json) -> Outcome<i64> {
        let model = model(name)?;
        let values = values.as_object().ok_or_else(|| Refusal::Inside("no values".into()))?;
        for field in values.keys() {
            known(model, field)?;
        }
        let mut record = Record::new();
        record.insert("create_date".into(), self.stamp());
        record.insert("active".into(), 1.into());
        self.defaults(model, &mut record);
        for (field, value) in values {
            if !matches!(model.kind(field), Some(Kind::Many(..) | Kind::Several(_))) {
                record.insert(field.clone(), plain(value));
            }
        }
        for needed in required(model.name) {
            if record.get(*needed).is_none_or(Json::is_null) {
                let label = Model::label(needed);
                return user(format!("A value is required for field \"{label}\" in \"{}\".", model.title));
            }
        }
        // Documents and parties are written once more while they are made.
        if model.parts().next().is_some() {
            record.insert("write_date".into(), self.stamp());
        }
        let id = self.insert(model, record);
        self.commands(model, id, values)?;
        self.check(model, id)?;
        Ok(id)
    }

    fn defaults(&mut self, model: &Model, record: &mut Record) {
        match model.name {
            "party.party" => {
                record.insert("code".into(), self.number("party").into());
            }
            "sale.sale" | "account.invoice" => {
                record.insert("state".into(), "draft".into());
            }
            _ => {}
        }
    }

    /// Changes records.
    pub(in crate::sandbox) fn write(&mut self, name: &str, ids: &[i64], values: &Json) -> Outcome<()> {
        let model = model(name)?;
        let values = values.as_object().ok_or_else(|| Refusal::Inside("no values".into()))?;
        for field in values.keys() {
            known(model, field)?;
        }
        for id in ids {
            if self.get(name, *id).is_none() {
                let title = model.title;
                return user(format!("You are trying to write to records \"{id}\" of \"{title}\" that don't exist."));
            }
            self.unchanged(model, *id)?;
            self.editable(model, *id, values)?;
            let stamp = self.stamp();
            self.remember(model, *id);
            self.link(model, *id, Linked::No);
            if let Some(record) = self.tables.get_mut(model.name).and_then(|table| table.get_mut(id)) {
                for (field, value) in values {
                    if !matches!(model.kind(field), Some(Kind::Many(..) | Kind::Several(_))) {
                        record.insert(field.clone(), plain(value));
                    }
                }
                record.insert("write_date".into(), stamp);
            }
            self.link(model, *id, Linked::Yes);
            self.commands(model, *id, values)?;
            self.check(model, *id)?;
        }
        Ok(())
    }

    /// Each stamp is asked once in a transaction, for the record that it names.
    fn unchanged(&mut self, model: &Model, id: i64) -> Outcome<()> {
        match self.stamps.remove(&format!("{},{id}", model.name)) {
            Some(Json::String(stamp)) if Some(stamp.as_str()) != self.timestamp(model.name, id).as_deref() => {
                Err(Refusal::Stale)
            }
            _ => Ok(()),
        }
    }

    /// Refuses a change of what is closed.
    fn editable(&self, model: &Model, id: i64, values: &Record) -> Outcome<()> {
        let state = self.value(model.name, id, "state").and_then(Json::as_str).unwrap_or_default().to_owned();
        let inactive = self.value(model.name, id, "active").is_some_and(|active| active == 0 || active == false);
        let closed = |field: &str| match model.name {
            "party.party" => inactive && field != "active",
            "sale.sale" if matches!(state.as_str(), "done" | "cancelled") => true,
            "sale.sale" => state != "draft" && !matches!(field, "reference" | "comment"),
            "account.invoice" => matches!(state.as_str(), "posted" | "paid" | "cancelled"),
            _ => false,
        };
        // Only a merge says by whom a party is replaced.
        if model.name == "party.party" && values.contains_key("replaced_by") {
            return user("You are not allowed to modify the field \"Replaced By\" of \"Party\".");
        }
        match values.keys().find(|field| closed(field)) {
            None => Ok(()),
            Some(field) => user(format!(
                "You are not allowed to modify the field \"{}\" in record \"{}\" of \"{}\".",
                Model::label(field),
                self.title(model.name, id),
                model.title
            )),
        }
    }

    /// Carries out the commands of list fields: create, write, delete, add, remove.
    fn commands(&mut self, model: &'static Model, id: i64, values: &Record) -> Outcome<()> {
        for (field, value) in values {
            let (of, inverse) = match model.kind(field) {
                Some(Kind::Many(of, inverse)) => (of, Some(inverse)),
                Some(Kind::Several(of)) => (of, None),
                _ => continue,
            };
            for command in value.as_array().into_iter().flatten() {
                self.command(model, id, field, (of, inverse), command)?;
            }
        }
        Ok(())
    }

    fn command(
        &mut self,
        model: &'static Model,
        id: i64,
        field: &str,
        (of, inverse): (&'static str, Option<&'static str>),
        command: &Json,
    ) -> Outcome<()> {
        let ids = || -> Vec<i64> {
            command.get(1).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_i64).collect()
        };
        match (command.get(0).and_then(Json::as_str), inverse) {
            (Some("create"), Some(inverse)) => {
                for part in command.get(1).and_then(Json::as_array).into_iter().flatten() {
                    let mut part = part.clone();
                    part[inverse] = id.into();
                    self.create(of, &part)?;
                }
                Ok(())
            }
            (Some("write"), _) => self.write(of, &ids(), command.get(2).unwrap_or(&Json::Null)),
            (Some("delete"), _) => self.delete(of, &ids()),
            (Some("add"), None) => {
                let added = ids();
                let record = self.tables.get_mut(model.name).and_then(|table| table.get_mut(&id));
                if let Some(Json::Array(list)) = record.map(|record| record.entry(field).or_insert_with(|| json!([]))) {
                    list.extend(added.into_iter().map(Json::from));
                }
                Ok(())
            }
            (name, _) => Err(Refusal::Inside(format!("command {name:?}"))),
        }
    }

    /// Deletes records and their parts, unless something else needs them.
    pub(in crate::sandbox) fn delete(&mut self, name: &str, ids: &[i64]) -> Outcome<()> {
        let model = model(name)?;
        for id in ids {
            if self.get(name, *id).is_none() {
                let title = model.title;
                return user(format!("You are trying to delete records \"{id}\" of \"{title}\" that don't exist."));
            }
            if let (Some((field, of)), "party.party") = (self.user_of(*id), name) {
                let sentence = "The records could not be deleted because they are used by field";
                return user(format!("{sentence} \"{field}\" of \"{of}\"."));
            }
            let state = self.value(name, *id, "state").and_then(Json::as_str).unwrap_or("cancelled");
            if matches!(name, "sale.sale" | "account.invoice") && !matches!(state, "cancelled" | "draft") {
                let (noun, title) = (model.title.to_lowercase(), self.title(name, *id));
                return user(format!("To delete {noun} \"{title}\" you must cancel it."));
            }
            for (_, of, inverse) in model.parts() {
                let parts = self.children(of, inverse, *id);
                self.delete(of, &parts)?;
            }
            self.remember(model, *id);
            self.link(model, *id, Linked::No);
            if let Some(table) = self.tables.get_mut(model.name) {
                table.remove(id);
            }
        }
        Ok(())
    }

    /// What needs a party: a field and its model. An invoice keeps the tax number of its party.
    fn user_of(&self, party: i64) -> Option<(&'static str, &'static str)> {
        let named = |model| !self.children(model, "party", party).is_empty();
        let numbered = |id: &i64| {
            let kind = self.value("party.identifier", *id, "type").and_then(Json::as_str);
            kind.is_some_and(|kind| kind.contains('_'))
        };
        if named("account.invoice") {
            let taxed = self.children("party.identifier", "party", party).iter().any(numbered);
            return Some((if taxed { "Party Tax Identifier" } else { "Party" }, "Account Invoice"));
        }
        let others = [("sale.sale", ("Party", "Sale")), ("company.company", ("Party", "Company"))];
        others.into_iter().find(|(model, _)| named(model)).map(|(_, named)| named)
    }

    fn check(&self, model: &Model, id: i64) -> Outcome<()> {
        if model.name != "party.identifier" {
            return Ok(());
        }
        let text = |field: &str| self.value(model.name, id, field).and_then(Json::as_str).unwrap_or_default();
        if text("type") != "eu_vat" || vat::is_valid(text("code")) {
            return Ok(());
        }
        let party = self.value(model.name, id, "party").and_then(Json::as_i64);
        let party = party.map(|party| self.title("party.party", party)).unwrap_or_default();
        user(format!("The European VAT Number \"{}\" for party \"{party}\" is not valid.", text("code")))
    }
}

fn known(model: &Model, field: &str) -> Outcome<()> {
    model.kind(field).map(|_| ()).ok_or_else(|| Refusal::Inside(format!("'{field}'")))
}

fn required(model: &str) -> &'static [&'static str] {
    match model {
        "sale.sale" => &["company", "currency", "party"],
        "account.invoice" => &["company", "currency", "party", "invoice_address", "account", "journal"],
        "party.identifier" => &["code"],
        _ => &[],
    }
}

/// Booleans are kept as SQLite keeps them.
fn plain(value: &Json) -> Json {
    match value {
        Json::Bool(truth) => i64::from(*truth).into(),
        other => other.clone(),
    }
}
