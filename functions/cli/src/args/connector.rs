//! `concord connector`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// `concord connector`.
#[derive(Clone, Debug, Subcommand)]
pub enum Connector {
    /// Name every mistake of the file.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Show a record both ways: what Concord understands of it, what would be written back, and what gets lost.
    Try {
        /// The file.
        file: PathBuf,
        /// The record as the system shows it, in JSON; `-` reads it from standard input.
        #[arg(long, value_name = "FILE")]
        record: PathBuf,
        /// What it is; needed where the file maps several entities.
        #[arg(long)]
        entity: Option<String>,
        /// The currency of amounts that name none.
        #[arg(long, value_name = "CODE")]
        currency: Option<String>,
    },
    /// Run the behaviour suite beside a system that the file describes, or look at a real one.
    Test(ConnectorTest),
}

/// `concord connector test`.
#[derive(Clone, Debug, Args)]
pub struct ConnectorTest {
    /// The file.
    pub file: PathBuf,
    /// The address of a real system. Nothing is ever written there.
    #[arg(long, value_name = "URL", requires = "read_only")]
    pub base_url: Option<String>,
    /// Say that you know that a real system is only read.
    #[arg(long)]
    pub read_only: bool,
    /// Which of the file's ways to authorize.
    #[arg(long, value_name = "NAME")]
    pub auth: Option<String>,
    /// A secret for the real system, as `PART=VALUE`, or `PART=@FILE` to read it from a file.
    #[arg(long, value_name = "PART=VALUE")]
    pub set: Vec<String>,
    /// An option of the connection, as `NAME=VALUE`.
    #[arg(long, value_name = "NAME=VALUE")]
    pub option: Vec<String>,
    /// The currency of amounts that name none.
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// How many pages of each list are read.
    #[arg(long, default_value_t = 3)]
    pub pages: usize,
}
