//! Recorded exchanges: those in `fixtures/`, from a real server, and new ones from the sandbox.

use super::{sandboxed::Sandboxed, scenario};
use concord_connector::{Connector, Context, testing::Fixture};
use libtest_mimic::Trial;
use std::{fs, path::Path};

pub(super) fn trials() -> Vec<Trial> {
    let committed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    vec![
        Trial::test("fixtures::the_recordings_of_the_real_server_replay", move || Ok(replay(&committed)?)),
        Trial::test("fixtures::recordings_of_the_sandbox_replay", || {
            let folder = tempfile::tempdir()?;
            scenario::record(Box::new(Sandboxed::new()), folder.path());
            Ok(replay(folder.path())?)
        }),
    ]
}

fn replay(folder: &Path) -> Result<(), String> {
    let connector = concord_tryton::connector();
    let cx = Context::new("tryton-test", connector.manifest());
    let files = fs::read_dir(folder).map_err(|e| e.to_string())?;
    let mut replayed = 0;
    for file in files {
        let file = file.map_err(|e| e.to_string())?.path();
        Fixture::read(&file)?.replay(&connector, &cx).map_err(|e| format!("{}: {e}", file.display()))?;
        replayed += 1;
    }
    if replayed > 0 { Ok(()) } else { Err(format!("{} is empty", folder.display())) }
}
