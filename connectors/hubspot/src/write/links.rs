//! Associations of written rows. They have no history, so they are read directly before they are changed: where they are
//! not what was held, the row is not written and the read is passed on.

use super::Job;
use crate::{
    association,
    link::{self, Links, Slot, Type},
    script::{Run, Script},
    search::message,
};
use concord_connector::{Context, Entity, ExternalId, Fault, Kind, Request, Response, Target, Value, exchange::Change};
use serde_json::{Value as Json, json};
use std::collections::{BTreeMap, BTreeSet};

/// What the rows are associated with, by object and row id.
pub(super) type Before = BTreeMap<String, BTreeMap<String, Links>>;

/// Ids and roles that a value refers to.
pub(super) fn targets(value: &Value) -> Vec<(&str, Option<&str>)> {
    let external = value.references().into_iter().filter_map(|reference| match &reference.to {
        Target::External(id) => Some((ExternalId::as_str(id), reference.role.as_deref())),
        Target::Record(_) => None,
    });
    external.collect()
}

/// Reads the associations that are about to change, and marks the rows that somebody else changed.
pub(super) fn before(script: &mut Script<'_>, cx: &Context, entity: Entity, jobs: &mut [Job<'_>]) -> Run<Before> {
    let mapping = cx.mapping(entity)?;
    let mut before = Before::new();
    let objects: BTreeSet<&str> = link::rules(cx, mapping).map(|(_, object, _)| object).collect();
    for object in objects {
        let concerned = |job: &&Job<'_>| {
            let mut rules = link::rules(cx, mapping).filter(|(_, to, _)| *to == object);
            job.open() && rules.any(|(rule, ..)| job.links.contains_key(&rule.field))
        };
        let ids: Vec<String> = jobs.iter().filter(concerned).filter_map(|job| job.id.clone()).collect();
        if !ids.is_empty() {
            before.insert(object.to_owned(), association::read(script, &mapping.object, object, &ids)?);
        }
    }
    for job in jobs.iter_mut().filter(|job| job.open()) {
        let (Change::Update { held, .. }, Some(id)) = (&job.write.change, &job.id) else { continue };
        for (rule, object, _) in link::rules(cx, mapping) {
            let (Some(wanted), Some(held)) = (job.links.get(&rule.field), held.get(&rule.field)) else { continue };
            let Some(links) = before.get(object).and_then(|rows| rows.get(id)) else { continue };
            let row = json!({ "associations": { object: link::compose(cx, mapping, object, links) } });
            let there = mapping.decode(cx, entity, &row)?.remove(&rule.field).flatten();
            let image = |value: &Option<Value>| link::image(cx, &rule.vendor, value.clone());
            job.moved |= there != image(held) && there != image(wanted);
        }
    }
    Ok(before)
}

/// The requests for one other object.
#[derive(Default)]
struct Plan {
    /// Pairs to take apart.
    part: BTreeSet<(String, String)>,
    /// Labels to take from pairs that stay.
    unlabel: BTreeMap<(String, String), BTreeSet<Type>>,
    /// Labels to give.
    label: BTreeMap<(String, String), BTreeSet<Type>>,
    /// Pairs without a label.
    join: BTreeSet<(String, String)>,
}

