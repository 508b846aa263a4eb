//! Programmes and levels have names for people and ids for the API: the names are looked up before a write.

use crate::{
    ask::{Asked, Result},
    ids, soql,
};
use concord_connector::{Context, Entity, Fault, Kind, exchange::Write};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

/// Ids by name.
#[derive(Default)]
pub(super) struct Names {
    programs: BTreeMap<String, String>,
    /// By programme id and name: two programmes may both have a Gold.
    levels: BTreeMap<(String, String), String>,
}

/// Looks up the programmes and levels that the writes name.
pub(super) fn resolve(cx: &Context, entity: Entity, writes: &[Write], asked: &mut Asked<'_>) -> Result<Names> {
    let mut names = Names::default();
    if entity != Entity::Partnership {
        return Ok(names);
    }
    let programs = said(writes, "program");
    if !programs.is_empty() {
        let soql =
            format!("SELECT Id, Name FROM ChannelProgram WHERE Name IN {} AND IsDeleted = false", soql::list(programs));
        for (row, _) in soql::every(cx, asked, &soql)? {
            if let (Some(id), Some(name)) = (text(row, "Id"), text(row, "Name")) {
                names.programs.insert(name.to_lowercase(), ids::normal(id));
            }
        }
    }
    let levels = said(writes, "tier");
    if !levels.is_empty() {
        let soql = format!(
            "SELECT Id, Name, ProgramId FROM ChannelProgramLevel WHERE Name IN {} AND IsDeleted = false",
            soql::list(levels)
        );
        for (row, _) in soql::every(cx, asked, &soql)? {
            if let (Some(id), Some(name), Some(program)) = (text(row, "Id"), text(row, "Name"), text(row, "ProgramId"))
            {
                names.levels.insert((ids::normal(program), name.to_lowercase()), ids::normal(id));
            }
        }
    }
    Ok(names)
}

fn said<'w>(writes: &'w [Write], field: &str) -> BTreeSet<&'w str> {
    writes.iter().filter_map(|write| write.fields.get(field)?.as_ref()?.as_str()).collect()
}

fn text<'a>(row: &'a Json, name: &str) -> Option<&'a str> {
    row.get(name).and_then(Json::as_str)
}

impl Names {
    /// Replaces the names of a body by ids. `row` is the member as it is now, which says the programme where the write
    /// does not.
    ///
    /// # Errors
    /// `Rejected` where the org has no such programme or level.
    pub(super) fn put(
        &self,
        entity: Entity,
        body: &mut Map<String, Json>,
        row: Option<&Json>,
    ) -> concord_connector::Result<()> {
        if entity != Entity::Partnership {
            return Ok(());
        }
        let mut program = row.and_then(|row| text(row, "ProgramId")).map(ids::normal);
        if let Some(nested) = body.remove("Program") {
            program = match nested.get("Name").and_then(Json::as_str) {
                Some(name) => {
                    Some(self.programs.get(&name.to_lowercase()).cloned().ok_or_else(|| none("programme", name))?)
                }
                None => None,
            };
            body.insert("ProgramId".into(), program.clone().map_or(Json::Null, Json::String));
        }
        if let Some(nested) = body.remove("Level") {
            let level = match (nested.get("Name").and_then(Json::as_str), program) {
                (Some(name), Some(program)) => {
                    let found = self.levels.get(&(program, name.to_lowercase())).cloned();
                    Json::String(found.ok_or_else(|| none("level", name))?)
                }
                (Some(name), None) => return Err(none("level", name)),
                (None, _) => Json::Null,
            };
            body.insert("LevelId".into(), level);
        }
        Ok(())
    }
}

fn none(what: &str, name: &str) -> Fault {
    let name: String = name.chars().take(80).collect();
    Fault::new(
        Kind::Rejected,
        "write",
        format!("Salesforce has no {what} named `{name}` that fits; make it there first"),
    )
}
