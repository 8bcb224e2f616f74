//! Encoders: whole texts go in, and of each comes out a row of numbers, a vector that stands for
//! its meaning or a score.
//!
//! Texts lie behind one another without padding. Every thread takes some of them through all
//! layers on its own, so that threads meet only at the end of a batch, and a text's row has the
//! same bits whatever lies beside it and however many threads there are.

mod attention;
mod batch;
mod blueprint;
mod causal;
mod config;
mod files;
mod forward;
mod head;
mod json;
mod loading;
mod names;
mod open;
mod pooling;
mod recipe;
mod share;
mod space;
mod weights;
mod work;

use std::fmt;
use std::sync::Arc;

use pricket_simd::Pool;

use crate::ModelError;

pub use batch::{EncoderBatch, EncoderRows, EncoderText};
pub(crate) use causal::embeds;
pub(crate) use config::gguf::runs_gguf;
pub(crate) use config::{encodes, runs};
pub use open::{EncoderOptions, OpenedEncoder, open_encoder};
pub use pooling::{Pooling, PoolingMode};
pub use recipe::EmbeddingRecipe;

use weights::EncoderWeights;
use work::Work;

/// What an encoder's rows are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncoderOutput {
    /// A vector for each text.
    Vectors {
        /// Whether they have the length 1.
        normalized: bool,
    },
    /// One number for each pair of texts: how well the second answers the first.
    Scores {
        /// Whether it went through a sigmoid and lies between 0 and 1.
        sigmoid: bool,
    },
}

/// What an encoder is.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderSpec {
    /// The family, such as `bert`.
    pub architecture: String,
    /// The name that its files give it.
    pub name: Option<String>,
    /// What its rows are.
    pub output: EncoderOutput,
    /// Numbers of a row.
    pub width: usize,
    /// The most tokens of a text, special tokens among them.
    pub tokens_max: usize,
    /// How many tokens a batch should have so that every thread has enough to do.
    pub batch_tokens: usize,
    /// The size of the vocabulary.
    pub vocab_size: usize,
    /// How many kinds of tokens it tells apart: 2 where it knows the first text of a pair from the
    /// second.
    pub token_types: usize,
    /// Width of the hidden states.
    pub hidden_size: usize,
    /// How many layers.
    pub layers: usize,
    /// How many heads attend in each.
    pub heads: usize,
    /// How many weights.
    pub parameters: u64,
    /// Bytes that they take in memory.
    pub weight_bytes: u64,
}

/// A model that turns texts of token ids into rows of numbers, each text by itself.
pub trait TextEncoder: Send {
    /// What it is.
    fn spec(&self) -> &EncoderSpec;

    /// Computes the row of every text of a batch. A row depends on its own text alone: it has the
    /// same bits in every batch and on any number of threads.
    ///
    /// # Errors
    /// Before anything is computed: [`ModelError::BatchEntryEmpty`] for a text without tokens,
    /// [`ModelError::ContextExceeded`] for one that is too long,
    /// [`ModelError::TokenOutOfVocabulary`], and [`ModelError::Unsupported`] for a pair where the
    /// model tells no pairs.
    fn encode(&mut self, batch: &EncoderBatch, rows: &mut EncoderRows) -> Result<(), ModelError>;
}

/// An encoder on the CPU.
pub(crate) struct Encoder {
    spec: EncoderSpec,
    weights: Arc<EncoderWeights>,
    pool: Pool<Box<Work>>,
    /// One for each thread of the pool. Boxed, because a job travels by value, and a pointer
    /// travels faster than its buffers' headers.
    #[expect(clippy::vec_box, reason = "what moves to a worker and back is the pointer")]
    works: Vec<Box<Work>>,
}

impl fmt::Debug for Encoder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Encoder")
            .field("spec", &self.spec)
            .field("threads", &self.pool.threads())
            .finish_non_exhaustive()
    }
}

impl Encoder {
    /// An encoder over loaded weights, on `threads` threads.
    pub(crate) fn new(
        weights: EncoderWeights,
        spec: EncoderSpec,
        threads: usize,
    ) -> Result<Self, ModelError> {
        let weights = Arc::new(weights);
        let pool = Pool::new(threads)?;
        let work = |_| Box::new(Work::new(Arc::clone(&weights)));
        let works = (0..pool.threads()).map(work).collect();
        Ok(Self { spec, weights, pool, works })
    }
}

impl TextEncoder for Encoder {
    fn spec(&self) -> &EncoderSpec {
        &self.spec
    }

    fn encode(&mut self, batch: &EncoderBatch, rows: &mut EncoderRows) -> Result<(), ModelError> {
        batch.check(&self.spec)?;
        share::deal(&self.weights.blueprint, batch, &mut self.works);
        self.pool.run(&mut self.works)?;
        let width = self.spec.width;
        let out = rows.reset(batch.texts().len(), width);
        for work in &mut self.works {
            std::mem::replace(&mut work.result, Ok(()))?;
            for (&text, row) in work.texts.iter().zip(work.rows.chunks_exact(width)) {
                if let Some(place) = out.get_mut(text * width..(text + 1) * width) {
                    place.copy_from_slice(row);
                }
            }
        }
        Ok(())
    }
}