/// Writes what differs, one batch a kind of change and object. Additions come first: an interrupted write leaves a record
/// with one association too many, never without its customer (and HubSpot takes no lead without any).
pub(super) fn write(
    script: &mut Script<'_>,
    cx: &Context,
    entity: Entity,
    before: &Before,
    jobs: &mut [Job<'_>],
) -> Run<()> {
    let from = cx.mapping(entity)?.object.as_str();
    let mut plans: BTreeMap<String, Plan> = BTreeMap::new();
    for job in jobs.iter_mut().filter(|job| job.open() && !job.links.is_empty()) {
        if let Err(fault) = plan(cx, entity, before, job, &mut plans) {
            job.refuse(fault);
        }
    }
    for (to, plan) in plans {
        let path = |what: &str| format!("/crm/v4/associations/{from}/{to}/batch/{what}");
        let ends = |(from, to): &(String, String)| json!({ "from": { "id": from }, "to": { "id": to } });
        let typed = |(pair, types): (&(String, String), &BTreeSet<Type>)| {
            let types: Vec<Json> = types
                .iter()
                .map(|of| json!({ "associationCategory": of.category, "associationTypeId": of.id }))
                .collect();
            json!({ "from": { "id": pair.0 }, "to": { "id": pair.1 }, "types": types })
        };
        let part = plan.part.iter().map(|(from, to)| json!({ "from": { "id": from }, "to": [{ "id": to }] }));
        let batches: [(&str, Vec<Json>); 4] = [
            ("create", plan.label.iter().map(typed).collect()),
            ("associate/default", plan.join.iter().map(ends).collect()),
            ("labels/archive", plan.unlabel.iter().map(typed).collect()),
            ("archive", part.collect()),
        ];
        for (what, inputs) in batches.into_iter().filter(|(_, inputs)| !inputs.is_empty()) {
            let request = Request::post(path(what), json!({ "inputs": inputs }));
            let response = script.send(request.accepting(&[200, 201, 204, 207, 400, 404]).writing())?;
            blame(response, &inputs, jobs);
        }
    }
    Ok(())
}

fn plan(
    cx: &Context,
    entity: Entity,
    before: &Before,
    job: &Job<'_>,
    plans: &mut BTreeMap<String, Plan>,
) -> Result<(), Fault> {
    let mapping = cx.mapping(entity)?;
    let Some(id) = &job.id else { return Ok(()) };
    let roles = link::roles(cx);
    let none = Links::new();
    for (rule, to, slot) in link::rules(cx, mapping) {
        let Some(value) = job.links.get(&rule.field) else { continue };
        let links = before.get(to).and_then(|rows| rows.get(id)).unwrap_or(&none);
        let plan = plans.entry(to.to_owned()).or_default();
        let pair = |other: &str| (id.clone(), other.to_owned());
        let wanted: Vec<(&str, Option<&str>)> = value.as_ref().map(targets).unwrap_or_default();
        if slot == Slot::Any {
            let shown = link::compose(cx, mapping, to, links)["any"].as_str().map(str::to_owned);
            let wanted = wanted.first().map(|(other, _)| *other);
            if shown.as_deref() != wanted {
                plan.part.extend(shown.as_deref().map(pair));
                plan.join.extend(wanted.map(pair));
            }
            continue;
        }
        let mut types: BTreeSet<(String, Type)> = BTreeSet::new();
        for (other, role) in wanted {
            let label = match &slot {
                Slot::Primary => "Primary",
                Slot::Label(label) => label,
                _ => link::label_of(&roles, role).unwrap_or("Partner"),
            };
            let kind = association::kind(cx, &mapping.object, to, label).ok_or_else(|| {
                let sentence = format!(
                    "the portal has no association label `{label}` between {} and {to}: make it, or change the option \
                     `partner_labels`",
                    mapping.object
                );
                Fault::new(Kind::Rejected, "hubspot.write", sentence)
            })?;
            types.insert((other.to_owned(), kind));
        }
        let has = |other: &str, kind: &Type| {
            links.get(other).is_some_and(|kinds| kinds.iter().any(|k| (k.id, &k.category) == (kind.id, &kind.category)))
        };
        for (other, kind) in types.iter().filter(|(other, kind)| !has(other, kind)) {
            plan.label.entry(pair(other)).or_default().insert(kind.clone());
        }
        for (other, kinds) in links {
            let stays =
                |kind: &Type| types.iter().any(|(o, k)| (o, k.id, &k.category) == (other, kind.id, &kind.category));
            let goes: Vec<&Type> = kinds.iter().filter(|k| slot.takes(k, &roles) && !stays(k)).collect();
            if !goes.is_empty() {
                plan.unlabel.entry(pair(other)).or_default().extend(goes.into_iter().cloned());
            }
        }
    }
    for (to, plan) in plans.iter_mut() {
        if let Some(links) = before.get(to).and_then(|rows| rows.get(id)) {
            plan.part_bare(id, links);
        }
    }
    Ok(())
}

impl Plan {
    /// Taking the last label from a pair would leave a plain association that nobody asked for: such a pair goes as a
    /// whole, unless it gets another label now.
    fn part_bare(&mut self, id: &str, links: &Links) {
        for (other, kinds) in links {
            let pair = (id.to_owned(), other.clone());
            let Some(goes) = self.unlabel.get(&pair) else { continue };
            let bare = kinds.iter().all(|kind| kind.label.is_none() || goes.contains(kind));
            if bare && !self.label.contains_key(&pair) && !self.join.contains(&pair) {
                self.unlabel.remove(&pair);
                self.part.insert(pair);
            }
        }
    }
}

/// Rows whose association was refused: all of the batch, or those that the answer's errors name.
fn blame(response: &Response, inputs: &[Json], jobs: &mut [Job<'_>]) {
    let whole = response.status >= 400;
    let errors = response.body.get("errors").and_then(Json::as_array).into_iter().flatten();
    let texts: Vec<(String, String)> = errors.map(|error| (error.to_string(), message(error))).collect();
    for job in jobs.iter_mut().filter(|job| job.open()) {
        let Some(id) = &job.id else { continue };
        if !inputs.iter().any(|input| input.pointer("/from/id").and_then(Json::as_str) == Some(id)) {
            continue;
        }
        let quoted = format!("\"{id}\"");
        let named = texts.iter().find(|(error, _)| error.contains(&quoted)).map(|(_, message)| message.clone());
        let reason = if whole { Some(message(&response.body)) } else { named };
        if let Some(reason) = reason {
            let sentence = format!("HubSpot refuses an association: {reason}");
            job.refuse(Fault::new(Kind::Rejected, "hubspot.write", sentence));
        }
    }
}
