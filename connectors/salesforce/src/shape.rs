//! The vendor's row as the mapping reads it, and what the mapping writes as the vendor takes it.

use crate::{
    columns::{self, PARTNERS},
    ids, roles,
};
use concord_connector::{
    Context, Entity, Fault, Instant, RecordId, Response, Result, Snapshot, SourceVersion,
    codec::Codec,
    key::{Key, KeyKind},
    mapping::{Creating, Mapping},
    snapshot::{Fields, Presence},
    value::Value,
};
use serde_json::{Map, Value as Json, json};

/// The record's id in 18 characters.
pub(crate) fn id(row: &Json) -> Option<concord_connector::ExternalId> {
    row.get("Id").and_then(Json::as_str).map(ids::external)
}

/// When the record or one of its parts was last touched. Removed partner rows count too: they are what tells that a
/// partner is gone, and without them the version would fall.
pub(crate) fn touched(row: &Json) -> Option<Instant> {
    let own = stamp(row);
    let parts = partners(row).iter().filter_map(stamp).max();
    own.max(parts)
}

pub(crate) fn stamp(row: &Json) -> Option<Instant> {
    row.get("SystemModstamp").and_then(Json::as_str).and_then(Instant::parse)
}

/// Partner rows, those in the recycle bin included.
pub(crate) fn partners(row: &Json) -> &[Json] {
    let rows = row.get(PARTNERS).and_then(|child| child.get("records")).and_then(Json::as_array);
    rows.map_or(&[], Vec::as_slice)
}

/// Partner rows that count. The vendor mirrors each partner with a row that points back at the opportunity's own account;
/// the mirror is no partner.
pub(crate) fn live_partners(row: &Json) -> impl Iterator<Item = (String, Option<&str>, &Json)> {
    let own = row.get("AccountId").and_then(Json::as_str).map(ids::normal);
    partners(row).iter().filter(|part| part.get("IsDeleted") != Some(&Json::Bool(true))).filter_map(move |part| {
        let account = part.get("AccountToId").and_then(Json::as_str).map(ids::normal)?;
        let mirror = own.as_ref() == Some(&account);
        (!mirror).then(|| (account, part.get("Role").and_then(Json::as_str), part))
    })
}

/// Servers of one vendor differ by a few seconds at most.
const SOON_S: i64 = 5;

/// When a row was read: when its read began by our clock, and what the vendor's own said when it answered.
#[derive(Clone, Copy)]
pub(crate) struct Moment {
    pub(crate) read_at: Instant,
    clock: Option<Instant>,
}

impl Moment {
    pub(crate) fn of(response: &Response) -> Self {
        Self { read_at: response.started_at, clock: response.clock() }
    }
    /// Whether the second of a row's stamp was over when it was read. Until then the row may change once more under the
    /// same stamp, and a precondition that names it would not notice.
    fn is_after(&self, stamp: Instant) -> bool {
        self.clock.is_none_or(|clock| clock.seconds() > stamp.seconds())
    }
    /// Whether it is over soon: a stamp far ahead is that of a clock which was set back since.
    pub(crate) fn is_within(&self, stamp: Instant) -> bool {
        let left = |clock: Instant| stamp.seconds() - clock.seconds();
        self.clock.is_some_and(|clock| (0..SOON_S).contains(&left(clock)))
    }
}

/// What a row of a query says.
///
/// # Errors
/// `Malformed`, naming the pointer.
pub(crate) fn snapshot(cx: &Context, entity: Entity, row: &Json, moment: Moment) -> Result<Snapshot> {
    let mapping = cx.mapping(entity)?;
    let id = id(row).ok_or_else(|| Fault::malformed("decode", "a row has no id").with("pointer", "/Id"))?;
    let touched = touched(row).unwrap_or(moment.read_at);
    let mut snapshot = Snapshot::new(entity, id, SourceVersion::from_instant(touched));
    snapshot.modified = Some(touched);
    // A stamp whose second is not over is no revision yet: before a write the row is read again.
    let settled = stamp(row).is_some_and(|at| moment.is_after(at));
    snapshot.revision = row.get("SystemModstamp").and_then(Json::as_str).filter(|_| settled).map(str::to_owned);
    let at = |name: &str| row.get(name).and_then(Json::as_str).filter(|text| !text.is_empty());
    snapshot.marker = at(columns::marker(mapping)).map(RecordId::from);
    if row.get("IsDeleted") == Some(&Json::Bool(true)) {
        snapshot.presence = match at("MasterRecordId") {
            Some(winner) => Presence::MergedInto(ids::external(winner)),
            None => Presence::Deleted,
        };
        return Ok(snapshot);
    }
    snapshot.keys = at(columns::EXTERNAL_KEYS).map(external_keys).unwrap_or_default();
    snapshot.fields = mapping.decode(cx, entity, &readable(cx, entity, mapping, row)?)?;
    Ok(snapshot)
}

