//! How an engine runs.

use pricket_core::SamplingParams;
use pricket_models::{CacheSize, KV_BLOCK_TOKENS, ModelSpec, OpenOptions};

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
    /// Bytes that keys and values of all sequences may take together, with what is kept for later
    /// requests; `None` gives every sequence room for the whole context. Where they are short,
    /// requests wait, and running ones may have to give way and be computed again. Fewer than one
    /// sequence takes at its full length are refused.
    pub kv_bytes: Option<u64>,
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
            kv_bytes: None,
            prefill_chunk: limits::PREFILL_CHUNK_DEFAULT,
            sampling: SamplingParams::default(),
            chat_template: None,
            model: OpenOptions::default(),
        }
    }
}

impl EngineOptions {
    /// The size of the cache of keys and values.
    pub(crate) fn cache_size(
        &self,
        spec: &ModelSpec,
        context: usize,
    ) -> Result<CacheSize, EngineError> {
        let (sequences_max, tokens_max) = (self.sequences_max, context);
        let longest = context.div_ceil(KV_BLOCK_TOKENS);
        let Some(bytes) = self.kv_bytes else {
            // One more for each: a request is let in where a running one can still grow.
            let blocks_max = sequences_max.saturating_mul(longest.saturating_add(1));
            return Ok(CacheSize { sequences_max, tokens_max, blocks_max });
        };
        let block = spec.kv_bytes_per_token.saturating_mul(KV_BLOCK_TOKENS as u64).max(1);
        let blocks = usize::try_from(bytes / block).unwrap_or(usize::MAX);
        if blocks < longest {
            let need = block.saturating_mul(longest as u64);
            return Err(EngineError::KvBytesTooFew { need, have: bytes, context });
        }
        Ok(CacheSize { sequences_max, tokens_max, blocks_max: blocks })
    }

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
