//! Where a conversation's lines come from: a line editor with history, or standard input as it is.

use std::io::{self, BufRead, IsTerminal, Read};
use std::path::{Path, PathBuf};

use rustyline::Editor;
use rustyline::error::ReadlineError;
use rustyline::history::DefaultHistory;

use crate::config::{self, Config};
use crate::error::CliError;
use crate::limits::{HISTORY_LINES_MAX, INPUT_BYTES_MAX};
use crate::terminal::Terminal;

const PROMPT: &str = "> ";

/// One line, or why there is none.
#[derive(Debug)]
pub(super) enum Line {
    /// What was written.
    Text(String),
    /// Ctrl-C at the prompt.
    Interrupted,
    /// Ctrl-D, or the end of the input.
    End,
}

/// Where lines come from.
pub(super) enum Input {
    /// A person at a terminal.
    Editor {
        /// The editor.
        editor: Box<Editor<(), DefaultHistory>>,
        /// Where its history is kept.
        history: Option<PathBuf>,
    },
    /// Anything else: each line is one message.
    Lines,
}

impl Input {
    /// The line editor on a terminal, plain lines elsewhere.
    pub(super) fn open(config: &Config) -> Result<Self, CliError> {
        if !(io::stdin().is_terminal() && io::stdout().is_terminal()) {
            return Ok(Self::Lines);
        }
        let options = rustyline::Config::builder().max_history_size(HISTORY_LINES_MAX)?.build();
        let mut editor = Editor::with_config(options)?;
        let history = history_path(config);
        if let Some(path) = &history {
            // The first conversation has no history yet; an unreadable one is no reason not to
            // talk.
            if let Err(error) = editor.load_history(path) {
                tracing::debug!(%error, path = %path.display(), "no history was read");
            }
        }
        Ok(Self::Editor { editor: Box::new(editor), history })
    }

    /// Whether a person writes the lines.
    pub(super) fn is_editor(&self) -> bool {
        matches!(self, Self::Editor { .. })
    }

    /// Waits for the next line.
    pub(super) fn next(&mut self) -> Result<Line, CliError> {
        match self {
            Self::Editor { editor, .. } => match editor.readline(PROMPT) {
                Ok(text) => {
                    editor.add_history_entry(&text)?;
                    Ok(Line::Text(text))
                }
                Err(ReadlineError::Interrupted) => Ok(Line::Interrupted),
                Err(ReadlineError::Eof) => Ok(Line::End),
                Err(error) => Err(error.into()),
            },
            Self::Lines => next_line(),
        }
    }

    /// Keeps the history for the next conversation. Where that fails it is told, but the
    /// conversation was as good without.
    pub(super) fn close(self, terminal: &mut Terminal) {
        let Self::Editor { mut editor, history: Some(path) } = self else { return };
        let folder = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let kept = folder.map_err(ReadlineError::from).and_then(|()| editor.save_history(&path));
        if let Err(error) = kept {
            terminal.note(format_args!(
                "the history is not kept: cannot write {} ({error}); set PRICKET_HISTORY to \
                 another file, or to nothing",
                path.display()
            ));
        }
    }
}

fn next_line() -> Result<Line, CliError> {
    let failed = |source| CliError::FileRead { what: "standard input".to_owned(), source };
    let mut bytes = Vec::new();
    let mut bounded = io::stdin().lock().take(INPUT_BYTES_MAX + 1);
    if bounded.read_until(b'\n', &mut bytes).map_err(failed)? == 0 {
        return Ok(Line::End);
    }
    if bytes.len() as u64 > INPUT_BYTES_MAX {
        return Err(CliError::InputTooLong { what: "a line of standard input".to_owned() });
    }
    String::from_utf8(bytes)
        .map(Line::Text)
        .map_err(|_| CliError::InputNotUtf8 { what: "standard input".to_owned() })
}

/// What is configured, or a file in the state folder that the XDG base directory specification
/// names; `None` where an empty path is configured or there is no home.
pub(crate) fn history_path(config: &Config) -> Option<PathBuf> {
    if let Some(path) = config.path(&config::HISTORY) {
        return Some(path.to_path_buf()).filter(|path| !path.as_os_str().is_empty());
    }
    let environment = config.environment();
    let state = environment.absolute("XDG_STATE_HOME").map(Path::to_path_buf);
    let state = state.or_else(|| Some(environment.home()?.join(".local").join("state")))?;
    Some(state.join("pricket").join("chat_history"))
}
