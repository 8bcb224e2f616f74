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
        let stderr = String::from_utf8_lossy(&output.stderr);
        let lines: Vec<&str> = stderr.lines().filter(|line| !line.trim().is_empty()).collect();
        let last = lines.get(lines.len().saturating_sub(LAST_WORDS)..).unwrap_or_default();
        return Err(
            format!("`{program}` ended with {}: {}", output.status, last.join(" / ")).into()
        );
    }
    Ok(String::from_utf8(output.stdout)?)
}
