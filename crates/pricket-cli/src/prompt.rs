//! Texts from outside: the prompt, standard input, files.

use std::fs::File;
use std::io::{self, IsTerminal, Read};
use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;

use crate::error::CliError;
use crate::limits::INPUT_BYTES_MAX;
use crate::terminal::Terminal;

/// After this long without an end of standard input, its reader is told what is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The prompt: the argument, what is piped into standard input, or the one and below it the other.
pub(crate) fn gather(argument: Option<&str>, terminal: &mut Terminal) -> Result<String, CliError> {
    let piped = if io::stdin().is_terminal() { String::new() } else { wait_for_stdin(terminal)? };
    let piped = piped.trim_end_matches(['\r', '\n']);
    let prompt = match (argument, piped) {
        (Some(argument), "") => argument.to_owned(),
        (Some(argument), piped) => format!("{argument}\n\n{piped}"),
        (None, piped) => piped.to_owned(),
    };
    if prompt.is_empty() { Err(CliError::PromptMissing) } else { Ok(prompt) }
}

/// Reads a text file, or standard input where the path is `-`.
pub(crate) fn read_text(path: &Path) -> Result<String, CliError> {
    if path.as_os_str() == "-" {
        return bounded(io::stdin().lock(), "standard input");
    }
    let file = File::open(path)
        .map_err(|source| CliError::FileRead { what: path.display().to_string(), source })?;
    bounded(file, &path.display().to_string())
}

/// Reads standard input to its end, and says so where that takes a while: a pipe that nobody closes
/// looks like a program that hangs.
fn wait_for_stdin(terminal: &mut Terminal) -> Result<String, CliError> {
    let (sender, receiver) = mpsc::sync_channel(1);
    std::thread::Builder::new()
        .name("pricket-stdin".to_owned())
        .spawn(move || sender.send(bounded(io::stdin().lock(), "standard input")))
        .map_err(|source| CliError::FileRead { what: "standard input".to_owned(), source })?;
    match receiver.recv_timeout(PATIENCE) {
        Err(RecvTimeoutError::Timeout) => {
            terminal.note(
                "reading the prompt from standard input until it ends (`< /dev/null` for none)",
            );
            receiver.recv().unwrap_or_else(|_| Ok(String::new()))
        }
        received => received.unwrap_or_else(|_| Ok(String::new())),
    }
}

fn bounded(reader: impl Read, what: &str) -> Result<String, CliError> {
    let mut bytes = Vec::new();
    reader
        .take(INPUT_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|source| CliError::FileRead { what: what.to_owned(), source })?;
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(CliError::InputTooLong { what: what.to_owned() });
    }
    String::from_utf8(bytes).map_err(|_| CliError::InputNotUtf8 { what: what.to_owned() })
}
