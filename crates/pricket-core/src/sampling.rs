//! The knobs of sampling, and how they overlay.

mod bias;
mod check;
mod effective;
mod order;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use bias::LogitBias;
pub use effective::EffectiveSampling;
pub use order::{SamplerKind, SamplerOrder};

/// The knobs of sampling. Every knob is an `Option`, so that a request overlays the user's
/// settings, which overlay the model's own `generation_config`, which overlays the defaults, and
/// nothing that one layer leaves unset clobbers another. Lists are overlaid whole.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingParams {
    /// Divides the logits; 0 picks the most likely token (greedy) of those that are left where the
    /// temperature stands in the chain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f32>,
    /// Lets the temperature move between itself less and plus this, by the entropy of what is left:
    /// low where the model is sure. 0 is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynatemp_range: Option<f32>,
    /// The power that the entropy, as a share of the largest possible, is raised to before it moves
    /// the temperature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dynatemp_exponent: Option<f32>,
    /// Keeps the `k` most likely tokens; 0 keeps all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_k: Option<usize>,
    /// Keeps the smallest set of tokens whose probabilities reach `p`, in (0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_p: Option<f32>,
    /// Drops tokens less likely than `p` times the most likely one, in [0, 1].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_p: Option<f32>,
    /// Keeps the tokens whose surprise is nearest to the expected one, until their probabilities
    /// reach `p`, in (0, 1] (Meister et al., "Locally Typical Sampling", 2022); 1 keeps all. It may
    /// drop the most likely token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub typical_p: Option<f32>,
    /// Drops tokens whose logits are more than `n` standard deviations below the largest (Tang et
    /// al., "Top-n-sigma: Not All Logits Are You Need", 2024); 0 is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub top_n_sigma: Option<f32>,
    /// How often XTC ("exclude top choices", by P. E. Weidmann) acts, in [0, 1]; 0 is off. Where it
    /// acts, it drops every token as likely as the threshold but the least likely of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xtc_probability: Option<f32>,
    /// From which probability on XTC drops a token, in [0, 1]; above 0.5 there can be no two such
    /// tokens, and it is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub xtc_threshold: Option<f32>,
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
    /// The strength of DRY ("don't repeat yourself", by P. E. Weidmann): a token that would go on
    /// with a repetition of `n` tokens loses `multiplier * base^(n - allowed_length)`. 0 is off.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_multiplier: Option<f32>,
    /// The base of DRY's penalty, 1 or more.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_base: Option<f32>,
    /// Repetitions shorter than this cost nothing under DRY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_allowed_length: Option<usize>,
    /// How many of the latest tokens (prompt and answer) DRY looks at; 0 looks at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_penalty_last_n: Option<usize>,
    /// Texts that no repetition reaches across under DRY.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dry_sequence_breakers: Option<Arc<[String]>>,
    /// Mirostat (Basu et al., 2021) in the place of every filter: 0 is off, 1 and 2 are its two
    /// versions. Penalties, DRY and the temperature stay.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirostat: Option<u8>,
    /// The surprise that Mirostat steers to, in bits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirostat_tau: Option<f32>,
    /// How fast Mirostat steers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mirostat_eta: Option<f32>,
    /// Added to tokens' logits before anything else; what bans is told there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub logit_bias: Option<LogitBias>,
    /// Token sequences that may not come: the last token of one is banned where the others stand at
    /// the end of prompt and answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bad_words: Option<Arc<[Vec<u32>]>>,
    /// The tokens that end an answer are banned until so many were generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub min_tokens: Option<usize>,
    /// The chain: which samplers run, and in which order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub samplers: Option<SamplerOrder>,
    /// Decides every random draw; the same seed gives the same answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

impl SamplingParams {
    /// Greedy decoding: always the most likely token.
    pub fn greedy() -> Self {
        Self { temperature: Some(0.0), ..Self::default() }
    }

    /// Lays `over` on top of these: what `over` sets wins, what it leaves unset stays.
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        fn list<T: Clone>(under: Option<&T>, over: Option<&T>) -> Option<T> {
            over.or(under).cloned()
        }
        Self {
            temperature: over.temperature.or(self.temperature),
            dynatemp_range: over.dynatemp_range.or(self.dynatemp_range),
            dynatemp_exponent: over.dynatemp_exponent.or(self.dynatemp_exponent),
            top_k: over.top_k.or(self.top_k),
            top_p: over.top_p.or(self.top_p),
            min_p: over.min_p.or(self.min_p),
            typical_p: over.typical_p.or(self.typical_p),
            top_n_sigma: over.top_n_sigma.or(self.top_n_sigma),
            xtc_probability: over.xtc_probability.or(self.xtc_probability),
            xtc_threshold: over.xtc_threshold.or(self.xtc_threshold),
            repetition_penalty: over.repetition_penalty.or(self.repetition_penalty),
            frequency_penalty: over.frequency_penalty.or(self.frequency_penalty),
            presence_penalty: over.presence_penalty.or(self.presence_penalty),
            penalty_last_n: over.penalty_last_n.or(self.penalty_last_n),
            dry_multiplier: over.dry_multiplier.or(self.dry_multiplier),
            dry_base: over.dry_base.or(self.dry_base),
            dry_allowed_length: over.dry_allowed_length.or(self.dry_allowed_length),
            dry_penalty_last_n: over.dry_penalty_last_n.or(self.dry_penalty_last_n),
            dry_sequence_breakers: list(
                self.dry_sequence_breakers.as_ref(),
                over.dry_sequence_breakers.as_ref(),
            ),
            mirostat: over.mirostat.or(self.mirostat),
            mirostat_tau: over.mirostat_tau.or(self.mirostat_tau),
            mirostat_eta: over.mirostat_eta.or(self.mirostat_eta),
            logit_bias: list(self.logit_bias.as_ref(), over.logit_bias.as_ref()),
            bad_words: list(self.bad_words.as_ref(), over.bad_words.as_ref()),
            min_tokens: over.min_tokens.or(self.min_tokens),
            samplers: over.samplers.or(self.samplers),
            seed: over.seed.or(self.seed),
        }
    }
}
