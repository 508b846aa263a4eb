//! The built program, from outside: against a real ERP server, webhooks signed by HubSpot's own SDK, and the demo.

mod demo;
mod hub;
mod market;
mod sdk;
mod subscriptions;
mod tryton;

use libtest_mimic::{Arguments, Failed, Trial};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![Trial::test("demo::all_systems_agree_field_by_field", demo::agrees)];
    trials.push(needing(
        "tryton::parties_sales_and_invoices_stay_in_step_with_hubspot",
        &["target/tryton/made-of", ".venv/tryton/.installed"],
        "tests/tryton/prepare",
        tryton::in_step,
    ));
    trials.push(needing(
        "hubspot_sdk::webhooks_signed_by_the_vendors_own_sdk_are_taken_in",
        &[".venv/hubspot-sdk/.installed"],
        "tests/hubspot-sdk/prepare",
        sdk::taken_in,
    ));
    trials.push(needing(
        "standardwebhooks::events_are_verified_by_the_official_library_for_javascript",
        &[".venv/standardwebhooks-js/.installed"],
        "tests/standardwebhooks-sdk/prepare",
        subscriptions::javascript,
    ));
    trials.push(needing(
        "standardwebhooks::events_are_verified_by_the_official_library_for_python",
        &[".venv/standardwebhooks/.installed"],
        "tests/standardwebhooks-sdk/prepare",
        subscriptions::python,
    ));
    trials.push(Trial::test("market::an_offer_is_made_once_by_the_command_line_across_a_kill", market::offer));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// A trial that needs files; ignored, with what to run, when one is missing.
fn needing(name: &str, files: &[&str], run: &str, test: fn() -> Result<(), Failed>) -> Trial {
    if files.iter().all(|file| root().join(file).exists()) {
        Trial::test(name, test)
    } else {
        Trial::test(format!("{name} (run {run})"), || Ok(())).with_ignored_flag(true)
    }
}

/// The repository.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the repository").to_owned()
}
