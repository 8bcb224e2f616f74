//! One id from the first call to the last log line.

use std::fmt;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// Follows a request through logs, chunks, headers and errors. A UUID of version 7 (RFC 9562), so
/// that ids sort by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CorrelationId(Uuid);

impl CorrelationId {
    /// A fresh id.
    pub fn new() -> Self {
        Self(Uuid::now_v7())
    }
}

impl Default for CorrelationId {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Display for CorrelationId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::str::FromStr for CorrelationId {
    type Err = crate::CoreError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Uuid::parse_str(text)
            .map(Self)
            .map_err(|_| crate::CoreError::CorrelationIdMalformed { text: text.to_owned() })
    }
}

impl TryFrom<String> for CorrelationId {
    type Error = crate::CoreError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CorrelationId> for String {
    fn from(id: CorrelationId) -> Self {
        id.to_string()
    }
}
