//! How positions become angles, from either layout of `config.json`.

use super::raw::{Fields, RawDecoder, RawRope};
use crate::ModelError;
use crate::limits::{CONTEXT_MAX, WIDTH_MAX};
use crate::tensor_source::label;

/// Rotary position embeddings (Su et al. 2021).
#[derive(Debug, Clone, PartialEq)]
pub struct RopeConfig {
    /// The base of the geometric row of frequencies.
    pub theta: f32,
    /// Which part of each head is turned, from its beginning: above 0 and up to 1.
    pub partial_rotary_factor: f32,
    /// How frequencies are stretched for contexts longer than the first training's.
    pub scaling: RopeScaling,
}

/// How frequencies are stretched.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum RopeScaling {
    /// Not at all.
    None,
    /// All by one factor (position interpolation, Chen et al. 2023).
    Linear {
        /// Positions are divided by it.
        factor: f32,
    },
    /// Long wavelengths by a factor, short ones not, and those between by a blend (Llama 3.1).
    Llama3 {
        /// By how much long wavelengths are stretched.
        factor: f32,
        /// Wavelengths above the original context divided by this are long.
        low_freq_factor: f32,
        /// Wavelengths below the original context divided by this are short.
        high_freq_factor: f32,
        /// The context of the first training, in tokens.
        original_max_position_embeddings: usize,
    },
    /// As Llama 3.1 by wavelength, and cosines and sines multiplied (`YaRN`, Peng et al. 2023).
    Yarn {
        /// By how much long wavelengths are stretched.
        factor: f32,
        /// Wavelengths that turn more often than this in the original context are short.
        beta_fast: f32,
        /// Wavelengths that turn less often than this in the original context are long.
        beta_slow: f32,
        /// Whether the two borders are moved outwards to whole pairs.
        truncate: bool,
        /// What cosines and sines are multiplied with; `None` leaves it to the factor, `mscale`
        /// and `mscale_all_dim`.
        attention_factor: Option<f32>,
        /// Weighs the factor's logarithm in that multiplier, as `DeepSeek` has it.
        mscale: Option<f32>,
        /// The same in what the multiplier is divided by.
        mscale_all_dim: Option<f32>,
        /// The context of the first training, in tokens.
        original_max_position_embeddings: usize,
    },
    /// Each wavelength by a factor of its own, of which there are two rows: one for contexts up to
    /// the first training's and one for longer ones (`LongRoPE`, Ding et al. 2024).
    LongRope {
        /// One factor for each pair, for short contexts.
        short_factor: Vec<f32>,
        /// One factor for each pair, for long contexts.
        long_factor: Vec<f32>,
        /// What cosines and sines are multiplied with.
        attention_factor: f32,
        /// The context of the first training, in tokens.
        original_max_position_embeddings: usize,
    },
}

/// What transformers takes where a file of the older layout names none.
const THETA_DEFAULT: f64 = 10_000.0;

/// What the paper of `YaRN` recommends.
const BETA_FAST_DEFAULT: f64 = 32.0;
const BETA_SLOW_DEFAULT: f64 = 1.0;

