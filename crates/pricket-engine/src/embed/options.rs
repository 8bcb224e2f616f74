//! How an encoder's engine runs.

use pricket_models::{EncoderOptions, EncoderSpec};

use crate::limits;

/// How an engine for vectors or scores runs. [`EmbeddingOptions::default`] is right for most.
#[derive(Debug, Clone)]
pub struct EmbeddingOptions {
    /// The name that the engine's info shows; `None` takes the model's own.
    pub name: Option<String>,
    /// How many requests may run at a time, from 1 to [`limits::EMBED_REQUESTS_MAX`]; further ones
    /// are refused as busy.
    pub requests_max: usize,
    /// Threads, instruction set and memory. Only `load` looks at it.
    pub model: EncoderOptions,
}

impl Default for EmbeddingOptions {
    fn default() -> Self {
        Self {
            name: None,
            requests_max: limits::EMBED_REQUESTS_DEFAULT,
            model: EncoderOptions::default(),
        }
    }
}

impl EmbeddingOptions {
    /// The name to show.
    pub(super) fn name_of(&self, spec: &EncoderSpec) -> String {
        let own = self.name.as_ref().or(spec.name.as_ref());
        own.unwrap_or(&spec.architecture).clone()
    }
}
