//! Judges: programs that know a vendor's own models and say what of recorded calls does not fit them.
//!
//! A judge is `tests/NAME/validate.py` of the repository in the environment that `tests/NAME/prepare` makes. It reads calls,
//! a JSON object a line, until an empty line, and prints a line per mistake and an empty one.

use serde_json::Value as Json;
use std::{
    collections::BTreeMap,
    io::{BufRead as _, BufReader, Write as _},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, PoisonError},
};

/// A judge at work; it goes home when its input ends.
struct Judge {
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _program: Child,
}

/// One of each for a whole test binary: reading the models takes longer than judging.
static JUDGES: Mutex<BTreeMap<String, Judge>> = Mutex::new(BTreeMap::new());

/// Where a judge's program is, and its interpreter; `None` where nobody has prepared it.
pub fn found(name: &str) -> Option<(PathBuf, PathBuf)> {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| (folder.join(".venv").join(name).join("bin/python"), folder.join("tests").join(name))).find_map(
        |(python, folder)| {
            let program = folder.join("validate.py");
            (python.exists() && program.exists()).then_some((python, program))
        },
    )
}

/// What a judge finds wrong; nothing where it was not prepared, which a test of its own says.
///
/// # Errors
/// When it cannot be asked.
pub fn mistakes(name: &str, calls: &[Json]) -> std::io::Result<Vec<String>> {
    let Some((python, program)) = found(name) else { return Ok(Vec::new()) };
    let mut judges = JUDGES.lock().unwrap_or_else(PoisonError::into_inner);
    if !judges.contains_key(name) {
        let mut child = Command::new(python).arg(program).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(std::io::Error::other("the judge has no pipes"));
        };
        judges.insert(name.to_owned(), Judge { input, output: BufReader::new(output), _program: child });
    }
    let Some(judge) = judges.get_mut(name) else { return Ok(Vec::new()) };
    let text: String = calls.iter().map(|call| format!("{call}\n")).collect();
    judge.input.write_all(text.as_bytes())?;
    judge.input.write_all(b"\n")?;
    judge.input.flush()?;
    let mut mistakes = Vec::new();
    loop {
        let mut line = String::new();
        if judge.output.read_line(&mut line)? == 0 {
            return Err(std::io::Error::other("the judge ended before its judgement"));
        }
        match line.trim_end() {
            "" => return Ok(mistakes),
            mistake => mistakes.push(mistake.to_owned()),
        }
    }
}
