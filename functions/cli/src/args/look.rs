//! The commands that look at what flows, or flowed.

use super::{At, secret};
use clap::Args;
use concord_hub::ports::Secret;
use std::path::PathBuf;

/// `concord tap`.
#[derive(Clone, Debug, Args)]
pub struct Tap {
    /// Only these stages: signal, observation, commit, delivery, receipt, event.
    #[arg(long, value_name = "STAGE", value_delimiter = ',')]
    pub stage: Vec<String>,
    /// Only these connections and subscriptions.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub connection: Vec<String>,
    /// Only these entities.
    #[arg(long, value_name = "ENTITY", value_delimiter = ',')]
    pub entity: Vec<String>,
    /// Only these records, by their own id or an external one.
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub record: Vec<String>,
    /// Show values too. They may be personal data: nothing else of Concord shows them in passing.
    #[arg(long)]
    pub values: bool,
    /// Stop after so many lines.
    #[arg(long, value_name = "LINES")]
    pub limit: Option<u64>,
    /// Where the truth is.
    #[command(flatten)]
    pub at: At,
}

/// `concord trigger`.
#[derive(Clone, Debug, Args)]
pub struct Trigger {
    /// The system, such as hubspot; the name of a connection will do.
    pub system: Option<String>,
    /// What happened, such as deal.updated.
    pub event: Option<String>,
    /// Show what can be sent.
    #[arg(long, conflicts_with_all = ["system", "event"])]
    pub list: bool,
    /// The connection, where several are of the system.
    #[arg(long, value_name = "NAME")]
    pub connection: Option<String>,
    /// The record that it is about, as the system writes its id; one that is known here when not given.
    #[arg(long, value_name = "ID")]
    pub id: Option<String>,
    /// Send this body instead of a sample; the only way for a system that is described by a file.
    #[arg(long, value_name = "FILE")]
    pub body: Option<PathBuf>,
    /// Where the truth is.
    #[command(flatten)]
    pub at: At,
}

/// `concord replay`.
#[derive(Clone, Debug, Args)]
pub struct Replay {
    /// Since when: an instant (2026-03-31T14:00:00Z), a day (2026-03-31), or how long ago (90m, 36h, 7d). From the
    /// beginning when not given.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Until when; now when not given.
    #[arg(long, value_name = "TIME")]
    pub to: Option<String>,
    /// The other configuration; the one in force when not given, which shows no difference.
    #[arg(long, alias = "with", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "./concord-data")]
    pub data: PathBuf,
    /// The address of a running Concord, instead of a data folder.
    #[arg(long, value_name = "URL", requires = "token")]
    pub url: Option<String>,
    /// Its admin token.
    #[arg(long, value_name = "TOKEN", env = "CONCORD_TOKEN", hide_env_values = true, value_parser = secret)]
    pub token: Option<Secret>,
}

/// `concord match`.
#[derive(Clone, Debug, Args)]
pub struct Match {
    /// The connection.
    pub connection: String,
    /// One entity only.
    #[arg(long, value_name = "ENTITY")]
    pub entity: Option<String>,
    /// Only lines that nobody has decided.
    #[arg(long)]
    pub open: bool,
    /// Write the report as CSV to this file; `-` is standard output.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["decide", "apply"])]
    pub csv: Option<PathBuf>,
    /// Decide a line, as `ID=CHOICE`; several times for several lines.
    #[arg(long, value_name = "ID=CHOICE")]
    pub decide: Vec<String>,
    /// Decide every line of a CSV file, as `--csv` writes it, whose column `decision` is filled in.
    #[arg(long, value_name = "FILE")]
    pub apply: Option<PathBuf>,
    /// Where the truth is.
    #[command(flatten)]
    pub at: At,
}
