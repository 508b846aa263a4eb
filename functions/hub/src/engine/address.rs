//! Where requests of a connection go.

use crate::settings::Connection;
use concord_connector::{Fault, Kind, Result};

/// Where another of a system's hosts is. A base URL that the admin set is meant: what is there is below it.
pub(super) fn host(connection: &Connection, name: &str) -> Result<String> {
    let host = connection
        .connector
        .manifest()
        .hosts
        .get(name)
        .ok_or_else(|| Fault::new(Kind::Unexpected, "engine", format!("the manifest names no host `{name}`")))?;
    if connection.base_url == base_of(connection) {
        return Ok(fill(connection, &host.base_url));
    }
    Ok(format!("{}/{name}", connection.base_url))
}

/// Where something is that a manifest names by its full address: `{name}` is filled in, a path is one of the base URL, and
/// an admin's own base URL (a proxy, a sandbox) serves it as well.
pub(crate) fn address(connection: &Connection, template: &str) -> String {
    let filled = fill(connection, template).replace("{base}", &connection.base_url);
    let overridden = connection.base_url != base_of(connection);
    match filled.strip_prefix("https://").and_then(|rest| rest.find('/').map(|at| rest[at..].to_owned())) {
        Some(path) if overridden && !filled.starts_with(&connection.base_url) => {
            format!("{}{path}", connection.base_url)
        }
        _ if filled.starts_with('/') => format!("{}{filled}", connection.base_url),
        _ => filled,
    }
}

/// Fills `{name}` from a connection's options.
pub(crate) fn fill(connection: &Connection, template: &str) -> String {
    let mut filled = template.to_owned();
    for (name, value) in &connection.context.options {
        filled = filled.replace(&format!("{{{name}}}"), value);
    }
    filled
}

pub(super) fn base_of(connection: &Connection) -> String {
    fill(connection, &connection.connector.manifest().base_url)
}