/// Reads `rope_parameters`, or else `rope_theta` and `rope_scaling`. The second is of the layers
/// with a window, where these have one of their own.
pub(super) fn resolve(
    fields: &Fields<'_>,
    raw: &RawDecoder,
) -> Result<(RopeConfig, Option<RopeConfig>), ModelError> {
    let reader = Reader { fields, raw };
    if let Some(rope) = &raw.rope_parameters {
        return match (&rope.full_attention, &rope.sliding_attention) {
            (None, None) => Ok((reader.parameters("rope_parameters", rope)?, None)),
            (full, sliding) => {
                let of = |name: &str, part: &Option<Box<RawRope>>| match part {
                    Some(rope) => reader.parameters(&format!("rope_parameters.{name}"), rope),
                    None => Err(fields.wrong(format!("`rope_parameters.{name}` is missing"))),
                };
                let sliding = sliding.is_some().then(|| of("sliding_attention", sliding));
                Ok((of("full_attention", full)?, sliding.transpose()?))
            }
        };
    }
    let theta = fields.positive("rope_theta", Some(raw.rope_theta.unwrap_or(THETA_DEFAULT)))?;
    let partial = reader.partial("partial_rotary_factor", raw.partial_rotary_factor)?;
    let scaling = match &raw.rope_scaling {
        Some(rope) => reader.scaling("rope_scaling", rope)?,
        None => RopeScaling::None,
    };
    let local = raw.rope_local_base_freq.map(|theta| {
        Ok::<_, ModelError>(RopeConfig {
            theta: fields.positive("rope_local_base_freq", Some(theta))?,
            partial_rotary_factor: partial,
            scaling: RopeScaling::None,
        })
    });
    Ok((RopeConfig { theta, partial_rotary_factor: partial, scaling }, local.transpose()?))
}

struct Reader<'a> {
    fields: &'a Fields<'a>,
    raw: &'a RawDecoder,
}

