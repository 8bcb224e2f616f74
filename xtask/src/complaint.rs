//! One finding of a check.

use std::fmt;

/// One finding: where, against which rule, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Complaint {
    /// The file, relative to the root, with forward slashes.
    pub path: String,
    /// The line, counted from 1; 0 where a whole file or crate is meant.
    pub line: usize,
    /// The rule's name, as exemptions spell it.
    pub rule: &'static str,
    /// What is wrong, and the replacement.
    pub message: String,
}

impl Complaint {
    /// A finding at a line.
    pub fn new(
        path: impl Into<String>,
        line: usize,
        rule: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self { path: path.into(), line, rule, message: message.into() }
    }
}

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}: {}", self.path, self.rule, self.message),
            line => write!(f, "{}:{line}: {}: {}", self.path, self.rule, self.message),
        }
    }
}
