//! The words that begin with a slash.

use std::path::PathBuf;

/// What `/help` tells.
pub(super) const HELP: &str = "\
/clear      forget the conversation
/stats      tokens, speed, and cost where a price is known
/save FILE  write the conversation; FILE.json as JSON, else as text
/exit       leave (so do Ctrl-D and Ctrl-C twice)";

/// A word that begins with a slash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Command {
    /// Tell the commands.
    Help,
    /// Forget the conversation.
    Clear,
    /// Tell tokens, speed and cost.
    Stats,
    /// Write the conversation to a file.
    Save(PathBuf),
    /// Leave.
    Exit,
}

impl Command {
    /// The command of a line; `None` where the line is for the model. A line that begins with a
    /// slash and is no command is not sent to the model: the error says what was wrong.
    pub(super) fn parse(line: &str) -> Option<Result<Self, String>> {
        let rest = line.strip_prefix('/')?;
        let (word, argument) = rest.split_once(char::is_whitespace).unwrap_or((rest, ""));
        let command = match (word, argument.trim()) {
            ("help" | "?", _) => Ok(Self::Help),
            ("clear", "") => Ok(Self::Clear),
            ("stats", "") => Ok(Self::Stats),
            ("exit" | "quit" | "bye", "") => Ok(Self::Exit),
            ("save", "") => Err("/save needs a file: /save talk.json".to_owned()),
            ("save", file) => Ok(Self::Save(PathBuf::from(file))),
            _ => Err(format!("/{word} is no command here; /help tells those that are")),
        };
        Some(command)
    }
}
