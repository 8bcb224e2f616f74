//! One error shape from a kernel to an HTTP body.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::CorrelationId;

/// The kinds of failure that a caller may want to tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself is wrong.
    InvalidRequest,
    /// The thing asked for does not exist.
    NotFound,
    /// It exists, and this build or machine cannot do it.
    Unsupported,
    /// A file or message from outside is damaged.
    Malformed,
    /// It does not fit: context, memory, disk.
    TooLarge,
    /// Too much is asked at once; later it may work.
    Busy,
    /// It took too long.
    Timeout,
    /// Somebody cancelled it.
    Cancelled,
    /// The network failed.
    Network,
    /// The file system failed.
    Io,
    /// A defect of ours.
    Internal,
}

impl ErrorKind {
    /// Whether the same call may succeed later.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Busy | Self::Timeout | Self::Network)
    }
}

/// One failure, told the same way everywhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErrorReport {
    /// The kind of failure.
    pub kind: ErrorKind,
    /// A stable name for programs, such as `context_exceeded`.
    pub code: String,
    /// A sentence for people, with the remedy where there is one.
    pub message: String,
    /// Whether the same call may succeed later.
    pub retryable: bool,
    /// The id of the request that failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<CorrelationId>,
    /// What led to it, nearest cause first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub causes: Vec<String>,
}

impl ErrorReport {
    /// A report without causes.
    pub fn new(kind: ErrorKind, code: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            kind,
            code: code.into(),
            message: message.into(),
            retryable: kind.is_retryable(),
            correlation_id: None,
            causes: Vec::new(),
        }
    }

    /// A report of an error value: its text, and the texts of its sources as causes.
    pub fn of(kind: ErrorKind, code: impl Into<String>, error: &dyn std::error::Error) -> Self {
        let mut report = Self::new(kind, code, error.to_string());
        let mut source = error.source();
        while let Some(cause) = source {
            report.causes.push(cause.to_string());
            source = cause.source();
        }
        report
    }

    /// Names the request that failed.
    #[must_use]
    pub fn correlated(mut self, id: CorrelationId) -> Self {
        self.correlation_id = Some(id);
        self
    }
}

impl fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for ErrorReport {}
