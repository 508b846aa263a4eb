//! The commands that have commands of their own.

use super::At;
use clap::Subcommand;

/// `concord dlq`.
#[derive(Clone, Debug, Subcommand)]
pub enum Dlq {
    /// List them, with the reason.
    List {
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Look again at what they are about, as it is today.
    Redrive {
        /// Their ids; all of them when nothing is named.
        ids: Vec<String>,
        /// All of them.
        #[arg(long, conflicts_with_all = ["ids", "connection"])]
        all: bool,
        /// Those of one connection.
        #[arg(long, conflicts_with = "ids")]
        connection: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}

/// `concord config`.
#[derive(Clone, Debug, Subcommand)]
pub enum Config {
    /// Show how the file differs from what is in force.
    Diff {
        /// Where the truth is; `--config` names the file.
        #[command(flatten)]
        at: At,
    },
    /// Check the file and put it into force. A running `concord up` does that when it starts.
    Push {
        /// Where the truth is; `--config` names the file.
        #[command(flatten)]
        at: At,
    },
    /// Write what is in force into the file, and the connector files that it names beside it.
    Pull {
        /// Also over files that say something else.
        #[arg(long)]
        force: bool,
        /// Where the truth is; `--config` names the file.
        #[command(flatten)]
        at: At,
    },
}

/// `concord review`.
#[derive(Clone, Debug, Subcommand)]
pub enum Review {
    /// List open questions.
    List {
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Show one with its choices.
    Show {
        /// Its id.
        id: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Decide one.
    Decide {
        /// Its id.
        id: String,
        /// One of its choices.
        choice: String,
        /// The value, where the choice needs one.
        #[arg(long)]
        value: Option<String>,
        /// Why; kept with the decision and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}

/// `concord vault`.
#[derive(Clone, Debug, Subcommand)]
pub enum Vault {
    /// Keep a secret, read from standard input.
    Set {
        /// The connection, or `CONNECTION/PART`.
        name: String,
        /// The part of the connection's secret, such as `token` or `webhook`.
        #[arg(long)]
        part: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}

/// `concord subscription`.
#[derive(Clone, Debug, Subcommand)]
pub enum Subscription {
    /// List them, and how they are doing.
    List {
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Tell it again, beginning with what waited for it.
    Enable {
        /// The subscription.
        name: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Tell it nothing until it is enabled again.
    Disable {
        /// The subscription.
        name: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Send it every record once more, as it is now.
    Resend {
        /// The subscription.
        name: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Send it a test event.
    Ping {
        /// The subscription.
        name: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Make a new signing secret, and show it this once. The one before goes on signing for a while.
    Rotate {
        /// The subscription.
        name: String,
        /// For how long the secret before signs too, in seconds; a day when not given.
        #[arg(long, value_name = "SECONDS")]
        grace_s: Option<u64>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}
