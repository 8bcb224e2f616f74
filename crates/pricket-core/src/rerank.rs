//! How well documents answer a query: what is asked for, what comes out, and who does it.

use pricket_stream::{AsyncStream, MessageChunk};
use serde::{Deserialize, Serialize};

use crate::{CorrelationId, EmbeddingUsage, ErrorKind, ErrorReport};

/// One request to score documents against a query.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerankRequest {
    /// What is looked for.
    pub query: String,
    /// What may answer it.
    pub documents: Vec<String>,
    /// Whether a pair that is longer than the model takes is cut, the longer of its two texts
    /// first. Where it is not, such a pair is an error.
    #[serde(default)]
    pub truncate: bool,
    /// The id that follows this request through logs, chunks and errors.
    #[serde(default)]
    pub correlation_id: CorrelationId,
}

impl RerankRequest {
    /// A request with nothing set but the query and the documents: an array, a vector, an iterator
    /// of them.
    pub fn new<T: Into<String>>(
        query: impl Into<String>,
        documents: impl IntoIterator<Item = T>,
    ) -> Self {
        Self {
            query: query.into(),
            documents: documents.into_iter().map(Into::into).collect(),
            truncate: false,
            correlation_id: CorrelationId::new(),
        }
    }

    /// Lets pairs be cut that are longer than the model takes.
    #[must_use]
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }
}

/// How well one document answers the query.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct RerankScore {
    /// Which document of the request it is, counted from 0.
    pub index: usize,
    /// The more, the better it answers. Whether it lies between 0 and 1 is the model's matter: see
    /// [`RerankerInfo::probabilities`].
    pub score: f32,
    /// Tokens of the pair that the model saw, its special tokens among them.
    pub tokens: usize,
    /// Whether the pair was longer and was cut, as the request allowed.
    pub truncated: bool,
}

/// One piece of the answer to a [`RerankRequest`]. Exactly one terminal chunk,
/// [`Complete`](Self::Complete) or [`Error`](Self::Error), is sent, and it is the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum RerankChunk {
    /// The score of a document.
    Score(RerankScore),
    /// Every document has its score.
    Complete(EmbeddingUsage),
    /// The request failed.
    Error(Box<ErrorReport>),
}

impl RerankChunk {
    /// Whether this is the last chunk of its stream.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Complete(_) | Self::Error(_))
    }

    /// The score, if this is one.
    pub fn score(&self) -> Option<&RerankScore> {
        match self {
            Self::Score(score) => Some(score),
            _ => None,
        }
    }
}

impl MessageChunk for RerankChunk {
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

/// What a reranker is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RerankerInfo {
    /// The model's name, as the user gave it or as its files have it.
    pub name: String,
    /// The architecture, for a local model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// The most tokens of a query and a document together, special tokens among them.
    pub tokens_max: usize,
    /// Whether scores went through a sigmoid and lie between 0 and 1.
    pub probabilities: bool,
}

/// Anything that scores documents against a query.
pub trait Reranker: Send + Sync {
    /// What it is.
    fn info(&self) -> &RerankerInfo;

    /// Starts to score some documents. It never blocks on the model; each score comes as it is
    /// ready, in the order of the documents, and dropping the stream cancels the work. A request
    /// that cannot be served ends with an `Error` chunk.
    fn rerank(&self, request: RerankRequest) -> AsyncStream<RerankChunk>;
}
