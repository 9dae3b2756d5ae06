//! The question before something is lost.

use std::io::{self, IsTerminal, Write};

use crate::error::CliError;

/// Asks at the terminal. Where there is none nobody can answer, so `--yes` must be given.
pub(crate) fn confirm(question: &str, yes: bool) -> Result<(), CliError> {
    if yes {
        return Ok(());
    }
    if !io::stdin().is_terminal() {
        let sentence = "nothing was done: without a terminal to ask at, this takes --yes";
        return Err(CliError::usage(sentence));
    }
    let mut err = io::stderr();
    write!(err, "{question} [y/N] ").and_then(|()| err.flush())?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    match answer.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(()),
        _ => Err(CliError::new("Declined", "nothing was done")),
    }
}
