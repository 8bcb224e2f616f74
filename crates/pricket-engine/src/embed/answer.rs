//! What a request's stream carries: results, then how it ended.

use pricket_core::{
    Embedding, EmbeddingChunk, EmbeddingUsage, ErrorReport, RerankChunk, RerankScore,
};
use pricket_stream::MessageChunk;

/// A text, or a pair of texts, on its way through the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Note {
    /// Its place in the request.
    pub(super) index: usize,
    /// Its tokens.
    pub(super) tokens: usize,
    /// Whether it was longer.
    pub(super) truncated: bool,
}

/// A kind of answer.
pub(super) trait Answer: MessageChunk {
    /// One result: the row of one text.
    fn result(note: Note, row: &[f32]) -> Self;
    /// The last word of a request that ended well.
    fn complete(usage: EmbeddingUsage) -> Self;
    /// The last word of one that did not.
    fn failed(report: ErrorReport) -> Self;
}

impl Answer for EmbeddingChunk {
    fn result(note: Note, row: &[f32]) -> Self {
        let Note { index, tokens, truncated } = note;
        Self::Embedding(Embedding { index, vector: row.to_vec(), tokens, truncated })
    }

    fn complete(usage: EmbeddingUsage) -> Self {
        Self::Complete(usage)
    }

    fn failed(report: ErrorReport) -> Self {
        Self::Error(Box::new(report))
    }
}

impl Answer for RerankChunk {
    fn result(note: Note, row: &[f32]) -> Self {
        let Note { index, tokens, truncated } = note;
        let score = row.first().copied().unwrap_or(f32::NAN);
        Self::Score(RerankScore { index, score, tokens, truncated })
    }

    fn complete(usage: EmbeddingUsage) -> Self {
        Self::Complete(usage)
    }

    fn failed(report: ErrorReport) -> Self {
        Self::Error(Box::new(report))
    }
}
