//! Writing to the catalog: what is there is read, compared with what we believe is there, and changed in one change set
//! that names the revision it builds on.

use crate::{
    catalog, change_set,
    change_set::{AGAIN_S, Made},
    check,
    entity::document,
    errors, fields, listing, offer, read, resale,
};
use concord_connector::{
    Context, Entity, ExternalId, Fault, Fields, Instant, Kind, Outcome, Response, Retry, Snapshot,
    exchange::{Change, Refused, Running, Unfit, Write, Written},
    script::{Run, Script},
};
use serde_json::Value as Json;

/// How long AWS holds an entity that a change set works on: about four minutes.
const HELD_S: u64 = 90;

type Row = std::result::Result<Written, Refused>;

/// Writes rows, each in a change set of its own.
pub(crate) fn write(cx: &Context, script: &mut Script<'_>, of: Entity, writes: &[Write]) -> Run<Outcome> {
    let mut rows = Vec::with_capacity(writes.len());
    for write in writes {
        let mistakes = check::write(of, write);
        rows.push(match (&write.change, mistakes.is_empty()) {
            (_, false) => Err(refusal(&mistakes)),
            (Change::Create { idempotency }, _) => create(cx, script, of, write, idempotency)?,
            (Change::Update { id, held, .. }, _) => update(cx, script, of, write, id, held)?,
            (Change::Archive { .. } | Change::Delete { .. }, _) => {
                Err(Fault::new(Kind::Rejected, "aws-marketplace.write", "AWS Marketplace deletes nothing").into())
            }
        });
    }
    Ok(Outcome::Written(rows))
}

/// Several mistakes as one refusal.
pub(crate) fn refusal(mistakes: &[Unfit]) -> Refused {
    let sentences: Vec<String> = mistakes.iter().map(Unfit::to_string).collect();
    Refused { kind: Kind::Rejected, retry: Retry::Never, message: sentences.join("; ") }
}

/// Makes a record, unless a change set of ours made it, or is about to.
fn create(cx: &Context, script: &mut Script<'_>, of: Entity, write: &Write, idempotency: &str) -> Run<Row> {
    match change_set::made(cx, script, of, &write.record)? {
        Made::There(id) => return Ok(Ok(Written::Exists(id))),
        Made::Running(operation) => return Ok(Ok(Written::Running(Running { operation, again_s: AGAIN_S }))),
        Made::Nothing => {}
    }
    let changes = match of {
        Entity::Listing => listing::creation(&write.fields),
        Entity::ResaleAuthorization => resale::creation(&write.record, &write.fields),
        _ => offer::creation(&write.record, &write.fields),
    };
    let name = change_set::name(cx, &write.record);
    start(script, &name, token(write, idempotency), changes)
}

/// Changes a record on top of what is there.
fn update(
    cx: &Context,
    script: &mut Script<'_>,
    of: Entity,
    write: &Write,
    id: &ExternalId,
    held: &Fields,
) -> Run<Row> {
    let Some((described, now)) = read::described(script, id.as_str())? else {
        let fault = Fault::new(Kind::NotFound, "aws-marketplace.write", "AWS does not show this record to us");
        return Ok(Err(fault.with("id", id).into()));
    };
    let there = match read::understood(cx, script, of, described, None, now)? {
        Ok(there) => there,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if moved(&there, held, &write.fields) {
        return Ok(Ok(Written::Moved(there)));
    }
    let whole = match document(described) {
        Ok(whole) => whole,
        Err(fault) => return Ok(Err(fault.into())),
    };
    if let Some(refused) = forbidden(of, &whole, &there, &write.fields) {
        return Ok(Err(refused));
    }
    let identifier = change_set::identifier(id, there.revision.as_deref());
    let changes = changes(of, &identifier, &whole, &there.fields, &write.fields, now);
    if changes.is_empty() {
        return Ok(Ok(Written::Done { after: there, overwritten: Vec::new(), created: false }));
    }
    let name = format!("{} change", change_set::name(cx, &write.record));
    start(script, &name, token(write, &identifier), changes)
}

fn changes(of: Entity, identifier: &str, whole: &Json, there: &Fields, wanted: &Fields, now: Instant) -> Vec<Json> {
    match of {
        Entity::Listing => listing::update(identifier, whole, there, wanted),
        Entity::ResaleAuthorization => resale::update(identifier, whole, there, wanted),
        _ => offer::update(identifier, whole, there, wanted, now),
    }
}

/// Whether somebody changed a field that is to be written since we read it.
fn moved(there: &Snapshot, held: &Fields, wanted: &Fields) -> bool {
    wanted.iter().any(|(field, value)| {
        let now = there.fields.get(field);
        now.is_some() && now != Some(value) && held.get(field).is_some_and(|held| Some(held) != now)
    })
}

/// What AWS lets nobody change in the state that the record is in.
fn forbidden(of: Entity, whole: &Json, there: &Snapshot, wanted: &Fields) -> Option<Refused> {
    if of != Entity::PrivateOffer {
        return None;
    }
    let fixed = offer::fixed(whole, wanted, &there.fields);
    let mut mistakes: Vec<Unfit> = fixed
        .into_iter()
        .map(|field| {
            Unfit::field(
                field,
                "a released offer keeps its buyers, prices and terms; withdraw it (`withdrawn` = yes) and make a new one",
            )
        })
        .collect();
    let accepted = fields::text(&there.fields, "status") == Some("accepted");
    if accepted && fields::text(wanted, "withdrawn") == Some("yes") {
        let sentence = "the offer is accepted; ask the buyer to cancel the agreement instead";
        mistakes.push(Unfit::field("withdrawn", sentence));
    }
    (!mistakes.is_empty()).then(|| refusal(&mistakes))
}

/// What a change set is known by, if it is sent twice: 1 to 64 visible characters.
fn token<'a>(write: &'a Write, otherwise: &'a str) -> &'a str {
    let token = write.token.as_deref().unwrap_or(otherwise);
    token.get(..64).unwrap_or(token)
}

fn start(script: &mut Script<'_>, name: &str, token: &str, changes: Vec<Json>) -> Run<Row> {
    let token: String = token.chars().filter(char::is_ascii_graphic).collect();
    let response = script.send(catalog::start(name, &token, changes))?;
    Ok(match (response.status, response.text("/ChangeSetId")) {
        (200, Some(id)) => Ok(Written::Running(Running { operation: id.into(), again_s: AGAIN_S })),
        (423, _) => {
            Ok(Written::Closed { reason: "another change set works on the record at AWS".to_owned(), again_s: HELD_S })
        }
        _ => Err(refused(response)),
    })
}

fn refused(response: &Response) -> Refused {
    errors::of_change_set(response).into()
}
