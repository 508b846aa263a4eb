//! `GET /api/tap`: what flows, as it flows. One JSON document a line, or server-sent events for whoever accepts those.

use super::{Problem, is_admin};
use crate::app::App;
use axum::{
    body::{Body, Bytes},
    extract::{RawQuery, State},
    http::{HeaderMap, HeaderName, HeaderValue, header},
    response::{IntoResponse, Response},
};
use concord_connector::Entity;
use concord_hub::tap::{Filter, Line, Listener, Stage};
use futures::stream;
use serde_json::{Value as Json, json};
use std::{convert::Infallible, sync::Arc, time::Duration};
use tokio::sync::watch;
use url::form_urlencoded;

/// Something is written at least this often, so that nobody in between takes the connection for dead.
const IDLE: Duration = Duration::from_secs(15);

/// How lines are written.
#[derive(Clone, Copy)]
enum Form {
    Lines,
    Events,
}

struct Listening {
    listener: Listener,
    stop: watch::Receiver<bool>,
    form: Form,
}

/// Streams until the client or the hub goes.
pub(super) async fn tap(State(app): State<Arc<App>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if !is_admin(&app, &headers) {
        return Problem::unauthorized().into_response();
    }
    let filter = match filter(query.as_deref().unwrap_or_default()) {
        Ok(filter) => filter,
        Err(problem) => return problem.into_response(),
    };
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or_default();
    let form = if accepts.contains("text/event-stream") { Form::Events } else { Form::Lines };
    let listening = Listening { listener: app.hub.tap.listen(filter), stop: app.stop.subscribe(), form };
    // The first line says that listening has begun: whatever happens from now on is in the stream.
    let begun = written(form, &json!({ "stage": "tap", "what": "listening" }));
    let first = stream::once(async { Ok::<Bytes, Infallible>(begun) });
    let rest = stream::unfold(listening, |mut listening| async move {
        let bytes = next(&mut listening).await?;
        Some((Ok::<Bytes, Infallible>(bytes), listening))
    });
    let kind = match form {
        Form::Lines => "application/x-ndjson",
        Form::Events => "text/event-stream",
    };
    let mut response = Response::new(Body::from_stream(futures::StreamExt::chain(first, rest)));
    let head = response.headers_mut();
    head.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    head.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    head.insert(HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no"));
    response
}

async fn next(listening: &mut Listening) -> Option<Bytes> {
    let Listening { listener, stop, form } = listening;
    tokio::select! {
        _ = stop.wait_for(|stop| *stop) => None,
        line = tokio::time::timeout(IDLE, listener.next()) => match line {
            Err(_) => Some(Bytes::from_static(match form {
                Form::Lines => b"\n",
                Form::Events => b": idle\n\n",
            })),
            Ok(None) => None,
            Ok(Some(Line::Tapped(line))) => Some(written(*form, &Json::from(*line))),
            Ok(Some(Line::Missed(lines))) => {
                Some(written(*form, &json!({ "stage": "tap", "what": "missed", "lines": lines })))
            }
        },
    }
}

fn written(form: Form, line: &Json) -> Bytes {
    match form {
        Form::Lines => format!("{line}\n"),
        Form::Events => format!("data: {line}\n\n"),
    }
    .into()
}

/// `stage`, `connection`, `entity` and `record` may come several times, and name several, parted by commas.
fn filter(query: &str) -> Result<Filter, Problem> {
    let mut filter = Filter::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        for value in value.split(',').filter(|value| !value.is_empty()) {
            match name.as_ref() {
                "stage" => filter.stages.push(Stage::parse(value).ok_or_else(|| {
                    let known = Stage::ALL.map(Stage::name).join(", ");
                    Problem::wrong(format!("`{value}` is no stage; there is {known}."))
                })?),
                "entity" if Entity::parse(value).is_none() => {
                    let known = Entity::ALL.map(Entity::name).join(", ");
                    return Err(Problem::wrong(format!("`{value}` is no entity; there is {known}.")));
                }
                "entity" => filter.entities.push(value.to_owned()),
                "connection" => filter.connections.push(value.to_owned()),
                "record" => filter.records.push(value.to_owned()),
                "values" => filter.values = value != "0" && value != "false",
                _ => {
                    return Err(Problem::wrong(format!(
                        "`{name}` is no filter; there is stage, connection, entity, record and values."
                    )));
                }
            }
        }
    }
    Ok(filter)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_is_read_from_the_query() {
        let read = filter("stage=signal,commit&connection=a&connection=b&entity=order&record=r&values=1").unwrap();
        assert_eq!(read.stages, [Stage::Signal, Stage::Commit]);
        assert_eq!(read.connections, ["a", "b"]);
        assert!(read.values && !filter("values=0").unwrap().values);
        for (wrong, says) in [("stage=x", "no stage"), ("entity=x", "no entity"), ("x=1", "no filter")] {
            let problem = filter(wrong).unwrap_err();
            assert!(problem.status == 422 && problem.detail.contains(says), "{problem:?}");
        }
    }
}
