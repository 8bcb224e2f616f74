//! From a request's texts to token ids, text by text.

use std::sync::Arc;

use pricket_core::{EmbeddingChunk, RerankChunk};
use pricket_models::EncoderBatch;
use pricket_tokenizer::{Special, Tokenizer};

use super::answer::{Answer, Note};
use crate::EngineError;

/// The texts of a request.
pub(super) trait Feed: Send + 'static {
    /// What answers it.
    type Chunk: Answer;

    /// Encodes the text `index` and puts it into the batch; `None` behind the last.
    fn push(&mut self, index: usize, batch: &mut EncoderBatch)
    -> Result<Option<Note>, EngineError>;
}

/// Texts to be embedded.
#[derive(Debug)]
pub(super) struct Texts {
    pub(super) tokenizer: Tokenizer,
    pub(super) of_request: Arc<[String]>,
    pub(super) prompt: String,
    pub(super) lowercase: bool,
    pub(super) tokens_max: usize,
    pub(super) truncate: bool,
}

impl Feed for Texts {
    type Chunk = EmbeddingChunk;

    fn push(
        &mut self,
        index: usize,
        batch: &mut EncoderBatch,
    ) -> Result<Option<Note>, EngineError> {
        let Some(text) = self.of_request.get(index) else { return Ok(None) };
        // As the model's own tokenizer would see it: a prefix may change how a text begins.
        let text = format!("{}{text}", self.prompt);
        let text = if self.lowercase { text.to_lowercase() } else { text };
        let mut ids = self.tokenizer.encode(&text, Special::AsText)?;
        let (before, behind) = self.tokenizer.around_prompt();
        let (whole, tokens_max) = (before.len() + ids.len() + behind.len(), self.tokens_max);
        let truncated = whole > tokens_max;
        if truncated {
            if !self.truncate {
                return Err(EngineError::TextTooLong { index, tokens: whole, tokens_max });
            }
            // A model whose special tokens alone are too many is refused by the model itself.
            ids.truncate(tokens_max.saturating_sub(before.len() + behind.len()));
        }
        let ids = [before, ids.as_slice(), behind].concat();
        batch.push(&ids);
        Ok(Some(Note { index, tokens: ids.len(), truncated }))
    }
}

/// Documents to be scored against a query.
#[derive(Debug)]
pub(super) struct Pairs {
    pub(super) tokenizer: Tokenizer,
    pub(super) query: Vec<u32>,
    pub(super) documents: Arc<[String]>,
    pub(super) tokens_max: usize,
    pub(super) truncate: bool,
}

impl Feed for Pairs {
    type Chunk = RerankChunk;

    fn push(
        &mut self,
        index: usize,
        batch: &mut EncoderBatch,
    ) -> Result<Option<Note>, EngineError> {
        let Some(document) = self.documents.get(index) else { return Ok(None) };
        let ids = self.tokenizer.encode(document, Special::AsText)?;
        let (query, tokens_max) = (&self.query, self.tokens_max);
        let (first, second) = self.tokenizer.fit_pair(query.len(), ids.len(), tokens_max)?;
        let truncated = (first, second) != (query.len(), ids.len());
        if truncated && !self.truncate {
            let tokens = self.tokenizer.join_pair(query, &ids)?.ids.len();
            return Err(EngineError::TextTooLong { index, tokens, tokens_max });
        }
        let (first, second) = (query.get(..first), ids.get(..second));
        let pair =
            self.tokenizer.join_pair(first.unwrap_or_default(), second.unwrap_or_default())?;
        batch.push_pair(&pair.ids, pair.second_from);
        Ok(Some(Note { index, tokens: pair.ids.len(), truncated }))
    }
}
