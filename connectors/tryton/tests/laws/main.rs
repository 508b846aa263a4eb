//! The connector beside its sandbox: the scenario that a real server runs too, and the sandbox beside recordings of one.
//! The behaviour suite is tried where every connector is (`connectors/tests`).

#[path = "../scenario/scenario.rs"]
mod scenario;

mod fixtures;
mod recordings;
mod sandboxed;

use libtest_mimic::Arguments;
use std::process::ExitCode;

fn main() -> ExitCode {
    let mut trials = scenario::trials("sandbox", || Box::new(sandboxed::Sandboxed::new()));
    trials.push(recordings::trial());
    trials.extend(fixtures::trials());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
