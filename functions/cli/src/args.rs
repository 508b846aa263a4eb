//! The command line.

mod bench;
mod connector;
mod look;
mod market;
mod verbs;

pub use bench::{Bench, Scenario};
pub use connector::{Connector, ConnectorTest};
pub use look::{Match, Replay, Tap, Trigger};
pub use market::{Listing, Offer, Operations, Usage};
pub use verbs::{Config, Dlq, Review, Subscription, Vault};

use clap::{Args, Parser, Subcommand, ValueEnum};
use concord_hub::ports::Secret;
use std::{ffi::OsString, net::SocketAddr, path::PathBuf};

/// Keeps one partner truth in step across CRM, ERP, cloud marketplaces and PRM systems.
#[derive(Debug, Parser)]
#[command(name = "concord", version, propagate_version = true, max_term_width = 100)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Print JSON instead of text.
    #[arg(long, global = true)]
    pub json: bool,
    /// What is logged to standard error: error, warn, info, debug or trace, or a filter such as `concord_hub=debug,hyper=debug`;
    /// other libraries' lines are shown from warnings on.
    #[arg(long, global = true, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// How it is logged.
    #[arg(long, global = true, value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// How log lines look.
#[derive(Clone, Copy, Debug, Default, ValueEnum)]
pub enum LogFormat {
    /// For people.
    #[default]
    Text,
    /// One JSON document a line.
    Json,
}

/// Where the truth is: a data folder on this machine, or a Concord that runs elsewhere.
#[derive(Clone, Debug, Args)]
pub struct At {
    /// The data folder.
    #[arg(long, value_name = "DIR", default_value = "./concord-data")]
    pub data: PathBuf,
    /// The configuration; needed when no Concord runs on the data folder.
    #[arg(long, value_name = "FILE", default_value = "concord.toml")]
    pub config: PathBuf,
    /// The address of a running Concord, instead of a data folder.
    #[arg(long, value_name = "URL", requires = "token")]
    pub url: Option<String>,
    /// Its admin token.
    #[arg(long, value_name = "TOKEN", env = "CONCORD_TOKEN", hide_env_values = true, value_parser = secret)]
    pub token: Option<Secret>,
    /// The stack on AWS where it is, by its name; reached with your own rights at AWS. May stand before the command.
    #[cfg(feature = "aws")]
    #[arg(long, value_name = "NAME", env = "CONCORD_STACK", conflicts_with_all = ["url"])]
    pub stack: Option<String>,
}

/// The arguments of the process. `--stack NAME` may stand before the command, where it says best whom one speaks to.
pub fn given() -> Vec<OsString> {
    let mut args: Vec<OsString> = std::env::args_os().collect();
    if args.get(1).is_some_and(|first| first == "--stack") && args.len() > 3 {
        args[1..].rotate_left(2);
    }
    args
}

