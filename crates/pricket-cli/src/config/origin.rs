//! Where a value came from, and what was wrong there.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Origin {
    /// The command line.
    Flag(&'static str),
    /// The environment.
    Variable(&'static str),
    /// The configuration file.
    File {
        /// Its path.
        path: Arc<str>,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
    /// Nobody set it.
    Default,
}

impl Origin {
    /// The position of a byte in a file's text; past its end, the end.
    pub(crate) fn in_file(path: &Arc<str>, text: &str, byte: usize) -> Self {
        let before = text.get(..byte).unwrap_or(text);
        let line = before.bytes().filter(|&b| b == b'\n').count() + 1;
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before.get(begin..).map_or(0, |line| line.chars().count()) + 1;
        Self::File { path: Arc::clone(path), line, column }
    }

    /// The layer's name, for programs.
    pub(crate) fn layer(&self) -> &'static str {
        match self {
            Self::Flag(_) => "flag",
            Self::Variable(_) => "environment",
            Self::File { .. } => "file",
            Self::Default => "default",
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(long) => write!(f, "--{long}"),
            Self::Variable(name) => f.write_str(name),
            Self::File { path, line, column } => write!(f, "{path}:{line}:{column}"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Something that is not as it should be.
#[derive(Debug, Clone)]
pub(crate) struct Mistake {
    /// Where.
    pub(crate) origin: Origin,
    /// Which setting, and what is wrong with it.
    pub(crate) what: String,
}

/// The mistakes of a configuration, never none.
#[derive(Debug, Default)]
pub(crate) struct Mistakes {
    /// Those that are told.
    pub(super) told: Vec<Mistake>,
    /// How many more there are.
    pub(super) more: usize,
}

impl Error for Mistakes {}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let ([Mistake { origin, what }], 0) = (self.told.as_slice(), self.more) {
            return write!(f, "{origin}: {what}");
        }
        write!(f, "the configuration has {} mistakes", self.told.len() + self.more)?;
        for Mistake { origin, what } in &self.told {
            write!(f, "\n  {origin}: {what}")?;
        }
        if self.more > 0 { write!(f, "\n  and {} more", self.more) } else { Ok(()) }
    }
}
