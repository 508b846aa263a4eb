//! Logs, on standard error.

use crate::{
    args::{Cli, Command, LogFormat},
    failure::Usage,
};
use anyhow::Result;
use concord_hub::log;
use std::io;
use tracing_subscriber::{
    filter::Targets, fmt::layer, layer::SubscriberExt as _, registry, util::SubscriberInitExt as _,
};

/// What is logged when nobody says: `up` tells what it does, the others speak only of trouble.
fn usual(command: &Command) -> &'static str {
    match command {
        Command::Up(_) => "info",
        Command::Demo(_) => "error",
        _ => "error",
    }
}

/// Starts to log.
///
/// # Errors
/// When the level is none.
pub(crate) fn start(cli: &Cli) -> Result<()> {
    let level = cli.log_level.as_deref().unwrap_or_else(|| usual(&cli.command));
    let filter: Targets = log::filter(level).parse().map_err(|_| {
        Usage(format!(
            "`{level}` is no log level; use error, warn, info, debug, trace, or a filter such as concord_hub=debug."
        ))
    })?;
    let lines = layer().with_writer(io::stderr);
    let started = match cli.log_format {
        LogFormat::Text => {
            registry().with(filter).with(lines.with_ansi(io::IsTerminal::is_terminal(&io::stderr()))).try_init()
        }
        LogFormat::Json => registry().with(filter).with(lines.json().flatten_event(true)).try_init(),
    };
    // Tests start several commands in one process; the first one's log serves all.
    drop(started);
    Ok(())
}