fn secret(text: &str) -> Result<Secret, String> {
    if text.is_empty() { Err("the token is empty".into()) } else { Ok(Secret::new(text)) }
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it: six sandbox systems, a partner programme and a marketplace deal flowing through them, and proof that they agree.
    Demo(Demo),
    /// Run the hub.
    Up(Up),
    /// Measure this program over loopback: signed webhooks in, deliveries out, and a ledger that proves that all arrived.
    Bench(Bench),
    /// Check the configuration.
    Check {
        /// The configuration.
        #[arg(long, value_name = "FILE", default_value = "concord.toml")]
        config: PathBuf,
    },
    /// Compare the configuration with the one in force, put it into force, or fetch that one.
    Config {
        /// What to do with it.
        #[command(subcommand)]
        verb: Config,
    },
    /// Give a connection its credentials, and try them.
    Connect(Connect),
    /// Check, try and test a connector.toml of your own.
    Connector {
        /// What to do with it.
        #[command(subcommand)]
        verb: Connector,
    },
    /// Read everything that a connection has.
    Backfill {
        /// The connection.
        connection: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Show how the records of a connection fit what is known already, and decide about them.
    Match(Match),
    /// List golden records.
    Records {
        /// organization, person, partnership, lead, opportunity, deal_registration, order or invoice.
        entity: String,
        /// Go on after this record.
        #[arg(long)]
        after: Option<String>,
        /// At most that many; all when not given.
        #[arg(long)]
        limit: Option<usize>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Say for each field of a record who said it, when, and which rule let it win.
    Explain {
        /// The record's id, or `CONNECTION/ENTITY/ID` of one of its external records.
        record: String,
        /// One field only.
        #[arg(long)]
        field: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Say what would be written where, why, and what it costs; write nothing.
    Plan {
        /// One connection; all of them when not given.
        connection: Option<String>,
        /// At most that many writes.
        #[arg(long)]
        limit: Option<usize>,
        /// What this configuration would bring if it were in force, instead of the one that is.
        #[arg(long, value_name = "FILE")]
        with: Option<PathBuf>,
        /// Keep the plan in this file as well.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Write exactly what a plan says, or nothing when the world moved since it was made.
    Apply {
        /// The plan's file, or its id.
        plan: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Private offers: make, check, compare and send them.
    Offer {
        /// What to do.
        #[command(subcommand)]
        verb: Offer,
    },
    /// Listings, kept as files in a folder: compare them with the marketplaces, and make them true there.
    Listing {
        /// What to do.
        #[command(subcommand)]
        verb: Listing,
    },
    /// What vendors are working on: change sets, jobs.
    Operations(Operations),
    /// Show the whole deal from any of its parts: opportunity, offer, agreement, usage, invoice, what was paid.
    Deal {
        /// The id of any of its records, or `CONNECTION/ENTITY/ID`.
        record: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// What buyers used, by the hour: report it, list it.
    Usage {
        /// What to do.
        #[command(subcommand)]
        verb: Usage,
    },
    /// Resolve history again, under another policy or mapping, and say what would have been different; write nothing.
    Replay(Replay),
    /// Messages that were put aside.
    Dlq {
        /// What to do with them.
        #[command(subcommand)]
        verb: Dlq,
    },
    /// Questions that a person has to decide.
    Review {
        /// What to do with them.
        #[command(subcommand)]
        verb: Review,
    },
    /// Decide the value of a field.
    Set {
        /// The record.
        record: String,
        /// The field.
        field: String,
        /// The value; `-` reads it from standard input, an empty text empties the field.
        #[arg(required_unless_present = "withdraw", conflicts_with = "withdraw")]
        value: Option<String>,
        /// Take back what was set: what the systems say counts again.
        #[arg(long)]
        withdraw: bool,
        /// Why; kept with the decision and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Say that two records are the same thing.
    Merge {
        /// One.
        record: String,
        /// The other.
        other: String,
        /// Why; kept with the decision and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Take a merge back: each part gets what its systems' people had said.
    Unmerge {
        /// The merged record.
        record: String,
        /// One external record of the part to separate, as `CONNECTION/ID`; every merge of the record when not given.
        #[arg(long, value_name = "CONNECTION/ID")]
        part: Option<String>,
        /// Why; kept with the decision and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Say that an external record belongs to a record.
    Link {
        /// The record.
        record: String,
        /// The external record, as `CONNECTION/ID`.
        external: String,
        /// Why; kept with the decision and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Say that an external record does not belong to a record.
    Unlink {
        /// The record.
        record: String,
        /// The external record, as `CONNECTION/ID`.
        external: String,
        /// Why; kept with the decision and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Who is told of changes.
    Subscription {
        /// What to do with them.
        #[command(subcommand)]
        verb: Subscription,
    },
    /// Show what flows through a running hub: signals, observations, commits, deliveries, receipts, events.
    Tap(Tap),
    /// Send a correctly signed sample webhook to a hook of a running hub, as the system itself would.
    Trigger(Trigger),
    /// Secrets.
    Vault {
        /// What to do with them.
        #[command(subcommand)]
        verb: Vault,
    },
    /// Write everything to one file; also while the hub runs.
    Backup {
        /// The file; it must not exist yet.
        file: PathBuf,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Make a data folder of a backup.
    Restore {
        /// The file.
        file: PathBuf,
        /// The new data folder.
        #[arg(long, value_name = "DIR", default_value = "./concord-data")]
        data: PathBuf,
    },
    /// Say how the connections are doing, and what `sync` would create and change where it is off.
    Status {
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}

/// `concord up`.
#[derive(Clone, Debug, Args)]
pub struct Up {
    /// The data folder; made when it is missing.
    #[arg(long, value_name = "DIR", default_value = "./concord-data")]
    pub data: PathBuf,
    /// Where to listen.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// The configuration.
    #[arg(long, value_name = "FILE", default_value = "concord.toml")]
    pub config: PathBuf,
}

/// `concord demo`.
#[derive(Clone, Debug, Args)]
pub struct Demo {
    /// Keep the data in this folder instead of a temporary one.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
    /// Where the hub listens; a free port when not given.
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<SocketAddr>,
    /// Another seed tells another story; the same seed tells the same one.
    #[arg(long, default_value_t = 7)]
    pub seed: u64,
    /// How many partners.
    #[arg(long, default_value_t = 200)]
    pub partners: usize,
    /// How many events.
    #[arg(long, default_value_t = 2000)]
    pub events: usize,
    /// Run the hub in a process of its own and kill it again and again while the story goes on.
    #[arg(long)]
    pub chaos: bool,
    /// Stop after the proof instead of staying up; the exit code says whether all systems agree.
    #[arg(long)]
    pub exit: bool,
}
/// `concord connect`.
#[derive(Clone, Debug, Args)]
pub struct Connect {
    /// The connection.
    pub connection: String,
    /// A secret, as `PART=VALUE`, or `PART=@FILE` to read it from a file. Parts that are missing are read from standard
    /// input, one a line.
    #[arg(long, value_name = "PART=VALUE")]
    pub set: Vec<String>,
    /// Do not listen for the browser; read the address that it ended at from standard input.
    #[arg(long)]
    pub paste: bool,
    /// The loopback port that the browser is sent to; it has to be in the vendor's list of redirect addresses.
    #[arg(long, default_value_t = 8765)]
    pub port: u16,
    /// Where the truth is.
    #[command(flatten)]
    pub at: At,
}
