//! How an engine runs.

use pricket_core::SamplingParams;
use pricket_models::OpenOptions;

use crate::{EngineError, limits};

/// How an engine runs. [`EngineOptions::default`] is right for one person at one model.
#[derive(Debug, Clone)]
pub struct EngineOptions {
    /// The name that [`ModelInfo`](pricket_core::ModelInfo) shows; `None` takes the model's own.
    pub name: Option<String>,
    /// Tokens of prompt and answer together; `None` takes what the model was trained for. More than
    /// that is refused.
    pub context: Option<usize>,
    /// How many sequences run side by side; further requests wait.
    pub sequences_max: usize,
    /// How many requests may wait; further ones are refused as busy.
    pub queue_len_max: usize,
    /// Whether what requests have computed is kept for later ones that begin alike: the next turn
    /// of a conversation, a system prompt that many share. It stands in the memory of keys and
    /// values that no running request needs. A backend that cannot share keeps nothing.
    pub prefix_cache: bool,
    /// Prompt tokens per forward pass. A dropped stream is noticed between two passes.
    pub prefill_chunk: usize,
    /// The user's sampling settings: over the model's own, under each request's.
    pub sampling: SamplingParams,
    /// The source of a chat template to use in the place of the model's own. Only
    /// [`Engine::load`](crate::Engine::load) looks at it.
    pub chat_template: Option<String>,
    /// Backend, threads, instruction set and cache format. Only
    /// [`Engine::load`](crate::Engine::load) looks at it.
    pub model: OpenOptions,
}

impl Default for EngineOptions {
    fn default() -> Self {
        Self {
            name: None,
            context: None,
            sequences_max: 1,
            queue_len_max: limits::QUEUE_LEN_DEFAULT,
            prefix_cache: true,
            prefill_chunk: limits::PREFILL_CHUNK_DEFAULT,
            sampling: SamplingParams::default(),
            chat_template: None,
            model: OpenOptions::default(),
        }
    }
}

impl EngineOptions {
    /// Refuses what is out of range, and gives the length of the context.
    pub(crate) fn check(&self, trained_for: usize) -> Result<usize, EngineError> {
        let context = self.context.unwrap_or(trained_for);
        for (name, value, max) in [
            ("context", context, trained_for),
            ("sequences_max", self.sequences_max, limits::SEQUENCES_MAX),
            ("queue_len_max", self.queue_len_max, limits::QUEUE_LEN_MAX),
            ("prefill_chunk", self.prefill_chunk, limits::PREFILL_CHUNK_MAX),
        ] {
            if value == 0 || value > max {
                return Err(EngineError::OptionOutOfRange { name, value, max });
            }
        }
        self.sampling.validate()?;
        Ok(context)
    }
}
