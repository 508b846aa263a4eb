//! Previews: what the deliveries of one record would send, checked by the vendor's own rules before anything is sent.

use crate::{
    hub::Hub,
    operation::Operation,
    plan::{Action, PlannedWrite, look},
    record::Record,
    settings::Connection,
};
use concord_connector::{
    ConnectionName, ExternalId, Field, RecordId, Result,
    exchange::{Change, Operation as Exchange, Request, Unfit, Write},
    snapshot::Fields,
};
use serde::Serialize;
use serde_json::{Value as Json, json};

/// What would be sent to one connection.
#[derive(Clone, Debug, Serialize)]
pub struct Preview {
    /// Where to.
    pub connection: ConnectionName,
    /// What would be done; `None` when nothing differs there.
    pub write: Option<PlannedWrite>,
    /// Its id there.
    pub external: Option<ExternalId>,
    /// What the vendor would not take, a field each, and what to write instead.
    pub mistakes: Vec<Unfit>,
    /// The first request that changes anything, without credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request: Option<Json>,
    /// The last asynchronous job there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<Running>,
    /// Why the vendor holds the record closed for now: what differs is sent when it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closed: Option<String>,
}

/// An operation, as people are shown it.
#[derive(Clone, Debug, Serialize)]
pub struct Running {
    /// The record.
    pub record: RecordId,
    /// Where.
    pub connection: ConnectionName,
    /// What kind of thing.
    pub entity: concord_connector::Entity,
    /// The state's name.
    pub state: &'static str,
    /// Since when, RFC 3339.
    pub since: String,
    /// When it is asked after next, RFC 3339; `None` when it has ended.
    pub next_at: Option<String>,
    /// The vendor's name for it.
    pub operation: Option<ExternalId>,
    /// What the vendor said was wrong.
    pub mistakes: Vec<Unfit>,
    /// Why the vendor failed.
    pub reason: Option<String>,
}

impl From<&Operation> for Running {
    fn from(operation: &Operation) -> Self {
        use crate::operation::State;
        let (mut named, mut mistakes, mut reason) = (None, Vec::new(), None);
        match &operation.state {
            State::Running { operation } => named = Some(operation.clone()),
            State::Refused { mistakes: told } => mistakes.clone_from(told),
            State::Broken { reason: told } => reason = Some(told.clone()),
            State::Sent | State::Unknown | State::Succeeded => {}
        }
        Self {
            record: operation.record.clone(),
            connection: operation.connection.clone(),
            entity: operation.entity,
            state: operation.state.name(),
            since: operation.since.rfc3339(),
            next_at: operation.state.is_open().then(|| operation.next_at.rfc3339()),
            operation: named,
            mistakes,
            reason,
        }
    }
}

/// What the deliveries of a record would send to each connection that maps it; with `rehearse` as the exact request, for
/// which the vendor may be read, and nothing is written.
///
/// # Errors
/// The store's, and with `rehearse` the vendor's.
pub async fn preview(hub: &Hub, id: &RecordId, rehearse: bool) -> Result<Vec<Preview>> {
    let (record, _) = crate::people::record(hub, id).await?;
    let settings = hub.settings();
    let referred = crate::plan::referred(hub, std::slice::from_ref(&record)).await?;
    let mut previews = Vec::new();
    for connection in settings.connections.values().filter(|connection| connection.maps(record.entity)) {
        let sight = look::Sight { settings: &settings, connection, referred: &referred, now: hub.now() };
        let write = look::look(&record, &sight).writes.into_iter().next();
        let (operation, _) = hub.operation(&record.id, &connection.name).await?;
        let mut preview = Preview {
            connection: connection.name.clone(),
            external: record.live_at(&connection.name).next().map(|facet| facet.link.id.clone()),
            mistakes: Vec::new(),
            request: None,
            operation: operation.as_ref().map(Running::from),
            closed: record.outbox.get(&connection.name).and_then(|outbox| outbox.closed.clone()),
            write: None,
        };
        if let Some(planned) = write {
            if let Some(write) = exchanged(&record, connection, &planned, &referred) {
                preview.mistakes = connection.connector.preflight(&connection.context, record.entity, &write);
                if rehearse && preview.mistakes.is_empty() {
                    let writes = vec![write];
                    let exchange = Exchange::Write { entity: record.entity, writes };
                    preview.request =
                        hub.rehearse(connection, &exchange).await?.map(|request| shown(connection, &request));
                }
            }
            preview.write = Some(planned);
        }
        previews.push(preview);
    }
    Ok(previews)
}

/// The write that a delivery would ask the connector for.
fn exchanged(
    record: &Record,
    connection: &Connection,
    planned: &PlannedWrite,
    referred: &std::collections::BTreeMap<RecordId, Record>,
) -> Option<Write> {
    let mut fields = Fields::new();
    for one in &planned.fields {
        let golden = record.golden.get(&one.field)?;
        if let Ok(value) = crate::steps::deliver::outward(connection, referred, golden.value.as_ref()) {
            fields.insert(one.field.clone(), value);
        }
    }
    let change = match (planned.action, &planned.external) {
        (Action::Create, _) => Change::Create { idempotency: "made-when-it-is-sent".into() },
        (Action::Update, Some(id)) => {
            let facet =
                record.facets.iter().find(|facet| facet.link.connection == connection.name && facet.link.id == *id)?;
            let view = facet.view();
            let held = |field: &Field| Some((field.clone(), view.held(field).cloned()?));
            Change::Update {
                id: id.clone(),
                revision: facet.revision.clone(),
                held: fields.keys().filter_map(held).collect(),
                held_at: facet.confirmed_at(),
            }
        }
        (Action::Archive, Some(id)) => Change::Archive { id: id.clone() },
        (Action::Delete, Some(id)) => Change::Delete { id: id.clone() },
        (_, None) => return None,
    };
    Some(Write { record: record.id.clone(), change, token: Some("made-when-it-is-sent".into()), fields })
}

fn shown(connection: &Connection, request: &Request) -> Json {
    use concord_connector::exchange::Body;
    let body = match &request.body {
        Body::Empty => Json::Null,
        Body::Json(json) | Body::JsonAs(_, json) | Body::Cbor(json) => json.clone(),
        Body::Form(pairs) => json!(pairs),
    };
    let headers: std::collections::BTreeMap<&str, &str> =
        request.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    json!({
        "method": request.method.as_str(), "url": crate::engine::url_of(connection, request),
        "headers": headers, "body": body,
    })
}
