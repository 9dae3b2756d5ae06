//! The one place that prints: results on standard output, everything else on standard error.

use std::io::{self, Write};

use serde_json::Value;

use crate::error::CliError;

/// How results are told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    /// As JSON, one document a line.
    pub(crate) json: bool,
}

impl Output {
    pub(crate) fn new(json: bool) -> Output {
        Output { json }
    }

    /// Prints a result: the document with `--json`, the text otherwise.
    pub(crate) fn result(self, document: &Value, text: &str) -> Result<(), CliError> {
        let line = if self.json { document.to_string() } else { text.to_owned() };
        if line.is_empty() { Ok(()) } else { self.line(&line) }
    }

    /// Prints a line to standard output, at once.
    pub(crate) fn line(self, line: &str) -> Result<(), CliError> {
        let mut out = io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.write_all(b"\n"))?;
        Ok(out.flush()?)
    }

    /// Tells people something that is no result; programs are not told.
    pub(crate) fn remark(self, sentence: &str) {
        if !self.json {
            let _ = writeln!(io::stderr(), "{sentence}");
        }
    }

    pub(crate) fn error(self, error: &CliError) {
        let mut err = io::stderr().lock();
        // There is nowhere left to tell that standard error is closed.
        let _ = match self.json {
            _ if error.is_silent() => Ok(()),
            true => writeln!(err, "{}", error.to_json()),
            false => {
                let queue =
                    error.queue.as_ref().map(|queue| format!("{queue}: ")).unwrap_or_default();
                let hint =
                    error.hint.as_ref().map(|hint| format!("\nhint: {hint}")).unwrap_or_default();
                writeln!(err, "formiga: {queue}{error}{hint}")
            }
        };
    }
}

/// Lays rows out in columns, the first line being the titles. The columns after the first are
/// aligned to the right where `right` says so.
pub(crate) fn table(rows: &[Vec<String>], right: &[bool]) -> String {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    let widths: Vec<usize> = (0..columns).map(|column| width(column).unwrap_or(0)).collect();
    let lines = rows.iter().map(|row| {
        let cells = row.iter().zip(&widths).zip(right).map(|((cell, &width), right)| match right {
            true => format!("{cell:>width$}"),
            false => format!("{cell:<width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned).to_vec();
        let rows = [row(["NAME", "VISIBLE", "CREATED"]), row(["ação", "12", "-"])];
        assert_eq!(table(&rows, &[false, true, false]), "NAME  VISIBLE  CREATED\nação       12  -");
    }
}
