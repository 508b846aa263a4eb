//! The connector beside its sandbox: the behaviour suite, the scenario that the real server runs too, and recordings.

#[path = "../scenario/scenario.rs"]
mod scenario;

mod recordings;

use concord_connector::{
    Connector,
    testing::{Generated, Run, Subject, laws},
};
use concord_tryton::sandbox::Server;
use libtest_mimic::{Arguments, Failed, Trial};
use std::{path::Path, process::ExitCode, sync::Arc};

fn main() -> ExitCode {
    let connector: Arc<dyn Connector> = Arc::new(concord_tryton::connector());
    let start = Arc::new(|_seed| Box::new(Server::new()) as _);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let golden = folder.join("../tests/golden/tryton-faults.txt");
    let subject = Subject::new(connector, folder, Some(start)).golden(golden, Generated::Compare);
    let mut trials: Vec<Trial> = laws(&subject)
        .into_iter()
        .map(|law| match law.run {
            Run::Try(run) => Trial::test(law.name, move || run().map_err(Failed::from)),
            Run::Ignored(reason) => Trial::test(format!("{} ({reason})", law.name), || Ok(())).with_ignored_flag(true),
        })
        .collect();
    trials.extend(scenario::trials("sandbox", || Box::new(scenario::Sandboxed::new())));
    trials.push(recordings::trial());
    libtest_mimic::run(&Arguments::from_args(), trials).exit_code()
}
