//! Texts to vectors: what is asked for, what comes out, and who does it.

use std::collections::BTreeMap;

use pricket_stream::{AsyncStream, MessageChunk};
use serde::{Deserialize, Serialize};

use crate::{CorrelationId, ErrorKind, ErrorReport};

/// What is put in front of every text before it is encoded. Models that were trained with such
/// prefixes give worse vectors without.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EmbeddingPrompt {
    /// What the model's files name as their default; nothing where they name none.
    #[default]
    Default,
    /// Nothing.
    None,
    /// The one that the model's files hold under this name, such as `query`.
    Named(String),
    /// This text, as it stands.
    Text(String),
}

/// One request for the vectors of some texts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbeddingRequest {
    /// The texts.
    pub texts: Vec<String>,
    /// What is put in front of each.
    #[serde(default)]
    pub prompt: EmbeddingPrompt,
    /// Whether a text that is longer than the model takes is cut at its end. Where it is not, such
    /// a text is an error.
    #[serde(default)]
    pub truncate: bool,
    /// The id that follows this request through logs, chunks and errors.
    #[serde(default)]
    pub correlation_id: CorrelationId,
}

impl EmbeddingRequest {
    /// A request with nothing set but the texts: an array, a vector, an iterator of them.
    pub fn new<T: Into<String>>(texts: impl IntoIterator<Item = T>) -> Self {
        Self {
            texts: texts.into_iter().map(Into::into).collect(),
            prompt: EmbeddingPrompt::default(),
            truncate: false,
            correlation_id: CorrelationId::new(),
        }
    }

    /// Sets what is put in front of every text.
    #[must_use]
    pub fn prompt(mut self, prompt: EmbeddingPrompt) -> Self {
        self.prompt = prompt;
        self
    }

    /// Lets texts be cut that are longer than the model takes.
    #[must_use]
    pub fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }
}

/// The vector of one text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Embedding {
    /// Which text of the request it is, counted from 0.
    pub index: usize,
    /// The vector, as many numbers as [`EmbedderInfo::dimensions`] says.
    pub vector: Vec<f32>,
    /// Tokens of the text that the model saw, its prefix and special tokens among them.
    pub tokens: usize,
    /// Whether the text was longer and was cut, as the request allowed.
    pub truncated: bool,
}

/// What a request cost, told when it has ended well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct EmbeddingUsage {
    /// How many texts, or pairs of texts, were computed.
    pub texts: usize,
    /// Their tokens.
    pub tokens: usize,
    /// From submission until the last result, in milliseconds.
    pub total_ms: f64,
}

impl EmbeddingUsage {
    /// Texts per second; `None` where no time passed.
    pub fn texts_per_second(&self) -> Option<f64> {
        (self.total_ms > 0.0).then(|| self.texts as f64 * 1e3 / self.total_ms)
    }
}

/// One piece of the answer to an [`EmbeddingRequest`]. Exactly one terminal chunk,
/// [`Complete`](Self::Complete) or [`Error`](Self::Error), is sent, and it is the last.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
#[non_exhaustive]
pub enum EmbeddingChunk {
    /// The vector of a text.
    Embedding(Embedding),
    /// Every text has its vector.
    Complete(EmbeddingUsage),
    /// The request failed.
    Error(Box<ErrorReport>),
}

impl EmbeddingChunk {
    /// Whether this is the last chunk of its stream.
    pub fn is_terminal(&self) -> bool {
        matches!(self, Self::Complete(_) | Self::Error(_))
    }

    /// The vector, if this is one.
    pub fn embedding(&self) -> Option<&Embedding> {
        match self {
            Self::Embedding(embedding) => Some(embedding),
            _ => None,
        }
    }
}

impl MessageChunk for EmbeddingChunk {
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

/// What an embedder is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EmbedderInfo {
    /// The model's name, as the user gave it or as its files have it.
    pub name: String,
    /// The architecture, for a local model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<String>,
    /// How many numbers a vector has.
    pub dimensions: usize,
    /// The most tokens of a text, its prefix and special tokens among them.
    pub tokens_max: usize,
    /// Whether vectors have the length 1, so that their inner product is their cosine.
    pub normalized: bool,
    /// The prefixes that the model's files hold, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub prompts: BTreeMap<String, String>,
    /// The name of the one that [`EmbeddingPrompt::Default`] takes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_prompt: Option<String>,
}

/// Anything that turns texts into vectors: a model on this machine, a remote service, a scripted
/// double.
pub trait Embedder: Send + Sync {
    /// What it is.
    fn info(&self) -> &EmbedderInfo;

    /// Starts to embed some texts. It never blocks on the model; each vector comes as it is ready,
    /// in the order of the texts, and dropping the stream cancels the work. A request that cannot
    /// be served ends with an `Error` chunk.
    fn embed(&self, request: EmbeddingRequest) -> AsyncStream<EmbeddingChunk>;
}
