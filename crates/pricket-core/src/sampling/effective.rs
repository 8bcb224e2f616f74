//! The values that are used once every layer has spoken.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::{LogitBias, SamplerOrder, SamplingParams};

/// Where no layer names texts that break DRY's sequences: those of DRY's author.
const DRY_BREAKERS: [&str; 4] = ["\n", ":", "\"", "*"];

/// The values that were used, all of them, echoed in the terminal chunk. A copy shares the lists.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectiveSampling {
    /// See [`SamplingParams::temperature`].
    pub temperature: f32,
    /// See [`SamplingParams::dynatemp_range`].
    pub dynatemp_range: f32,
    /// See [`SamplingParams::dynatemp_exponent`].
    pub dynatemp_exponent: f32,
    /// See [`SamplingParams::top_k`].
    pub top_k: usize,
    /// See [`SamplingParams::top_p`].
    pub top_p: f32,
    /// See [`SamplingParams::min_p`].
    pub min_p: f32,
    /// See [`SamplingParams::typical_p`].
    pub typical_p: f32,
    /// See [`SamplingParams::top_n_sigma`].
    pub top_n_sigma: f32,
    /// See [`SamplingParams::xtc_probability`].
    pub xtc_probability: f32,
    /// See [`SamplingParams::xtc_threshold`].
    pub xtc_threshold: f32,
    /// See [`SamplingParams::repetition_penalty`].
    pub repetition_penalty: f32,
    /// See [`SamplingParams::frequency_penalty`].
    pub frequency_penalty: f32,
    /// See [`SamplingParams::presence_penalty`].
    pub presence_penalty: f32,
    /// See [`SamplingParams::penalty_last_n`].
    pub penalty_last_n: usize,
    /// See [`SamplingParams::dry_multiplier`].
    pub dry_multiplier: f32,
    /// See [`SamplingParams::dry_base`].
    pub dry_base: f32,
    /// See [`SamplingParams::dry_allowed_length`].
    pub dry_allowed_length: usize,
    /// See [`SamplingParams::dry_penalty_last_n`].
    pub dry_penalty_last_n: usize,
    /// See [`SamplingParams::dry_sequence_breakers`].
    pub dry_sequence_breakers: Arc<[String]>,
    /// See [`SamplingParams::mirostat`].
    pub mirostat: u8,
    /// See [`SamplingParams::mirostat_tau`].
    pub mirostat_tau: f32,
    /// See [`SamplingParams::mirostat_eta`].
    pub mirostat_eta: f32,
    /// See [`SamplingParams::logit_bias`].
    pub logit_bias: LogitBias,
    /// See [`SamplingParams::bad_words`].
    pub bad_words: Arc<[Vec<u32>]>,
    /// See [`SamplingParams::min_tokens`].
    pub min_tokens: usize,
    /// See [`SamplingParams::samplers`].
    pub samplers: SamplerOrder,
    /// See [`SamplingParams::seed`]; drawn anew where no layer set one.
    pub seed: u64,
}

impl SamplingParams {
    /// Fills what is unset with the defaults (temperature 1, nothing filtered, no penalty, and for
    /// the knobs of what is off llama.cpp's values) and `fresh_seed`.
    pub fn effective(&self, fresh_seed: u64) -> EffectiveSampling {
        let breakers = self.dry_sequence_breakers.clone();
        EffectiveSampling {
            temperature: self.temperature.unwrap_or(1.0),
            dynatemp_range: self.dynatemp_range.unwrap_or(0.0),
            dynatemp_exponent: self.dynatemp_exponent.unwrap_or(1.0),
            top_k: self.top_k.unwrap_or(0),
            top_p: self.top_p.unwrap_or(1.0),
            min_p: self.min_p.unwrap_or(0.0),
            typical_p: self.typical_p.unwrap_or(1.0),
            top_n_sigma: self.top_n_sigma.unwrap_or(0.0),
            xtc_probability: self.xtc_probability.unwrap_or(0.0),
            xtc_threshold: self.xtc_threshold.unwrap_or(0.1),
            repetition_penalty: self.repetition_penalty.unwrap_or(1.0),
            frequency_penalty: self.frequency_penalty.unwrap_or(0.0),
            presence_penalty: self.presence_penalty.unwrap_or(0.0),
            penalty_last_n: self.penalty_last_n.unwrap_or(64),
            dry_multiplier: self.dry_multiplier.unwrap_or(0.0),
            dry_base: self.dry_base.unwrap_or(1.75),
            dry_allowed_length: self.dry_allowed_length.unwrap_or(2),
            dry_penalty_last_n: self.dry_penalty_last_n.unwrap_or(0),
            dry_sequence_breakers: breakers
                .unwrap_or_else(|| DRY_BREAKERS.map(str::to_owned).into()),
            mirostat: self.mirostat.unwrap_or(0),
            mirostat_tau: self.mirostat_tau.unwrap_or(5.0),
            mirostat_eta: self.mirostat_eta.unwrap_or(0.1),
            logit_bias: self.logit_bias.clone().unwrap_or_default(),
            bad_words: self.bad_words.clone().unwrap_or_default(),
            min_tokens: self.min_tokens.unwrap_or(0),
            samplers: self.samplers.unwrap_or_default(),
            seed: self.seed.unwrap_or(fresh_seed),
        }
    }
}
