//! The connector against a real Tryton server, on loopback: the scenario that the sandbox runs too.
//!
//! The server is prepared by `tests/tryton/prepare`; without it the trials are ignored with that reason.
//! `RECORD=1` records the fixtures of `fixtures/` anew instead.

#[path = "../scenario/scenario.rs"]
mod scenario;

mod server;

use libtest_mimic::{Arguments, Trial};
use server::Server;
use std::{
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if let (Some(root), Some(_)) = (server::prepared(), std::env::var_os("RECORD")) {
        let server = Server::start(&root);
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
        scenario::record(Box::new(server.world()), &folder);
        return ExitCode::SUCCESS;
    }
    let running: Arc<Mutex<Option<Server>>> = Arc::default();
    let trials: Vec<Trial> = match server::prepared() {
        Some(root) => {
            let running = running.clone();
            scenario::trials("real", move || {
                let server = Server::start(&root);
                let world = server.world();
                *running.lock().unwrap_or_else(PoisonError::into_inner) = Some(server);
                Box::new(world)
            })
        }
        None => vec![Trial::test("real::every_law (run tests/tryton/prepare)", || Ok(())).with_ignored_flag(true)],
    };
    let conclusion = libtest_mimic::run(&arguments, trials);
    // Exiting runs no destructors: the server is stopped before.
    drop(running.lock().unwrap_or_else(PoisonError::into_inner).take());
    conclusion.exit_code()
}
