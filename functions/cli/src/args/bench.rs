//! The arguments of `concord bench`.

use clap::{Args, ValueEnum};
use std::path::PathBuf;

/// `concord bench`.
#[derive(Clone, Debug, Args)]
pub struct Bench {
    /// What happens meanwhile.
    #[arg(long, value_enum, default_value_t)]
    pub scenario: Scenario,
    /// Changes a second; as many as are answered when not given.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub rate: Option<u32>,
    /// Connections of the sender.
    #[arg(long, default_value_t = 32, value_parser = positive)]
    pub connections: usize,
    /// How long changes are sent.
    #[arg(long, value_name = "S", default_value_t = 20)]
    pub seconds: u64,
    /// How many records there are; they are made first.
    #[arg(long, default_value_t = 10_000, value_parser = positive)]
    pub records: usize,
    /// Measure a bare server that does the same I/O first.
    #[arg(long)]
    pub floor: bool,
    /// Put the data folder into this folder instead of the one for temporary files.
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Be the bare server; for the bench itself.
    #[arg(long, hide = true)]
    pub serve_floor: Option<String>,
}

fn positive(text: &str) -> Result<usize, String> {
    text.parse().ok().filter(|number| *number > 0).ok_or_else(|| "it has to be a number above zero".into())
}

/// What happens during a bench.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// Nothing.
    #[default]
    Steady,
    /// The target answers 503 for three seconds.
    Outage,
    /// The hub is killed as by a power cut, and started again.
    Kill,
    /// 100,000 signals say over and over what 1,000 records are.
    Storm,
}

impl Scenario {
    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Steady => "steady",
            Self::Outage => "outage",
            Self::Kill => "kill",
            Self::Storm => "storm",
        }
    }
}