impl Reader<'_> {
    /// `rope_parameters`, or what it holds for one kind of layer.
    fn parameters(&self, part: &str, rope: &RawRope) -> Result<RopeConfig, ModelError> {
        let theta = rope.rope_theta.or(self.raw.rope_theta);
        let given = rope.partial_rotary_factor.or(self.raw.partial_rotary_factor);
        Ok(RopeConfig {
            theta: self.fields.positive(&format!("{part}.rope_theta"), theta)?,
            partial_rotary_factor: self.partial(&format!("{part}.partial_rotary_factor"), given)?,
            scaling: self.scaling(part, rope)?,
        })
    }

    fn partial(&self, name: &str, given: Option<f64>) -> Result<f32, ModelError> {
        let part = self.fields.positive(name, Some(given.unwrap_or(1.0)))?;
        if part > 1.0 {
            return Err(self.fields.wrong(format!("`{name}` must be up to 1, but is {part}")));
        }
        Ok(part)
    }

    fn scaling(&self, part: &str, rope: &RawRope) -> Result<RopeScaling, ModelError> {
        let positive = |name: &str, given| self.fields.positive(&format!("{part}.{name}"), given);
        let factor = || positive("factor", rope.factor);
        match rope.rope_type.as_deref().or(rope.former_type.as_deref()) {
            Some("default") => Ok(RopeScaling::None),
            Some("linear") => Ok(RopeScaling::Linear { factor: factor()? }),
            Some("llama3") => {
                let low_freq_factor = positive("low_freq_factor", rope.low_freq_factor)?;
                let high_freq_factor = positive("high_freq_factor", rope.high_freq_factor)?;
                if high_freq_factor <= low_freq_factor {
                    return Err(self.fields.wrong(format!(
                        "`{part}.high_freq_factor` ({high_freq_factor}) must be above \
                         `low_freq_factor` ({low_freq_factor})"
                    )));
                }
                Ok(RopeScaling::Llama3 {
                    factor: factor()?,
                    low_freq_factor,
                    high_freq_factor,
                    original_max_position_embeddings: self.original(part, rope)?,
                })
            }
            Some("yarn") => self.yarn(part, rope),
            Some("longrope" | "su") => self.long(part, rope),
            Some(other) => Err(ModelError::Unsupported {
                what: format!("the position scaling `{}`", label(other)),
                why: "known are default, linear, llama3, yarn and longrope".to_owned(),
            }),
            None => Err(self.fields.wrong(format!("`{part}.rope_type` is missing"))),
        }
    }

    fn yarn(&self, part: &str, rope: &RawRope) -> Result<RopeScaling, ModelError> {
        let positive = |name: &str, given| self.fields.positive(&format!("{part}.{name}"), given);
        let optional =
            |name: &str, given: Option<f64>| given.map(|_| positive(name, given)).transpose();
        let original = self.original(part, rope)?;
        let factor = match rope.factor {
            None => self.ratio(original)?,
            given => positive("factor", given)?,
        };
        let beta = |given: Option<f64>, default| Some(given.unwrap_or(default));
        Ok(RopeScaling::Yarn {
            factor,
            beta_fast: positive("beta_fast", beta(rope.beta_fast, BETA_FAST_DEFAULT))?,
            beta_slow: positive("beta_slow", beta(rope.beta_slow, BETA_SLOW_DEFAULT))?,
            truncate: rope.truncate.unwrap_or(true),
            attention_factor: optional("attention_factor", rope.attention_factor)?,
            mscale: optional("mscale", rope.mscale)?,
            mscale_all_dim: optional("mscale_all_dim", rope.mscale_all_dim)?,
            original_max_position_embeddings: original,
        })
    }

    fn long(&self, part: &str, rope: &RawRope) -> Result<RopeScaling, ModelError> {
        let factors = |name: &str, given: &Option<Vec<f64>>| -> Result<Vec<f32>, ModelError> {
            let name = format!("{part}.{name}");
            let given = given.as_ref();
            let given = given.ok_or_else(|| self.fields.wrong(format!("`{name}` is missing")))?;
            given.iter().map(|factor| self.fields.positive(&name, Some(*factor))).collect()
        };
        let original = self.original(part, rope)?;
        let attention_factor = match (rope.attention_factor, rope.factor) {
            (Some(given), _) => self.fields.positive("attention_factor", Some(given))?,
            (None, Some(factor)) => {
                long_attention_factor(self.fields.positive("factor", Some(factor))?, original)
            }
            (None, None) => long_attention_factor(self.ratio(original)?, original),
        };
        Ok(RopeScaling::LongRope {
            short_factor: factors("short_factor", &rope.short_factor)?,
            long_factor: factors("long_factor", &rope.long_factor)?,
            attention_factor,
            original_max_position_embeddings: original,
        })
    }

    /// The context of the first training: of the scaling, of the config, or the context.
    fn original(&self, part: &str, rope: &RawRope) -> Result<usize, ModelError> {
        let name = "original_max_position_embeddings";
        match rope.original_max_position_embeddings {
            None => match self.raw.original_max_position_embeddings {
                None => self.fields.required(&format!("{part}.{name}"), None, CONTEXT_MAX),
                given => self.fields.required(name, given, CONTEXT_MAX),
            },
            given => self.fields.required(&format!("{part}.{name}"), given, CONTEXT_MAX),
        }
    }

    /// By how much the context is longer than the first training's.
    fn ratio(&self, original: usize) -> Result<f32, ModelError> {
        let name = "max_position_embeddings";
        let context = self.fields.required(name, self.raw.max_position_embeddings, CONTEXT_MAX)?;
        Ok(context as f32 / original as f32)
    }
}

/// What `LongRoPE` multiplies cosines and sines with for a context longer by `factor`.
pub(crate) fn long_attention_factor(factor: f32, original: usize) -> f32 {
    if factor <= 1.0 {
        return 1.0;
    }
    // A context of one token has no logarithm to divide by.
    let original = (original as f32).max(2.0);
    (1.0 + factor.ln() / original.ln()).sqrt()
}

/// The pairs that a rope turns in heads of `head_dim`: the part of it that is turned, halved.
///
/// # Errors
/// [`ModelError::Unsupported`] where that part has no pairs.
pub(crate) fn pairs(head_dim: usize, partial_rotary_factor: f32) -> Result<usize, ModelError> {
    // A thousandth makes up for what a factor like 0.7 lost when it was rounded to 32 bits.
    let dim = (head_dim as f64 * f64::from(partial_rotary_factor) + 1e-3) as usize;
    if dim == 0 || !dim.is_multiple_of(2) || dim as u64 > WIDTH_MAX {
        return Err(ModelError::Unsupported {
            what: format!("turning {dim} values of a head"),
            why: "they are turned in pairs".to_owned(),
        });
    }
    Ok(dim / 2)
}
