//! Comma-separated values as RFC 4180 has them.

/// A row, quoted where it has to be, with its line end. Cells that a spreadsheet would take for a formula are made texts.
pub(super) fn row(cells: impl Iterator<Item = String>) -> String {
    let cells: Vec<String> = cells
        .map(|cell| {
            let cell = if cell.starts_with(['=', '+', '-', '@', '\t']) { format!("'{cell}") } else { cell };
            if cell.contains(['"', ',', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
        })
        .collect();
    format!("{}\r\n", cells.join(","))
}

/// The rows of a text; semicolons as well, which spreadsheets write in half of the world.
pub(super) fn rows(text: &str) -> Vec<Vec<String>> {
    let head = text.lines().next().unwrap_or_default();
    let comma = if head.matches(';').count() > head.matches(',').count() { ';' } else { ',' };
    let mut rows = vec![vec![String::new()]];
    let mut letters = text.chars().peekable();
    let mut quoted = false;
    while let Some(letter) = letters.next() {
        let Some(row) = rows.last_mut() else { break };
        let Some(cell) = row.last_mut() else { break };
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => {
                letters.next();
                cell.push('"');
            }
            '"' if quoted || cell.is_empty() => quoted = !quoted,
            letter if quoted => cell.push(letter),
            letter if letter == comma => row.push(String::new()),
            '\r' => {}
            '\n' => rows.push(vec![String::new()]),
            letter => cell.push(letter),
        }
    }
    rows.retain(|row| row.iter().any(|cell| !cell.is_empty()));
    rows
}

#[cfg(test)]
mod tests {
    use super::{row, rows};

    #[test]
    fn what_is_written_is_read() {
        let cells = ["plain", "with, comma", "with \"quotes\"", "two\nlines", ""].map(str::to_owned);
        assert_eq!(rows(&row(cells.clone().into_iter())), [cells.to_vec()]);
    }

    #[test]
    fn a_spreadsheet_may_write_semicolons_and_never_runs_a_formula() {
        assert_eq!(rows("id;decision\r\n1;link\r\n"), [["id", "decision"], ["1", "link"]]);
        assert_eq!(row(["=1+1".to_owned()].into_iter()), "'=1+1\r\n");
    }
}
