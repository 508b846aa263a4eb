//! How a command fails: a sentence and an exit code.

use std::{fmt, process::ExitCode};

/// The command was called the wrong way: exit code 2. Everything else that fails is 1.
#[derive(Debug)]
pub struct Usage(pub String);

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
impl std::error::Error for Usage {}

/// The command did its work and the answer is "no" (a mistake was found, systems disagree): exit code 1, and nothing
/// more to say.
#[derive(Debug)]
pub struct Told;

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("The answer is above.")
    }
}
impl std::error::Error for Told {}

/// The exit code of a failure.
pub fn code(error: &anyhow::Error) -> ExitCode {
    if error.is::<Usage>() { ExitCode::from(2) } else { ExitCode::FAILURE }
}

/// The failure as a person reads it: the sentence, then what caused it.
pub fn sentence(error: &anyhow::Error) -> String {
    let mut parts: Vec<String> = Vec::new();
    for cause in error.chain() {
        let text = match cause.downcast_ref::<concord_connector::Fault>() {
            Some(fault) => crate::server::sentence(fault),
            None => cause.to_string(),
        };
        // A fault's own source is for logs; a cause that only repeats its parent says nothing new.
        if !parts.iter().any(|part| part.contains(&text)) {
            parts.push(text);
        }
        if cause.is::<concord_connector::Fault>() {
            break;
        }
    }
    parts.join(" ")
}
