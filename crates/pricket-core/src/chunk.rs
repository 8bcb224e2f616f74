//! What comes out of a provider, piece by piece.

use std::fmt;

use compact_str::CompactString;
use pricket_stream::MessageChunk;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Completion, ErrorKind, ErrorReport};

/// Why a completion ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FinishReason {
    /// The model ended its turn, or a stop text was reached.
    Stop,
    /// `max_tokens` were generated.
    Length,
    /// The context is full.
    ContextEnd,
    /// The model asks for tools to be called.
    ToolCalls,
    /// A provider's filter cut the answer.
    ContentFilter,
}

/// A sampled token, its log-probability, and the likeliest alternatives.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TokenLogprob {
    /// The token's id.
    pub id: u32,
    /// Natural log of its probability under the model, before any filter.
    pub logprob: f32,
    /// The likeliest tokens and their log-probabilities, most likely first.
    pub top: Vec<(u32, f32)>,
}

/// One piece of a completion. Exactly one terminal chunk, [`Complete`](Self::Complete) or
/// [`Error`](Self::Error), is sent, and it is the last; the `Text` chunks concatenated equal
/// `Complete`'s text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum CompletionChunk {
    /// A piece of the answer.
    Text {
        /// Whole characters, never a part of a stop text. Up to 24 bytes stand in the chunk itself,
        /// so that an ordinary token's text costs no allocation.
        text: CompactString,
        /// The log-probabilities of the tokens in this piece, where the request asked for them.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        logprobs: Vec<TokenLogprob>,
    },
    /// A piece of what the model thinks before it answers.
    Reasoning {
        /// Whole characters.
        text: String,
    },
    /// A tool call begins.
    ToolCallStart {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
    },
    /// A piece of a tool call's arguments.
    ToolCallDelta {
        /// The call's id.
        id: String,
        /// The next piece of the JSON text of the arguments.
        arguments: String,
    },
    /// A tool call is complete.
    ToolCallEnd {
        /// The call's id.
        id: String,
        /// The tool's name.
        name: String,
        /// The arguments, parsed.
        arguments: Value,
    },
    /// The completion ended well.
    Complete(Box<Completion>),
    /// The completion failed.
    Error(Box<ErrorReport>),
}

impl CompletionChunk {
    /// A piece of text without log-probabilities.
    pub fn text(text: impl Into<CompactString>) -> Self {
        Self::Text { text: text.into(), logprobs: Vec::new() }
    }

    /// Whether this is the last chunk of its stream.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Complete(_) | Self::Error(_))
    }

    /// The terminal report, if this is one of a completion that ended well.
    pub fn completion(&self) -> Option<&Completion> {
        match self {
            Self::Complete(completion) => Some(completion),
            _ => None,
        }
    }
}

impl MessageChunk for CompletionChunk {
    fn bad_chunk(message: String) -> Self {
        Self::Error(Box::new(ErrorReport::new(ErrorKind::Internal, "internal", message)))
    }

    fn error(&self) -> Option<&str> {
        match self {
            Self::Error(report) => Some(&report.message),
            _ => None,
        }
    }
}

impl fmt::Display for CompletionChunk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text { text, .. } => f.write_str(text),
            _ => Ok(()),
        }
    }
}
