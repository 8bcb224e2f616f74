//! What a completion cost: counted tokens and measured times.

use serde::{Deserialize, Serialize};

use crate::{EffectiveSampling, FinishReason};

/// Counted tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// Tokens of the prompt, all of them, template scaffolding included.
    pub prompt_tokens: usize,
    /// Prompt tokens whose keys and values were found in a cache and not computed again.
    pub cached_tokens: usize,
    /// Tokens generated, an end-of-turn token included.
    pub completion_tokens: usize,
}

impl Usage {
    /// Prompt and completion together.
    pub fn total_tokens(&self) -> usize {
        self.prompt_tokens.saturating_add(self.completion_tokens)
    }

    /// Both summed, kind by kind; a sum stops at the largest number there is.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
        }
    }
}

/// Measured times, in milliseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Timings {
    /// From submission until the request's first step.
    pub queue_ms: f64,
    /// Forward passes over the prompt.
    pub prefill_ms: f64,
    /// Everything after the first token until the last: forward, sampling, emission.
    pub decode_ms: f64,
    /// From submission until the first token was sampled.
    pub first_token_ms: f64,
    /// From submission until the terminal chunk.
    pub total_ms: f64,
}

/// The terminal chunk of a completion that ended well: what was said and what it cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Completion {
    /// Every text chunk, concatenated.
    pub text: String,
    /// Why it ended.
    pub finish_reason: FinishReason,
    /// The stop text that ended it, where one did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop: Option<String>,
    /// Counted tokens.
    pub usage: Usage,
    /// Measured times.
    pub timings: Timings,
    /// The sampling values that were used.
    pub sampling: EffectiveSampling,
}

impl Completion {
    /// Prompt tokens per second of prefill; `None` where nothing was computed.
    pub fn prefill_tokens_per_second(&self) -> Option<f64> {
        let computed = self.usage.prompt_tokens.checked_sub(self.usage.cached_tokens)?;
        (computed > 0 && self.timings.prefill_ms > 0.0)
            .then(|| computed as f64 * 1e3 / self.timings.prefill_ms)
    }

    /// Generated tokens per second after the first; `None` for fewer than two tokens.
    pub fn decode_tokens_per_second(&self) -> Option<f64> {
        let after_first = self.usage.completion_tokens.checked_sub(1)?;
        (after_first > 0 && self.timings.decode_ms > 0.0)
            .then(|| after_first as f64 * 1e3 / self.timings.decode_ms)
    }
}
