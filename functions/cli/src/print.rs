//! The one place that writes to standard output: what a command was asked for. What happens on the way is logged to
//! standard error.

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value as Json;
use std::io::{IsTerminal, Write};

/// Prints a line.
pub fn line(text: impl AsRef<str>) {
    // Whoever closed the pipe (`concord records | head`) has seen enough.
    drop(writeln!(std::io::stdout(), "{}", text.as_ref()));
}

/// Prints one JSON document on one line.
pub fn json(value: &Json) {
    line(value.to_string());
}

/// Prints the JSON document when it was asked for, else what `plain` prints.
pub fn either(wants_json: bool, value: &Json, plain: impl FnOnce()) {
    if wants_json { json(value) } else { plain() }
}

/// How far long work is: one line that changes on a terminal, plain lines elsewhere. All of it to standard error.
pub(crate) struct Progress(Option<ProgressBar>);

impl Progress {
    pub(crate) fn new() -> Self {
        Self(std::io::stderr().is_terminal().then(|| {
            let style =
                ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
            ProgressBar::new_spinner().with_style(style)
        }))
    }
    /// Says how far it is. Plain lines come only when it `speaks`.
    pub(crate) fn say(&self, message: String, speaks: bool) {
        match &self.0 {
            Some(bar) => {
                bar.set_message(message);
                bar.tick();
            }
            None if speaks => eprintln!("{message}"),
            None => {}
        }
    }
    /// The work is done.
    pub(crate) fn finish(&self) {
        self.0.iter().for_each(ProgressBar::finish_and_clear);
    }
}

/// Prints rows in columns that are as wide as their widest cell, under their titles.
pub fn table(titles: &[&str], rows: &[Vec<String>]) {
    for text in columns(titles, rows) {
        line(text);
    }
}

/// Rows as lines, in columns that are as wide as their widest cell.
pub fn columns(titles: &[&str], rows: &[Vec<String>]) -> Vec<String> {
    let width = |at: usize| {
        let cells = rows.iter().filter_map(|row| row.get(at)).map(|cell| cell.chars().count());
        cells.chain([titles[at].chars().count()]).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..titles.len()).map(width).collect();
    let form = |cells: Vec<&str>| {
        let padded = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    let mut lines = vec![form(titles.to_vec())];
    lines.extend(rows.iter().map(|row| form(row.iter().map(String::as_str).collect())));
    lines
}

/// Whether a person watches standard output.
pub fn is_watched() -> bool {
    std::io::stdout().is_terminal()
}

/// Writes lines over the `before` lines that were written last, for a table that stays in place. Returns how many lines
/// stand there now.
pub fn redraw(before: usize, lines: &[String]) -> usize {
    let mut out = String::new();
    if before > 0 {
        out.push_str(&format!("\x1b[{before}A"));
    }
    for text in lines {
        out.push_str("\x1b[2K");
        out.push_str(text);
        out.push('\n');
    }
    let mut terminal = std::io::stdout();
    // A terminal that is gone needs no table.
    drop(terminal.write_all(out.as_bytes()).and_then(|()| terminal.flush()));
    lines.len()
}

#[cfg(test)]
mod tests {
    use super::columns;

    #[test]
    fn columns_fit_their_widest_cell() {
        let rows = [vec!["a".to_owned(), "1".to_owned()], vec!["Müller".to_owned(), "22".to_owned()]];
        assert_eq!(columns(&["name", "n"], &rows), ["name    n", "a       1", "Müller  22"]);
    }
}
