//! Progress of anything that takes a while, as events.

use pricket_stream::MessageChunk;
use serde::{Deserialize, Serialize};

use crate::{ErrorKind, ErrorReport};

/// What is going on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProgressStage {
    /// Finding out where a file is.
    Resolving,
    /// Bytes arrive; counts are bytes.
    Downloading,
    /// Hashing what arrived; counts are bytes.
    Verifying,
    /// Unpacking an archive; counts are bytes.
    Unpacking,
    /// Weights are read and packed; counts are bytes.
    Loading,
    /// A prompt goes through the model; counts are tokens.
    Prefilling,
}

/// One event of a task's progress. `done` never falls, and the last event of a stream is `Finished`
/// or `Failed`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum ProgressEvent {
    /// A stage begins.
    Started {
        /// The stage.
        stage: ProgressStage,
        /// What it works on: a file's name, a model's name.
        what: String,
        /// How much there is to do, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    /// A stage goes on.
    Advanced {
        /// The stage.
        stage: ProgressStage,
        /// How much is done.
        done: u64,
        /// How much there is to do, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        total: Option<u64>,
    },
    /// Everything is done; where the result is a file, its path.
    Finished {
        /// The file that was made or found.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        path: Option<std::path::PathBuf>,
    },
    /// It failed.
    Failed {
        /// Why.
        error: Box<ErrorReport>,
    },
}

impl MessageChunk for ProgressEvent {
    fn bad_chunk(message: String) -> Self {
        Self::Failed { error: Box::new(ErrorReport::new(ErrorKind::Internal, "internal", message)) }
    }

    fn error(&self) -> Option<&str> {
        match self {
            Self::Failed { error } => Some(&error.message),
            _ => None,
        }
    }
}
