//! Runs a program to its end and gives what it printed.

use std::process::{Command, Stdio};

use crate::Failure;

/// Lines of a failed program's last words that are told.
const LAST_WORDS: usize = 3;

/// Its standard output.
///
/// # Errors
/// Where it does not start, does not end well or prints no UTF-8; its last words are told.
pub(super) fn output(command: &mut Command) -> Result<String, Failure> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("`{program}` cannot be started: {error}"))?;
    if !output.status.success() {
        let words = last_words(&String::from_utf8_lossy(&output.stderr));
        return Err(format!("`{program}` ended with {}: {words}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The last lines of what a program told before it failed.
pub(super) fn last_words(stderr: &str) -> String {
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
    lines.get(lines.len().saturating_sub(LAST_WORDS)..).unwrap_or_default().join(" / ")
}
