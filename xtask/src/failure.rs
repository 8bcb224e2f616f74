//! Why a run of the gates stopped.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitCode;

/// Why a run of the gates stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Failure {
    /// The words after `cargo xtask` make no command.
    Usage {
        /// The word that is not understood.
        word: String,
    },
    /// A program could not be started.
    Start {
        /// The command line.
        command: String,
        /// What the system says.
        reason: String,
    },
    /// A program ran and failed.
    Command {
        /// The command line.
        command: String,
        /// Its exit status, in words.
        status: String,
    },
    /// A file could not be read or written.
    File {
        /// The file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// A data file of the house is not what its reader expects.
    Data {
        /// The file, or the program whose output it is.
        origin: String,
        /// The line, counted from 1; 0 where there is none.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A check found something.
    Complaints {
        /// The step.
        step: &'static str,
        /// How many findings.
        count: usize,
    },
}

impl Failure {
    /// A data file with a fault.
    pub fn data(origin: impl Into<String>, line: usize, reason: impl Into<String>) -> Self {
        Self::Data { origin: origin.into(), line, reason: reason.into() }
    }

    /// 2 for words that make no command, as usual on the command line, and 1 for all else.
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage { .. } => ExitCode::from(2),
            _ => ExitCode::FAILURE,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usage { word } => {
                write!(f, "`{word}` is no command; `cargo xtask help` lists them")
            }
            Self::Start { command, reason } => write!(f, "`{command}` cannot be started: {reason}"),
            Self::Command { command, status } => write!(f, "`{command}` failed ({status})"),
            Self::File { path, reason } => write!(f, "{}: {reason}", path.display()),
            Self::Data { origin, line: 0, reason } => write!(f, "{origin}: {reason}"),
            Self::Data { origin, line, reason } => write!(f, "{origin}:{line}: {reason}"),
            Self::Complaints { step, count } => {
                let noun = if *count == 1 { "complaint" } else { "complaints" };
                write!(f, "{step} has {count} {noun}; each line above names its remedy")
            }
        }
    }
}

impl std::error::Error for Failure {}
