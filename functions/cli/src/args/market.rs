//! The commands of marketplaces.

use super::At;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `concord offer`.
#[derive(Clone, Debug, Subcommand)]
pub enum Offer {
    /// List them, with where each stands.
    List {
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Make one of what is said here; it goes to the connections whose scope has it.
    New {
        /// `FIELD=VALUE`, as often as needed; a list's further lines by the same field again.
        #[arg(required = true, value_name = "FIELD=VALUE")]
        fields: Vec<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Say what a marketplace would refuse of one, with the field and what to write; write nothing.
    Check {
        /// The record's id, or `CONNECTION/private_offer/ID`.
        record: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Show where one differs from what the marketplaces have.
    Diff {
        /// The record's id, or `CONNECTION/private_offer/ID`.
        record: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Send what differs now, and follow the marketplace's work to its end.
    Push {
        /// The record's id, or `CONNECTION/private_offer/ID`.
        record: String,
        /// Print the exact request instead, and send nothing.
        #[arg(long)]
        dry_run: bool,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}

/// `concord listing`.
#[derive(Clone, Debug, Subcommand)]
pub enum Listing {
    /// Show, per marketplace, where it differs from the folder.
    Diff {
        /// The folder with `listing.toml`.
        folder: PathBuf,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Make the folder true in every marketplace, and follow their work to its end.
    Push {
        /// The folder with `listing.toml`.
        folder: PathBuf,
        /// Print the exact requests instead, and send nothing.
        #[arg(long)]
        dry_run: bool,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}

/// `concord operations`.
#[derive(Clone, Debug, Args)]
pub struct Operations {
    /// One connection; all of them when not given.
    pub connection: Option<String>,
    /// Those that have ended within a month, too.
    #[arg(long)]
    pub all: bool,
    /// Where the truth is.
    #[command(flatten)]
    pub at: At,
}

/// `concord usage`.
#[derive(Clone, Debug, Subcommand)]
pub enum Usage {
    /// Report what was used in an hour; the same said twice counts once.
    Report {
        /// The entitlement's id, or `CONNECTION/entitlement/ID`.
        entitlement: String,
        /// What was used, by the dimension's key.
        dimension: String,
        /// How much: a decimal number.
        quantity: String,
        /// The full hour, as `2026-11-23T04:00:00Z`; the one that runs when not given.
        #[arg(long, value_name = "HOUR")]
        hour: Option<String>,
        /// Why; kept with the record and shown by `explain`.
        #[arg(long, value_name = "TEXT")]
        reason: Option<String>,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
    /// Show what was reported, the latest hour first, and what the marketplace made of it.
    List {
        /// The entitlement's id, or `CONNECTION/entitlement/ID`.
        entitlement: String,
        /// Where the truth is.
        #[command(flatten)]
        at: At,
    },
}