fn external_keys(text: &str) -> Vec<Key> {
    let lines = text.lines().map(str::trim).filter(|line| line.contains('/'));
    lines.take(50).map(|line| Key::new(KeyKind::External, line)).collect()
}

/// The row with its flat address under one pointer, its partner rows as references, its ids in one form, and what the
/// vendor says in another way said as a field.
fn readable(cx: &Context, entity: Entity, mapping: &Mapping, row: &Json) -> Result<Json> {
    let mut out = row.clone();
    for rule in &mapping.fields {
        let name = rule.vendor.trim_start_matches('/');
        match rule.effective(entity)? {
            Codec::Address(parts) => {
                let found = parts.into_values().filter_map(|part| Some((part.clone(), row.get(&part)?.clone())));
                out[name] = Json::Object(found.collect());
            }
            Codec::References(_) if name == PARTNERS && row.get(PARTNERS).is_some() => out[name] = references(cx, row)?,
            Codec::Reference(_) => {
                if let Some(text) = row.get(name).and_then(Json::as_str) {
                    out[name] = Json::String(ids::normal(text));
                }
            }
            // A relationship that leads nowhere is null as a whole: the field behind it is empty, not unsaid.
            _ => {
                if let Some((parent, field)) = name.split_once('/')
                    && row.get(parent) == Some(&Json::Null)
                {
                    out[parent] = json!({ field: null });
                }
            }
        }
    }
    match entity {
        Entity::Organization => roles::of_account(&mut out),
        // The status of a converted lead is whatever the org calls it; the flag says it in every org.
        Entity::Lead if row.get("IsConverted") == Some(&Json::Bool(true)) => out["Status"] = json!("Converted"),
        _ => {}
    }
    Ok(out)
}

fn references(cx: &Context, row: &Json) -> Result<Json> {
    // The vendor pages child rows as well; half a list of partners would look like removed ones.
    if row[PARTNERS].get("done") == Some(&Json::Bool(false)) {
        return Err(Fault::malformed("decode", "more partners than one answer holds").with("pointer", PARTNERS));
    }
    let roles = roles::Partners::of(cx);
    Ok(live_partners(row).map(|(id, role, _)| json!({ "id": id, "role": role.map(|role| roles.ours(role)) })).collect())
}

/// The body of a create or an update: flat, without what the account does not have or does not let us write. Partners
/// are rows of their own and are not in it.
///
/// # Errors
/// `Malformed` when a value does not fit, `Rejected` when the org cannot hold its currency.
pub(crate) fn body(cx: &Context, entity: Entity, fields: &Fields, creating: Creating) -> Result<Map<String, Json>> {
    let mapping = cx.mapping(entity)?;
    for (field, value) in fields {
        can_hold(cx, mapping, field.as_str(), value.as_ref())?;
    }
    let Json::Object(mut out) = mapping.encode(cx, entity, fields, creating)? else { return Ok(Map::new()) };
    for rule in &mapping.fields {
        if let Codec::Address(_) = rule.effective(entity)?
            && let Some(Json::Object(parts)) = out.remove(rule.vendor.trim_start_matches('/'))
        {
            out.extend(parts);
        }
    }
    out.remove(PARTNERS);
    let fixed = match creating {
        Creating::Yes => cx.option(&format!("no_create.{}", mapping.object)),
        Creating::No => cx.option(&format!("no_update.{}", mapping.object)),
    };
    let fixed: Vec<&str> = fixed.unwrap_or_default().split(',').collect();
    out.retain(|name, value| (value.is_object() || columns::has(cx, mapping, name)) && !fixed.contains(&name.as_str()));
    Ok(out)
}

/// An org with one currency has nowhere to write another: the amount would silently change its meaning.
///
/// # Errors
/// `Rejected`, naming both currencies.
pub(crate) fn can_hold(cx: &Context, mapping: &Mapping, field: &str, value: Option<&Value>) -> Result<()> {
    let (Some(Value::Money(money)), Some(ours)) = (value, cx.currency) else { return Ok(()) };
    if money.currency == ours || columns::has(cx, mapping, columns::CURRENCY) || mapping.rule(field).is_none() {
        return Ok(());
    }
    let sentence = format!("the amount is in {}, and this org keeps {ours} only", money.currency);
    Err(Fault::new(concord_connector::Kind::Rejected, "encode", sentence).with("field", field))
}
