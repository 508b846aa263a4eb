//! Logs, on standard error.

use crate::{
    args::{Cli, Command, LogFormat},
    failure::Usage,
};
use anyhow::Result;
use std::io;
use tracing_subscriber::EnvFilter;

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
    let filter = EnvFilter::try_new(level).map_err(|_| {
        Usage(format!(
            "`{level}` is no log level; use error, warn, info, debug, trace, or a filter such as concord_hub=debug."
        ))
    })?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr);
    let started = match cli.log_format {
        LogFormat::Text => builder.with_ansi(io::IsTerminal::is_terminal(&io::stderr())).try_init(),
        LogFormat::Json => builder.json().flatten_event(true).try_init(),
    };
    // Tests start several commands in one process; the first one's log serves all.
    drop(started);
    Ok(())
}
