//! The program `concord`: runs the hub on one machine, shows it, and lets admins work with it.

pub mod actor;
pub mod api;
pub mod app;
pub mod args;
mod bench;
mod commands;
pub mod demo;
pub mod failure;
mod logging;
pub mod place;
pub mod print;
pub mod run;
pub mod sandbox_server;
pub mod server;
pub mod session;
pub mod up;

use args::{Cli, Command};
use clap::Parser;
use std::process::ExitCode;

/// Runs the program with the arguments of the process.
pub fn main() -> ExitCode {
    let cli = Cli::parse_from(args::given());
    if let Err(error) = logging::start(&cli) {
        tracing::error!("{}", failure::sentence(&error));
        eprintln_sentence(&cli, &error);
        return failure::code(&error);
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            eprintln_sentence(&cli, &error.into());
            return ExitCode::FAILURE;
        }
    };
    match runtime.block_on(run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            if !error.is::<failure::Told>() {
                eprintln_sentence(&cli, &error);
            }
            failure::code(&error)
        }
    }
}

fn eprintln_sentence(cli: &Cli, error: &anyhow::Error) {
    let sentence = failure::sentence(error);
    if cli.json {
        eprintln!("{}", serde_json::json!({ "error": sentence }));
    } else {
        eprintln!("concord: {sentence}");
    }
}

async fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.command {
        Command::Demo(args) => Box::pin(demo::demo(args, cli.json)).await,
        Command::Bench(args) => Box::pin(bench::bench(args, cli.json)).await,
        Command::Up(args) => Box::pin(up::up(args, cli.json)).await,
        command => Box::pin(commands::run(command, cli.json)).await,
    }
}
