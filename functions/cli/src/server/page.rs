//! `/`: a plain page that says how things are. Rendered here, without scripts, with nothing from elsewhere; it names no
//! record and no secret, because it needs no token.

use crate::app::App;
use axum::{
    extract::State,
    http::{HeaderName, header},
    response::{Html, IntoResponse, Response},
};
use concord_hub::views;
use std::{fmt::Write as _, sync::Arc};

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:52rem;margin:3rem auto;padding:0 1rem;color:#1c2733}\
h1{font-size:1.6rem}table{border-collapse:collapse;width:100%}td,th{text-align:left;padding:.4rem .8rem .4rem 0;\
border-bottom:1px solid #dde3ea}.bad{color:#a4262c}p.small{color:#5b6875;font-size:.9rem}";
/// Nothing but the page's own style may be loaded.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'";

/// Shows the page.
pub(super) async fn status(State(app): State<Arc<App>>) -> Response {
    let headers =
        [(header::CONTENT_SECURITY_POLICY, POLICY), (HeaderName::from_static("x-content-type-options"), "nosniff")];
    (headers, Html(page(&app).await)).into_response()
}

async fn page(app: &App) -> String {
    let mut rows = String::new();
    match views::connections(&app.hub).await {
        Ok(connections) => {
            for one in connections {
                let state = if one.trouble.is_some() { "<td class=\"bad\">held back</td>" } else { "<td>fine</td>" };
                let pending = one.pending.map_or("many".to_owned(), |pending| pending.to_string());
                let mode = if one.mode == concord_hub::settings::Mode::Sync { "sync" } else { "observe" };
                // Writing to a text cannot fail.
                let _ok = write!(
                    rows,
                    "<tr><td>{}</td><td>{}</td><td>{mode}</td><td>{pending}</td>{state}</tr>",
                    escaped(one.name.as_str()),
                    escaped(one.system.as_str()),
                );
            }
        }
        Err(fault) => {
            tracing::error!(reason = %fault, "The status page could not be filled.");
            rows.push_str("<tr><td class=\"bad\" colspan=\"5\">The store cannot be read; see the log.</td></tr>");
        }
    }
    let tally = app.hub.tally.counts();
    let counted = |name: &str| tally.get(name).copied().unwrap_or_default();
    format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>Concord</title>\
<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"><style>{STYLE}</style></head><body><h1>Concord is up</h1>\
<table><thead><tr><th>Connection</th><th>System</th><th>Mode</th><th>Pending</th><th>State</th></tr></thead><tbody>{rows}</tbody></table>\
<p>Since the start: {} observations, {} commits, {} deliveries, {} echoes suppressed, {} dead letters. The oldest message is {} s old.</p>\
<p class=\"small\">Version {}. Vendors call <code>/hooks/CONNECTION</code>, admins <code>/api</code> with the token of run.json, \
monitors <a href=\"/healthz?ready=1\">/healthz?ready=1</a>. README.md, ARCHITECTURE.md and <code>concord help</code> say more.</p></body></html>",
        counted("observations"),
        counted("commits"),
        counted("deliveries"),
        counted("echoes_suppressed"),
        counted("dead_letters"),
        app.oldest_message_s(),
        env!("CARGO_PKG_VERSION"),
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}
