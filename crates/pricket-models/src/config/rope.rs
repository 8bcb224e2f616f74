//! How positions become angles, from either layout of `config.json`.

use super::raw::{Fields, RawLlama, RawRope};
use crate::ModelError;
use crate::limits::CONTEXT_MAX;
use crate::tensor_source::label;

/// Rotary position embeddings (Su et al. 2021).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RopeConfig {
    /// The base of the geometric row of frequencies.
    pub theta: f32,
    /// How frequencies are stretched for contexts longer than the first training's.
    pub scaling: RopeScaling,
}

/// How frequencies are stretched.
#[derive(Debug, Clone, Copy, PartialEq)]
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
}

/// What transformers takes where a file of the older layout names none.
const THETA_DEFAULT: f64 = 10_000.0;

/// Reads `rope_parameters`, or else `rope_theta` and `rope_scaling`.
pub(super) fn resolve(fields: &Fields<'_>, raw: &RawLlama) -> Result<RopeConfig, ModelError> {
    if let Some(rope) = &raw.rope_parameters {
        let theta = rope.rope_theta.or(raw.rope_theta);
        let theta = fields.positive("rope_parameters.rope_theta", theta)?;
        return Ok(RopeConfig { theta, scaling: scaling(fields, "rope_parameters", rope)? });
    }
    let theta = fields.positive("rope_theta", Some(raw.rope_theta.unwrap_or(THETA_DEFAULT)))?;
    let scaling = match &raw.rope_scaling {
        Some(rope) => scaling(fields, "rope_scaling", rope)?,
        None => RopeScaling::None,
    };
    Ok(RopeConfig { theta, scaling })
}

fn scaling(fields: &Fields<'_>, part: &str, rope: &RawRope) -> Result<RopeScaling, ModelError> {
    if rope.partial_rotary_factor.is_some_and(|factor| (factor - 1.0).abs() > f64::EPSILON) {
        return Err(ModelError::Unsupported {
            what: format!("`{part}.partial_rotary_factor`"),
            why: "a Llama turns whole heads".to_owned(),
        });
    }
    let positive = |name: &str, given| fields.positive(&format!("{part}.{name}"), given);
    match rope.rope_type.as_deref().or(rope.former_type.as_deref()) {
        Some("default") => Ok(RopeScaling::None),
        Some("linear") => Ok(RopeScaling::Linear { factor: positive("factor", rope.factor)? }),
        Some("llama3") => {
            let low_freq_factor = positive("low_freq_factor", rope.low_freq_factor)?;
            let high_freq_factor = positive("high_freq_factor", rope.high_freq_factor)?;
            if high_freq_factor <= low_freq_factor {
                return Err(fields.wrong(format!(
                    "`{part}.high_freq_factor` ({high_freq_factor}) must be above \
                     `low_freq_factor` ({low_freq_factor})"
                )));
            }
            let original = "original_max_position_embeddings";
            Ok(RopeScaling::Llama3 {
                factor: positive("factor", rope.factor)?,
                low_freq_factor,
                high_freq_factor,
                original_max_position_embeddings: fields.required(
                    &format!("{part}.{original}"),
                    rope.original_max_position_embeddings,
                    CONTEXT_MAX,
                )?,
            })
        }
        Some(other) => Err(ModelError::Unsupported {
            what: format!("the position scaling `{}`", label(other)),
            why: "known are default, linear and llama3".to_owned(),
        }),
        None => Err(fields.wrong(format!("`{part}.rope_type` is missing"))),
    }
}
