//! The knobs of sampling, and how they overlay.

use serde::{Deserialize, Serialize};

use crate::CoreError;

/// The knobs of sampling. Every knob is an `Option`, so that a request overlays the user's
/// settings, which overlay the model's own `generation_config`, which overlays the defaults, and
/// nothing that one layer leaves unset clobbers another.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingParams {
    /// Divides the logits; 0 picks the most likely token (greedy).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Keeps the `k` most likely tokens; 0 keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Keeps the smallest set of tokens whose probabilities reach `p`, in (0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Drops tokens less likely than `p` times the most likely one, in [0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// Divides positive and multiplies negative logits of tokens already seen (Keskar et al. 2019);
    /// 1 changes nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repetition_penalty: Option<f32>,
    /// Subtracted from a token's logit once for every time it was seen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub frequency_penalty: Option<f32>,
    /// Subtracted from a token's logit if it was seen at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub presence_penalty: Option<f32>,
    /// How many of the latest tokens (prompt and answer) the penalties look at; 0 looks at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub penalty_last_n: Option<usize>,
    /// Decides every random draw; the same seed gives the same answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The values that were used, all of them, echoed in the terminal chunk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectiveSampling {
    /// See [`SamplingParams::temperature`].
    pub temperature: f32,
    /// See [`SamplingParams::top_k`].
    pub top_k: usize,
    /// See [`SamplingParams::top_p`].
    pub top_p: f32,
    /// See [`SamplingParams::min_p`].
    pub min_p: f32,
    /// See [`SamplingParams::repetition_penalty`].
    pub repetition_penalty: f32,
    /// See [`SamplingParams::frequency_penalty`].
    pub frequency_penalty: f32,
    /// See [`SamplingParams::presence_penalty`].
    pub presence_penalty: f32,
    /// See [`SamplingParams::penalty_last_n`].
    pub penalty_last_n: usize,
    /// See [`SamplingParams::seed`]; drawn anew where no layer set one.
    pub seed: u64,
}

impl SamplingParams {
    /// Greedy decoding: always the most likely token.
    pub fn greedy() -> Self {
        Self { temperature: Some(0.0), ..Self::default() }
    }

    /// Lays `over` on top of these: what `over` sets wins, what it leaves unset stays.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        Self {
            temperature: over.temperature.or(self.temperature),
            top_k: over.top_k.or(self.top_k),
            top_p: over.top_p.or(self.top_p),
            min_p: over.min_p.or(self.min_p),
            repetition_penalty: over.repetition_penalty.or(self.repetition_penalty),
            frequency_penalty: over.frequency_penalty.or(self.frequency_penalty),
            presence_penalty: over.presence_penalty.or(self.presence_penalty),
            penalty_last_n: over.penalty_last_n.or(self.penalty_last_n),
            seed: over.seed.or(self.seed),
        }
    }

    /// Refuses values that have no meaning: NaN, negative temperatures, probabilities out of range.
    pub fn validate(&self) -> Result<(), CoreError> {
        let check = |name: &'static str, value: Option<f32>, ok: fn(f32) -> bool, want| match value
        {
            Some(v) if !v.is_finite() || !ok(v) => {
                Err(CoreError::SamplingOutOfRange { name, value: v, want })
            }
            _ => Ok(()),
        };
        check("temperature", self.temperature, |v| v >= 0.0, "0 or more")?;
        check("top_p", self.top_p, |v| v > 0.0 && v <= 1.0, "more than 0 and at most 1")?;
        check("min_p", self.min_p, |v| (0.0..=1.0).contains(&v), "between 0 and 1")?;
        check("repetition_penalty", self.repetition_penalty, |v| v > 0.0, "more than 0")?;
        check("frequency_penalty", self.frequency_penalty, |_| true, "finite")?;
        check("presence_penalty", self.presence_penalty, |_| true, "finite")
    }

    /// Fills what is unset with the defaults (temperature 1, nothing filtered, no penalty) and
    /// `fresh_seed`.
    pub fn effective(&self, fresh_seed: u64) -> EffectiveSampling {
        EffectiveSampling {
            temperature: self.temperature.unwrap_or(1.0),
            top_k: self.top_k.unwrap_or(0),
            top_p: self.top_p.unwrap_or(1.0),
            min_p: self.min_p.unwrap_or(0.0),
            repetition_penalty: self.repetition_penalty.unwrap_or(1.0),
            frequency_penalty: self.frequency_penalty.unwrap_or(0.0),
            presence_penalty: self.presence_penalty.unwrap_or(0.0),
            penalty_last_n: self.penalty_last_n.unwrap_or(64),
            seed: self.seed.unwrap_or(fresh_seed),
        }
    }
}
