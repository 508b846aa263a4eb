//! What the tests of the stack share: where the project is, and its templates as CloudFormation sees them.

pub mod stack;

use std::path::{Path, PathBuf};

/// The repository.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap_or(Path::new(".")).to_owned()
}

/// The tools that `tests/aws/prepare` installs; `None` when it was not run.
pub fn tools() -> Option<PathBuf> {
    let venv = root().join(".venv/aws");
    venv.join(".installed").exists().then(|| venv.join("bin"))
}
